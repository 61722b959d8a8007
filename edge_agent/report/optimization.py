"""The report of an optimisation: advice, gain, front, reasons, what was looked at."""

from __future__ import annotations

import numpy as np

from edge_agent.report.content import (
    Block,
    Card,
    Cards,
    Code,
    Items,
    Page,
    Plots,
    Section,
    Table,
    Text,
    Tone,
    Words,
)
from edge_agent.report.plot import Curve, Plot
from twin_core.arrays import Array
from twin_core.optimization.constraints import LIMITS
from twin_core.optimization.goals import GOALS
from twin_core.optimization.result import OptimizationResult, Point
from twin_core.optimization.task import OptimizationTask
from twin_core.optimization.variables import FOLLOWS, SETTINGS
from twin_core.optimization.words import (
    basis_words,
    binding_words,
    counted,
    gain_words,
    random_words,
    signed,
    way_words,
)

MORE = 0.05
"""Share of the width that a plot of a front has at either side."""


def optimization_page(result: OptimizationResult, task: OptimizationTask) -> Page:
    """The page of a result."""
    lead: list[Block] = [Text(_lead(result)), _cards(result)]
    notes = (*basis_words(result), *result.notes)
    if notes or result.partial:
        ended = ("It was ended before its end: nothing more was looked at.",) * result.partial
        lead.append(Items((*ended, *notes)))
    sections = [_infeasible(result)] if result.chosen is None else [_advice(result, task)]
    if len(result.front) > 1:
        sections.append(_front(result))
    if result.chosen is not None:
        sections.append(_reasons(result))
    sections += [_asked(result, task), _looked_at(result)]
    return Page(f"Settings of {result.scenario_id}", tuple(lead), tuple(sections))


def _lead(result: OptimizationResult) -> str:
    return (
        f"{counted(result)}, {result.simulations} simulated shots, {result.draws} "
        f"draws of the scatter each ({result.scatter_source}). Advice only: nothing was written to "
        "a machine. All numbers are simulated."
    )


def _cards(result: OptimizationResult) -> Cards:
    chosen, gain = result.chosen, result.gain
    if chosen is None:
        ended = " so far" if result.partial else ""
        return Cards((Card("advice", "none", f"nothing is feasible{ended}", "bad"),))
    tone: Tone = "good" if chosen.confirmed else "warning"
    cards = [
        Card("open at", f"{chosen.t_open_s:.0f} s", f"{chosen.decides} decides"),
        Card(
            "violations", f"{chosen.violated_share:.1%}",
            f"95 %: {chosen.violated_low:.1%} to {chosen.violated_high:.1%}, asked "
            f"{result.violations_allowed:.1%}", tone,
        ),
    ]  # fmt: skip
    if gain is not None:
        safe = result.today is not None and result.holds(result.today)
        against = "against today" if safe else "against an opening that is not safe"
        tone = "plain" if safe else "warning"
        cards.insert(1, Card("cycle", f"{signed(-gain.cycle_s, '.0f')} s", against, tone))
        if gain.per_year is not None:
            words = f"{signed(-gain.per_year, ',.0f')} {gain.currency}"
            what = "at as many parts as today" if safe else against
            cards.append(Card("cost a year", words, what, tone))
    return Cards(tuple(cards))


def _advice(result: OptimizationResult, task: OptimizationTask) -> Section:
    chosen, today = result.chosen, result.today
    assert chosen is not None
    rows: list[tuple[Words, ...]] = [
        (
            Code(name),
            SETTINGS[name].unit,
            _n(None if today is None else today.settings[name]),
            _n(value),
        )
        for name, value in chosen.settings.items()
    ]
    process, before = chosen.process, today.process if today else None
    rows += [
        (
            Code(name),
            unit,
            _n(None if before is None else getattr(before, name)),
            _n(getattr(process, name)),
        )
        for name, unit in FOLLOWS.items()
        if name not in chosen.settings and getattr(process, name) is not None
    ]
    rows.append(
        (Code("t_open_s"), "s", _n(None if today is None else today.t_open_s), _n(chosen.t_open_s))
    )
    rows += [
        (
            Code(name),
            goal.unit or task.prices.currency,
            _n(None if today is None else today.figures[name]),
            _n(chosen.figures[name]),
        )
        for name, goal in GOALS.items()
        if name != "cost" or chosen.figures[name]
    ]
    checked = "fresh draws" if chosen.confirmed else "the draws of the search; not confirmed"
    blocks: list[Block] = [
        Text(f"Chosen: {result.why_chosen}. Violations were counted on {chosen.draws} {checked}."),
        Table.of("|unit|today|advice", rows, "today|advice"),
        Items(tuple(gain_words(result))),
    ]
    return Section("Advice", tuple(blocks))


def _front(result: OptimizationResult) -> Section:
    goals = "|".join(result.goals)
    names = [name for name in result.bounds if name != "t_open_s"]
    columns = f"chosen|{goals}|t_open_s|violations|{'|'.join(names)}"
    rows: list[tuple[Words, ...]] = [
        (
            "yes" if point == result.chosen else "",
            *(_n(point.figures[name]) for name in result.goals),
            _n(point.t_open_s),
            f"{point.violated_share:.1%}",
            *(_n(point.settings[name]) for name in names),
        )
        for point in result.front
    ]
    first, *others = result.goals
    plots = tuple(_front_plot(result, first, other) for other in others)
    return Section(
        "Front", (Plots(plots), Table.of(columns, rows, columns.removeprefix("chosen|")))
    )


