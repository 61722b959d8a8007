"""Words for the person at the press: opening, quality and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable

from edge_agent.inference.offline import Offline
from edge_agent.report.operator_words import (
    ADVICE,
    FOR_OTHERS,
    GOOD,
    MOST_ADVICE,
    NOT_YET,
    PRESSURE,
)
from twin_core import SimulationResult
from twin_core.results.opening import Opening
from twin_core.units import bar
from twin_core.window_interval import WindowInterval

OPENING = "t_demold_min_s"
"""Name of the earliest opening in a correction."""


def operator_answer(
    result: SimulationResult,
    learned: Offline | None = None,
    opening: Opening | None = None,
    interval: WindowInterval | None = None,
) -> list[str]:
    """Lines for the operator: when it can be opened and why not earlier, is it good, what to do.

    Args:
        learned: what a learned model makes of it; None: nobody asked.
        opening: what becomes of the part that is opened at a time that was asked about.
        interval: how far the opening moves with the numbers that nobody measured.
    """
    lines = [*_opening(result, learned)]
    if interval is not None:
        lines.append(_unsure(interval, result.scenario.quality.t_cycle_max_s))
    if opening is not None:
        at = _minutes(opening.opened_s)
        lines.append(f"Opened at {at} it would swell by {opening.swell_mm:.1f} mm.")
        if opening.unmet:
            why = "; ".join(NOT_YET[name] for name in opening.unmet)
            lines.append(f"Do not open at {at}: {why}.")
    lines.append(f"Good part expected: {GOOD[result.quality_status]}.")
    allowed = result.scenario.quality.p_max_allowable_bar
    share = math.ceil(100.0 * bar(result.p_max_Pa) / allowed)
    lines.append(f"Pressure: {PRESSURE[result.pressure_status]}, {share} % of the limit.")
    lines.extend(f"To do: {words}" for words in advice(result))
    close = [name.replace("_", " ") for name, risk in result.risks.items() if risk > 0]
    if close and result.quality_status == "MARGINAL":
        lines.append(f"Close to its limit: {', '.join(close)}.")
    return [*lines, "Calculated, not measured."]


def advice(result: SimulationResult) -> list[str]:
    """The one or two things to do that matter most."""
    order = list(ADVICE)
    found = {
        d.code: ADVICE.get(d.code, f"{d.words}.")
        for d in result.diagnostics
        if d.code not in FOR_OTHERS
    }
    known = sorted(found, key=lambda code: order.index(code) if code in order else len(order))
    return [found[code] for code in known][:MOST_ADVICE]


def _opening(result: SimulationResult, learned: Offline | None) -> list[str]:
    """The corrected opening first, where there is one, and the physics beside it."""
    if learned is None:
        return _by_physics(result)
    correction = learned.correction
    value = None if correction is None else correction.values.get(OPENING)
    if correction is None or value is None:
        reason = learned.words or "the model does not correct the opening"
        return [*_by_physics(result), f"Not corrected by experience: {reason.rstrip('.')}."]
    line = f"Open: from {_minutes(value)} after the end of injection"
    interval = correction.intervals.get(OPENING)
    if interval is not None:
        low, high = _minutes(interval.low, math.floor), _minutes(interval.high)
        line += f"; {100 * interval.coverage:.0f} % sure: between {low} and {high}"
    opening, *why = _by_physics(result)
    physics = opening.removeprefix("Open: ").replace(" after the end of injection", "")
    lines = [f"{line}.", f"Without what earlier shots taught: {physics}", *why]
    if result.t_demold_max_s is not None and value > result.t_demold_max_s:
        lines.append("There is no good moment to open. Call the process engineer.")
    return lines


def _unsure(interval: WindowInterval, cycle_s: float) -> str:
    low, high = interval.t_min_low_s, interval.t_min_high_s
    if high is None:
        words = f"from {_minutes(low, math.floor)} on, perhaps not within {_minutes(cycle_s)}"
    else:
        words = f"between {_minutes(low, math.floor)} and {_minutes(high)}"
    return f"Not sure: {words}, for {interval.assumed_count} numbers of the material are assumed."


def _by_physics(result: SimulationResult) -> list[str]:
    if result.window == "none":
        k = result.kpis
        rise = "" if k.t_rise_s is None else f" It has risen after {_minutes(k.t_rise_s)}."
        return [f"An open cup: nothing to open. The peak is {k.T_core_max_C:.0f} C.{rise}"]
    t_min, t_opt, t_max = result.t_demold_min_s, result.t_demold_opt_s, result.t_demold_max_s
    earliest, latest = result.demold_binding["earliest"], result.demold_binding["latest"]
    why = NOT_YET.get(earliest or "", earliest)
    if t_min is None or t_opt is None or t_max is None:
        longest = _minutes(result.scenario.quality.t_cycle_max_s)
        return [f"Open: not within {longest}.", f"Why not: {why}."]
    lines = [
        f"Open: from {_minutes(t_min)} after the end of injection; best at {_minutes(t_opt)}.",
        f"Why not earlier: {why}.",
    ]
    if latest is not None and latest != "cycle":
        then = NOT_YET.get(latest, latest)
        lines.append(f"Not later than {_minutes(t_max, math.floor)}: then {then}.")
    return lines


def _minutes(seconds: float, rounded: Callable[[float], int] = math.ceil) -> str:
    """``91.4`` -> ``1 min 32 s``: rounded up, so that nobody opens early."""
    whole = rounded(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
