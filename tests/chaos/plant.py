"""A plant to break: a Mosquitto that saves, a TimescaleDB, the agent as a process, two presses."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from types import TracebackType
from typing import Self

from broker.mosquitto import MosquittoProcess
from tests.chaos.gateway import Gateway
from tests.chaos.script import SITE, script
from tests.support.processes import AgentProcess
from tests.support.timescale import TimescaleServer, new_database

PRESSES = ("p1", "p2")
VICTIMS = ("agent", "broker", "database")
AUTOSAVE_CHANGES = 100
"""As `broker init` sets up a broker for a plant."""


class Plant:
    """Everything runs inside ``async with Plant(…) as plant:``; the presses talk when told to."""

    def __init__(self, folder: Path, seed: int, frames_per_s: float) -> None:
        self._folder, self._seed = folder, seed
        self._rate = frames_per_s / len(PRESSES)
        self.broker = MosquittoProcess(
            directory=folder / "mosquitto", persistence=True, autosave_changes=AUTOSAVE_CHANGES
        )
        self.database = TimescaleServer()
        self.url = ""
        self.gateways: list[Gateway] = []

    async def __aenter__(self) -> Self:
        try:
            await self.broker.start()
            await asyncio.to_thread(self.database.start)
            self.url = await new_database(self.database.url)
            self.agent = AgentProcess(
                self._folder, self.broker.port, PRESSES, self.url, {"site": SITE}
            )
            await asyncio.to_thread(self.agent.start)
        except BaseException:
            await self._close()
            raise
        for press in PRESSES:
            messages = script(press, random.Random(f"{self._seed}/{press}"))
            self.gateways.append(Gateway(self.broker.port, press, messages, self._rate))
            self.gateways[-1].start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for gateway in self.gateways:
            await asyncio.to_thread(gateway.end)
        await self._close()

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
        for gateway in self.gateways:
            assert gateway.problem is None, gateway.problem

    async def _close(self) -> None:
        agent = getattr(self, "agent", None)
        if agent is not None and agent.process is not None and agent.process.poll() is None:
            agent.kill()
        await self.broker.terminate()
        await asyncio.to_thread(self.database.kill)
        self.database.__exit__(None, None, None)
