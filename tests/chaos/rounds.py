"""Rounds of kills, and what is counted in them.

The promise: every message that the broker acknowledged and did not itself lose in its crash is in
the history exactly once. A killed Mosquitto loses what it has not saved, acknowledged or not; the
presses send that again (``gateway``), so that in the end nothing sent may be missing.

The report says how many frames that were, of those that the broker had acknowledged. (Frames lost
by the agent in the same seconds would hide among them. In a round without a killed broker nothing
is sent again, and one lost frame fails the run.)
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field

import asyncpg

from tests.chaos.history_check import LETTERS, compare, expected, is_there
from tests.chaos.plant import VICTIMS, Plant
from tests.support.processes import waiting_in

TWO_AT_ONCE = 0.15
"""Share of the rounds in which two are killed."""
WORK_S = (0.1, 0.9)
"""How long the plant works between two kills."""
AWAY_S = (0.0, 0.7)
SETTLE_TIMEOUT_S = 120.0
POLL_S = 0.05


@dataclass
class Report:
    """The figures of a run; it is good when there are no problems."""

    seed: int
    rounds: int = 0
    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(VICTIMS, 0))
    duration_s: float = 0.0
    sent: int = 0
    """Different messages: frames, shot events, poison."""
    sent_again: int = 0
    acknowledged: int = 0
    frames: int = 0
    stored: int = 0
    lost: int = 0
    doubled: int = 0
    acknowledged_again: int = 0
    """Frames that a killed broker had acknowledged, may have lost, and was sent again."""
    shots: int = 0
    finals: int = 0
    poison: int = 0
    dead_letters: int = 0
    attacks: dict[str, int] = field(default_factory=dict)
    """What hostile clients did meanwhile, by role; empty without them."""
    attack_logins: dict[str, int] = field(default_factory=dict)
    """How often the broker let them in."""
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing doubled, nothing else wrong."""
        return not (self.lost or self.doubled or self.problems)

    def as_json(self) -> dict[str, object]:
        """For a file."""
        return asdict(self) | {"good": self.is_good}


async def run_rounds(
    plant: Plant,
    seed: int,
    rounds: int,
    check_every: int = 1,
    progress: Callable[[Report], None] = lambda _report: None,
) -> Report:
    """Kill ``rounds`` times, judge after every few, and in the end everything."""
    rng, report, begun = random.Random(seed), Report(seed), time.monotonic()
    for number in range(1, rounds + 1):
        plant.talk()
        await asyncio.sleep(rng.uniform(*WORK_S))
        await one_kill(plant, rng, report)
        report.rounds = number
        if number % check_every == 0 or number == rounds:
            await settle(plant, report, everything=number == rounds)
        report.duration_s = round(time.monotonic() - begun, 1)
        progress(report)
        if report.problems:
            break
    return report


async def one_kill(plant: Plant, rng: random.Random, report: Report) -> None:
    """Kill one or two at once, and start them again after a while, each in its own time."""
    victims = rng.sample(VICTIMS, 2 if rng.random() < TWO_AT_ONCE else 1)
    pauses = [rng.uniform(*AWAY_S) for _ in victims]
    for victim in victims:
        report.kills[victim] += 1

    async def one(victim: str, pause: float) -> None:
        await plant.kill(victim)
        await asyncio.sleep(pause)
        await plant.start(victim)

    await asyncio.gather(*(one(v, p) for v, p in zip(victims, pauses, strict=True)))


async def settle(plant: Plant, report: Report, *, everything: bool) -> None:
    """Wait until all that was sent is in the history, judge it, and confirm it to the presses."""
    plant.hush()
    end = time.monotonic() + SETTLE_TIMEOUT_S
    while not await _is_quiet(plant):
        plant.must_live()
        if time.monotonic() > end:
            report.problems.append(f"not quiet after {SETTLE_TIMEOUT_S:.0f} s")
            break
        await asyncio.sleep(POLL_S)
    db = await asyncpg.connect(plant.url, timeout=10)
    verdict = await compare(db, plant.gateways, everything=everything)
    report.problems += verdict.problems
    report.lost += verdict.lost
    report.doubled += verdict.doubled
    if everything:  # the verdict is about all of them
        report.acknowledged_again = 0
    report.acknowledged_again += verdict.sent_again
    await _count(plant, db, report)
    await db.close()
    for gateway in plant.gateways:
        gateway.confirmed = len(gateway.ledger)


async def _is_quiet(plant: Plant) -> bool:
    if not all(gateway.is_through() for gateway in plant.gateways):
        return False
    if waiting_in(plant.agent.spool):
        return False
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        db = await asyncpg.connect(plant.url, timeout=5)
        try:
            return await is_there(db, expected(plant.gateways))
        finally:
            await db.close(timeout=5)
    return False


async def _count(plant: Plant, db: asyncpg.Connection, report: Report) -> None:
    wanted = expected(plant.gateways)
    report.sent = sum(len(gateway.ledger) for gateway in plant.gateways)
    report.sent_again = sum(gateway.sent_again for gateway in plant.gateways)
    report.acknowledged = sum(gateway.acknowledged() for gateway in plant.gateways)
    report.frames, report.poison = len(wanted.frames), len(wanted.poison)
    report.stored = await db.fetchval("SELECT count(*) FROM telemetry")
    report.shots = len(wanted.ended)
    report.finals = await db.fetchval("SELECT count(*) FROM prediction WHERE basis = 'final'")
    report.dead_letters = await db.fetchval(f"SELECT count(*) FROM ({LETTERS}) AS letters")
    report.attacks = {one.role: one.attempts for one in plant.intruders}
    report.attack_logins = {one.role: one.logins for one in plant.intruders}
