"""Drafts of a gateway for tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from broker.messages import Received, ReceivedOf, SeqRange
from broker.topics import PressAddress
from edge_agent.gateway.outbox_entry import Draft, Kind

PRESS = PressAddress("s", "p1")
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def draft(
    number: int = 0, kind: Kind = "telemetry", device: str = "plc", press: PressAddress = PRESS
) -> Draft:
    """A message of the second ``number``."""
    ts = START + timedelta(seconds=number)
    document = {"v": 1, "ts": ts.isoformat(), "sensors": {"T_mold_C": 40.0 + number}}
    return Draft(press, device, kind, ts, document)


def received(
    devices: Mapping[str, tuple[int, datetime]], missing: tuple[tuple[int, int], ...] = ()
) -> Received:
    """Word of an agent: largest number and its time by device, the same gaps for all."""
    gaps = [SeqRange(first_seq=first, last_seq=last) for first, last in missing]
    return Received(
        ts=START,
        site=PRESS.site,
        press=PRESS.press,
        devices={
            device: ReceivedOf(seq=seq, ts=ts, missing=gaps)
            for device, (seq, ts) in devices.items()
        },
    )
