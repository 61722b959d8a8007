"""``optimize --all-molds``: the gain of every mold of a catalogue in one table."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.cli.optimize_files import KeptFile
from edge_agent.cli.optimize_options import task_of
from twin_core.errors import InputError
from twin_core.optimization.words import signed

if TYPE_CHECKING:
    from edge_agent.cli.optimize_plant import Plant
    from edge_agent.jobs.all_molds import MoldResult
    from twin_core import Scenario
    from twin_core.optimization.task import OptimizationTask

INFEASIBLE, FAILED, ENDED = 3, 1, 130


def optimize_all_molds(
    options: Mapping[str, Any],
    goals: Mapping[str, Any],
    plant: Plant,
    output: str,
    save_json: Path | None,
    cancelled: Callable[[], bool],
) -> int:
    """Optimise every mold with its last recipe, print the table; the exit code.

    The code of a mold that could not be simulated goes before that of one with nothing feasible.

    Args:
        cancelled: ends the search; what there is is printed.

    Raises:
        InputError: no mold can be optimised, or at the end the file cannot be written.
    """
    from edge_agent.cli.progress import Progress as Line
    from edge_agent.jobs.all_molds import MoldResult, optimize_all

    tasks, left_out = _tasks(options, goals, plant)
    if not tasks:
        raise InputError("--all-molds: no mold can be optimised\n" + "\n".join(left_out.values()))
    line, found, kept = Line(), list[Any](), KeptFile(save_json)

    def text(now: Any = None) -> str:
        return _json(found, left_out, len(tasks), now)

    def told(mold_id: str, now: Any) -> None:
        line.say(f"mold {len(found) + 1}/{len(tasks)} {mold_id}: candidates {now.done}/{now.of}")
        if kept.is_due:
            system_id = tasks[mold_id].scenario.system.system_id
            kept.keep(lambda: text(MoldResult(mold_id, system_id, now.partial())))

    for one in optimize_all(tasks, told, cancelled):
        found.append(one)
        line.say(f"mold {len(found)}/{len(tasks)} {one.mold_id}: done")
        kept.keep(text)
    line.end()
    problem = None
    try:
        kept.finish(text())
    except InputError as error:
        problem = error
    if output == "json":
        click.echo(text(), nl=False)
    else:
        _print(found, left_out)
    ended = len(found) < len(tasks) or any(one.result and one.result.partial for one in found)
    if ended:
        click.echo("ended before its end: the result is partial", err=True)
    if problem is not None:
        raise problem
    if ended:
        return ENDED
    if any(one.result is None for one in found):
        return 2 if all(one.is_input for one in found if one.result is None) else FAILED
    return 0 if all(one.result.feasible for one in found) else INFEASIBLE


def _tasks(
    options: Mapping[str, Any], goals: Mapping[str, Any], plant: Plant
) -> tuple[dict[str, OptimizationTask], dict[str, str]]:
    """Tasks by mold, and why the others have none."""
    from twin_core.errors import TwinError
    from twin_core.files import load_scenario

    given: Scenario | None = None
    if options["scenario"] is not None:
        given = load_scenario(options["scenario"], options["systems"])
    tasks, left_out = dict[str, Any](), dict[str, str]()
    for mold_id, mold in plant.catalogue.molds.items():
        if mold.open:
            left_out[mold_id] = f"{mold_id}: an open cup has nothing to open"
            continue
        try:
            scenario = _scenario(mold_id, given, plant)
            tasks[mold_id] = task_of(options, goals, plant, scenario)
        except TwinError as error:
            left_out[mold_id] = f"{mold_id}: {error}"
    return tasks, left_out


def _scenario(mold_id: str, given: Scenario | None, plant: Plant) -> Scenario:
    """The last shot of a mold; of one without any, the scenario that was given for it."""
    from twin_core.errors import TwinError

    try:
        return plant.last_scenario(mold_id)
    except TwinError:
        if given is None or given.mold.mold_id != mold_id:
            raise
        return given


def _json(
    found: Sequence[MoldResult],
    left_out: Mapping[str, str],
    count: int,
    now: MoldResult | None = None,
) -> str:
    molds: dict[str, dict[str, Any]] = {
        one.mold_id: {"system_id": one.system_id, "problem": one.problem or None}
        | {"result": None if one.result is None else one.result.as_dict()}
        for one in (*found, *(() if now is None else (now,)))
    }
    partial_there = any(one.result is not None and one.result.partial for one in found)
    content = {
        "molds": molds,
        "left_out": dict(left_out),
        "partial": now is not None or len(found) < count or partial_there,
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _print(found: Sequence[MoldResult], left_out: Mapping[str, str]) -> None:
    from edge_agent.cli.tables import print_table

    right = ["today s", "advice s", "gain s", "gain a year"]
    print_table(
        ["mold", "system", *right, "missed", "decides", "with"],
        [_row(one) for one in found],
        right=right,
        folds=["decides", "with"],
        whole=True,
    )
    for one in found:
        if one.problem:
            click.echo(f"{one.mold_id}: {one.problem}", err=True)
    if any(_unsafe(one) for one in found):
        click.echo("!: opened then, more draws miss a limit than are allowed")
    if any(one.result and one.result.chosen and not one.result.chosen.confirmed for one in found):
        click.echo("*: on the draws of the search, not confirmed on fresh ones")
    for words in left_out.values():
        click.echo(f"left out: {words}", err=True)


def _unsafe(one: MoldResult) -> bool:
    """Whether there is advice, and today's opening does not hold."""
    result = one.result
    if result is None or result.chosen is None or result.today is None:
        return False
    return not math.isnan(result.today.t_open_s) and not result.holds(result.today)


def _row(one: MoldResult) -> list[str]:
    result = one.result
    chosen = None if result is None else result.chosen
    if result is None or chosen is None:
        why = "cannot be simulated" if result is None else "nothing is feasible"
        ways = () if result is None else result.in_the_way
        missed = ", ".join(way.criterion for way in ways[:2])
        return [
            one.mold_id,
            one.system_id,
            "-",
            "-",
            "-",
            "-",
            "-",
            (missed and f"{why}: {missed}") or why,
            "",
        ]
    today, gain = result.today, result.gain
    year = None if gain is None else gain.per_year
    opened = "-" if today is None or math.isnan(today.t_open_s) else f"{today.t_open_s:.0f}"
    opened += " !" * _unsafe(one)
    missed = f"{chosen.violated_share:.1%}" + " *" * (not chosen.confirmed)
    with_ = [] if result.parameter_set is None else [result.parameter_set]
    if result.memory_factor != 1.0:
        with_.append(f"learned {100.0 * (result.memory_factor - 1.0):+.1f} %")
    return [
        one.mold_id,
        one.system_id,
        opened,
        f"{chosen.t_open_s:.0f}",
        "-" if gain is None else signed(gain.cycle_s),
        "-" if gain is None or year is None else f"{signed(year, ',.0f')} {gain.currency}",
        missed,
        chosen.decides,
        ", ".join(with_),
    ]
