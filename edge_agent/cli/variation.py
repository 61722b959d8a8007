"""Many variations of one scenario, for ``run-sim --samples`` and ``sweep``: run, print, save."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from edge_agent.cli.progress import Progress
from twin_core.errors import InputError

if TYPE_CHECKING:
    from twin_core import BatchResult, Scenario
    from twin_core.arrays import Array
    from twin_core.sweep import Normal, Range, Sensitivity

SHOWN = (
    *("t_gel_s", "t_rise_s", "t_demold_min_s", "t_demold_opt_s", "t_demold_max_s"),
    *("rho_moulded_kg_per_m3", "p_max_Pa", "T_core_max_C", "fill_ratio", "H_24h_shore"),
    "defect_risk",
)
"""Figures in the table; a file has them all."""


def parse_vary(scenario: Scenario, options: tuple[str, ...]) -> dict[str, Range | Normal]:
    """``PATH=LOW:HIGH`` even between both, ``PATH=SIGMA`` normal around the scenario's value.

    Raises:
        InputError: names the option and what it should look like.
    """
    from twin_core.sweep import Normal, Range, read_path

    found: dict[str, Range | Normal] = {}
    for option in options:
        path, _, text = option.partition("=")
        low, colon, high = text.partition(":")
        try:
            if colon:
                found[path] = Range(float(low), float(high))
                read_path(scenario, path)
            else:
                found[path] = Normal(read_path(scenario, path), float(text))
        except ValueError:
            raise InputError(
                f"--vary {option}: write PATH=LOW:HIGH or PATH=SIGMA, as process.T_mold_C=35:45"
            ) from None
    return found


def run_all(
    scenario: Scenario, variation: Mapping[str, Range | Normal], values: Array
) -> BatchResult:
    """Simulate every row of ``values``, with progress on stderr."""
    from twin_core import simulate_many
    from twin_core.sweep import vary

    with Progress() as progress:
        return simulate_many(
            vary(scenario, list(variation), values),
            progress=lambda done, total: progress.count("shots", done, total),
        )


def print_distributions(
    scenario: Scenario, variation: Mapping[str, Range | Normal], result: BatchResult
) -> None:
    """What varied, how the key figures are spread, how many shots are good."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from twin_core.sweep import Range, distributions

    console = Console(highlight=False, markup=False)
    console.print(f"{scenario.scenario_id}: {len(result)} shots, simulated")
    for path, what in variation.items():
        words = (
            f"{what.low:g} to {what.high:g}"
            if isinstance(what, Range)
            else f"{what.mean:g} +- {what.sigma:.3g} (one sigma)"
        )
        console.print(f"  {path}: {words}")
    table = Table(box=box.SIMPLE, pad_edge=False, collapse_padding=True)
    for i, name in enumerate(("KPI", "mean", "sigma", "5 %", "50 %", "95 %", "shots")):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    for name, d in distributions(result).items():
        if name in SHOWN:
            numbers = (d.mean, d.sigma, d.p05, d.p50, d.p95)
            table.add_row(name, *map(_short, numbers), f"{d.share:.0%}")
    console.print(table)
    for name in ("quality_status", "pressure_status"):
        counted = _counted(result.words[name])
        console.print(f"{name}: " + ", ".join(f"{word} {n}" for word, n in counted.items()))
    _print_errors(result)


def _short(number: float) -> str:
    return f"{number:.0f}" if abs(number) >= 1e4 else f"{number:.4g}"


def _counted(words: Any) -> dict[str, int]:
    return {str(word): int((words == word).sum()) for word in sorted(set(words)) if word}


def _print_errors(result: BatchResult) -> None:
    if result.errors:
        first = min(result.errors)
        click.echo(
            f"{len(result.errors)} shots could not be simulated; number {first}: "
            f"{result.errors[first]}",
            err=True,
        )


def print_sensitivities(figure: str, sensitivities: Mapping[str, Sensitivity]) -> None:
    """Sobol indices, the largest first."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    console.print(f"Share of the variance of {figure} (Sobol indices, 95 % confidence)")
    table = Table(box=box.SIMPLE, pad_edge=False)
    for i, name in enumerate(("input", "alone", "with all others")):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    for path, s in sorted(sensitivities.items(), key=lambda item: -item[1].total):
        table.add_row(
            path,
            f"{s.first:.3f} +- {s.first_confidence:.3f}",
            f"{s.total:.3f} +- {s.total_confidence:.3f}",
        )
    console.print(table)


def as_csv(variation: Mapping[str, Range | Normal], values: Array, result: BatchResult) -> str:
    """One line a shot: inputs, all key figures, verdicts, the error if there is one."""
    figures, words = result.figures, result.words
    lines = [",".join((*variation, *figures, *words, "error"))]
    for number, row in enumerate(values.tolist()):
        numbers = (figures[name][number] for name in figures)
        lines.append(
            ",".join(
                (
                    *(f"{value:.10g}" for value in row),
                    *("" if math.isnan(value) else f"{value:.10g}" for value in numbers),
                    *(str(words[name][number]) for name in words),
                    json.dumps(result.errors[number]) if number in result.errors else "",
                )
            )
        )
    return "\n".join(lines) + "\n"


def as_json(
    scenario: Scenario, variation: Mapping[str, Range | Normal], result: BatchResult
) -> str:
    """What varied and the distributions of all key figures."""
    import dataclasses

    from twin_core.sweep import distributions

    content = {
        "scenario_id": scenario.scenario_id,
        "samples": len(result),
        "simulated": True,
        "varied": {path: dataclasses.asdict(what) for path, what in variation.items()},
        "distributions": {name: dataclasses.asdict(d) for name, d in distributions(result).items()},
        "errors": {str(number): words for number, words in result.errors.items()},
        **{name: _counted(words) for name, words in result.words.items()},
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"
