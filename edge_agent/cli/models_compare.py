"""``pur-mold-twin models compare``: which of two models is better, and whether chance would do."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import fail, history_at
from edge_agent.cli.values import Number

if TYPE_CHECKING:
    from twin_core.arrays import Array
    from twin_core.learning.compare import Comparison

EXAMPLE = """\b
Examples:
  pur-mold-twin models compare pour/3 pour/4 --history var/history.db
  pur-mold-twin models compare physics pour/4 --history postgresql://user:password@host/database
  pur-mold-twin models compare pour/3 pour/4 --features unseen.parquet

With --history the errors are those of the answers that were given: of the model in use, and of the
shadow (`models shadow`). With --features both files answer now. Exit codes: 0 compared, 1 no
history, 2 wrong input or too few shots.
"""


@click.command("compare", epilog=EXAMPLE)
@click.argument("first")
@click.argument("second")
@click.option("--history", "where", help="A file, or postgresql://…")
@click.option("--features", type=click.Path(path_type=Path), help="A feature set to answer for.")
@click.option(
    "--days", type=Number(min=0, max=36_500, min_open=True), help="Newest of the history."
)
@click.option(
    "--models", "folder", type=click.Path(path_type=Path), default=Path("var/models"),
    show_default=True, help="Model directory.",
)  # fmt: skip
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(
    first: str,
    second: str,
    where: str | None,
    features: Path | None,
    days: float | None,
    folder: Path,
    output: str,
) -> None:
    """Compare two models (NAME/VERSION, or `physics`) on the same shots, target by target."""
    from twin_core.errors import InputError, TwinError
    from twin_core.learning.compare import compare

    try:
        if (where is None) == (features is None):
            raise InputError("give --history or --features: where the shots are")
        if where is not None:
            found = _told(where, first, second, days)
        else:
            assert features is not None
            found = _answered(features, folder, first, second)
        compared: dict[str, Comparison] = {}
        reasons: dict[str, str] = {}
        for name, (errors, other_errors) in found.items():
            try:
                compared[name] = compare(errors, other_errors)
            except InputError as error:
                reasons[name] = str(error)
        if not compared:
            raise InputError("; ".join(f"{name}: {words}" for name, words in reasons.items()))
    except TwinError as error:
        fail(error)
    if output == "json":
        data = {name: asdict(one) for name, one in compared.items()}
        click.echo(json.dumps({"first": first, "second": second, "targets": data}))
        return
    for name, one in compared.items():
        click.echo(f"{name}: {one.words}; {one.shots_count} shots")
    for name, words in reasons.items():
        click.echo(f"{name}: not compared: {words}")


def is_better(features: Path, folder: Path, first: str, second: str) -> tuple[bool, list[str]]:
    """Is the second better in one target at least, and worse in none? And why.

    Raises:
        InputError, ModelError: they cannot be compared.
    """
    from twin_core.errors import InputError
    from twin_core.learning.compare import compare

    lines, verdicts = [], set()
    for name, errors in _answered(features, folder, first, second).items():
        try:
            one = compare(*errors)
        except InputError as error:
            lines.append(f"{name}: not compared: {error}")
            continue
        verdicts.add(one.better)
        lines.append(f"{name}: {one.words}; {one.shots_count} shots")
    return "second" in verdicts and "first" not in verdicts, lines


def _told(
    where: str, first: str, second: str, days: float | None
) -> dict[str, tuple[Array, Array]]:
    from edge_agent.history.read import open_reader
    from edge_agent.learning.told import Told, told
    from twin_core.errors import InputError

    since = None if days is None else datetime.now(UTC) - timedelta(days=days)

    async def read() -> Told:
        reader = open_reader(history_at(where))
        try:
            return await told(reader, since)
        finally:
            await reader.close()

    found = asyncio.run(read())
    for label in (first, second):
        if label not in found.labels():
            there = ", ".join(found.labels()) or "none"
            raise InputError(
                f"{where}: no answers of {label} in {found.shots_count} shots (there are: {there})"
            )
    return {name: (by[first], by[second]) for name, by in found.errors.items()}


def _answered(
    features: Path, folder: Path, first: str, second: str
) -> dict[str, tuple[Array, Array]]:
    from edge_agent.learning.shelf import Shelf, check_name
    from edge_agent.learning.tables import read_table
    from edge_agent.learning.told import PHYSICS
    from twin_core.errors import InputError
    from twin_core.learning.columns import COLUMNS, TARGETS
    from twin_core.learning.training.judge import judge
    from twin_core.learning.training.table import FeatureSet

    columns = read_table(features)
    found: list[dict[str, Array]] = []
    for label in (first, second):
        if label == PHYSICS:
            table = FeatureSet.of(columns, list(COLUMNS))
            found.append({name: table.residual(name) ** 2 for name in TARGETS})
            continue
        name, _, version = label.partition("/")
        if not version.isdecimal():
            raise InputError(f"{label!r}: write NAME/VERSION, as in pour/3, or physics")
        model = Shelf(folder).load(check_name(name), int(version))
        found.append(judge(model, columns).errors)
    one, other = found
    return {name: (one[name], other[name]) for name in one if name in other}
