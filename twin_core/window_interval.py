"""How far the demold window moves with the numbers that nobody measured: ``window_interval``.

One number after the other is set to a low and a high value, all else as it is; what a bare data
sheet left open goes to both ends with the numbers that belong there. The ways up and down
of each are added like independent ones: the root of the sum of their squares. The low end is no
earlier than the skin lets go, with the ways of its own time. It is a range, not a probability, and
says nothing of what the equations leave out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from twin_core.arrays import Array
from twin_core.batch import simulate_many
from twin_core.results.result import SimulationResult
from twin_core.scenario import Scenario

LEAST_MM = 1e-3


@dataclass(frozen=True)
class Varied:
    """How far a number is taken to be unknown, and why so far."""

    path: str
    low: Callable[[float], float]
    high: Callable[[float], float]
    why: str


def _times(factor: float) -> Callable[[float], float]:
    return lambda value: value * factor


def _plus(step: float) -> Callable[[float], float]:
    return lambda value: value + step


VARIED = (
    Varied(
        "mechanics.rubbery_share", _times(0.5), _times(2.0),
        "300 to 1200 g/mol between junctions in place of 600",
    ),
    Varied(
        "mechanics.relaxation_shift", _plus(-10.0), _plus(10.0),
        "a decade of time of load, by some 10 K a decade",
    ),
    Varied(
        "mechanics.glass_width", _plus(-5.0), _plus(5.0),
        "cross-linked PU goes over some 20 to 40 K, or 40 to 80 K",
    ),
    Varied("mechanics.cure_exponent", _plus(-0.5), _plus(0.5), "2 to 3 is customary"),
    Varied(
        "mechanics.rubbery_strength_share", _times(0.5), _times(2.0),
        "foams of tight rubbers tear at 15 to 60 per cent of strain",
    ),
    Varied(
        "mechanics.T_glass_cured", _plus(-20.0), _plus(20.0),
        "rigid PU networks have 400 to 440 K",
    ),
    Varied(
        "gel.conversion", _plus(-0.05), _plus(0.05),
        "published inputs of like recipes differ by 0.1",
    ),
    Varied(
        "gel.tack_free_margin", _times(0.5), _times(2.0),
        "by definition and finger; no sheet gives it",
    ),
)  # fmt: skip
"""Numbers that act on the window, where a system only assumes them; a fitted one that has a spread
is varied by twice that. Not varied: ``gel.surface_warmth`` (it acts through the fit of the margin),
transfer to the air, and the kinetics."""


@dataclass(frozen=True)
class Effect:
    """What one number does to the window."""

    path: str
    low: float
    high: float
    """Values that it was given."""
    why: str
    t_min_s: tuple[float | None, float | None]
    """Earliest opening at the low and at the high value; None: no window."""
    swell_mm: tuple[float | None, float | None]
    """Of a part that is opened when the window of the nominal numbers begins."""


@dataclass(frozen=True)
class WindowInterval:
    """Range of the earliest opening, and of the swell there, from the assumed numbers."""

    t_min_s: float
    """With the numbers as they are."""
    t_min_low_s: float
    t_min_high_s: float | None
    """None: there may be no window within the longest cycle."""
    swell_low_mm: float
    swell_high_mm: float
    effects: tuple[Effect, ...]
    """The largest effect on the opening first."""
    assumed_count: int
    """Numbers of the system that are assumed, whether they act on the window or not."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def varied(scenario: Scenario) -> list[tuple[Varied, float, float]]:
    """Numbers of a scenario's system that are varied, with their low and high values."""
    found = []
    for each in VARIED:
        part, _, name = each.path.partition(".")
        parameter = getattr(getattr(scenario.system, part), name)
        if parameter is None:  # follows from the functionalities
            continue
        value, low, high = parameter.value, each.low, each.high
        borrowed = parameter.kind == "assumed" or each.path == "gel.conversion"
        if borrowed and parameter.kind != "measured":
            found.append((each, low(value), high(value)))
        elif parameter.spread is not None:
            spread = 2.0 * parameter.spread
            why = "fitted; twice the spread that the fit gives"
            found.append((Varied(each.path, low, high, why), value - spread, value + spread))
    return found


