"""The gateway as a whole, with a played machine and no broker: outbox and health."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from broker.local.loopback import free_port
from edge_agent.clock import SystemClock
from edge_agent.config.gateway_settings import GatewaySettings
from edge_agent.errors import LinkError, MissingExtra, SettingsError
from edge_agent.gateway.gateway import Gateway
from edge_agent.gateway.sources import make
from edge_agent.gateway.station import StationTranslator
from edge_agent.links.tag_source import Deliver, FoundTag, Position, Sample, SampleBatch
from tests.chaos.gateway_line import settings_for
from tests.support.waiting import until

SOURCE = {
    "kind": "folder",
    "path": "nowhere",
    "time_column": "t",
    "tags": {
        name: {"column": name}
        for name in ("temperature", "counter", "polyol", "iso", "pouring", "open")
    },
}


def settings_in(folder: Path, **more: Any) -> GatewaySettings:
    given = settings_for(SOURCE, free_port()) | {"outbox": {"path": folder / "gateway.db"}} | more
    return GatewaySettings.model_validate(given)


class PlayedPlc:
    """Delivers the batches from its position on, then fails as it is told."""

    def __init__(
        self,
        name: str,
        batches: list[list[Sample]],
        end: Exception | None = None,
        *,
        seamless: bool = False,
    ) -> None:
        self.name, self._batches, self._end = name, batches, end
        self._seamless = seamless

    async def run(self, deliver: Deliver, position: Position) -> None:
        if self._end is not None:
            raise self._end
        if self._seamless:
            await deliver(SampleBatch((), position, seamless=True))
        for number in range(position.get("at", 0), len(self._batches)):
            await deliver(SampleBatch(self._batches[number], {"at": number + 1}))
        await asyncio.Event().wait()

    def browse(self) -> AsyncIterator[FoundTag]:
        raise NotImplementedError


def a_shot() -> list[list[Sample]]:
    """A shot of some seconds ago, a batch a moment."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=30)
    first = {"temperature": 40.0, "counter": 7, "polyol": 500.0, "iso": 530.0}
    moments: list[dict[str, Any]] = [
        {**first, "pouring": False, "open": False},
        {"pouring": True},
        {"pouring": False, "counter": 8},
        {"temperature": 41.0},
        {"temperature": 42.0},
        {"open": True},
        {"temperature": 43.0},
    ]
    return [
        [Sample(tag, start + timedelta(seconds=n), value) for tag, value in moment.items()]
        for n, moment in enumerate(moments)
    ]


@asynccontextmanager
async def running(settings: GatewaySettings, plc: PlayedPlc) -> AsyncIterator[Gateway]:
    stop = asyncio.Event()
    gateway = Gateway(settings, SystemClock(), stop, make_source=lambda *_: plc)
    task = asyncio.create_task(gateway.run())
    try:
        yield gateway
    finally:
        stop.set()
        await asyncio.wait([task])
        task.result()


def said(gateway: Gateway) -> list[dict[str, Any]]:
    return [json.loads(one.payload) for one in gateway._outbox.pending("test/p1", 100)]


def told(gateway: Gateway) -> tuple[list[Any], list[Any]]:
    """Events of the shot, and temperatures."""
    messages = said(gateway)
    events = [m["event"] for m in messages if "event" in m]
    values = [m["sensors"]["T_mold_C"] for m in messages if m.get("sensors")]
    return events, values


async def has_read(gateway: Gateway, batches: int) -> None:
    """Wait until so many batches are safe."""
    await until(lambda: gateway._positions.get("plc") == {"at": batches})
    await gateway._committer.flushed()


SHOT = (["started", "poured", "demolded"], [40.0, 41.0, 42.0, 43.0])


async def test_a_shot_is_in_the_outbox_once_over_restarts(tmp_path: Path) -> None:
    """The broker is away; each life of the gateway reads some batches more."""
    settings, batches = settings_in(tmp_path), a_shot()
    for end in (2, 4, len(batches)):
        plc = PlayedPlc("plc", batches[:end])
        async with running(settings, plc) as gateway:
            await has_read(gateway, end)
    async with running(settings, PlayedPlc("plc", batches)) as gateway:
        await until(lambda: told(gateway) == SHOT)
        numbers = [m["seq"] for m in said(gateway)]
        assert sorted(numbers) == list(range(len(numbers)))
        (trace,) = gateway._outbox._db.execute("SELECT count(*) FROM trace").fetchone()
        assert trace >= 3


