"""Mistakes: slips of the pen, °F, channels that are out, and when a record arrives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from broker.messages import QualityRecord
from edge_agent.virtual_plant import HARSH
from edge_agent.virtual_plant.mistakes import (
    Mistakes,
    arrival,
    as_shown,
    draw_mistakes,
    fahrenheit,
    mistyped,
    swapped,
)
from edge_agent.virtual_plant.schedule import Slot

START = datetime(2025, 1, 6, tzinfo=UTC)


def test_swapped_digits() -> None:
    assert swapped(38.52, 0) == 83.52
    assert swapped(38.52, 1) == 35.82
    assert swapped(30.05, 0) == 30.5, "never a zero in front"
    assert swapped(104.2, 0) == 140.2


def test_slips() -> None:
    rng = np.random.default_rng(3)
    record = QualityRecord(
        ts=START, shot_id="s", rho_moulded_kg_per_m3=38.52, t_demold_safe_s=330.0, simulated=True
    )
    typed = [mistyped(rng, record, HARSH) for _ in range(4000)]
    slips = [slip for _, slip in typed if slip is not None]
    assert len(slips) / len(typed) == pytest.approx(HARSH.typo_share, abs=0.01)
    for found, slip in typed:
        match slip:
            case None:
                assert found == record
            case "ten_times":
                assert found.rho_moulded_kg_per_m3 == pytest.approx(385.2)
            case "minutes":
                assert found.t_demold_safe_s == pytest.approx(5.5)
            case _:
                assert found.rho_moulded_kg_per_m3 != record.rho_moulded_kg_per_m3
    untimed = record.model_copy(update={"t_demold_safe_s": None})
    always = replace(HARSH, typo_share=1.0)
    kinds = {mistyped(rng, untimed, always)[1] for _ in range(50)}
    assert kinds == {"ten_times", "swapped"}


def test_readings_as_they_are_sent() -> None:
    assert fahrenheit(100.0) == 212.0
    frames = [(5.0, {"T_core_C": 100.0, "T_mold_C": 45.0, "p_cavity_bar": 1.1}), (10.0, {})]
    wrong = Mistakes(out=frozenset({"T_mold_C"}), fahrenheit=frozenset({"T_core_C"}))
    assert as_shown(frames, wrong) == [(5.0, {"T_core_C": 212.0, "p_cavity_bar": 1.1}), (10.0, {})]
    assert as_shown(frames, Mistakes()) == frames


def test_outages_last_hours_and_units_are_mixed_up_in_runs() -> None:
    slots = [Slot(i + 1, i % 2, START + timedelta(minutes=20 * i)) for i in range(4000)]
    found = draw_mistakes(1, slots, 1, 2, START, 4000 / 72.0, HARSH)
    missing = [m.out for m in found.values() if m.out]
    assert 0.05 < len(missing) / len(slots) < 0.4
    assert set().union(*missing) >= {"T_mold_C", "RH_ambient_pct", "T_polyol_C"}
    damp = {number for number, m in found.items() if "RH_ambient_pct" in m.out}
    out = [slot.number in damp for slot in slots]
    starts = sum(b and not a for a, b in zip([False, *out], out, strict=False))
    assert sum(out) / starts > 6.0, "hours, at 20 minutes from pour to pour"
    wrong = [s.number for s in slots if s.number in found and found[s.number].fahrenheit]
    runs = 1 + sum(b - a > 1 for a, b in pairwise(wrong))
    assert 3.0 <= len(wrong) / runs <= 2.0 * HARSH.fahrenheit_shots_max
    assert all(not (m.out & m.fahrenheit) for m in found.values())


def test_batches_have_no_order() -> None:
    rng = np.random.default_rng(4)
    measured = [START + timedelta(hours=0.2 * i) for i in range(3000)]
    arrived = [arrival(rng, moment, START, HARSH) for moment in measured]
    waits = np.array([(b - a) / timedelta(hours=1) for a, b in zip(measured, arrived, strict=True)])
    assert waits.min() >= 0.0
    late = waits > HARSH.lab_batch_hours + 0.1
    assert np.mean(late) == pytest.approx(HARSH.lab_late_share, abs=0.03)
    assert waits.max() < 24.0 * HARSH.lab_late_days_max + HARSH.lab_batch_hours + 0.1
    after_batch = [(b - START) % timedelta(hours=HARSH.lab_batch_hours) for b in arrived]
    assert max(after_batch) <= timedelta(minutes=1)
