"""``import-logs --take-back``: removes from a history what a source has imported into it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import history_at
from edge_agent.cli.progress import Progress
from edge_agent.cli.tables import say

if TYPE_CHECKING:
    from edge_agent.history.brought_by_device import Brought

SHOWN = 20
"""Shots that stay, as a table names them; JSON names all."""


def take_back_import(
    source: str, where: str | None, state_path: Path | None, dry_run: bool, yes: bool, output: str
) -> None:
    """Count what a source has imported, ask, and remove it.

    Args:
        source: id or YAML of the datasource; the file need not be there any more.
        where: file or address of the history.
        state_path: file that knows which shots are done; None for that beside the history.
        dry_run: count alone.
        yes: do not ask.
        output: ``table`` or ``json``.

    Raises:
        InputError: no history is named, a program would be asked, or the state is that of another
            import.
        StoreError: the history cannot be read or written.
    """
    from edge_agent.imports.state import beside_history, forget
    from twin_core.errors import InputError

    if where is None:
        raise InputError(
            "--take-back: name the history with --history",
            hint="bundles that were imported: remove their folder with its .state.db",
        )
    if output == "json" and not (dry_run or yes):
        raise InputError("--take-back --output json asks nobody: give --yes, or --dry-run")
    source_id = Path(source).stem if source.endswith((".yaml", ".yml")) else Path(source).name
    found = asyncio.run(_count(source_id, where))
    if not dry_run and found.taken_count:
        if not yes:
            _show(found, source_id, where)
            click.confirm("take them back?", abort=True, err=True)
        path = state_path or Path(f"{beside_history(source_id, where)}.state.db")
        forget(path, source_id, _words(where))
        found = asyncio.run(_remove(source_id, where))
    if output == "json":
        document = {
            "source": source_id,
            "target": _words(where),
            "shots": {"taken_back": found.taken_count, "staying": len(found.staying)},
            "staying": found.staying,
            "rows": dict(found.rows),
            "dry_run": dry_run,
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    if dry_run or not found.taken_count:
        _show(found, source_id, where)
        return
    rows = ", ".join(f"{count} of {name}" for name, count in found.rows.items())
    say(f"{found.taken_count} shots taken back, {len(found.staying)} stay; rows: {rows}")


async def _count(source_id: str, where: str) -> Brought:
    from edge_agent.history.brought_by_device import brought_by
    from edge_agent.history.read import open_reader
    from edge_agent.imports.into_history import device_of

    reader = open_reader(history_at(where))
    try:
        return await brought_by(reader, device_of(source_id))
    finally:
        await reader.close()


async def _remove(source_id: str, where: str) -> Brought:
    from edge_agent.history import open_store
    from edge_agent.history.brought_by_device import take_back
    from edge_agent.imports.into_history import device_of

    settings = history_at(where)
    store = open_store(settings)
    try:
        await store.deliver([])  # tables of today, or a word why not
        with Progress() as progress:
            return await take_back(
                settings, device_of(source_id), lambda done: progress.count("shots", done)
            )
    finally:
        await store.close()


def _show(found: Brought, source_id: str, where: str) -> None:
    say(f"{found.taken_count} shots that {source_id} has imported into {_words(where)}")
    if found.staying:
        say(f"{len(found.staying)} more stay, for others have added to them:")
        for name, words in list(found.staying.items())[:SHOWN]:
            say(f"{name}: {words}", "  ")


def _words(where: str) -> str:
    from edge_agent.config.database_address import without_password

    return without_password(where) if "://" in where else where
