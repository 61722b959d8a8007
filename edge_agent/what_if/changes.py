"""Changes of a shot that people ask for: what each means for the scenario, and how far it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from twin_core.checked_yaml import parse
from twin_core.errors import InputError
from twin_core.mold import Mold
from twin_core.scenario import Process, Scenario


class Range(NamedTuple):
    """Values that may be asked for, both ends included."""

    low: float
    high: float


CHANGES = {
    "T_polyol_C": Range(5.0, 80.0),
    "T_iso_C": Range(5.0, 80.0),
    "T_mold_C": Range(0.0, 120.0),
    "T_ambient_C": Range(-10.0, 50.0),
    "RH_ambient_pct": Range(0.0, 100.0),
    "nco_oh_index": Range(0.5, 4.0),
    "mass_kg": Range(1e-3, 1e3),
    "vents_count": Range(0, 200),
    "thickness_mm": Range(2.0, 500.0),
    "opened_s": Range(1.0, 7200.0),
}
"""Names, and what may be asked for. ``opened_s``: opening time, after the end of injection."""
_OF_PROCESS = ("T_polyol_C", "T_iso_C", "T_mold_C", "T_ambient_C", "RH_ambient_pct")


def checked(changes: Mapping[str, Any]) -> dict[str, float]:
    """The changes as numbers; None means as it was.

    Raises:
        InputError: each line names a change that cannot be.
    """
    found, problems = dict[str, float](), list[str]()
    for name, value in changes.items():
        if name not in CHANGES:
            known = ", ".join(CHANGES)
            problems.append(f"changes: {name[:64]}: is no change (known: {known})")
            continue
        if value is None:
            continue
        low, high = CHANGES[name]
        if type(value) not in (int, float) or not low <= value <= high:
            problems.append(f"changes: {name}: {value!r} is not a number {low:g} to {high:g}")
            continue
        found[name] = float(value)
    if problems:
        raise InputError("\n".join(problems))
    return found


def changed(base: Scenario, index: float | None, changes: Mapping[str, float]) -> Scenario:
    """The scenario with changes.

    Another mold temperature is one of its tempering, too. Another index keeps the mass of the shot
    and shares it out anew. Another thickness makes the cavity larger and, unless a mass is asked
    for too, the shot heavier: its density stays.

    Args:
        base: the shot as it was.
        index: its index, as the masses give it; None where there is none.
        changes: see ``checked``.

    Raises:
        InputError: the mold has no such part, or the changed scenario cannot be.
    """
    process, mold = dict[str, Any](), base.mold
    process |= {name: changes[name] for name in _OF_PROCESS if name in changes}
    polyol, iso, more = (
        *(base.process.m_polyol_kg, base.process.m_iso_kg),
        base.process.m_additives_kg,
    )
    whole = before = polyol + iso + more
    if "T_mold_C" in changes:
        mold = _tempered(mold, base.process, changes["T_mold_C"], process)
    if "thickness_mm" in changes:
        mold, wider = _thicker(mold, changes["thickness_mm"] / 1e3)
        whole *= wider
    whole = changes.get("mass_kg", whole)
    if "nco_oh_index" in changes:
        if not index:
            raise InputError("changes: nco_oh_index: the shot has no index")
        rest = before - more
        ratio = iso / polyol * changes["nco_oh_index"] / index
        polyol, iso = rest / (1.0 + ratio), rest * ratio / (1.0 + ratio)
        process["nco_oh_index"] = changes["nco_oh_index"]
    scale = whole / before
    process |= {
        "m_polyol_kg": polyol * scale,
        "m_iso_kg": iso * scale,
        "m_additives_kg": more * scale,
    }
    if "vents_count" in changes:
        vents = mold.vents.model_copy(update={"count": int(changes["vents_count"])})
        mold = mold.model_copy(update={"vents": vents})
    as_it_was = base.process.model_dump(exclude_unset=True)
    return base.model_copy(
        update={"process": parse(Process, as_it_was | process, "changes"), "mold": mold}
    )


def _tempered(mold: Mold, before: Process, T_mold_C: float, process: dict[str, Any]) -> Mold:
    """The mold tempered as much warmer as it is at the pour; halves stay as far apart."""
    was = before.T_ambient_C if before.T_mold_C is None else before.T_mold_C
    warmer = T_mold_C - was
    if before.T_mold_2_C is not None:
        process["T_mold_2_C"] = before.T_mold_2_C + warmer
    sets = {"T_set_C": mold.T_set_C, "T_set_2_C": mold.T_set_2_C}
    return mold.model_copy(
        update={name: value + warmer for name, value in sets.items() if value is not None}
    )


def _thicker(mold: Mold, thickness_m: float) -> tuple[Mold, float]:
    """The mold with another thickness, and how much larger its cavity is."""
    if mold.open or mold.cavity_volume_m3 is None:
        raise InputError("changes: thickness_mm: an open cup has no thickness")
    wider = thickness_m / mold.slab_thickness_m()
    size = {"thickness_m": thickness_m, "cavity_volume_m3": mold.cavity_volume_m3 * wider}
    return mold.model_copy(update=size), wider