def window_interval(result: SimulationResult, workers: int | None = None) -> WindowInterval | None:
    """The interval of a shot's window; None where it has no window.

    Args:
        workers: threads; None takes all cores.
    """
    t_min = result.t_demold_min_s
    if t_min is None:
        return None
    plan = varied(result.scenario)
    shots = [_with(result.scenario, each.path, value) for each, *values in plan for value in values]
    for sheet in result.scenario.system.undetermined:  # what a bare data sheet left open
        plan.append(
            (Varied(sheet.name, _times(1.0), _times(1.0), sheet.why), sheet.low, sheet.high)
        )
        shots += [_at_end(result.scenario, numbers) for numbers in (sheet.at_low, sheet.at_high)]
    ran = simulate_many([result.scenario, *shots], workers=workers)
    times = np.nan_to_num(ran["t_demold_min_s"], nan=np.inf)
    sticks = np.nan_to_num(ran["t_tack_free_s"], nan=np.inf)
    swells = np.array([_swell_mm(curve, float(times[0])) for curve in ran.release])
    effects = tuple(
        Effect(
            each.path, low, high, each.why,
            (_there(times[2 * i + 1]), _there(times[2 * i + 2])),
            (_there(swells[2 * i + 1]), _there(swells[2 * i + 2])),
        )
        for i, (each, low, high) in enumerate(plan)
    )  # fmt: skip
    earlier, later = _ways(times)
    latest = t_min + later
    # what moves strength and swell does not let a skin go that sticks
    earliest = max(t_min - earlier, float(sticks[0]) - _ways(sticks)[0], 0.0)
    less, more = _ways(swells)
    return WindowInterval(
        t_min_s=t_min,
        t_min_low_s=min(earliest, t_min),
        t_min_high_s=latest if latest <= result.scenario.quality.t_cycle_max_s else None,
        swell_low_mm=max(float(swells[0]) - less, 0.0),
        swell_high_mm=float(swells[0]) + more,
        effects=tuple(sorted(effects, key=lambda e: -_size(e, t_min))),
        assumed_count=len(result.scenario.system.assumed()),
    )


def _at_end(scenario: Scenario, numbers: Mapping[str, float]) -> Scenario:
    """The shot at one end of what a sheet left open: with all the numbers that go with it."""
    return scenario.model_copy(update={"system": scenario.system.with_numbers(numbers)})


def _with(scenario: Scenario, path: str, value: float) -> Scenario:
    part, _, name = path.partition(".")
    old = getattr(scenario.system, part)
    parameter = getattr(old, name)
    new = old.model_copy(update={name: parameter.model_copy(update={"value": value})})
    system = scenario.system.model_copy(update={part: new})
    return scenario.model_copy(update={"system": system})


def _swell_mm(curve: Array, t: float) -> float:
    """Swell of a part opened at ``t``, between openings like an exponential."""
    known = curve[~np.isnan(curve[:, 0])]
    if not len(known):
        return math.inf
    mm = np.maximum(1e3 * known[:, 2], LEAST_MM)
    found = math.exp(float(np.interp(t, known[:, 0], np.log(mm))))
    return 0.0 if found <= 1.01 * LEAST_MM else found


def _ways(values: Array) -> tuple[float, float]:
    """Down and up from the first value, of pairs that follow it."""
    pairs = values[1:].reshape(-1, 2) - values[0]
    down = np.maximum(-pairs.min(axis=1, initial=0.0), 0.0)
    up = np.maximum(pairs.max(axis=1, initial=0.0), 0.0)
    return float(np.sqrt(np.sum(down**2))), float(np.sqrt(np.sum(up**2)))


def _there(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _size(effect: Effect, t_min: float) -> float:
    return max(math.inf if t is None else abs(t - t_min) for t in effect.t_min_s)
