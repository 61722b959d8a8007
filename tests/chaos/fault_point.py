"""Kills at one point: a prediction is published, and what led to it is not committed.

The agent kills itself there (``edge_agent.fault_points``), after another number of predictions in
each of its lives; then it starts again. In a group there are two agents, each with its own count,
and presses move from one to the other at every kill. Now and then the presses talk for a while
before any agent is there, so that the kills fall into a backlog with many shots of a mold. A
listener hears all that they say.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import asyncpg

from edge_agent.fault_points import PUBLISHED, VARIABLE
from tests.chaos.history_check import compare, expected, is_there
from tests.chaos.listener import Listener
from tests.chaos.plant import Plant
from tests.support.processes import WAITING, AgentProcess, waiting_in
from tests.support.waiting import GATHER_S

GROUP, MEMBERS = "line", ("a", "b")
"""Each of the two should have one of the presses."""
PASSES_MAX = 15
LIVE_INTERVAL_S = 0.5
JUDGE_EVERY_KILLS = 10
OUTAGES_S = (8.0, 0.0)
"""How long no agent is there before the kills begin, in turn."""
SETTLE_TIMEOUT_S = 120.0
POLL_S = 0.05


@dataclass
class Report:
    """The figures of a run; it is good when there are no problems."""

    seed: int
    kills: int = 0
    duration_s: float = 0.0
    sent: int = 0
    frames: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0
    shots: int = 0
    finals: int = 0
    heard: int = 0
    """Different predictions and key figures that the listener heard."""
    repeats: int = 0
    """What it heard again and dropped."""
    late: int = 0
    """What it heard for the first time after a higher revision of the same shot."""
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Nothing lost, doubled or contradicted."""
        return not (self.lost or self.doubled or self.problems)

    def as_json(self) -> dict[str, object]:
        """For a file."""
        return asdict(self) | {"good": self.is_good}

    def text(self) -> str:
        """For a person."""
        lines = [
            f"kills          {self.kills} in {self.duration_s:.0f} s, seed {self.seed}",
            f"sent           {self.sent} messages",
            f"stored         {self.stored} of {self.frames} frames",
            f"lost           {self.lost}",
            f"doubled        {self.doubled}",
            f"shots          {self.shots}, final predictions {self.finals}",
            f"heard          {self.heard} predictions and key figures, {self.repeats} repeats, "
            f"{self.late} late",
        ]
        return "\n".join(lines + [f"PROBLEM: {problem}" for problem in self.problems[:20]])


class FaultPlant(Plant):
    """A plant whose agents kill themselves: one agent, or two that share the presses."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        frames_per_s: float = 100.0,
        *,
        group: bool = False,
        gather_s: float = GATHER_S,
    ) -> None:
        super().__init__(folder, seed, frames_per_s, gather_s=gather_s)
        self._rng, self._group = random.Random(f"{seed}/passes"), group

    def _make_agents(self, presses: tuple[str, ...], more: dict[str, Any]) -> list[AgentProcess]:
        more = more | {"shots": {"live_interval_s": LIVE_INTERVAL_S}}
        if not self._group:
            return super()._make_agents(presses, more)
        agents = []
        for name in MEMBERS:
            folder = self._folder / name
            folder.mkdir()
            share = {"group": GROUP, "leave_max_s": 2.0, "handover_max_s": 5.0}
            own = more | {"agent_id": name, "share": share}
            agents.append(self._agent(folder, presses, own))
        return agents

    def arm(self, agent: AgentProcess, *, armed: bool = True) -> None:
        """Let the agent's next life end at the fault point, or not."""
        passes = self._rng.randint(1, PASSES_MAX)
        agent.environment[VARIABLE] = f"{PUBLISHED}:{passes}" if armed else ""

    def dead(self) -> list[AgentProcess]:
        """Agents that have killed themselves.

        Raises:
            AssertionError: one has ended in another way.
        """
        ended = []
        for agent in self.agents:
            assert agent.process is not None
            code = agent.process.poll()
            if code is not None:
                words = f"{agent.folder}: exit code {code}: {agent.log.read_text()[-2000:]}"
                assert code == -signal.SIGKILL, words
                ended.append(agent)
        return ended

    def waiting(self) -> dict[str, int]:
        """How much waits in the spools, by agent.

        In a group what a dead agent had to say of a press is said by its successor: what still
        waits for the broker when it comes back is not counted.
        """
        tables = WAITING - {"publish"} if self._group else WAITING
        return {agent.folder.name: waiting_in(agent.spool, tables) for agent in self.agents}

    async def revive(self, agents: Iterable[AgentProcess], *, armed: bool) -> None:
        """Start these agents again."""
        for agent in agents:
            self.arm(agent, armed=armed)
            await asyncio.to_thread(agent.start, wait=False)