def _front_plot(result: OptimizationResult, first: str, other: str) -> Plot:
    points = sorted(result.front, key=lambda point: point.figures[first])
    assert result.chosen is not None
    curves = [Curve("front", *_at(points, first, other), 0, "points")]
    x = np.array([point.figures[first] for point in points])
    wide = np.array([x.min() - MORE * np.ptp(x), x.max() + MORE * np.ptp(x)])
    chosen = np.full(2, result.chosen.figures[other])
    curves.append(Curve("level of the chosen", wide, chosen, 1, "dotted"))
    curves.append(Curve("chosen", *_mark(result.chosen, first, other), 1, "solid"))
    if result.today is not None and all(np.isfinite(_mark(result.today, first, other)).flat):
        curves.append(Curve("today", *_mark(result.today, first, other), 2, "dashed"))
    return Plot(
        name=f"front_{first}_{other}",
        title=f"{GOALS[first].words} against {GOALS[other].words}",
        caption="Points that hold on fresh draws and that no other beats in all goals.",
        x_label=f"{first}",
        y_label=f"{other}",
        curves=tuple(curves),
    )


def _at(points: list[Point], first: str, other: str) -> tuple[Array, Array]:
    return (
        np.array([point.figures[first] for point in points]),
        np.array([point.figures[other] for point in points]),
    )


def _mark(point: Point, first: str, other: str) -> tuple[Array, Array]:
    """A short cross line, so that a single point is seen."""
    x, y = point.figures[first], point.figures[other]
    return np.array([x * 0.99, x * 1.01]), np.array([y, y])


def _reasons(result: OptimizationResult) -> Section:
    blocks: list[Block] = [Items(tuple(line.strip() for line in binding_words(result)))]
    rows: list[tuple[Words, ...]] = [
        (
            Code(item.name), _n(item.value), item.at_bound, _n(item.down),
            _s(item.cycle_down_s, item.missed_down), _n(item.up),
            _s(item.cycle_up_s, item.missed_up),
        )
        for item in result.sensitivities
    ]  # fmt: skip
    if rows:
        blocks.append(
            Table.of(
                "setting|value|at bound|down to|cycle then|up to|cycle then ", rows,
                "value|down to|up to", "One setting moved, all else as it is",
            )
        )  # fmt: skip
    effects: list[tuple[Words, ...]] = [
        (Code(name), f"{result.scatter[name]:g}", f"{value:+.1f}")
        for name, value in result.scatter_effects_s.items()
    ]
    if effects:
        caption = "What one sigma of an input does to the earliest opening"
        blocks.append(Table.of("input|sigma|s", effects, "sigma|s", caption))
    return Section("Why not shorter", tuple(blocks))


def _infeasible(result: OptimizationResult) -> Section:
    blocks: list[Block] = [Items(tuple(way_words(result)))]
    if result.nearest is not None:
        rows: list[tuple[Words, ...]] = [
            (Code(name), SETTINGS[name].unit, _n(value))
            for name, value in result.nearest.settings.items()
        ]
        caption = "The settings that miss least"
        blocks.append(Table.of("|unit|value", rows, "value", caption))
    return Section("What is in the way", tuple(blocks))


def _asked(result: OptimizationResult, task: OptimizationTask) -> Section:
    bounds: list[tuple[Words, ...]] = [
        (Code(name), SETTINGS[name].unit, _n(b["low"]), _n(b["high"]), _n(b["step"]))
        for name, b in result.bounds.items()
    ]
    limits: list[tuple[Words, ...]] = [
        (Code(name), "at most" if LIMITS[name].most else "at least", _n(value), LIMITS[name].unit)
        for name, value in result.limits.items()
    ]
    scatter: list[tuple[Words, ...]] = [
        (Code(name), f"{sigma:g}") for name, sigma in result.scatter.items()
    ]
    return Section(
        "What was asked",
        (
            Text(
                f"Goals: {', '.join(result.goals)}. Of the draws {task.violations_allowed:.1%} may "
                f"miss a limit. Seed {task.seed}."
            ),
            Table.of(
                "setting|unit|low|high|step", bounds, "low|high|step",
                f"What may change; bounds: {result.bounds_source}",
            ),
            Table.of("limit||value|unit", limits, "value", "What must hold; the skin never sticks"),
            Table.of("input|sigma", scatter, "sigma", f"Scatter, {result.scatter_source}"),
        ),
    )  # fmt: skip


def _looked_at(result: OptimizationResult) -> Section:
    sign = -1.0 if GOALS[result.goals[0]].more else 1.0
    words = random_words(result)
    text = Text(f"{words[0].upper()}{words[1:]}.")
    return Section("Beside a random search", (text, *_progress_plot(result, sign)))


def _progress_plot(result: OptimizationResult, sign: float) -> list[Block]:
    at, best = list[float](), list[float]()
    for tried in result.history:
        if tried.feasible and (not best or tried.values[0] < best[-1]):
            at.append(float(tried.index))
            best.append(tried.values[0])
    if len(at) < 2:
        return []
    plot = Plot(
        name="progress",
        title="The best so far",
        caption="On the draws of the search.",
        x_label="candidates",
        y_label=result.goals[0],
        curves=(Curve("best", np.array(at), sign * np.array(best)),),
    )
    return [Plots((plot,))]


def _n(value: float | None) -> str:
    return "-" if value is None or not np.isfinite(value) else f"{value:.4g}"


def _s(change: float | None, missed: tuple[str, ...]) -> str:
    if change is None:
        return f"misses {', '.join(missed)}" if missed else "-"
    return f"{change:+.1f} s"
