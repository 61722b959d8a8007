"""``pur-mold-twin gateway trace``: why a shot began, ended, or did not."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import click

from edge_agent.cli.common import fail
from twin_core.errors import InputError, TwinError

EXAMPLE = """\b
Examples:
  pur-mold-twin gateway trace -c gateway.yaml
  pur-mold-twin gateway trace -c gateway.yaml --station press1 --last 5
  pur-mold-twin gateway trace -c gateway.yaml --follow
"""
PAUSE_S = 1.0


@click.command("trace", epilog=EXAMPLE)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="The YAML of the gateway.")
@click.option(
    "--outbox", type=click.Path(path_type=Path), help="The file of the outbox, in its place."
)
@click.option("--station", help="Only lines of this station.")
@click.option(
    "--last", type=click.IntRange(1, 100_000), default=30, show_default=True,
    help="How many of the newest lines.",
)  # fmt: skip
@click.option("--follow", is_flag=True, help="Go on as lines come, until Ctrl-C.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="What to print: a line of words, or of JSON.")  # fmt: skip
def command(
    config: Path | None,
    outbox: Path | None,
    station: str | None,
    last: int,
    follow: bool,
    output: str,
) -> None:
    """Print, in plain words, why shots began, ended, or did not, from the outbox of a gateway.

    Nothing is changed; the gateway may run. Times are of the machine's clock. Exit codes: 0, 2 bad
    file or configuration.
    """
    from edge_agent.gateway.mapping_file import load_gateway

    if (config is None) == (outbox is None):
        raise click.UsageError("give --config or --outbox, one of them")
    try:
        path = outbox or load_gateway(config).outbox.path  # type: ignore[arg-type]
        if not path.is_file():
            words = f"{path}: there is no outbox: a gateway makes it when it runs"
            raise InputError(words)
        with suppress(KeyboardInterrupt):
            _print(path, station, last, follow, output)
    except TwinError as error:
        fail(error)


def _print(path: Path, station: str | None, last: int, follow: bool, output: str) -> None:
    from edge_agent.gateway.moments import text_of
    from edge_agent.gateway.trace import TraceLine

    newest, is_empty = 0, True
    while True:
        for number, document in _lines(path, station, last, newest):
            newest, is_empty = number, False
            if output == "json":
                click.echo(json.dumps(document))
                continue
            line = TraceLine.of(document)
            what = " ".join(filter(None, (line.kind, line.event, f"({line.reason})")))
            click.echo(f"{text_of(line.at_us)} {line.station} {what}: {line.words}")
        if not follow:
            if is_empty and output == "text":
                of_station = f" of station {station}" if station else ""
                click.echo(f"{path}: no line{of_station} yet: no condition of a trigger came true")
            return
        last = 100_000
        time.sleep(PAUSE_S)


def _lines(
    path: Path, station: str | None, last: int, newest: int
) -> Iterator[tuple[int, dict[str, object]]]:
    """Lines after one, the oldest first.

    Raises:
        InputError: the file is none of an outbox.
    """
    from edge_agent.errors import disk_hint
    from edge_agent.spool.sqlite_files import connect_beside

    where, values = ("AND station = ?", [station]) if station else ("", [])
    try:
        with closing(connect_beside(path)) as db:
            rows = db.execute(
                f"SELECT id, document FROM trace WHERE id > ? {where} ORDER BY id DESC LIMIT ?",
                (newest, *values, last),
            ).fetchall()
    except (sqlite3.Error, OSError) as error:
        words = f"{path}: cannot be read as the outbox of a gateway: {error}"
        raise InputError(words, hint=disk_hint(error)) from None
    for number, document in reversed(rows):
        yield number, json.loads(document)
