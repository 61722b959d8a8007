"""The result of an optimisation as advice: set points that change, what is gained, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.ids import is_identifier
from broker.messages import AdviceProposal, AdvisedChange
from broker.messages.advice import CHANGES_LIMIT
from broker.messages.events import Component
from edge_agent.web.jobs.rounded import MASSES, Changes, rounded
from edge_agent.web.live.state import LiveState, MoldKey
from twin_core.errors import InputError

SET_POINTS = (
    *("T_polyol_C", "T_iso_C", "T_mold_C", "T_mold_2_C"),
    *("m_polyol_kg", "m_iso_kg", "m_additives_kg", "blowing_agent_pct"),
)
"""Of a process; what a press is set to."""
OF_THE_MOLD = ("vents_count", "vent_area_m2")
"""Settings that are no set points of a process."""
EXPECTED = {"cycle_s": "cycle_s", "pressure_bar": "p_max_bar", "material_kg": "material_kg"}
"""Figures of a point, and their names in the advice."""
LOTS: dict[Component, str] = {
    "polyol": "lot_polyol",
    "isocyanate": "lot_isocyanate",
    "additives": "lot_additives",
}
WHY_CHARACTERS = 2000
Document = dict[str, Any]


def proposal_of(
    result: Mapping[str, Any],
    asked: Mapping[str, Any],
    job_id: str,
    number: int | None,
    lots: Mapping[Component, str],
) -> AdviceProposal:
    """What to advise to a mold.

    Args:
        result: of a job ``optimize``.
        asked: the document of the job, which names the material.
        job_id: of the job.
        number: of a point of the front; None: the point that was chosen.
        lots: that it is valid for.

    Raises:
        InputError: the result is partial, there is no such point, it is not feasible, or it
            changes nothing.
    """
    if result.get("partial"):
        raise InputError("the job did not run to its end: nothing of a partial result is advised")
    point, today = _point(result, number), result.get("today")
    if not isinstance(today, Mapping):
        raise InputError("the result has no settings of today to compare with")
    masses = {name: point["process"].get(name) or 0.0 for name in MASSES}
    index = point["settings"].get("nco_oh_index")
    changes = rounded(_changes(today, point), result, masses, index)
    if not changes:
        raise InputError("the point changes nothing: the settings of today are as good")
    gain = result.get("gain") or {}
    before = today.get("t_open_s")
    _, after = changes.get("t_open_s", (before, before))
    per_year = gain.get("per_year") if point == result.get("chosen") else None
    return AdviceProposal(
        system_id=_system_id(asked),
        lots=dict(lots),
        changes=[
            AdvisedChange(name=name, value=value, before=was)
            for name, (was, value) in [*changes.items()][:CHANGES_LIMIT]
        ],
        why=_why(result, point, number)[:WHY_CHARACTERS],
        gain_s=None if before is None or after is None else float(before - after),
        gain_money_per_year=per_year,
        currency=_currency(gain) if per_year is not None else None,
        expected={
            name: float(value)
            for figure, name in EXPECTED.items()
            if (value := point["figures"].get(figure)) is not None
        },
        made_by=f"optimize, job {job_id}",
    )


def lots_in(live: LiveState, key: MoldKey) -> dict[Component, str]:
    """Lots of the newest shot of a mold, as far as they were heard."""
    mold = live.molds.get(key)
    event = None if mold is None else mold.event
    if event is None:
        return {}
    found = {component: getattr(event, field) for component, field in LOTS.items()}
    return {component: lot for component, lot in found.items() if lot is not None}


def _point(result: Mapping[str, Any], number: int | None) -> Mapping[str, Any]:
    front = result.get("front") or []
    if number is None:
        found = result.get("chosen")
        if found is None:
            raise InputError("no point is feasible: there is nothing to advise")
    elif number >= len(front):
        raise InputError(f"point: the front has {len(front)} points, the first is number 0")
    else:
        found = front[number]
    if not found.get("confirmed"):
        raise InputError(
            "the point was not confirmed on fresh draws: nothing is advised that was not checked",
            hint="let the job run to its end",
        )
    return dict(found)


def _changes(today: Mapping[str, Any], point: Mapping[str, Any]) -> Changes:
    found: list[tuple[str, Any, Any]] = [
        (name, today["process"].get(name), point["process"].get(name)) for name in SET_POINTS
    ]
    found += [
        (name, today["settings"].get(name), point["settings"].get(name)) for name in OF_THE_MOLD
    ]
    found.append(("t_open_s", today.get("t_open_s"), point.get("t_open_s")))
    return {
        name: (None if before is None else float(before), float(value))
        for name, before, value in found
        if value is not None and (before is None or not _alike(before, value))
    }


def _alike(first: float, second: float) -> bool:
    return bool(abs(first - second) <= 1e-6 * max(abs(first), abs(second)))


def _why(result: Mapping[str, Any], point: Mapping[str, Any], number: int | None) -> str:
    is_chosen = point == result.get("chosen")
    chosen = result.get("why_chosen") if is_chosen else f"point {number} of the front"
    share, low, high = (100 * point[f"violated_{name}"] for name in ("share", "low", "high"))
    return (
        f"{chosen or 'the best point'}; {point['decides']} decides the opening; limits missed in "
        f"{share:.1f} % ({low:.1f} to {high:.1f} %) of {point['draws']} draws in the scatter of "
        f"production ({result.get('scatter_source', '')})"
    )


def _system_id(asked: Mapping[str, Any]) -> str:
    system = asked.get("system")
    found = asked.get("system_id") or (system or {}).get("system_id")
    if not isinstance(found, str) or not is_identifier(found):
        raise InputError("the job names no material system that an advice could be valid for")
    return found


def _currency(gain: Mapping[str, Any]) -> str | None:
    currency = gain.get("currency")
    known = isinstance(currency, str) and len(currency) == 3 and currency.isupper()
    return currency if known and currency is not None and currency.isascii() else None
