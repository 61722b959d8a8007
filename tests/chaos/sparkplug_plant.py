"""A press, an agent that is its edge node, three hosts, and what breaks between them.

The primary host ``scada`` comes and goes. Two more only listen, and stay as long as the broker
does: one of our tests' own, and one on pysparkplug. They are the measure: what the agent's history
holds they must have heard, whatever happened. A broker that is killed forgets everything, so that
no old word of a host is left; the hosts connect again before ``scada`` says that it is there, as a
plant's historian has to be up before its data counts.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import LinkError
from edge_agent.links.mqtt import connect
from tests.support.link_proxy import LinkProxy
from tests.support.processes import AgentProcess, waiting_in
from tests.support.sparkplug_findings import Findings
from tests.support.sparkplug_host import StrictHost
from tests.support.sparkplug_peer import PYTHON, PeerHost
from tests.support.sparkplug_plant import MOLDS, READING, TalkingPress
from tests.support.sparkplug_samples import Key, Repeat
from tests.support.waiting import until

SITE, PRESS, HOST_ID = "test", "p1", "scada"
FAULTS = ("agent", "broker", "reset", "cut", "half-open", "slow", "host goes", "host dies")
AWAY_S = (0.0, 0.8)
WORK_S = (0.2, 0.8)
BACK_S = 60.0
GOING_S = 2.0
SETTLE_S, QUIET_S = 60.0, 1.0
HOST_GAP_S, HOST_RETURN_S = 0.5, 1.0
"""What was sent so long before the primary host was known to be gone is sent again."""
UNDER_WAY_S = 2.0
"""So long before a fault a value may have been heard that comes again after it."""
MOMENT_S = 0.5
"""And so long after it: a fault takes its time."""


class SparkplugPlant:
    """Everything runs inside ``async with``.

    Args:
        folder: where everything runs.
        seed: of the times of faults.
        frames_per_s: of the press, by turns of its molds.
    """

    def __init__(self, folder: Path, seed: int, frames_per_s: float) -> None:
        self._folder, self._rng, self._pause_s = folder, random.Random(seed), 1 / frames_per_s
        self._stack = AsyncExitStack()
        self._talking: asyncio.Task[None] | None = None
        self._brokers_killed = 0
        self.broker = MosquittoProcess(directory=folder / "mosquitto")
        self.findings = Findings()
        self.sent: dict[str, list[float]] = {}
        self.broken_s: list[float] = []
        """When something was broken, by the monotonic clock."""

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def _start(self) -> None:
        enter = self._stack.enter_async_context
        await enter(self.broker)
        port = self.broker.port
        self.proxy = await enter(LinkProxy(port))
        self.observer = await enter(self._host("observer", says_state=False))
        self.peer = await enter(PeerHost(port, SITE)) if PYTHON.exists() else None
        self.primary = self._host(HOST_ID)
        self.primary.may_come = self._others_are_there
        self.primary.going_s = GOING_S
        await enter(self.primary)
        sparkplug = {
            "enabled": True,
            "primary_host": HOST_ID,
            "brokers": [f"127.0.0.1:{self.proxy.port}"],
            "stale_after_s": 3600,
            "historical_per_s": 1000,
            "host_gap_s": HOST_GAP_S,
            "host_return_s": HOST_RETURN_S,
        }
        self.agent = AgentProcess(
            self._folder, port, (PRESS,), more={"sparkplug": sparkplug}, gather_s=0.2
        )
        await asyncio.to_thread(self.agent.start)
        self._talking = asyncio.create_task(self._talk())
        await self.back()

    def _host(self, host_id: str, *, says_state: bool = True) -> StrictHost:
        return StrictHost(
            self.broker.port,
            SITE,
            host_id,
            findings=self.findings,
            exact_bd_seq=False,
            says_state=says_state,
        )

    def _others_are_there(self) -> bool:
        sessions = self._brokers_killed + 1
        peers = self.peer is None or self.peer.connections >= sessions
        return peers and self.observer.online and self.observer.sessions >= sessions

    async def _close(self) -> None:
        await self.hush()
        if hasattr(self, "agent") and self.agent.process is not None:
            await asyncio.to_thread(self.agent.kill)
        await self._stack.aclose()

    async def _talk(self) -> None:
        """Send frames for ever, over whatever happens to the broker."""
        press: TalkingPress | None = None
        number = 0
        while True:
            with suppress(LinkError):
                link = BrokerSettings(port=self.broker.port)
                async with connect(link, "press") as session:
                    if press is None:
                        press = TalkingPress(session, PRESS, SITE)
                        self.sent = press.sent
                    press.use(session)
                    while True:
                        await press.read(MOLDS[number % len(MOLDS)])
                        number += 1
                        await asyncio.sleep(self._pause_s)
            await asyncio.sleep(0.1)

    async def hush(self) -> None:
        """Let the press be silent."""
        if self._talking is not None:
            self._talking.cancel()
            with suppress(asyncio.CancelledError):
                await self._talking
            self._talking = None

    async def one_fault(self, what: str) -> None:
        """Let the plant work, break something, and wait until data is heard again."""
        await asyncio.sleep(self._rng.uniform(*WORK_S))
        away_s = self._rng.uniform(*AWAY_S)
        self.broken_s.append(time.monotonic())
        match what:
            case "agent":
                await asyncio.to_thread(self.agent.kill)
                await asyncio.sleep(away_s)
                await asyncio.to_thread(self.agent.start, wait=False)
            case "broker":
                self._brokers_killed += 1
                await self.broker.kill()
                await asyncio.sleep(away_s)
                await self.broker.start()
                await until(lambda: self.primary.sessions > 0 and self.primary.online, "scada")
            case "reset":
                self.proxy.break_link("reset")
            case "cut" | "half-open" | "slow":
                self.proxy.break_link(what)
                await asyncio.sleep(away_s)
                self.proxy.heal()
            case "host goes":
                await self.primary.go()
                await asyncio.sleep(away_s)
                await self.primary.come()
            case "host dies":
                await self.primary.die()
                await asyncio.sleep(away_s)
                await self.primary.come()
        await self.back()

    async def back(self) -> None:
        """Wait until all hosts hear new data of the press."""
        samples = self.observer.samples
        before, mine = samples.heard.total(), self.primary.samples.heard.total()
        await until(
            lambda: (
                samples.heard.total() > before
                and self.primary.samples.heard.total() > mine
                and self.observer.node(PRESS).online
            ),
            "data to be heard again",
            BACK_S,
        )

    async def settle(self) -> None:
        """Wait until the agent owes nobody anything: no row is new, and all hosts heard all.

        Raises:
            AssertionError: it was not so in time.
        """
        count = -1

        async def quiet() -> bool:
            nonlocal count
            before, count = count, self.agent.count("telemetry")
            if count != before or waiting_in(self.agent.spool):
                await asyncio.sleep(QUIET_S)
                return False
            return not self.missing(self.observer) and not self.missing(self.primary)

        await until(quiet, "the agent and all hosts to be through", SETTLE_S)

    def stored(self) -> dict[str, set[float]]:
        """Readings in the agent's history, by mold."""
        rows = self.agent.rows("SELECT mold_id, sensors FROM telemetry")
        found: dict[str, set[float]] = {}
        for mold, sensors in rows:
            found.setdefault(mold, set()).add(json.loads(sensors)["T_core_C"])
        return found

    def missing(self, host: StrictHost) -> int:
        """Readings of the history that a host of our tests never heard."""
        return sum(
            len(host.samples.missing(Key(PRESS, mold, READING), values))
            for mold, values in self.stored().items()
        )

    def missing_at_peer(self) -> int:
        """Readings of the history that the host on pysparkplug never heard."""
        assert self.peer is not None
        return sum(
            len(values - self.peer.values(mold, READING)) for mold, values in self.stored().items()
        )

    def unexplained(self) -> list[Repeat]:
        """What came again though nothing broke while it was under way."""
        return [
            one
            for one in self.observer.samples.repeats
            if not any(-MOMENT_S < broken - one.first_s < UNDER_WAY_S for broken in self.broken_s)
        ]
