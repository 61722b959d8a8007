"""``pur-mold-twin import-logs``: shots from other people's databases, folders and REST."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import fail, history_at
from edge_agent.cli.progress import Progress
from edge_agent.cli.values import Moment

if TYPE_CHECKING:
    from edge_agent.imports.report import Report
    from edge_agent.imports.run import Target
    from edge_agent.shots.shot_query import ShotQuery
    from twin_core.errors import TwinError

EPILOG = """\b
Examples:
  pur-mold-twin import-logs --source mes --propose shots
  pur-mold-twin import-logs --source mes --since 90d --mold PANEL_A
  pur-mold-twin import-logs --source mes --history var/history.db
  pur-mold-twin import-logs --source mes --history var/history.db --take-back

Ends with 0 when all is imported, 3 when something was left out, 2 when input is wrong, 1 when the
source or the target is not reached.
"""
_Path = click.Path(path_type=Path)


@click.command("import-logs", epilog=EPILOG)
@click.option(
    "-s",
    "--source",
    required=True,
    metavar="ID",
    help="Datasource: an id in --datasources, or its YAML.",
)
@click.option("--since", type=Moment(), help="Poured then or later: 2026-05-01, 90d.")
@click.option("--until", type=Moment(), help="Poured before.")
@click.option("--mold", "mold_id", help="Only this mold.")
@click.option("--press", help="Only this press.")
@click.option("-y", "--system", "--system-id", "system_id", help="Only this material system.")
@click.option("--lot", help="Only with this lot of polyol, isocyanate or additives.")
@click.option("--order", "order_id", help="Only of this order.")
@click.option(
    "--status",
    type=click.Choice(["OK", "MARGINAL", "FAIL"]),
    help="Only parts of this quality, as the source says.",
)
@click.option("--limit", type=click.IntRange(min=1), help="At most so many shots.")
@click.option(
    "--offset", type=click.IntRange(min=0), default=0, help="Pass over so many shots that fit."
)
@click.option(
    "-o",
    "--output-dir",
    type=_Path,
    default=Path("data/raw/sql"),
    show_default=True,
    help="Folder for log bundles.",
)
@click.option(
    "--history",
    "where",
    metavar="URL_OR_FILE",
    help="Into this history in place of bundles, marked historical.",
)
@click.option(
    "--state",
    "state_path",
    type=_Path,
    help="File that knows which shots are done. [default: beside the bundles or the history]",
)
@click.option("--again", is_flag=True, help="Forget which shots are done.")
@click.option(
    "--ids-repeat",
    is_flag=True,
    help="Ids of shots come again: into a history add those, too, that this source may have "
    "imported with another time zone, mold or press.",
)
@click.option(
    "--take-back",
    is_flag=True,
    help="Remove from the --history what this source has imported into it; asks first.",
)
@click.option("--dry-run", is_flag=True, help="Of --take-back: count alone.")
@click.option("--yes", is_flag=True, help="Of --take-back: do not ask.")
@click.option(
    "--propose",
    metavar="TABLE|FILE",
    help="Look at a table of the source, or at a file, and draft a mapping.",
)
@click.option(
    "--datasources",
    type=_Path,
    default=Path("configs/datasources"),
    show_default=True,
    help="Folder of datasources.",
)
@click.option(
    "--systems", type=_Path, help="File or folder of systems. [default: catalogue of the product]"
)
@click.option("--molds", type=_Path, help="Folder of molds. [default: catalogue of the product]")
@click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="What to print.",
)
def command(
    source: str,
    since: datetime | None,
    until: datetime | None,
    mold_id: str | None,
    press: str | None,
    system_id: str | None,
    lot: str | None,
    order_id: str | None,
    status: str | None,
    limit: int | None,
    offset: int,
    output_dir: Path,
    where: str | None,
    state_path: Path | None,
    again: bool,
    ids_repeat: bool,
    take_back: bool,
    dry_run: bool,
    yes: bool,
    propose: str | None,
    datasources: Path,
    systems: Path | None,
    molds: Path | None,
    output: str,
) -> None:
    """Import shots as log bundles, or into a history.

    A mapping in configs/datasources/ID.yaml says where they lie and which column is what
    (docs/import.md). A run that was stopped goes on where it was; shots that are done are passed
    over. Every problem is written beside the state, with table or file and row.
    """
    from edge_agent.shots.shot_query import ShotQuery
    from twin_core.errors import InputError, TwinError

    try:
        if propose is not None:
            from edge_agent.cli.import_propose import propose_mapping

            propose_mapping(source, propose, datasources, systems, output)
            return
        if (dry_run or yes) and not take_back:
            raise InputError("--dry-run and --yes go with --take-back alone")
        if since is not None and until is not None and since >= until:
            raise InputError(f"--since {since:%Y-%m-%d} is not before --until {until:%Y-%m-%d}")
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
        if take_back:
            from edge_agent.cli.import_take_back import take_back_import

            if query != ShotQuery():
                raise InputError("--take-back takes all of a source: filters do not go with it")
            take_back_import(source, where, state_path, dry_run, yes, output)
            return
        places = (output_dir, where, state_path)
        report = asyncio.run(
            _import(source, datasources, query, *places, again, ids_repeat, molds, systems)
        )
    except TwinError as error:
        fail(error, named=partial(_named, place=_place_of_address(error, where)))
    except KeyboardInterrupt:
        click.echo("stopped; the same command again goes on", err=True)
        sys.exit(130)
    if output == "json":
        click.echo(json.dumps(report.document(), indent=2, ensure_ascii=False))
    else:
        from edge_agent.cli.import_report import print_report

        print_report(report, query)
    sys.exit(0 if report.is_clean else 3)


def _place_of_address(error: TwinError, where: str | None) -> str:
    """Where the address of the database stands that an error is about."""
    from edge_agent.config.database_address import without_password

    is_target = where is not None and "://" in where and without_password(where) in str(error)
    return "--history" if is_target else "the address that the source has (url_file)"


def _named(words: str, place: str) -> str:
    """Words with the place of the address in place of the settings of an agent."""
    words = words.replace("history.url (or the file of history.url_file)", place)
    return words.replace("history.url_file", place).replace("history.url", place)


async def _import(
    source_id: str,
    datasources: Path,
    query: ShotQuery,
    output_dir: Path,
    where: str | None,
    state_path: Path | None,
    again: bool,
    ids_repeat: bool,
    molds: Path | None,
    systems: Path | None,
) -> Report:
    from edge_agent.config.catalogue import read_catalogue
    from edge_agent.config.database_address import without_password
    from edge_agent.config.settings import CatalogueSettings
    from edge_agent.imports.beside_catalogue import BesideCatalogue
    from edge_agent.imports.bundle_folder import BundleFolder, beside_folder
    from edge_agent.imports.datasource_file import load_datasource, path_of
    from edge_agent.imports.into_history import IntoHistory
    from edge_agent.imports.open_source import open_source
    from edge_agent.imports.run import import_shots
    from edge_agent.imports.state import ImportState, beside_history, forget

    path = path_of(source_id, datasources)
    settings = load_datasource(path)
    named = {"systems": systems, "molds": molds}
    given = {name: place for name, place in named.items() if place is not None}
    beside_catalogue = BesideCatalogue(read_catalogue(CatalogueSettings().model_copy(update=given)))
    if where is None:
        words = str(output_dir)
        beside = beside_folder(output_dir, f".{path.stem}")
    else:
        words = without_password(where) if "://" in where else where
        beside = beside_history(path.stem, where)
    state_path = state_path or beside.with_name(f"{beside.name}.state.db")
    source = open_source(settings)
    try:
        unused = await source.check()  # before anything is written, or forgotten
        if again:
            forget(state_path, path.stem, words)
        state = ImportState(state_path, path.stem, words)
        try:
            target: Target = (
                BundleFolder(output_dir)
                if where is None
                else IntoHistory(history_at(where), path.stem, words, ids_repeat=ids_repeat)
            )
            try:
                with Progress() as progress:
                    return await import_shots(
                        *(settings, source, query, target, state),
                        state_path.with_name(f"{beside.name}.problems.jsonl"),
                        beside_catalogue.problems,
                        unused,
                        lambda done: progress.count("shots read", done),
                    )
            finally:
                await target.close()
        finally:
            state.close()
    finally:
        await source.close()
