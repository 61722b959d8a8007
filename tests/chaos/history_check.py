"""Compares what the presses sent with what the history holds, message by message."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg

from broker.messages import ShotEvent, TelemetryFrame
from tests.chaos.gateway import Gateway
from tests.chaos.script import HOSTILE_PRESS, Sent

Key = tuple[str, str, int]
"""Press, device, sequence number: each belongs to one frame."""
EVER = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class Verdict:
    """What is wrong, in words, and how many acknowledged frames the press sent again."""

    problems: list[str] = field(default_factory=list)
    lost: int = 0
    """Messages sent (all of them are acknowledged by now) that the history does not hold."""
    doubled: int = 0
    sent_again: int = 0
    """Frames that the broker acknowledged and, after its kill, got again: it may have lost them."""


@dataclass
class Expected:
    """What the ledgers say the history must hold."""

    frames: dict[Key, Sent] = field(default_factory=dict)
    poured: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    poison: set[str] = field(default_factory=set)


def expected(gateways: list[Gateway], *, unconfirmed: bool = False) -> Expected:
    """From all that the presses sent, or from what is not confirmed yet."""
    found = Expected()
    for gateway in gateways:
        for sent in gateway.ledger[gateway.confirmed if unconfirmed else 0 :]:
            match sent.message:
                case TelemetryFrame() as frame:
                    found.frames[press_of(sent), frame.device_id, frame.seq] = sent
                case ShotEvent(event="poured") as event:
                    found.poured.add(event.shot_id)
                case ShotEvent(event="demolded") as event:
                    found.ended.add(event.shot_id)
                case bytes():
                    found.poison.add(sent.digest)
    return found


def press_of(sent: Sent) -> str:
    """The press that said it."""
    return sent.draft.press.press


_ENDED = "SELECT count(*) FROM shot WHERE outcome IS NOT NULL"
_FINAL = "SELECT count(*) FROM prediction WHERE basis = 'final'"
_POURED = "SELECT count(DISTINCT shot_id) FROM prediction WHERE basis = 'poured'"
LETTERS = (
    "SELECT DISTINCT payload_sha256 FROM dead_letter"
    f" WHERE press <> '{HOSTILE_PRESS}' AND topic NOT LIKE '%/quality'"
)
"""Dead letters of the presses; what hostile clients may write is not counted."""


async def is_there(db: asyncpg.Connection, wanted: Expected) -> bool:
    """Does the history hold as much as it must? (``compare`` looks at what exactly.)"""
    counts = {
        "SELECT count(*) FROM telemetry": len(wanted.frames),
        _ENDED: len(wanted.ended),
        _FINAL: len(wanted.ended),
        _POURED: len(wanted.poured),
        f"SELECT count(*) FROM ({LETTERS}) AS letters": len(wanted.poison),
    }
    for query, count in counts.items():
        if await db.fetchval(query) < count:
            return False
    return True


async def compare(
    db: asyncpg.Connection, gateways: list[Gateway], *, everything: bool = False
) -> Verdict:
    """Compare: frames since the last confirmed one or all of them, shots and poison always all."""
    verdict, wanted = Verdict(), expected(gateways)
    looked_at = wanted if everything else expected(gateways, unconfirmed=True)
    await _frames(db, looked_at.frames, verdict, everything)
    count = await db.fetchval("SELECT count(*) FROM telemetry")
    if count != len(wanted.frames):
        verdict.problems.append(f"{count} frames stored of {len(wanted.frames)} sent")
        verdict.doubled += max(0, count - len(wanted.frames))
    await _shots(db, wanted, verdict)
    letters = {row[0] for row in await db.fetch(LETTERS)}
    if letters != wanted.poison:
        verdict.lost += len(wanted.poison - letters)
        verdict.problems.append(
            f"dead letters: {len(wanted.poison - letters)} missing, "
            f"{len(letters - wanted.poison)} of good payloads"
        )
    return verdict


async def _frames(
    db: asyncpg.Connection, wanted: dict[Key, Sent], verdict: Verdict, everything: bool
) -> None:
    since = EVER if everything else min((s.draft.ts for s in wanted.values()), default=EVER)
    rows = await db.fetch(
        "SELECT press, device_id, seq, ts, sensors FROM telemetry WHERE ts >= $1", since
    )
    seen: Counter[Key] = Counter()
    for press, device, seq, ts, sensors in rows:
        key = (press, device, seq)
        seen[key] += 1
        sent = wanted.get(key)
        if sent is None:
            verdict.problems.append(f"{key}: stored and never sent")
            continue
        assert isinstance(sent.model, TelemetryFrame)
        if (ts, json.loads(sensors)) != (sent.model.ts, sent.model.sensors):
            verdict.problems.append(f"{key}: stored with other values than sent: {ts} {sensors}")
        verdict.sent_again += sent.first_acked is not None and sent.first_acked < sent.attempts
    missing = wanted.keys() - seen.keys()
    verdict.lost += len(missing)
    verdict.problems += [f"{key}: sent, acknowledged and not stored" for key in sorted(missing)[:5]]
    verdict.doubled += sum(times - 1 for times in seen.values())


async def _shots(db: asyncpg.Connection, wanted: Expected, verdict: Verdict) -> None:
    query = "SELECT basis, shot_id, count(*) FROM prediction GROUP BY 1, 2"
    counts = {(basis, shot): count for basis, shot, count in await db.fetch(query)}
    for shot in sorted(wanted.ended):
        finals = counts.get(("final", shot), 0)
        if finals != 1:
            verdict.problems.append(f"{shot}: {finals} final predictions")
            verdict.lost += finals == 0
            verdict.doubled += max(0, finals - 1)
    for shot in sorted(wanted.poured):
        if counts.get(("poured", shot), 0) < 1:
            verdict.problems.append(f"{shot}: no prediction when poured")
            verdict.lost += 1
    complete = await db.fetch(
        "SELECT shot_id FROM shot WHERE outcome = 'demolded' AND started_at IS NOT NULL"
        " AND poured_at IS NOT NULL AND recipe IS NOT NULL"
    )
    for shot in sorted(wanted.ended - {row[0] for row in complete}):
        verdict.problems.append(f"{shot}: not complete in the history")
        verdict.lost += 1
    foreign = {shot for _, shot in counts} - wanted.poured
    verdict.problems += [f"{shot}: predicted and never poured" for shot in sorted(foreign)]
