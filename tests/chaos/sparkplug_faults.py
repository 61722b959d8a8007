"""Faults around an edge node, and what its hosts say in the end.

The promise: what the agent has in its history the listening hosts have heard, live or as
historical; no reading has two values at one time; order, seq, births and deaths are right all the
time. What was under way when the agent or its link was broken may come twice, with the same time
and value: a historian keeps one. How often is counted, and that it was under way is checked.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.chaos.sparkplug_plant import FAULTS, PRESS, SparkplugPlant


@dataclass
class Report:
    """The figures of a run; it is good when there are no problems."""

    seed: int
    faults: dict[str, int] = field(default_factory=dict)
    duration_s: float = 0.0
    readings: int = 0
    """In the agent's history."""
    heard: int = 0
    """Values of data that the observer heard, of all metrics."""
    historical: int = 0
    births: int = 0
    missing: int = 0
    """Readings of the history that a listening host never heard."""
    contradictions: int = 0
    repeats: int = 0
    """Values that were under way at a fault and came again, with the same time."""
    unexplained: int = 0
    """Values that came again though nothing broke while they were under way."""
    missed_by_primary: int = 0
    """Readings of the history that the primary host never heard."""
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing contradicted, no rule broken."""
        return not self.problems

    def as_json(self) -> dict[str, object]:
        """For a file."""
        return asdict(self) | {"good": self.is_good}

    def text(self) -> str:
        """For a person."""
        broken = ", ".join(f"{what} {count}" for what, count in sorted(self.faults.items()))
        lines = [
            f"faults         {sum(self.faults.values())} in {self.duration_s:.0f} s, "
            f"seed {self.seed}: {broken}",
            f"readings       {self.readings} in the history of the agent",
            f"heard          {self.heard} values, {self.historical} of them historical; "
            f"{self.births} births",
            f"lost           {self.missing}",
            f"doubled        {self.contradictions} with another value, {self.unexplained} others",
            f"sent again     {self.repeats} that were under way, with the same time and value",
            f"primary host   missed {self.missed_by_primary}",
        ]
        return "\n".join(lines + [f"PROBLEM: {problem}" for problem in self.problems[:20]])


async def run_faults(
    folder: Path,
    seed: int,
    count: int,
    frames_per_s: float = 40.0,
    progress: Callable[[Report], None] = lambda _report: None,
) -> Report:
    """Break something ``count`` times, each kind in its turn, and judge.

    Args:
        folder: where everything runs.
        seed: order and times of the faults.
        count: how many.
        frames_per_s: of the press.
        progress: told the figures after each fault.
    """
    begun, report = time.monotonic(), Report(seed)
    faults = [FAULTS[n % len(FAULTS)] for n in range(count)]
    random.Random(seed).shuffle(faults)
    async with SparkplugPlant(folder, seed, frames_per_s) as plant:
        for what in faults:
            await plant.one_fault(what)
            report.faults[what] = report.faults.get(what, 0) + 1
            report.heard = plant.observer.samples.heard.total()
            report.duration_s = round(time.monotonic() - begun, 1)
            progress(report)
            if plant.findings.errors:
                break
        await plant.hush()
        with suppress(AssertionError):  # what is missing then is a problem
            await plant.settle()
        _judge(plant, report)
    report.duration_s = round(time.monotonic() - begun, 1)
    return report


def _judge(plant: SparkplugPlant, report: Report) -> None:
    samples, problems = plant.observer.samples, report.problems
    report.readings = sum(len(values) for values in plant.stored().values())
    report.heard, report.historical = samples.heard.total(), samples.historical
    report.births = sum(kind == "NBIRTH" for kind, _, _ in plant.observer.kinds)
    report.missing = plant.missing(plant.observer)
    report.contradictions = len(samples.contradictions)
    unexplained = plant.unexplained()
    report.unexplained = len(unexplained)
    report.repeats = len(samples.repeats) - report.unexplained
    report.missed_by_primary = plant.missing(plant.primary)
    problems += plant.findings.errors
    problems += samples.contradictions[:5]
    if report.missing:
        problems.append(f"{report.missing} readings of the history were never heard")
    if report.missed_by_primary:
        problems.append(f"the primary host never heard {report.missed_by_primary} readings")
    if unexplained:
        problems.append(f"{len(unexplained)} values came again for no reason: {unexplained[:3]}")
    if plant.peer is not None:
        problems += plant.peer.problems
        if missing := plant.missing_at_peer():
            problems.append(f"pysparkplug never heard {missing} readings of the history")
    if plant.observer.node(PRESS).unborn:
        problems.append("data of a node that was not born")
    if "Traceback" in plant.agent.log.read_text():
        problems.append(f"a traceback in {plant.agent.log}")
