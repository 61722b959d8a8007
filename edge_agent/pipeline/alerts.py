"""What the pipeline says besides predictions: key figures of a shot, and alerts."""

from __future__ import annotations

from datetime import datetime

from broker.errors import printable
from broker.messages import Alert, Prediction, ShotKpis
from broker.topics import PressAddress
from edge_agent.shots.shot import Shot
from edge_agent.spool.limit import News
from edge_agent.spool.repair import Salvage


def kpis_of(shot: Shot, prediction: Prediction) -> ShotKpis:
    """The final word on a shot."""
    assert shot.poured_at is not None
    assert shot.closed_at is not None
    assert shot.outcome is not None
    assert shot.system_id is not None
    actual = (shot.closed_at - shot.poured_at).total_seconds()
    return ShotKpis(
        site=shot.site,
        press=shot.press,
        shot_id=shot.shot_id,
        shot_key=shot.shot_key,
        mold_id=shot.mold_id,
        system_id=shot.system_id,
        outcome=shot.outcome,
        started_at=shot.started_at,
        poured_at=shot.poured_at,
        closed_at=shot.closed_at,
        t_demold_actual_s=actual if shot.outcome == "demolded" and actual >= 0 else None,
        prediction=prediction,
        T_core_max_C=shot.T_core_max_C,
        p_cavity_max_bar=shot.p_cavity_max_bar,
        frames_count=shot.frames_count,
        simulated=shot.simulated,
    )


def spool_alert(press: PressAddress, news: News, now: datetime) -> Alert:
    """News of the spool, for the people at a press."""
    return Alert(
        ts=now,
        site=press.site,
        press=press.press,
        code=news.code,
        severity=news.severity,
        words=news.words,
    )


def spool_salvaged(press: PressAddress, salvage: Salvage, now: datetime) -> Alert:
    """What an agent has received, and had not yet brought to the history, was damaged or lost."""
    rows = sum(salvage.saved.values())
    problems = printable("; ".join(salvage.problems), 1000)
    return Alert(
        ts=now,
        site=press.site,
        press=press.press,
        code="spool-salvaged",
        severity="critical",
        words=f"{problems}: {rows} rows were saved, what else waited in the spool is lost",
    )


def no_pour(shot: Shot, now: datetime) -> Alert:
    """A shot that nothing can be said of."""
    return Alert(
        ts=now,
        site=shot.site,
        press=shot.press,
        code="shot-without-pour",
        severity="warning",
        words="the shot ended and no pour was reported: nothing was simulated",
        shot_id=shot.shot_id,
        shot_key=shot.shot_key,
        mold_id=shot.mold_id,
        simulated=shot.simulated,
    )


def model_refused(press: PressAddress, label: str, words: str, now: datetime) -> Alert:
    """A model that is promoted, or in shadow, cannot be used."""
    return Alert(
        ts=now,
        site=press.site,
        press=press.press,
        code="ml-model-refused",
        severity="warning",
        words=f"{label} cannot be used: {words}; the physics answers alone",
    )
