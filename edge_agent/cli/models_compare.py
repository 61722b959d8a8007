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
    from edge_agent.learning.compare_models import Errors

EXAMPLE = """\b
Examples:
  pur-mold-twin models compare pour/3 pour/4 --history var/history.db
  pur-mold-twin models compare physics pour/4 \\
      --history postgresql://user:password@host/database
  pur-mold-twin models compare pour/3 pour/4 --features unseen.parquet
  pur-mold-twin models compare ewma pour/4 --features unseen.parquet

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
@click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="What to print.",
)  # fmt: skip
def command(
    first: str,
    second: str,
    where: str | None,
    features: Path | None,
    days: float | None,
    folder: Path,
    output: str,
) -> None:
    """Compare two models on the same shots, target by target.

    FIRST and SECOND are NAME/VERSION, or `physics`; with --features also `memory`, or `ewma`: the
    running mean of each mold of the speed that is best on these very shots.
    """
    from edge_agent.learning.compare_models import compare_models, errors_on
    from twin_core.errors import InputError, TwinError

    try:
        if (where is None) == (features is None):
            raise InputError("give --history or --features: where the shots are")
        if where is not None:
            errors = asyncio.run(_errors_reported(where, first, second, days))
        else:
            assert features is not None
            errors = errors_on(features, folder, first, second)
        compared, reasons = compare_models(errors)
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


async def _errors_reported(where: str, first: str, second: str, days: float | None) -> Errors:
    from edge_agent.history.read import open_reader
    from edge_agent.learning.compare_models import errors_of
    from edge_agent.learning.model_errors import model_errors

    since = None if days is None else datetime.now(UTC) - timedelta(days=days)
    reader = open_reader(history_at(where))
    try:
        return errors_of(await model_errors(reader, since), where, first, second)
    finally:
        await reader.close()
