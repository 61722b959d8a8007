"""Bytes written to disk for a frame: spool and SQLite history, driven as the pipeline does it.

One shot cures. Every second its raw frames and its state are one commit; every ten seconds a live
prediction is one more. The history is given what waits every few seconds, and the rows that it
took go with the next commit. What is counted is ``write_bytes`` of this process: whole pages of
the page cache, as the kernel counts them.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from broker.messages import Recipe, ShotEvent, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.history.rows import telemetry_row
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.pipeline.assemble import Assembler, Shot
from edge_agent.ports import Outgoing
from edge_agent.spool.spool import Changes, Spool

PRESS = PressAddress("plant-1", "press-01")
MOLD, SHOT_ID = "PANEL_500x500x50", "2026-11-28-0117"
POURED = datetime(2026, 11, 28, 6, 0, 4, 250_000, tzinfo=UTC)
SECONDS, LIVE_S = 240, 10
PREDICTION_BYTES = 3000
DELIVERED_EVERY_S = 10
LIMITS = {10: 4000, 100: 2000}
"""Bytes for each frame, by frames a second."""


class Cured:
    """A shot that is followed frame by frame."""

    def __init__(self, rate: int) -> None:
        self._rate, self._random, self._seq = rate, Random(1), 0
        self._assembler = Assembler([], signal_age_max_s=600, timeout_s=14_400)
        recipe = Recipe(m_polyol_kg=1.1, m_iso_kg=1.25, T_polyol_C=24.0, T_iso_C=25.0)
        event = ShotEvent(
            ts=POURED,
            shot_id=SHOT_ID,
            mold_id=MOLD,
            event="poured",
            system_id="SYSTEM_R1",
            recipe=recipe,
        )
        (self.shot,) = self._assembler.event(PRESS, event)

    def second(self) -> list[tuple[TelemetryFrame, Shot | None]]:
        """The frames of the next second."""
        frames = []
        for _ in range(self._rate):
            self._seq += 1
            at = self._seq / self._rate + self._random.uniform(0.0, 0.004)
            frame = TelemetryFrame(
                ts=POURED + timedelta(seconds=at),
                device_id="plc",
                seq=self._seq,
                mold_id=MOLD,
                sensors={
                    "T_core_C": round(25.0 + 0.4 * at + self._random.gauss(0.0, 0.2), 2),
                    "T_mold_C": round(45.0 + self._random.gauss(0.0, 0.1), 2),
                    "p_cavity_bar": round(1.2 + self._random.gauss(0.0, 0.01), 4),
                    "T_ambient_C": 23.1,
                    "RH_ambient_pct": 45.2,
                },
            )
            frames.append((frame, self._assembler.frame(PRESS, frame).shot))
        return frames


def written() -> int:
    """Bytes that this process has had written."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


async def cure(folder: Path, rate: int, delivered_every_s: int) -> float:
    """Bytes for each frame."""
    cured, began = Cured(rate), written()
    history = SqliteHistory(folder / "history.db")
    forwarded: list[int] = []
    settled: list[str] = []
    with closing(Spool(folder / "spool.db")) as spool:
        state = "shot", cured.shot.shot_key
        for second in range(1, SECONDS + 1):
            now = POURED + timedelta(seconds=second)
            changes = Changes(forwarded=forwarded, settled=settled)
            forwarded, settled = [], []
            for frame, shot in cured.second():
                assert shot is not None
                row = telemetry_row(PRESS, frame, shot.shot_id, shot.shot_key, now)
                changes.forward.append(row)
            changes.state[state] = cured.shot.model_dump(mode="json")
            spool.commit(changes, now)
            if second % LIVE_S == 0:
                said = f"{second}".encode() * (PREDICTION_BYTES // len(f"{second}"))
                live = Outgoing(str(PRESS), f"prediction/{second}", "prediction", said, retain=True)
                state_now = cured.shot.model_dump(mode="json")
                spool.commit(Changes(publish=[live], state={state: state_now}), now)
                settled = [live.key]
            if second % delivered_every_s == 0:
                rows = spool.to_forward(delivered_every_s * rate + 1)
                forwarded = (await history.deliver(rows)).accepted
            spool.tidy()
        assert len(forwarded) == rate * delivered_every_s
    await history.close()
    return (written() - began) / (rate * SECONDS)


@pytest.mark.parametrize("rate", LIMITS)
def test_bytes_for_a_frame(benchmark: BenchmarkFixture, tmp_path: Path, rate: int) -> None:
    """At most 4 kB at 10 frames a second, 2 kB at 100; docs/decisions/0019 has the figures."""
    found: dict[int, float] = {}

    def measure() -> None:
        for every_s in (1, 2, 5, DELIVERED_EVERY_S, 20):
            folder = tmp_path / f"{every_s}"
            folder.mkdir()
            found[every_s] = asyncio.run(cure(folder, rate, every_s))

    benchmark.pedantic(measure, rounds=1)
    for every_s, each in found.items():
        per_day = each * rate * 86_400 / 1e9
        print(f"\n{rate}/s, delivered every {every_s} s: {each:.0f} bytes, {per_day:.1f} GB/day")
    benchmark.extra_info["bytes_by_delivery_s"] = found
    assert found[DELIVERED_EVERY_S] <= LIMITS[rate]
