"""What is kept of a curing shot for features: from the pour on, possible, bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edge_agent.shots.cure_readings import EARLY_MAX, CureReadings, us
from twin_core.learning.features import live_columns
from twin_core.learning.thinning import CELLS, thinned

POURED = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return POURED + timedelta(seconds=seconds)


def test_in_whatever_order_readings_come() -> None:
    known, late = CureReadings(), CureReadings()
    times = [-5.0, 0.0, 10.0, 30.0, 20.0, 20.0, 119.0, 121.0, 200.0, 40.0]
    for t in times:
        known.read("T_core_C", us(at(t)), 20.0 + t / 10, us(POURED))
        late.read("T_core_C", us(at(t)), 20.0 + t / 10, None)
    late.poured(POURED)
    readings = known.readings("T_core_C", POURED)
    assert [t for t, _ in readings] == [0.0, 10.0, 20.0, 30.0, 40.0, 119.0]
    assert late == known
    assert known.peak("T_core_C", POURED, at(300.0)) == (200.0, 40.0)
    assert known.peak("T_core_C", POURED, at(150.0)) is None, "it came after the end"
    assert CureReadings.model_validate_json(known.model_dump_json()) == known


def test_what_is_impossible_is_left_out() -> None:
    cure = CureReadings()
    for value in (850.0, -270.0):
        cure.read("T_core_C", us(at(10.0)), value, us(POURED))
    cure.read("T_polyol_C", us(at(10.0)), 24.0, us(POURED))
    assert cure == CureReadings()


def test_the_first_of_equal_peaks_counts() -> None:
    cure = CureReadings()
    for t in (30.0, 20.0, 40.0):
        cure.read("p_cavity_bar", us(at(t)), 2.0, us(POURED))
    assert cure.peak("p_cavity_bar", POURED, at(60.0)) == (20.0, 2.0)


def test_a_quick_sensor_is_thinned_out() -> None:
    cure, all_of_it = CureReadings(), list[tuple[float, float]]()
    for i in range(1300):
        t, value = i / 10, 25.0 + i / 40
        cure.read("T_core_C", us(at(t)), value, us(POURED))
        all_of_it.append((t, value))
    kept = cure.readings("T_core_C", POURED)
    assert EARLY_MAX / 2 <= len(kept) <= EARLY_MAX
    whole, thin = live_columns(all_of_it, []), live_columns(kept, [])
    name = "meas_T_core_slope_0_60_C_per_s"
    assert abs(thin[name] - whole[name]) < 1e-6
    assert abs(thin["meas_T_core_avg_0_120_C"] - whole["meas_T_core_avg_0_120_C"]) < 0.5


def test_a_long_wait_before_the_pour_takes_no_memory() -> None:
    cure = CureReadings()
    for i in range(5000):
        cure.read("T_core_C", us(at(-500.0 + i / 10)), 25.0, None)
    assert len(cure.early["T_core_C"].values) == EARLY_MAX


def test_curves_are_thinned_out_as_those_of_a_feature_set() -> None:
    """In any order, with repeats, and when the pour is told late or again at another moment."""
    pairs = [(i / 4, 20.0 + i / 40) for i in range(400)]
    ahead, late, moved = CureReadings(), CureReadings(), CureReadings()
    for t, value in [*reversed(pairs), *pairs[::3]]:
        ahead.read("T_mold_C", us(at(t)), value, us(POURED))
    for t, value in pairs:
        late.read("T_mold_C", us(at(t)), value, None if t < 20.0 else us(POURED))
        moved.read("T_mold_C", us(at(t)), value, us(at(10.0)))
    late.poured(POURED)
    moved.poured(at(20.0))
    assert ahead.shapes() == late.shapes() == {"T_mold_C": thinned(pairs)}
    assert moved.shapes()["T_mold_C"][0] == (0.0, 20.0 + 80 / 40)
    assert CureReadings.model_validate_json(ahead.model_dump_json()) == ahead


def test_a_curve_of_a_day_stays_small() -> None:
    cure = CureReadings()
    for i in range(0, 90_000, 5):
        cure.read("p_cavity_bar", us(at(float(i))), 1.0 + i * 1e-6, us(POURED))
    begins = (0, *(until for until, _ in CELLS))
    cells = [(end - begin) // width for (end, width), begin in zip(CELLS, begins, strict=False)]
    assert len(cure.shapes()["p_cavity_bar"]) == sum(cells) + 1
