"""A system from a bare data sheet: inferred, fitted to its cup, and what the sheet leaves open with
its effect on temperature, pressure and window of a panel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from twin_core.batch import simulate_many
from twin_core.calibration import bare_sheet as bare
from twin_core.calibration.bare_sheet import Guess
from twin_core.calibration.cup import SheetFit, fit_sheet
from twin_core.calibration.cup_search import CupTest, polished
from twin_core.calibration.free_parameters import FreeParameter, number, replaced, touched
from twin_core.calibration.record import rounded
from twin_core.data_sheet import CUP_TIMES, cup_recipe
from twin_core.data_sheet_only import SheetOnly
from twin_core.errors import InputError, TwinError
from twin_core.materials import Components, MaterialSystem, Undetermined
from twin_core.mold import Mold
from twin_core.parameters import Parameter
from twin_core.scenario import Process, Scenario

BORROWED = {
    "gelling.heat": Guess(
        68_500.0, 65_000.0, 76_000.0, "J/mol", "Winkler 68.5 kJ, Baser and Khakhar 74.9"
    ),
    "gelling.E": Guess(
        35_140.0, 35_000.0, 55_000.0, "J/mol", "Winkler 35.1 kJ, Baser and Khakhar 54.9"
    ),
    "liquid.c_p": Guess(1800.0, 1600.0, 2000.0, "J/kg/K", "polyols and MDI have 1.5 to 2.1 kJ"),
    "carbon_dioxide.henry": Guess(
        1.1e-4, 5.5e-5, 5.5e-4, "mol/m3/Pa", "PUFoam gives five times more"
    ),
    "carbon_dioxide.k_transfer": Guess(0.5, 0.2, 2.0, "1/s", "faster than the reaction"),
}
"""Numbers of every sheet system that are borrowed, with what is found for like systems; those that
the fit decides are left out, and mechanics is varied by ``window_interval``."""
THICK_MM, THIN_MM = 50.0, 20.0
"""Of the panel of 0.5 x 0.5 m on which effects are told: a light foam, an integral skin."""
PACKING = 1.15
NARROWER = 4
"""Times that a range is halved towards the value when its end contradicts the sheet."""


def panel(thickness_mm: float) -> Mold:
    """A panel of 0.5 x 0.5 m in a mold tempered at 40 C."""
    d = 1e-3 * thickness_mm
    return Mold(
        mold_id=f"PANEL_500x500x{thickness_mm:.0f}", cavity_volume_m3=0.25 * d,
        surface_area_m2=0.5 + 2.0 * d, thickness_m=d, mass_kg=40.0, h_ambient_W_per_m2_K=10.0,
        heater_W_per_K=100.0, T_set_C=40.0,
    )  # fmt: skip


@dataclass(frozen=True)
class PanelFigures:
    """Peak core temperature [C], peak pressure [bar], earliest opening [s] of the panel."""

    T_core_max_C: float
    p_max_bar: float
    t_min_s: float


@dataclass(frozen=True)
class Inferred:
    """A system from a bare sheet."""

    system: MaterialSystem
    like: str
    fit: SheetFit | None
    """None: the sheet gives no cup time."""
    mold: Mold
    """Panel on which the effects are told."""
    rho_kg_per_m3: float
    """Moulded density of that panel."""
    figures: PanelFigures
    at_ends: list[tuple[PanelFigures, PanelFigures]]
    """Of ``system.undetermined``, in its order: at the low and the high end."""


def infer(sheet: SheetOnly, catalogue: Mapping[str, MaterialSystem], like: str | None) -> Inferred:
    """The usable system that a sheet implies.

    Args:
        catalogue: systems that can lend.
        like: which of them does; None chooses by the hydroxyl number.

    Raises:
        InputError: the sheet's numbers contradict each other, or hardly say anything.
    """
    sheet = bare.with_ranges(sheet)
    open_ones = bare.guesses(sheet)
    sheet = bare.with_gel_time(sheet, open_ones.get(bare.GEL))
    values = {name: guess.value for name, guess in open_ones.items()}
    chosen = bare.LIKE_SOFT if bare.heavy(sheet) else bare.LIKE_RIGID
    lender = catalogue[chosen if like is None else like]
    system = bare.solved(sheet, bare.skeleton(sheet, lender, values), values, bare.lightest)
    if like is None and _mix(system).oh_number.value < bare.RIGID_OH:
        lender = catalogue[bare.LIKE_SOFT]
        system = bare.solved(sheet, bare.skeleton(sheet, lender, values), values, bare.lightest)
    functionality = bare.polyol_functionality(sheet, _mix(system).oh_number.value)
    if functionality is not None:
        open_ones[bare.F_POLYOL] = functionality
        values[bare.F_POLYOL] = functionality.value
        system = system.with_numbers({bare.F_POLYOL: functionality.value})
    fit = None
    if any(name in sheet.sheet for name in CUP_TIMES):
        source = f"pur-mold-twin calibrate --system {sheet.system_id}"
        system = fit_sheet(system, source).system.model_copy(update={"version": sheet.version})
        system = _said(bare.solved(sheet, system, values, bare.simulated), sheet, open_ones)
        fit = fit_sheet(system, source)
        system = fit.system
    else:
        system = _said(bare.solved(sheet, system, values, bare.simulated), sheet, open_ones)
    for path, guess in BORROWED.items():
        there = number(system, path)
        if there is not None and there.kind == "assumed" and path not in sheet.known:
            low, high = min(guess.low, there.value), max(guess.high, there.value)
            open_ones[path] = Guess(there.value, low, high, guess.unit, guess.why)
    entries = [_both_ends(sheet, system, values, fit, n, g) for n, g in open_ones.items()]
    found = [entry for entry in entries if entry is not None]
    system = _with_spreads(system, found)
    system = system.model_copy(update={"undetermined": found, "version": sheet.version + 1})
    system = MaterialSystem.model_validate(system.model_dump())
    shot, figures, at_ends = _effects(sheet, system)
    order = sorted(range(len(found)), key=lambda i: -_size(figures, at_ends[i]))
    system = system.model_copy(update={"undetermined": [found[i] for i in order]})
    p, volume = shot.process, shot.mold.cavity_volume_m3
    assert volume is not None
    rho = (p.m_polyol_kg + p.m_iso_kg) / volume
    ends = [at_ends[i] for i in order]
    return Inferred(system, lender.system_id, fit, shot.mold, rho, figures, ends)


def _mix(system: MaterialSystem) -> Components:
    assert isinstance(system.composition, Components)
    return system.composition


def _said(
    system: MaterialSystem, sheet: SheetOnly, open_ones: Mapping[str, Guess]
) -> MaterialSystem:
    """The composition with where each number comes from."""
    new: dict[str, Parameter] = {}
    for name, unit in bare.COMPONENTS.items():
        path = f"composition.{name}"
        if path in sheet.known:
            continue
        value = rounded(getattr(system.composition, name).value, 5)
        if path in open_ones:
            kind, source = "assumed", f"not on the sheet: {open_ones[path].why}"
        elif path == bare.AGENT:
            kind, source = "assumed", "the sheet names no physical blowing agent"
        else:
            what = "mix ratio, % NCO, index and free-rise density"
            kind, source = "inferred", f"inferred from {what}; not said by the sheet"
        new[name] = Parameter.model_validate(
            {"value": value, "unit": unit, "kind": kind, "source": source}
        )
    return system.model_copy(update={"composition": system.composition.model_copy(update=new)})


def ranges(system: MaterialSystem) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of each number that a quantity left open moves, one at a time."""
    found: dict[str, tuple[float, float]] = {}
    for each in system.undetermined:
        for path, value in (*each.at_low.items(), *each.at_high.items()):
            own = number(system, path)
            low, high = found.get(path, (value, value) if own is None else (own.value, own.value))
            found[path] = min(low, value), max(high, value)
    return found


