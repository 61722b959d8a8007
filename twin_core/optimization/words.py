"""A result in words: what it brings, why it is not shorter, what is in the way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from twin_core.optimization.constraints import LIMITS
from twin_core.optimization.explain import Give
from twin_core.optimization.goals import GOALS
from twin_core.optimization.result import OptimizationResult

SMALL_S = 0.5
"""Changes of the cycle below this are not worth words."""


def counted(result: OptimizationResult) -> str:
    """How many candidates were looked at."""
    return f"{result.candidates} candidate{'s' * (result.candidates != 1)}"


def basis_words(result: OptimizationResult) -> Iterator[str]:
    """What was simulated with beside the physics, a line each; none without."""
    if result.parameter_set is not None:
        yield f"simulated with the calibration {result.parameter_set}"
    if result.memory_factor != 1.0:
        yield (
            f"opening times are those of the physics {100.0 * (result.memory_factor - 1.0):+.1f} %"
            f", as learned: {result.memory_source}"
        )
    elif result.memory_source:
        yield f"opening times are those of the physics: {result.memory_source}"


def gain_words(result: OptimizationResult) -> Iterator[str]:
    """What the advice brings against today, a line each; none without advice."""
    gain = result.gain
    if result.chosen is None:
        return
    if gain is None:
        yield "today's settings have no opening time that holds: there is nothing to compare with"
        return
    yield from today_words(result)
    yield f"against today: {signed(-gain.cycle_s)} s a cycle"
    if gain.cost is not None:
        yield f"against today: {signed(-gain.cost, '.4g')} {gain.currency} a part"
    if gain.per_year is not None:
        yield (
            f"against today: {signed(-gain.per_year, ',.0f')} {gain.currency} a year, at as many "
            "parts as today"
        )


def today_words(result: OptimizationResult) -> Iterator[str]:
    """That today does not hold, or that nothing better was found; none where neither is so."""
    today, chosen = result.today, result.chosen
    if today is None or chosen is None or math.isnan(today.t_open_s):
        return
    if not result.holds(today):
        limits = ", ".join(f"{name} {count}" for name, count in today.missed.items())
        missed = f" ({limits})" if limits else ""
        yield (
            f"today does not hold: opened at {today.t_open_s:.0f} s, {today.violations} of "
            f"{today.draws} draws miss a limit{missed}, {result.violations_allowed:.1%} may; the "
            "comparison is with an opening that is not safe"
        )
    elif result.nothing_better:
        what = "the advice is today's settings" if chosen.settings == today.settings else (
            "the advice is the best that was found within the bounds, and no reason to change"
        )  # fmt: skip
        yield f"nothing better than today was found: {what}"


def signed(value: float, form: str = ".1f") -> str:
    """A number with its sign; one that is shown as nought has a plus."""
    text = format(value, f"+{form}")
    return text if any(digit in text for digit in "123456789") else text.replace("-", "+")


def random_words(result: OptimizationResult) -> str:
    """The baseline of the report."""
    best, count = result.random_best, result.random_count
    if best is None:
        return f"random search: none of {count} candidates is feasible"
    found = ", ".join(
        f"{name} {-value if GOALS[name].more else value:.4g}"
        for name, value in zip(result.goals, best.values, strict=True)
    )
    return f"random search: the best of {count} candidates has {found}, on the draws of the search"


def binding_words(result: OptimizationResult) -> Iterator[str]:
    """Why the cycle is not shorter, a line each."""
    found = result.binding
    if found is None:
        return
    yield f"why not shorter: {found.criterion or 'nothing'} decides; {found.words}"
    yield from _give_words(found.gives)
    for name, margin in found.near.items():
        yield f"  {name} is nearly used up: margin {margin:.1%}"
    for item in result.sensitivities:
        if not item.at_bound:
            continue
        change = item.cycle_up_s if item.at_bound == "high" else item.cycle_down_s
        moved = item.up if item.at_bound == "high" else item.down
        missed = item.missed_up if item.at_bound == "high" else item.missed_down
        if moved is not None and change is not None and change < -SMALL_S:
            yield (
                f"  {item.name} stands at its {item.at_bound} bound {item.value:.4g}: "
                f"{change:+.1f} s at {moved:.4g}"
            )
        elif moved is not None and missed:
            yield (
                f"  {item.name} stands at its {item.at_bound} bound {item.value:.4g}; beyond it, "
                f"at {moved:.4g}, {', '.join(missed)} would be missed"
            )


def _give_words(gives: Sequence[Give]) -> Iterator[str]:
    """A line for limits that give together."""
    count = len({give.limit for give in gives})
    for at in range(0, len(gives), max(count, 1)):
        together = gives[at : at + count]
        moved = ", ".join(
            f"{give.limit} {give.now:.4g} -> {give.then:.4g} {LIMITS[give.limit].unit}"
            for give in together
        )
        gain, decides = together[0].gain_s, together[0].decides
        brings = "cannot be" if gain is None else f"{-gain:+.1f} s"
        yield f"  {moved}: {brings}" + (f", then {decides} decides" if decides else "")


def way_words(result: OptimizationResult) -> Iterator[str]:
    """What the nearest settings miss, a line each."""
    for item in result.in_the_way:
        limits = ", ".join(
            f"{name} {value:.4g} {LIMITS[name].unit}".removesuffix(" 1")
            for name, value in item.limits.items()
        )
        worst = "" if item.worst is None else f", the worst by {-item.worst:.1%}"
        after = "".join(f"; {words}" for words in (limits, item.problem) if words)
        yield f"{item.criterion}: missed by {item.share:.0%} of the draws{worst}{after}"
