"""Composition that a bare data sheet implies: mix ratio, % NCO and index give hydroxyl and water
together, the free-rise density tells how much of it is water.

What the sheet does not say is a ``Guess`` with a range, assumed and said so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scipy.optimize import brentq

from twin_core.calibration.complete_sheet import LEAST_WATER, MOST_WATER, completed
from twin_core.calibration.record import rounded
from twin_core.data_sheet import FREE_RISE, cup_recipe, iso_per_polyol, lightest_density
from twin_core.data_sheet_only import SheetOnly
from twin_core.errors import InputError
from twin_core.materials import SHEET, Components, MaterialSystem
from twin_core.mold import Mold
from twin_core.parameters import Parameter
from twin_core.scenario import Scenario
from twin_core.single_shot import free_rise_density
from twin_core.units import M_H2O_KG_PER_MOL, M_NCO_KG_PER_MOL, MG_KOH_PER_MOL

OH, WATER_PATH = "composition.oh_number", "composition.water_fraction"
NCO, AGENT = "composition.nco_content", "composition.blowing_agent_fraction"
F_POLYOL, F_ISO = "composition.polyol_functionality", "composition.iso_functionality"
INDEX, RATIO, MOLDED = "nco_oh_index", "iso_per_polyol", "rho_moulded_kg_per_m3"
GEL, RISE = "t_gel_s", "t_rise_s"

LEAST_OH = 15.0
"""mgKOH/g; no polyol of a foam has less."""
RIGID_OH = 200.0
"""mgKOH/g; above it the foam is taken as rigid, below as flexible or integral skin (assumed)."""
LIKE_RIGID, LIKE_SOFT = "RIGID_PANEL", "INTEGRAL_SKIN"
"""Systems of the catalogue that lend what a sheet never says."""
HEAVY = 100.0
"""kg/m3; a moulded part above it is an integral-skin or structural foam (assumed)."""

RANGE = re.compile(r"([\d.]+) to ([\d.]+)\b")


@dataclass(frozen=True)
class Guess:
    """A quantity that is not told: value and range, and why so."""

    value: float
    low: float
    high: float
    unit: str
    why: str


Density = Callable[[MaterialSystem], float]


def with_ranges(sheet: SheetOnly) -> SheetOnly:
    """The sheet with the middle of what it gives as a range: ``t_rise_s: 45 to 65 s``."""
    found = dict(sheet.sheet)
    for name, words in sheet.words.items():
        match = RANGE.match(words)
        if name not in SHEET or name in found or match is None:
            continue
        low, high = float(match[1]), float(match[2])
        found[name] = Parameter(
            value=(low + high) / 2.0,
            unit=SHEET[name].unit,
            kind="supplier",
            source=f"middle of {words}",
            spread=(high - low) / 4.0,
        )
    return sheet.model_copy(update={"sheet": found})


def with_gel_time(sheet: SheetOnly, gel: Guess | None) -> SheetOnly:
    """The sheet with an assumed gel time: without one, nothing decides the rate of gelling."""
    if gel is None:
        return sheet
    spread = (gel.high - gel.low) / 4.0
    number = Parameter(value=gel.value, unit="s", kind="assumed", source=gel.why, spread=spread)
    return sheet.model_copy(update={"sheet": sheet.sheet | {GEL: number}})


def guesses(sheet: SheetOnly) -> dict[str, Guess]:
    """What is needed for a composition, and neither told nor implied by what is told."""
    told = {name: p.value for name, p in sheet.sheet.items()}
    known = {path: p.value for path, p in sheet.known.items()}
    found: dict[str, Guess] = {}
    if NCO not in known:
        middle = 28.0 if heavy(sheet) else 31.0
        why = "polymeric MDI has 30 to 32, prepolymers of integral skin 26 to 30"
        found[NCO] = Guess(middle, 26.0, 32.0, "%", why)
    if F_ISO not in known:
        polymeric = not heavy(sheet) and known.get(NCO, 31.0) >= 29.0
        middle = 2.7 if polymeric else 2.2
        why = "polymeric MDI has 2.7, prepolymers from 2.1"
        found[F_ISO] = Guess(middle, 2.1, 2.8, "1", why)
    if RATIO not in told and OH not in known:
        found[RATIO] = (
            Guess(0.5, 0.35, 0.8, "kg/kg", "usual of integral skin; not on the sheet")
            if heavy(sheet)
            else Guess(1.1, 0.8, 1.6, "kg/kg", "usual of rigid foams; not on the sheet")
        )
    if INDEX not in told and not (RATIO in told and {OH, WATER_PATH} <= known.keys()):
        found[INDEX] = Guess(1.05, 0.95, 1.15, "1", "usual of urethane foams; not on the sheet")
    if FREE_RISE not in told and WATER_PATH not in known:
        found[FREE_RISE] = _density(sheet)
    rise = told.get(RISE)
    if rise is not None and GEL not in told:
        found[GEL] = Guess(
            rounded(0.65 * rise, 3), rounded(0.5 * rise, 3), rounded(0.9 * rise, 3), "s",
            "half to nine tenths of the rise time; not on the sheet",
        )  # fmt: skip
    return found


def molded_density(sheet: SheetOnly) -> float | None:
    """Moulded density of the sheet [kg/m3]; of a range the lightest."""
    if MOLDED in sheet.sheet:
        return sheet.sheet[MOLDED].value
    match = RANGE.match(sheet.words.get("rho_range_kg_per_m3", ""))
    return None if match is None else float(match[1])


def heavy(sheet: SheetOnly) -> bool:
    """Is it an integral-skin or structural foam, by its moulded density?"""
    molded = molded_density(sheet)
    return molded is not None and molded > HEAVY


def _density(sheet: SheetOnly) -> Guess:
    molded, words = molded_density(sheet), "the sheet's moulded density"
    if molded is None:
        raise InputError(
            f"system {sheet.system_id}: its sheet gives no density: give sheet.{FREE_RISE} or "
            f"sheet.{MOLDED} [kg/m3]"
        )
    middle, low, high = (2.5, 1.6, 4.0) if molded > HEAVY else (1.4, 1.15, 1.8)
    return Guess(
        rounded(molded / middle, 3), rounded(molded / high, 3), rounded(molded / low, 3), "kg/m3",
        f"{words}, packed {low:g} to {high:g} times",
    )  # fmt: skip


def polyol_functionality(sheet: SheetOnly, oh_number: float) -> Guess | None:
    """What is usual at a hydroxyl number; None where it is known."""
    if F_POLYOL in sheet.known:
        return None
    if oh_number >= RIGID_OH:
        return Guess(4.0, 3.0, 4.8, "1", "rigid polyols: glycerol to sugar")
    return Guess(2.4, 2.2, 3.0, "1", "flexible and integral-skin blends: triols with diols")


def hydroxyl(ratio: float, nco_pct: float, index: float, water: float) -> float:
    """OH number [mgKOH/g] that is left of the groups for a water content [kg/kg].

    ratio %NCO/(4.202 index) = OH/56.1 + 2 w/0.018015, per kg of polyol.
    """
    groups = ratio * nco_pct / 100.0 / M_NCO_KG_PER_MOL / index
    return 1e-3 * MG_KOH_PER_MOL * (groups - 2.0 * water / M_H2O_KG_PER_MOL)


def skeleton(
    sheet: SheetOnly, like: MaterialSystem, numbers: Mapping[str, float]
) -> MaterialSystem:
    """A system of the sheet, everything else from another; its composition is still to be found."""
    first = {OH: 100.0, WATER_PATH: 0.01, AGENT: 0.0, F_POLYOL: 3.0} | {
        path: value for path, value in numbers.items() if path.startswith("composition.")
    }
    units = {f"composition.{name}": unit for name, unit in COMPONENTS.items()}
    known = {
        path: Parameter(value=value, unit=units[path], kind="assumed", source="to be inferred")
        for path, value in first.items()
    }
    return completed(sheet.model_copy(update={"known": known | sheet.known}), like, False)


COMPONENTS = {
    "oh_number": "mgKOH/g", "polyol_functionality": "1", "water_fraction": "kg/kg",
    "blowing_agent_fraction": "kg/kg", "nco_content": "%", "iso_functionality": "1",
}  # fmt: skip


def solved(
    sheet: SheetOnly, base: MaterialSystem, numbers: Mapping[str, float], density: Density
) -> MaterialSystem:
    """The system with the hydroxyl number and water that ratio, % NCO, index and density imply.

    Args:
        numbers: what is assumed of ``guesses``, by name.
        density: of a trial system's cup [kg/m3].

    Raises:
        InputError: no composition gives the sheet's numbers.
    """
    told = {name: p.value for name, p in sheet.sheet.items()} | dict(numbers)
    known = {path: p.value for path, p in sheet.known.items()}
    own = {path: v for path, v in numbers.items() if path.startswith("composition.")}
    base = base.with_numbers(own)
    mix = base.composition
    assert isinstance(mix, Components)
    nco = mix.nco_content.value
    ratio, index, rho = told.get(RATIO), told.get(INDEX), told.get(FREE_RISE)

    def trial(water: float) -> MaterialSystem:
        if OH in known:
            oh = known[OH]
        else:
            assert ratio is not None
            assert index is not None
            oh = hydroxyl(ratio, nco, index, water)
        found = base.with_numbers({OH: oh, WATER_PATH: water})
        if ratio is not None:
            return _with_ratio(found, ratio)
        assert index is not None
        assert isinstance(found.composition, Components)
        return _with_ratio(found, iso_per_polyol(found.composition, index))

    if WATER_PATH in known:
        found = trial(known[WATER_PATH])
        _check_hydroxyl(sheet, found)
        return found
    most = MOST_WATER
    if OH not in known:
        assert ratio is not None
        assert index is not None
        groups = hydroxyl(ratio, nco, index, 0.0) - LEAST_OH
        most = min(MOST_WATER, groups / (1e-3 * MG_KOH_PER_MOL) * M_H2O_KG_PER_MOL / 2.0)
    assert rho is not None

    def off(log_w: float) -> float:
        return math.log(density(trial(math.exp(log_w))) / rho)

    if most <= LEAST_WATER or off(math.log(LEAST_WATER)) < 0.0 or off(math.log(most)) > 0.0:
        raise InputError(
            f"system {sheet.system_id}: no water content from {LEAST_WATER:g} to {most:.3g} kg/kg "
            f"gives {rho:g} kg/m3 beside its mix ratio, {nco:g} % NCO and index: check them, or "
            f"give known.{AGENT} [kg/kg]"
        )
    low, high = math.log(LEAST_WATER), math.log(most)
    return trial(math.exp(float(brentq(off, low, high, xtol=1e-5))))


def _check_hydroxyl(sheet: SheetOnly, system: MaterialSystem) -> None:
    mix = system.composition
    assert isinstance(mix, Components)
    if mix.oh_number.value < LEAST_OH:
        raise InputError(
            f"system {sheet.system_id}: mix ratio, {mix.nco_content.value:g} % NCO, index and "
            f"{mix.water_fraction.value:g} kg/kg of water leave {mix.oh_number.value:.3g} mgKOH/g "
            f"for the polyol (at least {LEAST_OH:g}): they do not fit together"
        )


def _with_ratio(system: MaterialSystem, ratio: float) -> MaterialSystem:
    """The mix ratio where the sheet has none, so that its cup is poured with it."""
    old = system.sheet.get(RATIO)
    if old is not None and old.kind == "supplier":
        return system
    new = Parameter(value=ratio, unit="kg/kg", kind="assumed", source="from composition and index")
    return system.model_copy(update={"sheet": system.sheet | {RATIO: new}})


def lightest(system: MaterialSystem) -> float:
    """Density of the lightest foam of the sheet's cup [kg/m3]; needs no kinetics."""
    return lightest_density(system, cup_recipe(system).process).rho_kg_per_m3


def simulated(system: MaterialSystem) -> float:
    """Density of the simulated cup [kg/m3]."""
    cup = Scenario.model_construct(
        **{name: field.default for name, field in Scenario.model_fields.items()}
        | {"system": system, "process": cup_recipe(system).process}
        | {"mold": Mold(mold_id="CUP", open=True)}
    )
    return free_rise_density(cup)
