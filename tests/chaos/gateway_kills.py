"""Shots of a PLC that has nothing but tags, while gateway, agent, broker and links break."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.chaos.gateway_line import TROUBLES, Line
from tests.support.waiting import until


@dataclass
class Report:
    """The figures of a run; it is good when there are no problems."""

    protocol: str
    seed: int
    shots: int = 0
    readings: int = 0
    troubles: dict[str, int] = field(default_factory=dict)
    duration_s: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Each shot once, each reading once, at the right times."""
        return not self.problems

    def as_json(self) -> dict[str, object]:
        """For a file."""
        return asdict(self) | {"good": self.is_good}

    def text(self) -> str:
        """For a person."""
        broken = ", ".join(f"{what} {count}" for what, count in sorted(self.troubles.items()))
        lines = [
            f"protocol       {self.protocol}, seed {self.seed}, {self.duration_s:.0f} s",
            f"shots          {self.shots}",
            f"readings       {self.readings}",
            f"broken         {sum(self.troubles.values())}: {broken}",
            f"problems       {len(self.problems)}",
        ]
        return "\n".join(lines + [f"PROBLEM: {problem}" for problem in self.problems[:40]])


async def run_shots(
    folder: Path,
    protocol: str,
    shots: int,
    kills: int,
    seed: int,
    progress: Callable[[Report], None] = lambda _report: None,
) -> Report:
    """Make shots; troubles of every kind come at even distances among them.

    Args:
        folder: where everything runs.
        protocol: ``opcua``, ``modbus`` or ``json``.
        shots: how many.
        kills: how often something is killed or cut.
        seed: the order of the troubles.
    """
    begun, report = time.monotonic(), Report(protocol, seed)
    troubles = [TROUBLES[n % len(TROUBLES)] for n in range(kills)]
    random.Random(f"{seed}/{protocol}").shuffle(troubles)
    async with Line(folder, protocol, seed) as line:
        working = asyncio.create_task(line.press.make(shots))
        for number, what in enumerate(troubles, 1):
            due = shots * number // (kills + 1)
            await until(lambda n=due: working.done() or len(line.press.shots) >= n, "shots")
            await line.one_trouble(what)
            report.shots, report.troubles = len(line.press.shots), dict(line.troubles)
            report.duration_s = time.monotonic() - begun
            progress(report)
        await working
        await line.settled()
        report.shots, report.readings = len(line.press.shots), len(line.press.readings)
        report.problems = line.problems()
        log = line.gateway.log.read_text()
        if "Traceback" in log:
            report.problems.append(f"a traceback in {line.gateway.log}")
    report.duration_s = round(time.monotonic() - begun, 1)
    return report
