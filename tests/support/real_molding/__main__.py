"""``python -m tests.support.real_molding``: real cycles through training and check of drift."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import yaml

from edge_agent.cli.common import fail
from edge_agent.inference.manifest import MANIFEST
from edge_agent.learning.tables import write_table
from tests.support.real_molding.columns_file import ColumnsFile, read_columns_file
from tests.support.real_molding.cycles import Cycles, read_cycles
from tests.support.real_molding.rows import feature_set
from twin_core.arrays import Array
from twin_core.errors import InputError, TwinError
from twin_core.learning.columns import TARGETS
from twin_core.learning.training.baselines import SPEEDS, ewma
from twin_core.learning.training.table import FeatureSet, Rows

EXAMPLE = """\b
Example:
  python -m tests.support.real_molding labeled_data_preprocessed.csv \\
      --columns tests/support/real_molding/kamp.yaml
\b
A columns file, YAML; only time and one of targets and failure must be there:
  text: {encoding: cp949, separator: ";", decimal: ","}   # left out: found
  time: {column: TimeStamp, format: "%Y-%m-%d %H:%M:%S", zone: Asia/Seoul}
  machine: EQUIP_CD          # a column, or {column, pattern}
  mold: {column: PART_NAME, pattern: '^(\\S+)'}
  material: Resin
  cycle: _id                 # of ids
  only: {EQUIP_CD: [S14]}    # rows to keep
  duration_s: Cycle_Time     # or a number
  results_after_h: 24        # of failures and the laboratory
  first: 50                  # cycles whose mean stands for physics
  targets:                   # rho_moulded, t_demold, p_max, T_core_max
    p_max: {column: Max_Pressure, factor: 0.1, physics: Expected_Pressure}
  inputs: {proc_T_mold_init_C: Mold_Temperature}
  more_at_pour: [Hopper_Temperature]      # take free columns, scaled
  more_at_demold: [Filling_Time]
  failure: {column: Result, failed: [NG], passed: [OK], reason: Why,
            kinds: {short_shot: [short]}}

