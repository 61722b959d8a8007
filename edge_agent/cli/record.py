"""``pur-mold-twin record``: what travels on topics, as JSON lines."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import click

from edge_agent.cli.common import broker_options, by_option, fail, login_options, settings_of


@click.command("record", epilog="Example: pur-mold-twin record -t 'pur/v1/#' capture.jsonl")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "-t",
    "--topic",
    "topics",
    multiple=True,
    default=("pur/v1/#",),
    show_default=True,
    help="Topic filter; may be given several times.",
)
@click.option(
    "-n",
    "--count",
    type=click.IntRange(min=1),
    default=None,
    help="Stop after exactly this many messages.",
)
@broker_options
@login_options
def command(
    file: Path,
    topics: tuple[str, ...],
    count: int | None,
    host: str,
    port: int,
    login: dict[str, Any],
) -> None:
    """Append every message on the topics to FILE until Ctrl-C, for replay.

    Exit codes: 0 recorded, 2 wrong options, 1 broker or file failed.
    """
    from edge_agent.logged_shots.replay import record
    from twin_core.errors import TwinError

    async def run() -> int:
        settings = settings_of(host, port, login)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        return await record(file, settings, list(topics), stop, count)

    try:
        written = asyncio.run(run())
    except TwinError as error:
        fail(error, named=by_option)
    click.echo(f"{written} messages in {file}", err=True)
