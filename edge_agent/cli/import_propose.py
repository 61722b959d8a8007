"""``import-logs --propose``: draft of a mapping from a table of a source, or a file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click


def propose_mapping(
    source: str, where: str, datasources: Path, systems: Path | None, output: str
) -> None:
    """Print the draft of a mapping.

    Args:
        source: id or YAML of a datasource that says how its database is reached; of a file, the
            id that it is to have.
        where: table of the database, or a CSV or Parquet file.
        datasources: folder of datasources.
        systems: file or folder of systems; None: those of the product.
        output: ``table`` for the YAML, ``json`` for it with its reasons.

    Raises:
        InputError, StoreError: table or file cannot be read.
    """
    from edge_agent.imports.draft import draft_of
    from edge_agent.imports.proposal import propose
    from edge_agent.imports.sample import sample_of_file

    if where.lower().endswith((".csv", ".parquet")):
        path = Path(where)
        names, rows = sample_of_file(path)
        head = [f"kind: {path.suffix.lower()[1:]}", f"path: {json.dumps(str(path))}"]
        table = None
    else:
        names, rows, head = asyncio.run(_of_database(source, where, datasources))
        table = where
    proposal = propose(names, rows, _systems(systems))
    if table is not None and proposal.form == "wide":
        head = [*head, f"table: {json.dumps(table)}"]
    draft = draft_of(proposal, head, table)
    if output == "json":
        columns = [
            {
                "name": one.name,
                "field": one.field,
                "unit": one.unit,
                "sure": one.sure,
                "reasons": one.reasons,
                "open": one.open,
            }
            for one in [*proposal.columns, *proposal.signals]
        ]
        document = {"form": proposal.form, "columns": columns, "open": draft.open}
        click.echo(json.dumps({**document, "yaml": draft.text}, indent=2, ensure_ascii=False))
        return
    click.echo(draft.text, nl=False)
    click.echo(f"{len(rows)} rows looked at; {len(draft.open)} to decide", err=True)


def _systems(path: Path | None) -> frozenset[str]:
    from edge_agent.config.catalogue import read_catalogue
    from edge_agent.config.settings import CatalogueSettings

    given = {} if path is None else {"systems": path}
    return frozenset(read_catalogue(CatalogueSettings().model_copy(update=given)).systems)


async def _of_database(
    source: str, table: str, datasources: Path
) -> tuple[list[str], list[Mapping[str, Any]], list[str]]:
    """Names, rows, and the lines of the YAML that say how the database is reached."""
    from edge_agent.imports.datasource_file import load_datasource, path_of
    from edge_agent.imports.from_sql import SqlShots
    from edge_agent.imports.sample import ROWS
    from edge_agent.imports.settings import SqlSource
    from twin_core.errors import InputError

    path = path_of(source, datasources)
    settings = load_datasource(path, table)
    if not isinstance(settings, SqlSource):
        raise InputError(f"{path}: --propose looks at a table of a database, or at a file")
    names = ("driver", "host", "port", "database", "db_schema", "user", "password_file")
    said = {name: getattr(settings, name) for name in names if name in settings.model_fields_set}
    said = {"schema" if name == "db_schema" else name: value for name, value in said.items()}
    head = [
        "kind: sql",
        *(f"{name}: {json.dumps(value, default=str)}" for name, value in said.items()),
    ]
    shots = SqlShots(settings)
    try:
        found, rows = await shots.sample(table, ROWS)
    finally:
        await shots.close()
    return found, rows, head
