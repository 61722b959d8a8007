"""``pur-mold-twin spool``: what waits in the spool of an agent."""

from __future__ import annotations

import base64
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click

from edge_agent.cli.common import fail
from edge_agent.errors import disk_hint
from twin_core.errors import InputError

File = click.Path(path_type=Path)
EXAMPLE = """\b
Examples:
  pur-mold-twin spool status var/spool.db
  pur-mold-twin spool verify var/spool.db
  pur-mold-twin spool export var/spool.db publish > publish.jsonl
"""


@click.group("spool", epilog=EXAMPLE)
def command() -> None:
    """Look into the spool of an agent, also while it runs. Nothing is changed."""


@command.command("status", epilog="Example: pur-mold-twin spool status var/spool.db")
@click.argument("path", type=File)
def status(path: Path) -> None:
    """How much waits at PATH, since when, and how large the file is. Exit codes: 0, 2 bad file."""
    from edge_agent.spool.spool import THINNED
    from edge_agent.spool.tables import ON_PLAIN_TOPICS

    with _opened(path) as db:
        size = sum(
            part.stat().st_size
            for part in (path, path.with_name(path.name + "-wal"))
            if part.exists()
        )
        click.echo(f"{path}: {size / 1e6:.1f} MB")
        for name, rows in (
            ("publish", f"publish WHERE {ON_PLAIN_TOPICS}"),
            ("sparkplug", f"publish WHERE NOT {ON_PLAIN_TOPICS}"),
            ("forward", "forward"),
        ):
            count, oldest = db.execute(f"SELECT count(*), min(created_at) FROM {rows}").fetchone()
            if count or name != "sparkplug":  # most agents have none
                since = f", oldest {oldest}" if oldest else ""
                click.echo(f"{name:8} {count:8} waiting{since}")
        thinned = db.execute(
            "SELECT value FROM state WHERE scope = ? AND key = ?", THINNED
        ).fetchone()
        if thinned is not None:
            counted = json.loads(thinned[0])
            click.echo(
                f"given up {counted['count']:8} raw frames for lack of room, from "
                f"{counted['first_at']} to {counted['last_at']}"
            )
        for table, words in (
            ("retained", "retained messages"),
            ("state", "open shots and the like"),
        ):
            (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
            click.echo(f"{table:8} {count:8} {words}")


@command.command("verify", epilog="Example: pur-mold-twin spool verify var/spool.db")
@click.argument("path", type=File)
def verify(path: Path) -> None:
    """Check every page and index of the spool at PATH.

    Exit codes: 0 sound, 1 damaged, 2 bad file.
    """
    from edge_agent.spool.repair import problems_of
    from twin_core.errors import TwinError

    _must_exist(path)
    try:
        problems = problems_of(path, thorough=True)
    except TwinError as error:
        fail(error)
    for problem in problems:
        click.echo(f"{path}: {problem}", err=True)
    if problems:
        click.echo(
            "the agent will set it aside at its next start and save what is readable", err=True
        )
        sys.exit(1)
    click.echo(f"{path}: sound")


@command.command(
    "export", epilog="Example: pur-mold-twin spool export var/spool.db forward > rows.jsonl"
)
@click.argument("path", type=File)
@click.argument("queue", type=click.Choice(["publish", "forward", "retained", "state"]))
def export(path: Path, queue: str) -> None:
    """Print a QUEUE of the spool at PATH as JSON lines. Exit codes: 0, 2 bad file."""
    from edge_agent.presses.takeover import SESSION_SCOPE
    from edge_agent.spool.packed_state import unpack_state
    from edge_agent.spool.tables import SPOOL_TABLES

    names = SPOOL_TABLES[queue]
    where = f"WHERE scope <> '{SESSION_SCOPE}'" if queue == "state" else ""  # ids are secret
    with _opened(path) as db:
        for row in db.execute(f"SELECT {', '.join(names)} FROM {queue} {where} ORDER BY rowid"):
            plain = {n: _plain(v) for n, v in zip(names, row, strict=True)}
            if queue == "state" and isinstance(row[-1], bytes):
                plain["value"] = json.dumps(unpack_state(row[-1]))
            click.echo(json.dumps(plain))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(value).decode("ascii")}
    return value


def _must_exist(path: Path) -> None:
    if not path.is_file():
        hint = "spool.path in the configuration of the agent names it"
        fail(InputError(f"{path}: no such spool file", hint=hint))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A spool to look into; what is wrong with it ends the command."""
    from edge_agent.spool.sqlite_files import connect_beside

    _must_exist(path)
    try:
        with closing(connect_beside(path)) as db:
            if path.stat().st_size:  # else SQLite would delete the log beside it
                (version,) = db.execute("PRAGMA user_version").fetchone()
                if version:
                    yield db
                    return
    except (sqlite3.Error, OSError, ValueError) as error:
        words = f"{path}: cannot be read as a spool: {error}"
        fail(InputError(words, hint=disk_hint(error)))
    fail(InputError(f"{path}: not the spool of an agent"))
