"""Predictions and final results with little effort: what a test does not name is plausible."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from broker.messages import Prediction, ShotKpis
from broker.messages.prediction import Versions

POURED = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def prediction(**changed: Any) -> Prediction:
    """A final prediction of a shot on PANEL_A."""
    fields = {
        "site": "s",
        "press": "p1",
        "shot_id": "S1",
        "mold_id": "PANEL_A",
        "system_id": "SYSTEM_R1",
        "issued_at": POURED + timedelta(seconds=400),
        "basis": "final",
        "revision": 3,
        "status": "predicted",
        "poured_at": POURED,
        "assumed_parameters_count": 0,
        "versions": Versions(agent="1", physics="1", physics_hash="a", parameters_hash="b"),
        "ml_status": "ok",
    }
    return Prediction.model_validate(fields | changed)


def final_kpis(said: Prediction, **changed: Any) -> ShotKpis:
    """The final word on the shot of a prediction, demolded after 300 s."""
    fields = {
        **{name: getattr(said, name) for name in ("site", "press", "shot_id", "mold_id")},
        "system_id": said.system_id,
        "outcome": "demolded",
        "poured_at": said.poured_at,
        "closed_at": said.poured_at + timedelta(seconds=300),
        "prediction": said,
        "frames_count": 300,
        "simulated": said.simulated,
    }
    return ShotKpis.model_validate(fields | changed)


def final_of(predicted: Prediction, outcome: str = "demolded", after_s: float = 400.0) -> ShotKpis:
    """The final result of a predicted shot, so many seconds after its pour."""
    names = ("site", "press", "shot_id", "shot_key", "mold_id", "system_id", "poured_at")
    fields = {name: getattr(predicted, name) for name in names}
    closed_at = predicted.poured_at + timedelta(seconds=after_s)
    return ShotKpis(outcome=outcome, closed_at=closed_at, frames_count=1, **fields)
