"""Alerts about one shot, or the shots of one mold."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from broker import alert_codes as codes
from broker.errors import printable
from broker.messages import Alert, Prediction
from edge_agent.monitoring.alerts import WORDS_MAX, Severity, new_alert
from edge_agent.monitoring.shot_kpis import t_demold_actual_s
from edge_agent.monitoring.uncorrected import Uncorrected
from edge_agent.shots.shot import Shot
from edge_agent.shots.steps import ENDS


def opened_before_window(shot: Shot, prediction: Prediction, now: datetime) -> Alert | None:
    """A demolded shot that was opened before its window; None for any other.

    The corrected opening counts where the final prediction has a correction of it, else the
    physics.

    Args:
        shot: has ended.
        prediction: its final one.
    """
    actual, physics = t_demold_actual_s(shot), prediction.t_demold_min_s
    corrected = None
    if prediction.correction is not None:
        corrected = prediction.correction.values.get("t_demold_min_s")
    earliest = physics if corrected is None else corrected
    if actual is None or earliest is None or actual >= earliest:
        return None
    words = f"opened {actual:.1f} s after the end of injection, the window begins at "
    evidence: dict[str, float | str] = {"t_demold_actual_s": actual}
    if corrected is None:
        words += f"{earliest:.1f} s"
    else:
        evidence["t_demold_min_corrected_s"] = corrected
        by_physics = "no window" if physics is None else f"{physics:.1f} s"
        words += f"{corrected:.1f} s (corrected; by the physics alone {by_physics})"
    if physics is not None:
        evidence["t_demold_min_s"] = physics
    return new_alert(
        shot.address,
        now,
        codes.OPENED_BEFORE_WINDOW,
        "warning",
        f"{words}: check the part before it is used",
        shot=shot,
        evidence=evidence,
    )


def no_pour(shot: Shot, now: datetime) -> Alert:
    """A shot that nothing can be said of."""
    words = "the shot ended and no pour was reported: nothing was simulated"
    return new_alert(shot.address, now, codes.SHOT_WITHOUT_POUR, "warning", words, shot=shot)


def too_many_shots(shot: Shot, now: datetime) -> Alert:
    """A shot that was ended because its press has too many open ones."""
    words = "the press has more open shots than parts can be in work: the oldest counts as ended"
    return new_alert(shot.address, now, codes.TOO_MANY_SHOTS, "warning", words, shot=shot)


def mold_changed(shot: Shot, now: datetime) -> Alert:
    """A shot whose events name several molds."""
    others = sorted({event.mold_id for event in shot.events} - {shot.mold_id})
    words = (
        f"poured into {shot.mold_id}, but other events of the shot name {', '.join(others)}: the "
        "pour decides; check the mold selected at the press"
    )
    return new_alert(shot.address, now, codes.MOLD_CHANGED, "warning", words, shot=shot)


def second_end(shot: Shot, now: datetime) -> Alert:
    """A shot that was ended twice."""
    ends = [event for event in shot.events if event.event in ENDS]
    words = "; ".join(f"{event.event} at {event.ts.isoformat()}" for event in ends[:4])
    words = f"ended more than once: {words}: the first end counts"
    return new_alert(shot.address, now, codes.SECOND_END, "warning", words, shot=shot)


def poured_again(shot: Shot, now: datetime) -> Alert:
    """A shot with which the next one of its mold cannot be done."""
    assert shot.poured_at is not None
    assert shot.closed_at is not None
    after_s = (shot.closed_at - shot.poured_at).total_seconds()
    words = (
        f"{after_s:.3g} s after its pour the next shot of the mold began, so it counts as ended "
        "(superseded): where two devices report one pour at times apart, let one of them send it"
    )
    return new_alert(shot.address, now, codes.POURED_AGAIN, "warning", words, shot=shot)


def corrections_missing(
    shot: Shot,
    news: Literal["begins", "over"],
    missing: Uncorrected,
    ml_status: str,
    words: str,
    now: datetime,
) -> Alert:
    """A mold that gets no corrections though a model is promoted, or gets them again.

    Args:
        shot: the newest of the mold.
        news: which of both.
        missing: since when, and of how many shots.
        ml_status: of the shot.
        words: why, as far as the model says.
        now: the agent's time.
    """
    evidence: dict[str, float | str] = {"shots_count": float(missing.shots_count)}
    severity: Severity
    if news == "over":
        said = f"shots of {shot.mold_id} are corrected again, after {missing.shots_count} without"
        code, severity = codes.CORRECTIONS_BACK, "info"
    else:
        since = missing.since.isoformat(timespec="minutes")
        said = (
            f"{missing.shots_count} shots of {shot.mold_id} since {since} had no correction "
            f"({ml_status}){': ' if words else ''}{words}"
        )
        code, severity = codes.NO_CORRECTIONS, "warning"
    alert = new_alert(
        shot.address, now, code, severity, printable(said, WORDS_MAX), evidence=evidence
    )
    return alert.model_copy(update={"mold_id": shot.mold_id, "simulated": shot.simulated})