async def run_kills(
    plant: FaultPlant, seed: int, kills: int, progress: Callable[[Report], None] = lambda _: None
) -> Report:
    """Let the agents kill themselves so often; judge now and then, and at the end everything."""
    report, begun = Report(seed), time.monotonic()
    outages_s = cycle(OUTAGES_S)
    listener = await asyncio.to_thread(Listener, plant.broker.port)
    try:
        while report.kills < kills and not report.problems:
            for agent in plant.agents:  # the unarmed ones of before
                await asyncio.to_thread(agent.kill)
            plant.talk()
            await asyncio.sleep(next(outages_s))
            await plant.revive(plant.agents, armed=True)
            wanted = min(kills, report.kills + JUDGE_EVERY_KILLS)
            while report.kills < wanted:
                dead = plant.dead()
                report.kills += len(dead)
                await plant.revive(dead, armed=True)
                await asyncio.sleep(POLL_S)
            await _settle(plant, listener, report, everything=report.kills >= kills)
            report.duration_s = round(time.monotonic() - begun, 1)
            progress(report)
    finally:
        await asyncio.to_thread(listener.close)
    return report


async def _settle(
    plant: FaultPlant, listener: Listener, report: Report, *, everything: bool
) -> None:
    """Wait until all that was sent is in the history and heard, then judge it."""
    plant.hush()
    end = time.monotonic() + SETTLE_TIMEOUT_S
    db = await asyncpg.connect(plant.url, timeout=10)
    try:
        while not await _is_quiet(plant, listener, db):
            dead = plant.dead()
            report.kills += len(dead)
            await plant.revive(dead, armed=False)
            if time.monotonic() > end:
                words = f"not quiet after {SETTLE_TIMEOUT_S:.0f} s: {plant.waiting()}"
                report.problems.append(words)
                break
            await asyncio.sleep(POLL_S)
        verdict = await compare(db, plant.gateways, everything=everything)
        report.problems += verdict.problems + await listener.disagreements(db) + listener.problems
        report.lost += verdict.lost
        report.doubled += verdict.doubled
        wanted = expected(plant.gateways)
        report.sent = sum(len(gateway.ledger) for gateway in plant.gateways)
        report.frames, report.shots = len(wanted.frames), len(wanted.ended)
        report.stored = await db.fetchval("SELECT count(*) FROM telemetry")
        finals = "SELECT count(*) FROM prediction WHERE basis = 'final'"
        report.finals = await db.fetchval(finals)
        report.heard, report.repeats = listener.count, listener.repeats
        report.late = listener.late
    finally:
        await db.close()
    for gateway in plant.gateways:
        gateway.confirmed = len(gateway.ledger)


async def _is_quiet(plant: FaultPlant, listener: Listener, db: asyncpg.Connection) -> bool:
    if plant.dead() or not all(gateway.is_through() for gateway in plant.gateways):
        return False
    if any(plant.waiting().values()):
        return False
    return await is_there(db, expected(plant.gateways)) and not await listener.disagreements(db)
