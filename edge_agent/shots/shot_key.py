"""Identity of a shot: made at its first event, never changed, on every payload and row about it.

A ``shot_id`` comes again: a PLC counts from 0 anew, two molds share a cycle number, yesterday is
replayed. The key tells these shots apart. It depends on nothing but the first event, so a message
that is delivered again after a crash gives the same key.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

from broker.topics import PressAddress

KEY_DIGITS = 20
"""Hexadecimal digits: 80 bits, so two of 1e9 shots agree by chance once in a million plants."""


def shot_key(press: PressAddress, mold_id: str, shot_id: str, event: str, ts: datetime) -> str:
    """Make the key of a shot from its first event.

    It is the front of the SHA-256 of ``site/press/mold/shot/event/time``, the time in UTC with
    microseconds and a ``Z``. No part can hold a ``/``, so different events give different texts.

    Args:
        press: site and press.
        mold_id: mold named by the event.
        shot_id: id that the press gave the shot.
        event: kind of the event: started, poured, demolded, aborted.
        ts: time of the event, aware.
    """
    time = ts.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    text = f"{press.site}/{press.press}/{mold_id}/{shot_id}/{event}/{time}Z"
    return sha256(text.encode()).hexdigest()[:KEY_DIGITS]


def key_of_older(
    press: PressAddress,
    mold_id: str,
    shot_id: str,
    *,
    poured_at: datetime | None = None,
    started_at: datetime | None = None,
    closed_at: datetime | None = None,
    outcome: str | None = None,
) -> str:
    """Make the key of a shot that an older program kept, which did not record the first event.

    The pour counts first: the rows of the history and all predictions hold it, so rows and an open
    shot get one key, each on its own.

    Args:
        press: site and press.
        mold_id: mold of the shot.
        shot_id: id that the press gave the shot.
        poured_at: end of injection.
        started_at: start of the cycle.
        closed_at: end of the shot.
        outcome: how it ended.
    """
    known = (("poured", poured_at), ("started", started_at), (outcome or "ended", closed_at))
    for event, ts in known:
        if ts is not None:
            return shot_key(press, mold_id, shot_id, event, ts)
    return shot_key(press, mold_id, shot_id, "unknown", datetime.fromtimestamp(0, UTC))
