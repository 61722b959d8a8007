"""``pur-mold-twin gateway status``: what waits in the outbox of a gateway."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import click

from edge_agent.cli.common import fail
from edge_agent.errors import disk_hint
from twin_core.errors import InputError

SHOWN = 20


@click.command("status", epilog="Example: pur-mold-twin gateway status var/gateway.db")
@click.argument("path", type=click.Path(path_type=Path))
def command(path: Path) -> None:
    """How much waits in the outbox at PATH, and what the broker refuses, with the reasons.

    Nothing is changed; the gateway may run. Exit codes: 0, 2 bad file.
    """
    from edge_agent.gateway.outbox_tables import OUTBOX
    from edge_agent.spool.spool_file import holder_of
    from edge_agent.spool.sqlite_files import connect_beside

    if not path.is_file():
        fail(InputError(f"{path}: there is no outbox; outbox.path of the gateway names it"))
    try:
        holder = holder_of(path)
        with closing(connect_beside(path)) as db:
            _print(db, path, holder)
    except (sqlite3.Error, OSError) as error:
        words = f"{path}: cannot be read as the {OUTBOX.noun} of a gateway: {error}"
        fail(InputError(words, hint=disk_hint(error)))


def _print(db: sqlite3.Connection, path: Path, holder: str | None) -> None:
    click.echo(f"{path}: {'held by ' + holder if holder else 'no gateway has it open'}")
    rows = db.execute(
        "SELECT press, kind, count(*), min(created_at) FROM message WHERE refused IS NULL"
        " GROUP BY press, kind ORDER BY press, kind"
    ).fetchall()
    for press, kind, count, oldest in rows:
        click.echo(f"{press:20} {kind:10} {count:8} waiting, oldest {oldest}")
    if not rows:
        click.echo("nothing waits")
    (count,) = db.execute("SELECT count(*) FROM message WHERE refused IS NOT NULL").fetchone()
    if count:
        click.echo(f"{count} refused by the broker, the newest:")
    refused = db.execute(
        "SELECT press, device_id, seq, kind, refused FROM message WHERE refused IS NOT NULL"
        " ORDER BY id DESC LIMIT ?",
        (SHOWN,),
    )
    for press, device_id, seq, kind, reason in refused:
        click.echo(f"  {press} {kind} {device_id} {seq}: {reason}")
