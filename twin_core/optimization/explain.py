"""What a point hangs on, why it is not shorter, and what is in the way of a feasible one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.optimization.candidate import Candidate, Rules, judge
from twin_core.optimization.confirm import Confirmed, simulated
from twin_core.optimization.constraints import LIMITS, OF_THE_SHOT, asked
from twin_core.optimization.evaluation import Evaluator
from twin_core.optimization.variables import SETTINGS, Bounds

STEP_SHARE = 0.1
"""Of the bounds: how far a variable is moved for its sensitivity."""
GIVES = (0.05, 0.1, 0.2)
"""Shares by which a limit is loosened."""
NEAR_MARGIN = 0.02
AT_BOUND = 1e-6

WITHOUT_LIMIT = {
    "skin": "the skin sticks until then: no limit to loosen; a warmer mold, warmer components or "
    "another system help",
    "strength": "the foam would tear under its inner pressure: no limit to loosen; less packing or "
    "a cooler core help",
    "t_open_s": "the lower bound of t_open_s: nothing else keeps the mold closed",
    "pressure": "the pressure in the cavity must fall below what the mold may hold",
}


@dataclass(frozen=True)
class Sensitivity:
    """What one variable does at a point."""

    name: str
    value: float
    down: float | None
    up: float | None
    """Values that it was moved to, also beyond its bounds; None: the model takes none."""
    cycle_down_s: float | None
    cycle_up_s: float | None
    """Change of the cycle; None: what misses a limit then is in ``missed_…``."""
    missed_down: tuple[str, ...]
    missed_up: tuple[str, ...]
    at_bound: str
    """``low`` or ``high`` where it stands at one, else empty."""


def sensitivities(evaluator: Evaluator, point: Candidate) -> tuple[Sensitivity, ...]:
    """Every variable moved down and up by a tenth of its bounds, in its steps; the others stay."""
    names = list(evaluator.bounds)
    plan: list[tuple[str, tuple[float, ...]]] = []
    for i, name in enumerate(names):
        for moved in _moved(name, point.values[i], evaluator.bounds[name]):
            if moved is not None:
                plan.append((name, (*point.values[:i], moved, *point.values[i + 1 :])))
    looked = evaluator.look([(v, point.wait) for _, v in plan], "sensitivity", full=True)
    found_at = {values: c for (_, values), c in zip(plan, looked, strict=True)}
    found = []
    for i, name in enumerate(names):
        bounds, value = evaluator.bounds[name], point.values[i]
        ends = [
            (moved, None if moved is None else found_at[
                (*point.values[:i], moved, *point.values[i + 1 :])
            ])
            for moved in _moved(name, value, bounds)
        ]  # fmt: skip
        (down, low), (up, high) = ends
        share = bounds.share(value)
        found.append(
            Sensitivity(
                name, value, down, up, _longer(low, point), _longer(high, point),
                _missed(low, evaluator.rules), _missed(high, evaluator.rules),
                "low" if share < AT_BOUND else "high" if share > 1.0 - AT_BOUND else "",
            )
        )  # fmt: skip
    return tuple(found)


def _moved(name: str, value: float, bounds: Bounds) -> tuple[float | None, float | None]:
    about = SETTINGS[name]
    step = STEP_SHARE * (bounds.high - bounds.low)
    if bounds.step is not None:
        step = max(round(step / bounds.step), 1) * bounds.step
    down, up = value - step, value + step
    if step == 0.0:
        return None, None
    return down if down >= about.least else None, up if up <= about.most else None


def _longer(found: Candidate | None, point: Candidate) -> float | None:
    if found is None or not found.feasible:
        return None
    return found.figures["cycle_s"] - point.figures["cycle_s"]


def _missed(found: Candidate | None, rules: Rules) -> tuple[str, ...]:
    if found is None or found.feasible:
        return ()
    return (found.problem,) if found.scenario is None else tuple(found.missed(rules))


def scatter_effects(point: Candidate, inputs: Sequence[str], deviations: Array) -> dict[str, float]:
    """Change of the earliest opening [s] by one sigma of each input, by a regression over draws."""
    there = ~np.isnan(point.drawn.start)
    rows = deviations[point.drawn.which][there]
    if len(rows) <= len(inputs) + 1 or not len(inputs):
        return {}
    sigma = rows.std(axis=0)
    unit = (rows - rows.mean(axis=0)) / np.where(sigma > 0.0, sigma, 1.0)
    y = point.drawn.start[there]
    slopes, *_ = np.linalg.lstsq(np.column_stack([np.ones(len(unit)), unit]), y, rcond=None)
    return dict(zip(inputs, slopes[1:].tolist(), strict=True))


@dataclass(frozen=True)
class Give:
    """What it brings when a limit gives, together with the others of its criterion."""

    limit: str
    now: float
    then: float
    gain_s: float | None
    """None: not known, the loosened limit cannot be."""
    decides: str
    """The criterion that decides then."""


@dataclass(frozen=True)
class Binding:
    """Why a point is not shorter."""

    criterion: str
    words: str
    gives: tuple[Give, ...]
    near: Mapping[str, float]
    """Margins of the whole shot that are nearly used up, by criterion."""


def binding(
    point: Candidate,
    rules: Rules,
    constraints: Mapping[str, float],
    inputs: Sequence[str],
    deviations: Array,
    tell: Callable[[int], None],
    cancelled: Callable[[], bool],
) -> Binding:
    """The criterion that decides the opening, and what it brings when its limit gives.

    The settings stay; only the limit moves.

    Args:
        tell: told of the shots after each block of them.
    """
    assert point.judged is not None
    criterion = point.deciding(rules)
    limits = [
        name for name, limit in LIMITS.items()
        if limit.criterion == criterion and rules.what.limit(name) is not None
    ]  # fmt: skip
    if criterion in OF_THE_SHOT:
        limits = []
    gives = []
    for share in GIVES if limits else ():
        loose = {name: loosened(name, rules.what.limit(name) or 0.0, share) for name in limits}
        gives += _given(point, rules, dict(constraints), loose, inputs, deviations, tell, cancelled)
    least = np.sort(point.drawn.margins, axis=0)[min(rules.violations, len(point.drawn.which) - 1)]
    near = {
        name: float(margin)
        for name, margin in zip(OF_THE_SHOT, least, strict=True)
        if margin < NEAR_MARGIN
    }
    words = WITHOUT_LIMIT.get(criterion, "")
    if limits:
        now = ", ".join(f"{name} {rules.what.limit(name):g} {LIMITS[name].unit}" for name in limits)
        words = f"the part meets {now} only then"
    return Binding(criterion, words, tuple(gives), near)


def loosened(name: str, now: float, share: float) -> float:
    """A limit that gives by a share of itself, in its unit."""
    more = share * abs(now)
    return now + more if LIMITS[name].most else now - more


def _given(
    point: Candidate,
    rules: Rules,
    constraints: dict[str, float],
    loose: Mapping[str, float],
    inputs: Sequence[str],
    deviations: Array,
    tell: Callable[[int], None],
    cancelled: Callable[[], bool],
) -> list[Give]:
    """One line for each limit of a criterion, all of them loosened together."""
    assert point.simulated is not None
    assert point.judged is not None
    gain, decides = None, ""
    try:
        what = asked(point.simulated, constraints | dict(loose), rules.what.memory_factor)
        own = replace(rules, what=what)
        drawn = simulated(what.scenario, own, inputs, deviations, tell, cancelled)
        judged = judge(drawn, own, point.wait)
        then = replace(point, drawn=drawn, judged=judged)
        if not math.isnan(judged.reached.t_open_s):
            gain = point.judged.reached.t_open_s - judged.reached.t_open_s
            decides = then.deciding(own)
    except InputError:
        pass
    return [
        Give(name, float(rules.what.limit(name) or 0.0), value, gain, decides)
        for name, value in loose.items()
    ]


@dataclass(frozen=True)
class InTheWay:
    """A criterion that the nearest point misses."""

    criterion: str
    share: float
    """Of the draws."""
    worst: float | None
    """Relative margin of the worst draw, below 0; None where it has none."""
    limits: Mapping[str, float]
    problem: str = ""


def in_the_way(
    nearest: Candidate, rules: Rules, checked: Confirmed | None = None
) -> tuple[InTheWay, ...]:
    """What the nearest point misses, most draws first.

    Args:
        checked: on fresh draws, where it holds on those of the search.
    """
    if nearest.scenario is None:
        return (InTheWay("settings", 1.0, None, {}, nearest.problem),)
    count = max(len(nearest.drawn.which), 1)
    found = []
    by_name = nearest.missed(rules)
    if checked is not None:
        by_name, count = dict(checked.missed), checked.draws
    for name, missed in sorted(by_name.items(), key=lambda item: -item[1]):
        limits = {
            limit: float(value)
            for limit, about in LIMITS.items()
            if about.criterion == name and (value := rules.what.limit(limit)) is not None
        }
        worst = None
        if checked is None and name in OF_THE_SHOT:
            worst = float(nearest.drawn.margins[:, OF_THE_SHOT.index(name)].min())
        elif checked is None and name == "cycle":
            worst = 1.0 - float(np.nanmax(nearest.drawn.start)) / rules.t_high_s
        problem = nearest.drawn.errors[0] if nearest.drawn.errors else ""
        if name == "t_open_s":
            problem = _outside(nearest, rules, checked)
        found.append(InTheWay(name, missed / count, worst, limits, problem))
    return tuple(found)


def _outside(nearest: Candidate, rules: Rules, checked: Confirmed | None) -> str:
    """How the windows lie beside the bounds of the opening time."""
    if checked is not None:
        return f"the window of these draws ends before {checked.t_open_s:.0f} s"
    start, end = nearest.drawn.start, nearest.drawn.end
    late, early = start > rules.t_high_s, end < rules.t_low_s
    words = []
    if late.any() and rules.latest == "t_open_s":
        words.append(
            f"the upper bound of t_open_s is {rules.t_high_s:.4g} s, these draws may be opened "
            f"from {start[late].max():.0f} s on"
        )
    if early.any():
        words.append(
            f"the lower bound of t_open_s is {rules.t_low_s:.4g} s, these draws may be opened "
            f"until {end[early].min():.0f} s"
        )
    return "; ".join(words)
