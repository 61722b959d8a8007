"""``pur-mold-twin train-ml``: a feature set becomes a model version with its report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.cli.common import fail
from edge_agent.cli.progress import Progress

if TYPE_CHECKING:
    from edge_agent.learning.tables import Columns
    from twin_core.learning.training.fit import TrainConfig
    from twin_core.log_files.shot_table import LeftOut

EXAMPLE = """\b
Examples:
  pur-mold-twin train-ml --features data/ml/features.parquet
  pur-mold-twin train-ml --features a.parquet --features b.parquet \\
      --unseen unseen.parquet
  pur-mold-twin train-ml --features features.parquet --config pour.yaml \\
      --name pour --out var/models

\b
A configuration, every line of it a default:
  known_at: pour    # or live, demold: looks at nothing that is known later
  targets: null     # all still to be measured; []: defects alone
  learners: [ridge, boosting]    # boosting: of defects
  defects: true
  coverage: 0.9
  test_molds_share: 0.2
  test_time_share: 0.2
  leave_out: []     # features not to look at
  seed: 0

Needs the extra [learn]; with [ray] the learners are fitted on all cores of a Ray cluster. The
version is not used before `models promote`. Exit codes: 0 trained, 1 the model could not be
written, 2 wrong input.
"""

File = click.Path(path_type=Path)


@click.command("train-ml", epilog=EXAMPLE)
@click.option("--features", multiple=True, required=True, type=File, help="Feature set; repeat.")
@click.option("--config", type=File, help="What to learn and how; see below.")
@click.option(
    "--out", type=File, default=Path("var/models"), show_default=True, help="Model directory."
)
@click.option("--name", help="Of the model. [default: the moment that it is for]")
@click.option(
    "--unseen", "unseen", multiple=True, type=File,
    help="Feature set of presses that have no part in training, to test the file by; repeat.",
)  # fmt: skip
def command(
    features: tuple[Path, ...],
    config: Path | None,
    out: Path,
    name: str | None,
    unseen: tuple[Path, ...],
) -> None:
    """Learn how far the physics is off, how sure that is, and which parts fail.

    Chooses among learners on presses they had not seen, writes one ONNX file with its intervals and
    a report, and says how good it is beside the physics and beside a running mean (EWMA). Where no
    learner is better than the memory beyond chance, the file holds the memory alone.
    """
    from twin_core.errors import MissingRuntime, TwinError

    try:
        with Progress() as progress:
            label, folder, lines = _train(features, config, out, name, unseen, progress.say)
    except ImportError as error:
        from edge_agent.errors import MissingExtra

        fail(MissingExtra(f"training needs {error.name}, which is not installed", "learn"))
    except (TwinError, MissingRuntime) as error:
        fail(error)
    for line in lines:
        click.echo(line)
    click.echo(f"{label}: {folder}")
    model, _, version = label.partition("/")
    click.echo(f"use it: pur-mold-twin models promote {model} {version} --models {out}")


Shot = tuple[Any, ...]
"""Site, press, mold, id and time of the pour."""


def _train(
    features: tuple[Path, ...],
    config_file: Path | None,
    out: Path,
    name: str | None,
    unseen: tuple[Path, ...],
    progress: Any,
) -> tuple[str, Path, list[str]]:
    from edge_agent.inference.manifest import check_name
    from edge_agent.inference.registry import ModelRegistry
    from edge_agent.learning.parallel import in_parallel
    from edge_agent.learning.tables import write_table
    from edge_agent.report.drawing import need_matplotlib
    from edge_agent.report.files import page_text
    from edge_agent.report.training import learner_words, training_page, verdicts
    from twin_core.learning.columns import ml_column
    from twin_core.learning.inference import Model
    from twin_core.learning.training.evaluation import evaluate
    from twin_core.learning.training.train import train

    need_matplotlib()
    config = _config(config_file)
    name = check_name(name or config.known_at)
    progress("reading the feature sets")
    columns = _each_once(_together({path: _read(path) for path in features}))
    others = {path.stem: _read(path) for path in unseen}
    for path, table in zip(unseen, others.values(), strict=False):
        _tell_learned(path, table, columns)
    trained = train(columns, config, _git_hash(), progress, in_parallel)
    model = Model(trained.content)
    evaluations = {
        stem: evaluate(model, table, trained.final.ridges) for stem, table in others.items()
    }
    metrics = {
        "other_presses": {key: found.as_dict() for key, found in trained.apart.items()},
        "test": {
            part: {key: found.as_dict() for key, found in scores.items()}
            for part, scores in trained.test.items()
        },
        "unseen": {stem: found.as_dict() for stem, found in evaluations.items()},
    }
    manifest, folder = ModelRegistry(out).add(
        name, trained.content, datetime.now(UTC), _plain(metrics)
    )
    progress("writing the report")
    page = training_page(manifest.label, trained, evaluations)
    for suffix in (".html", ".md"):
        (folder / f"report{suffix}").write_text(page_text(page, suffix), encoding="utf-8")
    expected = {ml_column(key): values for key, values in trained.expected().items()}
    write_table(folder / "baseline.parquet", {**trained.table.columns, **expected})
    lines = [
        f"{key}: error {found.ratio_ewma:.2f} of EWMA's, {found.ratio:.2f} of the physics' on "
        f"presses it had not seen, {found.coverage:.1%} inside the {config.coverage:.0%} intervals "
        f"({learner_words(item)})"
        for (key, found), item in zip(
            trained.apart.items(), trained.final.regressions.values(), strict=True
        )
    ]
    for stem, found in evaluations.items():
        lines += [f"{stem}: {line}" for line in verdicts(found, config.coverage)]
    return manifest.label, folder, [*lines, *trained.notes]


def _read(path: Path) -> Columns:
    """A feature set; cells that are no value of their column are named, a lost column is an error.

    Shots without a time are left out: what is later than what decides what is judged.

    Raises:
        TableError: it cannot be read, is no feature set, or nothing is left of a column.
    """
    import numpy as np

    from edge_agent.errors import TableError
    from edge_agent.learning.tables import leave_out_impossible, read_table
    from twin_core.learning.columns import IDS

    def told(cells: LeftOut) -> None:
        if cells.whole:
            raise TableError(f"{path}: column {cells.column}: {cells.examples[0]}, as all others")
        click.echo(cells.words(str(path)), err=True)

    columns = leave_out_impossible(read_table(path, told), told)
    missing = [name for name in IDS if name not in columns]
    if missing:
        names = ", ".join(missing)
        raise TableError(f"{path}: no feature set, {names} missing: make it with build-features")
    timed = ~np.isnat(columns["poured_at"])
    if timed.all():
        return columns
    if not timed.any():
        raise TableError(f"{path}: column poured_at: no shot has a time: training needs it")
    click.echo(f"{path}: {np.sum(~timed)} shots without poured_at are left out", err=True)
    return {name: values[timed] for name, values in columns.items()}


def _config(path: Path | None) -> TrainConfig:
    from twin_core.checked_yaml import parse, read_yaml
    from twin_core.learning.training.fit import TrainConfig

    return TrainConfig() if path is None else parse(TrainConfig, read_yaml(path), str(path))


def _together(sets: Mapping[Path, Columns]) -> Columns:
    """Several feature sets as one; a column that one of them lacks is an error."""
    import numpy as np

    from twin_core.errors import InputError

    (first, columns), *others = sets.items()
    for path, table in others:
        different = set(columns) ^ set(table)
        if different:
            words = f"{first} and {path} differ in column {min(different)}: build them anew"
            raise InputError(words)
    return {name: np.concatenate([table[name] for table in sets.values()]) for name in columns}


def _each_once(columns: Columns) -> Columns:
    """The shots, each once; what stands there again is named.

    Raises:
        InputError: a shot is there again with other content.
    """
    from edge_agent.learning.tables import without_repeats
    from twin_core.errors import InputError

    columns, count = without_repeats(columns)
    if count:
        click.echo(
            f"{count} rows of the feature sets stand there again; each counts once", err=True
        )
    shots = set[Shot]()
    for shot in _shots(columns):
        if shot in shots:
            words = (
                f"shot {shot[3]} of press {shot[1]}, poured at {shot[4]} UTC, is there twice with"
            )
            raise InputError(
                f"{words} different content: give feature sets that do not overlap, or build "
                "one anew"
            )
        shots.add(shot)
    return columns


def _tell_learned(path: Path, table: Columns, learned: Columns) -> None:
    """Name shots that are to be unseen and are learned from."""
    both = len(set(_shots(table)) & set(_shots(learned)))
    if both:
        click.echo(
            f"{path}: {both} shots are in the feature sets, too: they are not unseen", err=True
        )


def _shots(columns: Columns) -> list[Shot]:
    names = ("site", "press", "mold_id", "shot_id", "poured_at")
    return list(zip(*(columns[name].tolist() for name in names), strict=True))


def _git_hash() -> str:
    """Commit of the project that trains, where it is known."""
    import subprocess

    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=16", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def _plain(values: Any) -> Any:
    """Numbers short enough to read."""
    if isinstance(values, dict):
        return {key: _plain(value) for key, value in values.items()}
    return float(f"{values:.5g}") if isinstance(values, float) else values
