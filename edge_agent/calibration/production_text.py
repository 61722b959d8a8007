"""Text and JSON of ``calibrate --production``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from edge_agent.calibration.calibration_shot import LEFT_OUT, ShotsFound
from edge_agent.calibration.production import Outcome
from edge_agent.calibration.shots_words import left_out_lines
from edge_agent.calibration.text import number, print_rates, say, table
from twin_core.calibration.production_fit import ProductionEstimate, ProductionFit
from twin_core.calibration.record import Change

HEAD = ("before", "after", "95 % from", "to", "unit")


def print_shots(found: ShotsFound) -> None:
    """Print which shots are fitted, and what was left out."""
    shots = found.shots
    first, last = (f"{shots[i].poured_at:%Y-%m-%d}" for i in (0, -1))
    kind = "that fit, simulated" if shots[0].simulated else "that fit"
    of_molds = ", ".join(f"{name} ({count})" for name, count in sorted(found.of_molds.items()))
    click.echo(found.source)
    say(
        "shots",
        f"{len(shots)} of {found.fitting_count} {kind}, poured from {first} to {last}; molds: "
        f"{of_molds}",
    )
    for line in left_out_lines(found):
        say("left out", line)
    for kind, words in (("recipe", "as the recipe says"), ("default", "a default stood in")):
        names = [
            f"{name} at {count} pours"
            for (name, stood_in), count in sorted(found.substituted.items())
            if stood_in == kind
        ]
        if names:
            say("note", f"not read, {words}: {', '.join(names)}")
    with_lot = sum(shot.lot is not None for shot in shots)
    if with_lot:
        lots = {shot.lot for shot in shots} - {None}
        say("lots", f"{len(lots)}, known of {with_lot} shots")


def print_outcome(outcome: Outcome) -> None:
    """Print numbers with intervals, what is not fitted, held-out errors and the verdict."""
    fit, made = outcome.fit, outcome.parameter_set
    by = "lots" if fit.by_lot else "shots"
    click.echo(f"{made.system_id}: fit to {fit.fitted_count} shots, intervals by whole {by}")
    if fit.shared:
        click.echo("")
        table(("all molds", *HEAD), _rows(fit.shared))
        print_rates(
            {one.path for one in fit.shared},
            [
                Change(path, one.unit, one.start, one.value, one.spread)
                for path, one in made.shared.items()
            ],
        )
    for mold_id, estimates in sorted(fit.molds.items()):
        click.echo("")
        if estimates:
            table((f"mold {mold_id}", *HEAD), _rows(estimates))
        else:
            click.echo(f"mold {mold_id}: no number of its own")
    if fit.lags:
        click.echo("")
        table(("fitted along", *HEAD), _rows(fit.lags))
    click.echo("")
    for path, why, molds in _not_fitted(fit):
        say("not fitted", f"{path}{molds}: {why}")
    for reason, count in sorted(fit.omitted.items()):
        say("omitted", f"{reason}: {count}")
    for warning in fit.warnings:
        say("warning", warning)
    click.echo(f"held out: the newest {fit.held_out_count} shots, RMS of simulated minus measured")
    rows = [
        (name, number(e.before, 3), number(e.after, 3), number(e.noise_floor, 3), e.unit)
        for name, e in fit.verdict.held_out.items()
    ]
    table(("", "before", "after", "noise floor", "unit"), rows)
    say("verdict", fit.verdict.words)
    if made.provenance.simulated:
        say("note", "simulated, not measured: no press is like them; do not use this set at one")


def print_next_steps(outcome: Outcome, where: str, note: str) -> None:
    """Print the file, and which command puts the set into use.

    Args:
        where: option that names the folder of sets, as ``-c agent.yaml``.
        note: words on what stands in it for another; empty where nothing does.
    """
    made = outcome.parameter_set
    if outcome.path is None:
        click.echo("dry run: no file written")
        return
    click.echo(f"written: {outcome.path}")
    if not made.verdict.use:
        say("not used", "`parameter-sets promote` refuses it, unless you give --anyway")
        return
    click.echo("nothing uses it yet. To put it into use, and back:")
    of_set = f"{made.system_id} {made.number}"
    for command in (f"promote {of_set}", f"rollback {made.system_id}"):
        click.echo(f"  pur-mold-twin parameter-sets {command}{where}")
    if note:
        say("there", note)


def document(found: ShotsFound, outcome: Outcome) -> dict[str, Any]:
    """Everything for a program."""
    fit, made = outcome.fit, outcome.parameter_set
    return {
        "system_id": made.system_id,
        "parameter_set": None if outcome.path is None else made.set_id,
        "file": None if outcome.path is None else str(outcome.path),
        "shots": {
            "source": found.source,
            "fitting_count": found.fitting_count,
            "taken_count": len(found.shots),
            "fitted_count": fit.fitted_count,
            "held_out_count": fit.held_out_count,
            "by_mold": dict(sorted(found.of_molds.items())),
            "left_out": {
                reason: {
                    "count": count, "words": LEFT_OUT[reason], "examples": found.examples[reason],
                }
                for reason, count in found.left_out.items()
            },
            "readings_count": found.readings_count,
            "readings_left_out": dict(found.readings_left_out),
            "results_left_out": dict(found.results_left_out),
            "inputs_substituted": {
                name: {"by": stood_in, "count": count}
                for (name, stood_in), count in sorted(found.substituted.items())
            },
            "simulated": made.provenance.simulated,
        },
        "shared": [_estimate(one) for one in fit.shared],
        "molds": {name: [_estimate(one) for one in found] for name, found in fit.molds.items()},
        "lags": [_estimate(one) for one in fit.lags],
        "not_fitted": [one.model_dump() for one in made.not_fitted],
        "omitted": dict(fit.omitted),
        "warnings": list(fit.warnings),
        "verdict": made.verdict.model_dump(),
        "intervals_by": "lot" if fit.by_lot else "shot",
        "converged": fit.converged,
        "simulations_count": fit.simulations,
        "provenance": made.provenance.model_dump(),
    }  # fmt: skip


def _rows(estimates: Iterable[ProductionEstimate]) -> list[tuple[str, ...]]:
    return [
        (e.path, number(e.before), number(e.value), number(e.low), number(e.high), e.unit)
        for e in estimates
    ]


def _estimate(one: ProductionEstimate) -> dict[str, Any]:
    names = ("path", "unit", "before", "value", "low", "high", "sigma", "at_bound")
    return {name: getattr(one, name) for name in names}


def _not_fitted(fit: ProductionFit) -> list[tuple[str, str, str]]:
    """Path, reason, and the molds that have both."""
    molds: dict[tuple[str, str], list[str]] = {}
    for one in fit.not_fitted:
        molds.setdefault((one.path, one.why), []).extend([one.mold_id] if one.mold_id else [])
    return [
        (path, why, f" of {', '.join(names)}" if names else "")
        for (path, why), names in molds.items()
    ]
