"""``pur-mold-twin history``: what is stored, in SQLite or TimescaleDB."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edge_agent.cli.common import fail, history_at
from edge_agent.cli.history_shot import print_shot, shots_of
from edge_agent.cli.progress import Progress
from edge_agent.cli.tables import print_table, say
from edge_agent.cli.values import Moment

if TYPE_CHECKING:
    from edge_agent.config.settings import HistorySettings
    from edge_agent.history.read import HistoryReader
    from edge_agent.shots.shot_query import ShotQuery

T = TypeVar("T")


@click.group(
    "history",
    invoke_without_command=True,
    epilog="Example: pur-mold-twin history --mold PANEL_500x500x50 --since 7d",
)
@click.option(
    "--shot", "shot_id", help="Everything stored of this shot, and how good the data were."
)
@click.option("--mold", "mold_id", help="Only this mold.")
@click.option("--press", help="Only this press.")
@click.option("-y", "--system", "system_id", help="Only this material system.")
@click.option("--lot", help="Only with this lot of polyol, isocyanate or additives.")
@click.option("--order", "order_id", help="Only of this order.")
@click.option(
    "--status",
    type=click.Choice(["OK", "MARGINAL", "FAIL"]),
    help="Only of this predicted quality.",
)
@click.option(
    "--since",
    type=Moment(),
    default="24h",
    show_default=True,
    help="Poured then or later: 30m, 24h, 7d back, or 2026-05-01.",
)
@click.option("--until", type=Moment(), help="Poured before.")
@click.option(
    "--offset",
    type=click.IntRange(0, 100_000_000),
    default=0,
    help="Pass over so many shots, the newest: the next page.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="At most so many shots, the newest.",
)
@click.option(
    "--history",
    "where",
    default="var/history.db",
    show_default=True,
    help="The history: a file, or postgresql://user:password@host/database.",
)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Take the history from here.")
@click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="What to print.",
)
@click.pass_context
def command(
    ctx: click.Context,
    shot_id: str | None,
    mold_id: str | None,
    press: str | None,
    system_id: str | None,
    lot: str | None,
    order_id: str | None,
    status: str | None,
    since: datetime,
    until: datetime | None,
    offset: int,
    limit: int,
    where: str,
    config: Path | None,
    output: str,
) -> None:
    """Print a shot, or the shots of the last hours, newest first.

    Exit codes: 0 found, 1 nothing found or no history, 2 wrong options.
    """
    from edge_agent.shots.shot_query import ShotQuery

    query = ShotQuery(
        since=since,
        until=until,
        mold_id=mold_id,
        press=press,
        system_id=system_id,
        lot=lot,
        order_id=order_id,
        quality_status=status,
        limit=limit,
        offset=offset,
    )
    ctx.obj = (where, config, query, shot_id)
    if ctx.invoked_subcommand is not None:
        return

    async def ask(reader: HistoryReader) -> Any:
        if shot_id is not None:
            return await reader.shot(shot_id)
        from edge_agent.history.shot_pages import page_of_shots

        return await page_of_shots(reader, query)

    found = _answer(where, config, ask)
    rows = found if isinstance(found, list) else [row for table in found.values() for row in table]
    if output == "json":
        shots = {} if isinstance(found, list) else {"shots": shots_of(found)}
        click.echo(json.dumps(found | shots if shots else found, indent=2))
    elif not rows:
        pass
    elif shot_id is not None:
        print_shot(found)
    else:
        print_shots(found)
    if not rows:
        click.echo(f"nothing found: {_nothing(shot_id, query)}", err=True)
        raise SystemExit(1)


def _nothing(shot_id: str | None, query: ShotQuery) -> str:
    if shot_id is not None:
        return f"no shot {shot_id} is in this history"
    assert query.since is not None
    of = "".join(
        f" of {name} {value}"
        for name, value in (
            ("mold", query.mold_id),
            ("press", query.press),
            ("system", query.system_id),
            ("lot", query.lot),
            ("order", query.order_id),
            ("quality", query.quality_status),
        )
        if value is not None
    )
    before = "" if query.until is None else f" and before {query.until:%Y-%m-%d %H:%M} UTC"
    page = f" beyond the first {query.offset}" if query.offset else ""
    after = f"{query.since:%Y-%m-%d %H:%M}"
    return f"no shot{of}{page} was poured after {after} UTC{before}; --since 7d looks further back"


@command.command(
    "export", epilog="Example: pur-mold-twin history --since 30d export --parquet var/export"
)
@click.option(
    "--parquet",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for one file a table.",
)
@click.pass_context
def export(ctx: click.Context, folder: Path) -> None:
    """Write the tables as Parquet files, each sensor a column; options of `history` choose rows.

    Exit codes: 0 written, 1 no history, 2 wrong options.
    """
    from edge_agent.history.parquet import export as write
    from edge_agent.history.read import RowFilter

    where, config, query, shot_id = ctx.obj
    beside = {
        "--system": query.system_id,
        "--lot": query.lot,
        "--order": query.order_id,
        "--status": query.quality_status,
        "--offset": query.offset or None,
    }
    if given := [name for name, value in beside.items() if value is not None]:
        words = "export chooses rows by --shot, --mold, --press, --since and --until"
        raise click.UsageError(f"{', '.join(given)}: {words}")
    which = RowFilter(
        None if shot_id else query.since,
        query.mold_id,
        shot_id,
        until=query.until,
        press=query.press,
    )

    with Progress() as progress:

        def report(table: str, count: int) -> None:
            progress.count(f"rows of {table}", count)

        counts = _answer(where, config, lambda reader: write(reader, which, folder, report))
    for name, count in counts.items():
        click.echo(f"{folder / name}.parquet: {count} rows")


@command.command("upgrade", epilog="Example: pur-mold-twin history -c agent.yaml upgrade")
@click.pass_context
def upgrade(ctx: click.Context) -> None:
    """Bring a history to the schema of this program; the agent does it, too, where it may.

    Exit codes: 0 done or nothing to do, 1 the history refuses, 2 wrong options.
    """
    from edge_agent.history import migrations, sqlite
    from twin_core.errors import TwinError

    try:
        settings = _settings(ctx.obj[0], ctx.obj[1])
        url = settings.address()
        if url is None:
            with Progress() as progress:
                sqlite.upgrade(
                    settings.path, lambda rows: progress.count("rows of telemetry moved", rows)
                )
        else:
            asyncio.run(_upgrade_database(url))
    except TwinError as error:
        fail(error)
    click.echo(f"schema {sqlite.SCHEMA_VERSION if url is None else migrations.HEAD}")


async def _upgrade_database(url: str) -> None:
    from edge_agent.history import migrations

    await migrations.upgrade(url)
    from edge_agent.history import telemetry_key  # its driver is there, or we were told

    await telemetry_key.make_key(url)


def _settings(where: str, config: Path | None) -> HistorySettings:
    from edge_agent.config.settings import load_settings

    return history_at(where) if config is None else load_settings(config).history


def _answer(where: str, config: Path | None, ask: Callable[[HistoryReader], Awaitable[T]]) -> T:
    from edge_agent.history.read import open_reader
    from twin_core.errors import TwinError

    async def run() -> T:
        reader = open_reader(_settings(where, config))
        try:
            return await ask(reader)
        finally:
            await reader.close()

    try:
        return asyncio.run(run())
    except TwinError as error:
        fail(error)


def print_shots(rows: list[dict[str, Any]]) -> None:
    """Print a line for each shot, as ``HistoryReader.shots`` returns them."""
    this_year = str(datetime.now(UTC).year)
    print_table(
        ("shot", "mold", "poured", "outcome", "open s", "quality", "data"),
        [
            (
                row["shot_id"],
                row["mold_id"],
                _moment(row["poured_at"], this_year),
                row["outcome"] or "curing",
                f"{_whole(row['t_demold_min_s'])}/{_whole(row['t_demold_opt_s'])}",
                row["quality_status"] or "-",
                "sim." if row["simulated"] else "press",
            )
            for row in rows
        ],
        right=("open s",),
        folds=("shot", "mold"),
    )
    say("open s: earliest and best opening after the end of injection; times are UTC")


def _moment(at: Any, this_year: str) -> str:
    """Day and time, or the date where it was another year."""
    text = str(at or "-")
    return f"{text[5:10]} {text[11:16]}" if text.startswith(this_year) else text[:10]


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
