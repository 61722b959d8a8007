"""Key figures of a shot that has ended."""

from __future__ import annotations

from broker.messages import Prediction, ShotKpis
from edge_agent.shots.shot import Shot


def t_demold_actual_s(shot: Shot) -> float | None:
    """Time from the end of injection to the opening in s; None unless the shot was demolded."""
    if shot.outcome != "demolded" or shot.poured_at is None or shot.closed_at is None:
        return None
    actual = (shot.closed_at - shot.poured_at).total_seconds()
    return actual if actual >= 0 else None


def kpis_of(shot: Shot, prediction: Prediction) -> ShotKpis:
    """The final word on a shot."""
    assert shot.poured_at is not None
    assert shot.closed_at is not None
    assert shot.outcome is not None
    assert shot.system_id is not None
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
        t_demold_actual_s=t_demold_actual_s(shot),
        prediction=prediction,
        T_core_max_C=shot.T_core_max_C,
        p_cavity_max_bar=shot.p_cavity_max_bar,
        frames_count=shot.frames_count,
        readings_left_out=shot.readings_left_out,
        revision=prediction.revision,
        corrected=shot.corrected,
        simulated=shot.simulated,
    )
