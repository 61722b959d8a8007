"""Alerts that follow from a shot."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.alert_codes import OPENED_BEFORE_WINDOW
from broker.messages import Alert
from broker.messages.prediction import Correction, Interval
from edge_agent.monitoring.shot_alerts import opened_before_window
from edge_agent.pipeline.assemble import Shot
from tests.support.predictions import POURED, prediction

NOW = POURED + timedelta(seconds=400)


def alert(
    opened_s: float | None,
    earliest_s: float | None,
    corrected_s: float | None = None,
    outcome: str = "demolded",
) -> Alert | None:
    shot = Shot(
        site="s",
        press="p1",
        shot_id="S1",
        mold_id="PANEL_A",
        poured_at=POURED,
        closed_at=None if opened_s is None else POURED + timedelta(seconds=opened_s),
        outcome=None if opened_s is None else outcome,
        simulated=True,
    )
    correction = None
    if corrected_s is not None:
        name = "t_demold_min_s"
        correction = Correction(
            model="demold/3",
            known_at="demold",
            in_domain=True,
            values={name: corrected_s},
            intervals={name: Interval(low=corrected_s - 5, high=corrected_s + 5, coverage=0.9)},
        )
    final = prediction(
        status="hold" if earliest_s is None else "predicted",
        t_demold_min_s=earliest_s,
        correction=correction,
    )
    return opened_before_window(shot, final, NOW)


def test_both_numbers_are_said() -> None:
    found = alert(75.2, 91.46)
    assert found is not None
    assert (found.code, found.severity) == (OPENED_BEFORE_WINDOW, "warning")
    assert found.words == (
        "opened 75.2 s after the end of injection, the window begins at 91.5 s: "
        "check the part before it is used"
    )
    assert found.evidence == {"t_demold_actual_s": 75.2, "t_demold_min_s": 91.46}
    assert (found.shot_id, found.mold_id, found.simulated) == ("S1", "PANEL_A", True)


def test_the_corrected_opening_decides() -> None:
    found = alert(95.0, 91.5, corrected_s=110.0)
    assert found is not None
    assert "begins at 110.0 s (corrected; by the physics alone 91.5 s)" in found.words
    assert found.evidence["t_demold_min_corrected_s"] == 110.0
    assert alert(85.0, 91.5, corrected_s=80.0) is None


@pytest.mark.parametrize(
    ("opened_s", "earliest_s", "outcome"),
    [
        (91.5, 91.5, "demolded"),
        (300.0, 91.5, "demolded"),
        (75.0, 91.5, "aborted"),
        (75.0, 91.5, "timed_out"),
        (75.0, None, "demolded"),
        (-3.0, 91.5, "demolded"),
        (None, 91.5, "demolded"),
    ],
)
def test_nothing_to_say(opened_s: float | None, earliest_s: float | None, outcome: str) -> None:
    assert alert(opened_s, earliest_s, outcome=outcome) is None
