"""``pur-mold-twin history``: what is stored."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from edge_agent.cli.common import fail

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _age(_ctx: click.Context, _param: click.Parameter, value: str) -> timedelta:
    match = re.fullmatch(r"(\d+)([mhdw])", value)
    if match is None:
        raise click.BadParameter("write a number and m, h, d or w: 30m, 24h, 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@click.command(
    "history", epilog="Example: pur-mold-twin history --mold PANEL_500x500x50 --since 7d"
)
@click.option("--shot", "shot_id", help="Everything stored of this shot.")
@click.option("--mold", "mold_id", help="Shots of this mold.")
@click.option(
    "--since", callback=_age, default="24h", show_default=True, help="How far back: 30m, 24h, 7d."
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option(
    "--history",
    "path",
    type=click.Path(path_type=Path),
    default=Path("var/history.db"),
    show_default=True,
    help="The history file.",
)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Take the file from here.")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(
    shot_id: str | None,
    mold_id: str | None,
    since: timedelta,
    limit: int,
    path: Path,
    config: Path | None,
    output: str,
) -> None:
    """Print a shot, or the shots of the last hours, newest first.

    Exit codes: 0 found, 1 nothing found or no history, 2 wrong options.
    """
    from edge_agent.history.sqlite import SqliteHistory
    from edge_agent.settings import load_settings
    from twin_core.errors import TwinError

    try:
        if config is not None:
            path = load_settings(config).history.path
        store = SqliteHistory(path, read_only=True)
        if shot_id is not None:
            found: Any = store.shot(shot_id)
            rows = sum(len(table) for table in found.values())
        else:
            found = store.shots(mold_id, datetime.now(UTC) - since, limit)
            rows = len(found)
        store.close()
    except TwinError as error:
        fail(error)
    if output == "json":
        click.echo(json.dumps(found, indent=2))
    elif shot_id is not None:
        _print_shot(found)
    else:
        _print_shots(found)
    if rows == 0:
        click.echo("nothing found", err=True)
        raise SystemExit(1)


def _print_shot(tables: dict[str, list[dict[str, Any]]]) -> None:
    for name, rows in tables.items():
        click.echo(f"{name}: {len(rows)}")
        if name == "telemetry":
            continue
        for row in rows:
            words = (f"{k}={v}" for k, v in row.items() if v is not None and k != "document")
            click.echo("  " + "  ".join(words))


def _print_shots(rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for column in ("shot", "mold", "poured", "outcome", "demould min/opt s", "quality", "sim."):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            row["shot_id"],
            row["mold_id"],
            str(row["poured_at"])[:19],
            row["outcome"] or "curing",
            f"{_whole(row['t_demold_min_s'])}/{_whole(row['t_demold_opt_s'])}",
            row["quality_status"] or "-",
            "yes" if row["simulated"] else "",
        )
    Console(width=None).print(table)


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