async def test_a_link_that_goes_on_where_it_was_left_keeps_what_was_known(tmp_path: Path) -> None:
    """The recipe was read before the gateway ended, the pour comes after: of OPC UA it holds."""
    given = settings_in(tmp_path).model_dump(mode="json", by_alias=True, exclude_unset=True)
    given["sources"]["plc"] = {
        "kind": "opcua",
        "url": "opc.tcp://nowhere:4840",
        "tags": {name: {"node": f"ns=2;s={name}"} for name in SOURCE["tags"]},
    }
    settings, batches = GatewaySettings.model_validate(given), a_shot()
    async with running(settings, PlayedPlc("plc", batches[:2])) as gateway:
        await has_read(gateway, 2)
    async with running(settings, PlayedPlc("plc", batches, seamless=True)) as gateway:
        await until(lambda: told(gateway) == SHOT)


async def test_health_says_what_is_up(tmp_path: Path) -> None:
    async with running(settings_in(tmp_path), PlayedPlc("plc", a_shot())) as gateway:
        await until(lambda: gateway.health.readiness()["ready"])
        document = json.loads(json.dumps(gateway.health.readiness()))
        assert document["sources"]["plc"]["state"] == "connected"
        await until(lambda: "cannot connect" in (gateway.sender.trouble or ""))
        assert gateway.health.readiness()["broker"]["state"] == "away, the outbox holds"
        assert gateway.health.stuck() == []


async def test_a_gateway_whose_only_source_cannot_be_ends(tmp_path: Path) -> None:
    plc = PlayedPlc("plc", [], SettingsError("plc: no security policy of that name"))
    with pytest.raises(SettingsError, match=r"sources\.plc: plc: no security policy"):
        async with running(settings_in(tmp_path), plc) as gateway:
            await asyncio.wait_for(_ended(gateway), 20)


async def _ended(gateway: Gateway) -> None:
    await until(gateway._loops["plc"].failed.is_set)
    await asyncio.sleep(0.05)


async def test_a_source_that_is_away_is_not_ready(tmp_path: Path) -> None:
    plc = PlayedPlc("plc", [], LinkError("plc: refused"))
    async with running(settings_in(tmp_path), plc) as gateway:
        await until(lambda: gateway.health.readiness()["sources"]["plc"]["state"] == "lost")
        document = gateway.health.readiness()
        assert not document["ready"]
        assert document["sources"]["plc"]["reason"] == "plc: refused"


async def test_a_fault_in_a_station_costs_that_station(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path)
    stations = {"press": settings.stations["press"], "other": settings.stations["press"]}
    take = StationTranslator.take

    def failing(self: StationTranslator, *arguments: Any) -> Any:
        if self.name == "other":
            raise ZeroDivisionError("a fault of the program")
        return take(self, *arguments)

    monkeypatch.setattr(StationTranslator, "take", failing)
    plc = PlayedPlc("plc", a_shot())
    with capture_logs() as logs:
        async with running(settings.model_copy(update={"stations": stations}), plc) as gateway:
            await until(lambda: told(gateway) == SHOT)
    assert {line["station"] for line in logs if line["event"] == "station_failed"} == {"other"}


@pytest.mark.parametrize("kind", ["opcua", "modbus", "sparkplug"])
def test_a_missing_extra_is_said(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source: dict[str, Any] = {
        "opcua": {"kind": "opcua", "url": "opc.tcp://x:4840", "tags": {"t": {"node": "i=1"}}},
        "modbus": {"kind": "modbus", "host": "x", "tags": {"t": {"address": 0}}},
        "sparkplug": {
            "kind": "sparkplug",
            "group": "g",
            "edge_node": "n",
            "tags": {"t": {"metric": "m"}},
        },
    }[kind]
    settings = GatewaySettings.model_validate(
        {
            "site": "s",
            "sources": {"plc": source},
            "stations": {"a": {"press": "p1", "mold": "M", "sensors": {"T_mold_C": "plc.t"}}},
        }
    )
    library, package, extra = {
        "opcua": ("asyncua", "asyncua", "gateway"),
        "modbus": ("pymodbus", "pymodbus", "gateway"),
        "sparkplug": ("google", "protobuf", "sparkplug"),
    }[kind]
    ours = (f"edge_agent.links.{kind}", f"broker.{kind}", "edge_agent.links.heard_edge_node")
    for name in [n for n in sys.modules if n.partition(".")[0] == library or n.startswith(ours)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=f"needs {package}, which is not installed") as caught:
        make("plc", settings.sources["plc"], settings, SystemClock())
    assert f".[{extra}]" in caught.value.hint