def _with_spreads(system: MaterialSystem, found: list[Undetermined]) -> MaterialSystem:
    """The inferred numbers with a quarter of their range as one sigma."""
    for path, (low, high) in ranges(system.model_copy(update={"undetermined": found})).items():
        old = number(system, path)
        if old is not None and old.kind == "inferred":
            spread = rounded((high - low) / 4.0, 2)
            system = replaced(system, path, old.model_copy(update={"spread": spread}))
    return system


def _both_ends(
    sheet: SheetOnly, system: MaterialSystem, values: Mapping[str, float], fit: SheetFit | None,
    name: str, guess: Guess,
) -> Undetermined | None:  # fmt: skip
    ends = []
    for given in (guess.low, guess.high):
        end, numbers = given, None
        for _ in range(NARROWER):
            try:
                numbers = _at(sheet, system, values, fit, name, end)
                break
            except TwinError:
                end = (end + guess.value) / 2.0  # the sheet itself rules this end out
        ends.append((guess.value, {}) if numbers is None else (end, numbers))
    (low, at_low), (high, at_high) = ends
    if not at_low and not at_high:
        return None
    return Undetermined(
        name=name, unit=guess.unit, value=guess.value, low=rounded(low, 4), high=rounded(high, 4),
        why=guess.why, at_low=at_low, at_high=at_high,
    )  # fmt: skip