Values outside what a column of the twin can be are left out and named: factor and offset put
them into its range. Exit codes: 0 all steps ran, whatever they found, 2 wrong input or a step
failed.
"""
File = click.Path(path_type=Path)
LEARNERS = ("ridge", "boosting")
ERRORS = {
    "physics": "rmse_physics",
    "mean": "rmse_mean",
    "last": "rmse_last",
    "EWMA": "",
    "memory": "rmse_memory",
    "model": "rmse",
}
"""Errors that are printed, and their names in a manifest; the running mean also knows the earlier
cycles, so it is computed here."""


@click.command(
    "real_molding", epilog=EXAMPLE, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.argument("path", type=File)
@click.option("--columns", "columns_file", required=True, type=File, help="Columns file; below.")
@click.option(
    "--learn", "share", default=0.6, show_default=True, type=click.FloatRange(0.2, 0.9),
    help="Earliest share of the cycles, to learn from; the later ones are judged.",
)  # fmt: skip
@click.option(
    "--window", default=300, show_default=True, type=click.IntRange(30),
    help="Cycles of each check of drift.",
)  # fmt: skip
@click.option(
    "--learner", "learners", multiple=True, default=LEARNERS, show_default=True,
    type=click.Choice(["ridge", "boosting"]), help="As in train-ml; repeat.",
)  # fmt: skip
@click.option("--keep", type=File, help="Keep feature sets, models and reports in this folder.")
def command(
    path: Path,
    columns_file: Path,
    share: float,
    window: int,
    learners: tuple[str, ...],
    keep: Path | None,
) -> None:
    """Learn from a table of real molding cycles and print the figures beside a running mean.

    PATH is CSV (any separator, decimal mark, encoding) or Parquet, a row a cycle. The cycles become
    feature sets; train-ml learns from the earlier ones and is judged on the later ones, then
    check-drift compares window after window with the earlier ones. The table stays where it is.
    """
    with tempfile.TemporaryDirectory(prefix="real-molding-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            run(path, read_columns_file(columns_file), share, window, learners, folder)
        except TwinError as error:
            fail(error)


def run(
    path: Path,
    columns: ColumnsFile,
    share: float,
    window: int,
    learners: tuple[str, ...],
    folder: Path,
) -> None:
    """All steps, with their figures on standard output.

    Raises:
        TwinError: the table or the columns file cannot be used, or a command failed.
    """
    cycles = read_cycles(path, columns, folder, click.echo)
    found, words = feature_set(cycles, columns)
    table = FeatureSet(found.columns)
    _say_what(cycles, table, words)
    cut = np.quantile(table.time_s, share)
    learned = table.time_s <= cut
    early, late = folder / "earlier.parquet", folder / "later.parquet"
    for file, rows in ((early, learned), (late, ~learned)):
        if not rows.any():
            raise InputError(f"{path}: all cycles have one time: nothing is later to be judged")
        write_table(file, dict(table.rows(rows).columns), found.metadata)
    click.echo(f"\nlearned from {learned.sum()} cycles to {_day(cut)}, judged {(~learned).sum()}")
    if columns.targets:
        _targets(table, ~learned, config_of(columns, learners), early, late, folder)
    if columns.failure is not None:
        _failures(learners, early, late, folder)
    _drift(table.rows(~learned), window, early, found.metadata, folder)


def _say_what(cycles: Cycles, table: FeatureSet, words: list[str]) -> None:
    click.echo(
        f"{cycles.path}: {len(cycles)} cycles, {_day(cycles.time_s[0])} to "
        f"{_day(cycles.time_s[-1])}, {len(table)} rows"
    )
    molds, counts = np.unique(table.molds, return_counts=True)
    for mold, count in zip(molds.tolist(), counts.tolist(), strict=True):
        click.echo(f"  {mold.removeprefix('table/')}: {count} cycles")
    for name, stands in cycles.stand_for.items():
        click.echo(f"  {name} stands for {stands}")
    for line in words:
        click.echo(f"  {line}")
    looked_at = cycles.failed[~np.isnan(cycles.failed)]
    if len(looked_at):
        click.echo(f"  failures: {looked_at.sum():.0f} of {len(looked_at)}")


def _targets(
    table: FeatureSet,
    judged: Rows,
    config: dict[str, Any],
    early: Path,
    late: Path,
    folder: Path,
) -> None:
    """Known at the pour: ``train-ml`` and the running mean on the later cycles."""
    scores = _trained("pour", config, early, late, folder).get("scores", {})
    click.echo("\nKnown at the pour: root mean square error of the later cycles, in the unit of")
    click.echo("the twin's column (physics: the mean of the first cycles, unless the table has it;")
    click.echo("EWMA: a running mean of each mold, of the speed that is best on these very cycles)")
    heads = ("cycles", *ERRORS, "model/EWMA", "inside")
    click.echo(f"{'target':12}{''.join(f'{head:>11}' for head in heads)}")
    for name in config["targets"]:
        one = scores.get(name)
        if one is None:
            click.echo(f"{name:12} too few are measured to learn from")
            continue
        errors = {head: one[key] for head, key in ERRORS.items() if key}
        errors["EWMA"] = min(_rmse(table, name, ewma(name, table, v), judged) for v in SPEEDS)
        cells = [str(one["shots_count"]), *(f"{errors[head]:.4g}" for head in ERRORS)]
        cells += [f"{errors['model'] / errors['EWMA']:.3f}", f"{one['coverage']:.1%}"]
        click.echo(f"{name:12}{''.join(f'{cell:>11}' for cell in cells)}")


def config_of(columns: ColumnsFile, learners: tuple[str, ...]) -> dict[str, Any]:
    """Configuration of ``train-ml`` for what is known before a cycle."""
    targets = list(columns.targets)
    return {
        "known_at": "pour",
        "targets": targets,
        "defects": columns.failure is not None,
        "learners": list(learners),
    }


def _rmse(table: FeatureSet, name: str, expected: Array, chosen: Rows) -> float:
    target = TARGETS[name]
    residual = table.residual(name)
    rows = chosen & ~np.isnan(residual)
    physics = table[target.physics].astype(float)[rows]
    measured, said = residual[rows], expected[rows]
    if target.relative:
        measured, said = physics * np.exp(measured), physics * np.exp(said)
    return float(np.sqrt(np.mean((measured - said) ** 2)))


def _failures(learners: tuple[str, ...], early: Path, late: Path, folder: Path) -> None:
    """Known when the cycle ends: the probability of a failure."""
    click.echo("\nKnown when the cycle ends: probability of a failure")
    config = {"known_at": "demold", "targets": [], "learners": list(learners)}
    try:
        found = _trained("demold", config, early, late, folder)
    except InputError as error:
        click.echo("  nothing is shown:")
        for line in str(error).splitlines()[1:]:
            click.echo(f"  {line}")
        return
    for name, one in found.get("risks", {}).items():
        click.echo(
            f"  {name}, later cycles: Brier skill {one['brier_skill']:+.1%}, log loss "
            f"{one['log_loss_skill']:+.1%}, p = {one['p_value']:.2g}; "
            f"{one['found_count']} of {one['looked_at_count']}"
        )


def _trained(
    name: str,
    config: dict[str, Any],
    early: Path,
    late: Path,
    folder: Path,
) -> Mapping[str, Any]:
    """Scores on the later cycles of a model that ``train-ml`` made.

    Raises:
        InputError: there is nothing to learn, in the words of the command.
    """
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(config))
    models = folder / "models"
    done = _command(
        *("train-ml", "--features", early, "--unseen", late, "--config", file),
        *("--name", name, "--out", models),
    )
    if done.returncode:
        lines = [line.removeprefix("error: ") for line in done.stderr.strip().splitlines()]
        while lines and lines[0].startswith(("fitted: ", "final: ", "reading ")):
            del lines[0]
        if any("nothing to put into a file" in line for line in lines):
            raise InputError("\n".join(lines))
        raise InputError(f"train-ml ended with {done.returncode}:\n" + "\n".join(lines[-8:]))
    for line in done.stdout.splitlines():
        if ": " in line and not line.startswith(("use it", name + "/", "later:")):
            click.echo(f"  {line}")
    newest = max((models / name).glob(f"*/{MANIFEST}"), key=lambda path: int(path.parent.name))
    metrics: Mapping[str, Any] = yaml.safe_load(newest.read_text())["metrics"]["unseen"]["later"]
    return metrics


def _drift(
    later: FeatureSet, window: int, early: Path, metadata: Mapping[str, str], folder: Path
) -> None:
    """``check-drift`` of window after window of the later cycles against the earlier ones."""
    click.echo(f"\nDrift: windows of {window} later cycles against the earlier ones")
    for first in range(0, max(len(later) - window // 2, 1), window):
        rows = np.zeros(len(later), dtype=bool)
        rows[first : first + window] = True
        part, file = later.rows(rows), folder / "window.parquet"
        write_table(file, dict(part.columns), metadata)
        done = _command("check-drift", "--baseline", early, "--current", file, "--output", "json")
        try:
            result = json.loads(done.stdout)
        except json.JSONDecodeError:
            words = (done.stderr or done.stdout).strip().splitlines()
            click.echo(f"  {_day(part.time_s[0])}: no verdict: {words[0] if words else ''}")
            continue
        moved = [one["name"] for one in result["columns"] if one["level"] != "OK"]
        names = f": {', '.join(moved[:5])}" + (f" and {len(moved) - 5} more" if moved[5:] else "")
        click.echo(
            f"  {_day(part.time_s[0])}, {len(part)} cycles: {result['level']}, {len(moved)} of "
            f"{len(result['columns'])} columns moved{names if moved else ''}"
        )


def _command(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A command of the product."""
    command = [sys.executable, "-m", "edge_agent", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _day(at_s: float) -> str:
    return datetime.fromtimestamp(float(at_s), UTC).strftime("%Y-%m-%d %H:%M UTC")


if __name__ == "__main__":
    command()
