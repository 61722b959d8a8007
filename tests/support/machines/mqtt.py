"""A simulated press that publishes JSON of its own shape to a Mosquitto, behind a proxy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from broker.local.mosquitto import MosquittoProcess
from edge_agent.clock import SystemClock
from edge_agent.config.gateway_sources import MqttSource
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.foreign_mqtt import ForeignMqttLink
from edge_agent.links.mqtt import Session, connect, passing_id
from edge_agent.links.tag_source import Value
from tests.support.link_proxy import LinkProxy
from tests.support.machines.machine import TAGS, Spoil, Traits, Trouble

PLACES: dict[str, dict[str, Any]] = {
    "temperature": {"topic": "hall/+/state", "path": "zones[0].value", "where": {"$topic[1]": 3}},
    "open": {"topic": "hall/3/state", "path": "lid.open"},
    "counter": {"topic": "hall/3/count", "path": "n"},
    "material": {"topic": "hall/3/material", "path": '["Mat. Name"]'},
    "missing": {"topic": "hall/3/count", "path": "nowhere.at[0]"},
}


class MqttMachine:
    """Publishes a tag's message at each change, retained, with QoS 1; it has no clock."""

    traits = Traits(own_time=False, keeps=True, every_value=True, half_open_s=20.0)

    def __init__(self, folder: Path) -> None:
        self.offset_s = 0.0
        self.broker = MosquittoProcess(directory=folder / "mosquitto", persistence=True)
        self._stack = AsyncExitStack()
        self._values: dict[str, Value | None] = dict(TAGS)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.broker)
        self.proxy = await self._stack.enter_async_context(LinkProxy(self.broker.port))
        for tag in TAGS:
            await self._publish(tag)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def source(self, **settings: Any) -> ForeignMqttLink:
        """The link; ``settings`` replace those of the suite."""
        broker = BrokerSettings(port=self.proxy.port, keepalive_s=5, protocol="5")
        given = {"kind": "mqtt", "tags": PLACES, **self._times(), **settings}
        link = ForeignMqttLink("hall", MqttSource(**given), broker, "gateway-hall", SystemClock())
        link.listen_s = 0.3
        return link

    def _times(self) -> dict[str, Any]:
        return {}

    def _now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.offset_s)

    def _document(self, tag: str) -> tuple[str, dict[str, Any]]:
        values = self._values
        if tag in {"temperature", "open"}:
            zones = [{"value": values["temperature"], "unit": "C"}, {"value": 1.0}]
            return "hall/3/state", {"zones": zones, "lid": {"open": values["open"]}}
        if tag == "counter":
            return "hall/3/count", {"n": values["counter"]}
        return "hall/3/material", {"Mat. Name": values["material"]}

    async def _publish(self, *tags: str, session: Session | None = None) -> None:
        settings = BrokerSettings(port=self.broker.port, protocol="5")
        async with AsyncExitStack() as stack:
            if session is None:
                session = await stack.enter_async_context(connect(settings, passing_id("press")))
            for tag in tags:
                topic, document = self._document(tag)
                await self.send(topic, json.dumps(document), session)

    async def send(self, topic: str, text: str | bytes, session: Session | None = None) -> None:
        """Publish any payload."""
        payload = text.encode() if isinstance(text, str) else text
        if session is not None:
            await session.publish(topic, payload, retain=True)
            return
        settings = BrokerSettings(port=self.broker.port, protocol="5")
        async with connect(settings, passing_id("press")) as opened:
            await opened.publish(topic, payload, retain=True)

    async def write(self, tag: str, value: Value) -> None:
        self._values[tag] = value
        await self._publish(tag)

    async def burst(self, tag: str, values: Sequence[Value]) -> None:
        settings = BrokerSettings(port=self.broker.port, protocol="5")
        async with connect(settings, passing_id("press")) as session:
            for value in values:
                self._values[tag] = value
                await self._publish(tag, session=session)

    async def spoil(self, tag: str, how: Spoil) -> None:
        self._values[tag] = None if how == "bad quality" else "warm"
        await self._publish(tag)

    async def break_link(self, trouble: Trouble) -> None:
        self.proxy.break_link(trouble)

    async def heal(self) -> None:
        self.proxy.heal()

    async def restart(self) -> None:
        await self.broker.kill()
        await self.broker.start()


class TimedMqttMachine(MqttMachine):
    """Each message has the machine's time, in milliseconds."""

    traits = Traits(
        own_time=True, keeps=True, every_value=True, half_open_s=20.0, resolution_s=1e-3
    )

    def _times(self) -> dict[str, Any]:
        return {"time_path": "at.ms", "time_unit": "ms"}

    def _document(self, tag: str) -> tuple[str, dict[str, Any]]:
        topic, document = super()._document(tag)
        return topic, {**document, "at": {"ms": self._now().timestamp() * 1e3}}