def _at(
    sheet: SheetOnly, system: MaterialSystem, values: Mapping[str, float], fit: SheetFit | None,
    name: str, value: float,
) -> dict[str, float]:  # fmt: skip
    """Numbers that are others when one quantity has another value and the cup stays the sheet's."""
    if value == values.get(name):
        return {}
    pairs = [] if fit is None else fit.pairs
    if name in BORROWED:
        old = number(system, name)
        assert old is not None
        turned = FreeParameter(name).turn(system, value / old.value)
    elif name == bare.GEL:
        gel = system.sheet[name].model_copy(update={"value": value})
        turned = system.model_copy(update={"sheet": system.sheet | {name: gel}})
    else:
        turned = system
    numbers = dict(values) | ({} if name in BORROWED else {name: value})
    for _ in range(2):  # the rates move the density, and the water moves the times
        turned = bare.solved(sheet, turned, numbers, bare.simulated)
        if pairs:
            turned, _ = polished(CupTest(turned), turned, pairs)
    levers = touched(system, [free for free, _ in pairs])
    paths = dict.fromkeys([f"composition.{n}" for n in bare.COMPONENTS] + levers)
    if name in BORROWED:
        paths |= dict.fromkeys([name, *touched(system, [FreeParameter(name)])])
    found = {}
    for path in paths:
        old, new = number(system, path), number(turned, path)
        if old is not None and new is not None and abs(new.value / (old.value or 1) - 1) > 1e-4:
            found[path] = rounded(new.value, 6)
    return found


def _effects(
    sheet: SheetOnly, system: MaterialSystem
) -> tuple[Scenario, PanelFigures, list[tuple[PanelFigures, PanelFigures]]]:
    molded = bare.molded_density(sheet)
    rho = PACKING * bare.simulated(system) if molded is None else molded
    mold = panel(THIN_MM if bare.heavy(sheet) else THICK_MM)
    cup = cup_recipe(system).process
    ratio = cup.m_iso_kg / cup.m_polyol_kg
    assert mold.cavity_volume_m3 is not None
    mass = rho * mold.cavity_volume_m3
    pour = Process(
        m_polyol_kg=mass / (1.0 + ratio), m_iso_kg=mass * ratio / (1.0 + ratio),
        T_polyol_C=cup.T_polyol_C, T_iso_C=cup.T_iso_C, T_mold_C=mold.T_set_C,
        T_ambient_C=cup.T_ambient_C,
    )  # fmt: skip
    ends = [system.with_numbers(v) for u in system.undetermined for v in (u.at_low, u.at_high)]
    shots = [Scenario(system=s, process=pour, mold=mold) for s in [system, *ends]]
    ran = simulate_many(shots)
    if 0 in ran.errors:
        raise InputError(f"system {system.system_id}: its panel cannot be simulated")
    rows = zip(ran["T_core_max_C"], ran["p_max_Pa"], ran["t_demold_min_s"], strict=True)
    all_figures = [PanelFigures(float(T), float(p) / 1e5, float(t)) for T, p, t in rows]
    return shots[0], all_figures[0], list(zip(all_figures[1::2], all_figures[2::2], strict=True))


def _size(nominal: PanelFigures, ends: tuple[PanelFigures, PanelFigures]) -> float:
    """How far the opening moves; a window that is gone moves farthest."""
    moved = [abs(end.t_min_s - nominal.t_min_s) for end in ends]
    return max(math.inf if math.isnan(m) else m for m in moved)
