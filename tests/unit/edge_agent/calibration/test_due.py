"""Whether a calibration is due: reasons, and how often the charts are wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from edge_agent.calibration.due import MoldDue, judge
from edge_agent.calibration.due_charts import QUANTITIES, Charts, Checked, residual
from edge_agent.logged_shots.logged_event import LoggedEvent
from tests.support.calibration_shots import HOUR, START, parameter_set, shot
from tests.support.scenarios import catalogue
from twin_core.calibration.parameter_set import ParameterSet

FITTED, SINCE = 60, 60
MOLDS = ("A", "B", "C")
PREDICTED = {
    "sim_T_core_max_C": 130.0, "sim_p_max_bar": 1.3, "sim_rho_moulded": 60.0,
    "sim_t_demold_min_s": 300.0,
}  # fmt: skip
NOW = START + (FITTED + SINCE) * HOUR


def plant(
    seed: int,
    shift: float = 0.0,
    since: int = SINCE,
    memory: float = 0.0,
    own: ParameterSet | None = None,
    **values: Any,
) -> Checked:
    """Shots of three molds with a set; what is measured scatters about what it predicts.

    Args:
        shift: of the core of mold A after the shots of the set [K].
        memory: correlation of neighbours.
        values: fields of the shots since.
    """
    rng = np.random.default_rng(seed)
    shots = []
    for mold_id in MOLDS:
        noise = rng.normal(size=(FITTED + since, 2))
        for number in range(1, FITTED + since):
            noise[number] = memory * noise[number - 1] + np.sqrt(1 - memory**2) * noise[number]
        for number, (core, pressure) in enumerate(noise):
            is_new = number >= FITTED
            moved = shift if is_new and mold_id == "A" else 0.0
            peaks = {"T_core_C": 130.0 + core + moved, "p_cavity_bar": 1.3 + 0.01 * pressure}
            shots.append(shot(number, mold_id, **peaks, **(values if is_new else {})))
    shots.sort(key=lambda one: one.poured_at)
    own = own or parameter_set(FITTED - 1, {mold_id: {} for mold_id in MOLDS})
    return Checked(shots, [PREDICTED] * len(shots), {(m, "SYSTEM_R1"): own for m in MOLDS})


def judged(
    checked: Checked, events: list[LoggedEvent] | None = None, now: datetime = NOW, **more: Any
) -> dict[str, MoldDue]:
    counts = {(mold_id, "SYSTEM_R1"): SINCE for mold_id in MOLDS} | more.get("counts", {})
    systems = catalogue()
    found = judge(counts, checked, events or [], systems, now, timedelta(days=180))
    return {one.mold_id: one for one in found}


def codes(one: MoldDue) -> list[str]:
    return [reason.code for reason in one.reasons]


def event(kind: str, number: float, mold_id: str = "", part: str = "") -> LoggedEvent:
    at = START + number * HOUR
    return LoggedEvent(
        site="s", press="p1", mold_id=mold_id, kind=kind, part=part, ts=at, known_at=at
    )


def test_nothing_is_due_where_nothing_changed() -> None:
    assert [one.is_due for one in judged(plant(1)).values()] == [False, False, False]


def test_a_core_that_moved_is_due_in_its_mold_alone() -> None:
    found = judged(plant(1, shift=1.5))
    assert [codes(one) for one in found.values()] == [["chart"], [], []]
    (reason,) = found["A"].reasons
    assert reason.words.startswith("peak of the core: measured minus predicted has moved by +1.")
    assert " K since S6" in reason.words


@pytest.mark.parametrize("memory", [0.0, 0.5])
def test_false_alarms_of_a_few_checks(memory: float) -> None:
    alarms = sum(bool(Charts(plant(seed, memory=memory)).alarms(("A", "SYSTEM_R1")))
                 for seed in range(8))  # fmt: skip
    assert alarms == 0


@pytest.mark.peers
@pytest.mark.parametrize("memory", [0.0, 0.5])
def test_false_alarms_are_as_rare_as_is_said(memory: float) -> None:
    """One check of a hundred, all charts together: of 400 four, and hardly ever more than ten."""
    checks = 400
    alarms = sum(
        any(chart.side for chart in Charts(plant(seed, memory=memory)).charts)
        for seed in range(checks)
    )
    print(f"false alarms: {alarms} of {checks} checks, memory {memory:g}")
    assert alarms <= 10


def test_the_sensor_is_compared_as_it_reads() -> None:
    own = parameter_set(FITTED - 1, {"A": {"T_core_offset_C": 2.0}})
    one = shot(0, "A", T_core_C=131.0, results={"rho_moulded_kg_per_m3": 63.0})
    assert residual(QUANTITIES["T_core_C"], one, PREDICTED, own) == pytest.approx(3.0)
    density = residual(QUANTITIES["rho_moulded_kg_per_m3"], one, PREDICTED, own)
    assert density == pytest.approx(5.0)
    assert np.isnan(residual(QUANTITIES["p_cavity_bar"], one, PREDICTED, own))
    assert np.isnan(residual(QUANTITIES["T_core_C"], one, None, own))


def test_never_calibrated_is_due_from_thirty_shots_on() -> None:
    empty = Checked([], [], {})
    found = judged(empty, counts={("B", "SYSTEM_R1"): 29})
    assert codes(found["A"]) == ["never_calibrated"]
    assert codes(found["B"]) == []
    assert found["B"].notes == ["no parameter set is in use; a calibration needs 30 shots"]


def test_age_and_another_system_are_reasons() -> None:
    late = judged(plant(1), now=NOW + timedelta(days=200))
    assert codes(late["A"]) == ["age"]
    assert "202 days old, allowed are 180" in late["A"].reasons[0].words
    molds: dict[str, dict[str, float]] = {mold_id: {} for mold_id in MOLDS}
    other = parameter_set(FITTED - 1, molds, system_hash="0123456789abcdef")
    assert codes(judged(plant(1, own=other))["A"]) == ["does_not_fit"]
    older = parameter_set(FITTED - 1, molds, physics_hash="0123456789abcdef")
    assert codes(judged(plant(1, own=older))["A"]) == ["does_not_fit"]


def test_a_new_lot_is_due_until_the_charts_have_seen_enough_of_it() -> None:
    fresh = judged(plant(1, since=5, lot="polyol P-2"))["A"]
    assert codes(fresh) == ["new_lot"]
    assert fresh.reasons[0].words == "new lot: polyol P-2 on 2026-05-06"
    seen = judged(plant(1, lot="polyol P-2"))["A"]
    assert codes(seen) == []
    assert seen.notes == [
        "new lot: polyol P-2 on 2026-05-06: the control charts have seen no change since"
    ]


def test_what_was_done_to_a_press_is_due_until_the_charts_have_seen_enough() -> None:
    just = [event("maintenance", 117.5), event("cleaning", 118.5), event("sensor_replaced", 1.0)]
    found = judged(plant(1), just)["A"]
    assert codes(found) == ["maintenance"]  # the sensor was replaced before the set
    assert found.notes == ["cleaned last on 2026-05-09: routine, no reason"]
    replaced = event("sensor_replaced", 110.5, "B", "T_core_C")
    assert codes(judged(plant(1), [replaced])["B"]) == ["sensor_replaced"]
    assert codes(judged(plant(1), [replaced])["A"]) == []
    early = judged(plant(1), [event("maintenance", FITTED + 1.5)])["A"]
    assert codes(early) == []
    assert early.notes[0].endswith("the control charts have seen no change since")
    moved = judged(plant(1, shift=1.5), [event("maintenance", FITTED + 1.5)])["A"]
    assert codes(moved) == ["chart", "maintenance"]


def test_without_shots_of_the_set_there_is_no_chart_and_it_is_said() -> None:
    whole = plant(1)
    late = [one for one in whole.shots if one.poured_at > START + FITTED * HOUR]
    found = judged(Checked(late, [PREDICTED] * len(late), whole.sets))["A"]
    assert found.notes[0].startswith("no control chart: it needs 40 shots")
    assert found.as_dict()["due"] is False
