"""A plant to break: a Mosquitto that saves, a TimescaleDB, the agent as a process, two presses.

A hostile plant has the broker of ``broker init`` with its certificates and rules, a press in
hostile hands, and an intruder of each role.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from broker.local.mosquitto import MosquittoProcess
from broker.setup.inventory import AgentPlan
from edge_agent.config.settings import BrokerSettings
from tests.chaos.gateway import Gateway
from tests.chaos.hostile import Intruder
from tests.chaos.script import HOSTILE_PRESS, SITE, script
from tests.support.processes import AgentProcess
from tests.support.ruled_broker import RuledBroker, ruled_broker
from tests.support.timescale import TimescaleServer, new_database
from tests.support.waiting import GATHER_S, wait_for

PRESSES = ("p1", "p2")
VICTIMS = ("agent", "broker", "database")
AUTOSAVE_CHANGES = 100
"""As `broker init` sets up a broker for a plant."""
AGENT = "t1"
RECONNECT_MAX_S = 0.2
"""Of the gateways: they are to be there again as soon as the broker is."""
INTRUDERS = (f"press-{SITE}-{HOSTILE_PRESS}", "quality", "scada", "page", "nobody")


class Plant:
    """Everything runs inside ``async with Plant(…) as plant:``; the presses talk when told to."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        frames_per_s: float,
        *,
        hostile: bool = False,
        gather_s: float = GATHER_S,
    ) -> None:
        """Nothing runs yet.

        Args:
            hostile: with intruders, who attack while the presses talk.
            gather_s: of the agents' history.
        """
        self._folder, self._seed, self._hostile = folder, seed, hostile
        self._gather_s = gather_s
        self._rate = frames_per_s / len(PRESSES)
        self._stack = AsyncExitStack()
        self.broker = MosquittoProcess(
            directory=folder / "mosquitto", persistence=True, autosave_changes=AUTOSAVE_CHANGES
        )
        self.database = TimescaleServer()
        self.url = ""
        self.agents: list[AgentProcess] = []
        self.gateways: list[Gateway] = []
        self.intruders: list[Intruder] = []

    async def __aenter__(self) -> Self:
        try:
            await self._start_all()
        except BaseException:
            await self._close()
            raise
        return self

    async def _start_all(self) -> None:
        ruled: RuledBroker | None = None
        presses, more = PRESSES, dict[str, Any](site=SITE)
        if self._hostile:
            presses = (*PRESSES, HOSTILE_PRESS)
            agent = AgentPlan(agent_id=AGENT, site=SITE, presses=presses)
            ruled = await self._stack.enter_async_context(ruled_broker(self._folder, agent))
            self.broker = ruled.process
            settings = ruled.settings(f"agent-{AGENT}", reconnect_max_s=0.5)
            more["broker"] = settings.model_dump(mode="json", exclude_defaults=True)
        else:
            await self.broker.start()
        await asyncio.to_thread(self.database.start)
        self.url = await new_database(self.database.url)
        self.agents = self._make_agents(presses, more)
        await asyncio.gather(*(asyncio.to_thread(agent.start) for agent in self.agents))
        if ruled is not None:
            await self._sessions_saved(ruled, presses)
        for press in PRESSES:
            messages = script(press, random.Random(f"{self._seed}/{press}"))
            link: BrokerSettings = (
                ruled.settings(f"press-{SITE}-{press}", reconnect_max_s=RECONNECT_MAX_S)
                if ruled
                else BrokerSettings(port=self.broker.port, reconnect_max_s=RECONNECT_MAX_S)
            )
            gateway = Gateway(self._folder, link, press, messages, self._rate)
            self.gateways.append(gateway)
            gateway.start()
        if ruled is not None:
            self.intruders = [Intruder(role, ruled, presses, self._seed) for role in INTRUDERS]
        for intruder in self.intruders:
            intruder.start()

    async def _sessions_saved(self, ruled: RuledBroker, presses: tuple[str, ...]) -> None:
        """Wait until the broker has saved the sessions of the agent, as one that has run for long.

        Killed before, it would forget them; and while an intruder hears a press, too, no answer
        tells the press that the agent does not (docs/reliability.md, "Not promised").
        """
        saved = ruled.path / "data" / "mosquitto.db"

        def are_saved() -> bool:
            os.kill(self.broker.pid, signal.SIGUSR1)
            content = saved.read_bytes()
            return all(f"pur/v1/{SITE}/{press}/telemetry".encode() in content for press in presses)

        await asyncio.to_thread(wait_for, are_saved, "saved sessions", away=(OSError,))

    def _make_agents(self, presses: tuple[str, ...], more: dict[str, Any]) -> list[AgentProcess]:
        """The agents of the plant, not yet started."""
        return [self._agent(self._folder, presses, more)]

    def _agent(self, folder: Path, presses: tuple[str, ...], more: dict[str, Any]) -> AgentProcess:
        return AgentProcess(folder, self.broker.port, presses, self.url, more, self._gather_s)

    @property
    def agent(self) -> AgentProcess:
        """The only agent, or the first."""
        return self.agents[0]

    def talk(self) -> None:
        """Let the presses work, and who is hostile attack."""
        for intruder in self.intruders:
            intruder.attack()
        for gateway in self.gateways:
            gateway.talk()

    def hush(self) -> None:
        """Nothing new is said."""
        for gateway in self.gateways:
            gateway.hush()
        for intruder in self.intruders:
            intruder.pause()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for thread in (*self.intruders, *self.gateways):
            await asyncio.to_thread(thread.end)
        await self._close()
        gc.collect()  # sockets that paho has left open, now and not in another test

    async def kill(self, victim: str) -> None:
        """SIGKILL, in the middle of whatever it does.

        Raises:
            AssertionError: the agent had ended by itself.
        """
        match victim:
            case "agent":
                self.must_live()
                await asyncio.to_thread(self.agent.kill)
            case "broker":
                await self.broker.kill()
            case _:
                await asyncio.to_thread(self.database.kill)

    async def start(self, victim: str) -> None:
        """Start it again; the agent may find nobody there yet."""
        match victim:
            case "agent":
                await asyncio.to_thread(lambda: self.agent.start(wait=False))
            case "broker":
                await self.broker.start()
            case _:
                await asyncio.to_thread(self.database.start)

    def must_live(self) -> None:
        """Neither the agent nor a gateway may end by itself.

        Raises:
            AssertionError: one has.
        """
        process = self.agent.process
        assert process is not None
        assert process.poll() is None, f"the agent ended: {self.agent.log.read_text()[-2000:]}"
        for thread in (*self.intruders, *self.gateways):
            assert thread.problem is None, thread.problem

    async def _close(self) -> None:
        for agent in self.agents:
            if agent.process is not None and agent.process.poll() is None:
                agent.kill()
        await self._stack.aclose()
        await self.broker.terminate()
        await asyncio.to_thread(self.database.kill)
        self.database.__exit__(None, None, None)
