"""``pur-mold-twin build-features``: a history becomes a table to learn from."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.catalogue_beside import catalogue_in, folder_of, folders_of
from edge_agent.cli.common import fail, history_at
from edge_agent.cli.progress import Progress
from edge_agent.cli.values import Moment

if TYPE_CHECKING:
    from edge_agent.config.settings import Settings
    from edge_agent.learning.checks import Findings
    from edge_agent.learning.feature_set import Builder, FeatureSet
    from edge_agent.logged_shots.bundle_names import Note

EXAMPLE = """\b
Examples:
  pur-mold-twin build-features --history var/history.db --since 90d \\
      --report report.md
  pur-mold-twin build-features --history var/plant/history.db
  pur-mold-twin build-features --bundles data/raw -o data/ml/features.parquet
  pur-mold-twin build-features -m measured.parquet -s simulated.csv

One row a shot; docs/features.md has every column. Needs the extra [learn].
Exit codes: 0 written, 1 no history, 2 wrong input or no shot that could be used, 3 written, but
some bundles could not be read, or nothing of a column: they are named.
"""
INCOMPLETE = 3
"""Exit code where a feature set was written of a part of the source."""
File = click.Path(path_type=Path)
Folder = click.Path(path_type=Path, file_okay=False)


@click.command("build-features", epilog=EXAMPLE)
@click.option(
    "--history", metavar="FILE|URL",
    help="Take shots from this history: a file, or postgresql://user:password@host/database.",
)  # fmt: skip
@click.option("--bundles", type=Folder, help="Take them from a log bundle, or a folder of many.")
@click.option("-m", "--measured", type=File, help="Table of meas_, qc_ and proc_ columns.")
@click.option("-s", "--sim", type=File, help="Table of sim_ columns, joined on shot_id.")
@click.option("-c", "--config", type=File, help="Take history, catalogue and limits from here.")
@click.option(
    "--systems", type=File,
    help="File or folder of systems. [default: systems/ beside the shots, else catalogue]",
)  # fmt: skip
@click.option(
    "--molds", type=Folder,
    help="Folder of molds. [default: molds/ beside the shots, else catalogue]",
)  # fmt: skip
@click.option("--since", type=Moment(), help="Shots poured since then: 2026-05-01, or 90d back.")
@click.option("--until", type=Moment(), help="Shots poured before then.")
@click.option(
    "-o", "--output", type=File, default=Path("data/ml/features.parquet"), show_default=True,
    help="Parquet, or CSV by its suffix.",
)  # fmt: skip
@click.option("--report", type=File, help="What was found: .md or .html, and .json beside it.")
def command(
    history: str | None,
    bundles: Path | None,
    measured: Path | None,
    sim: Path | None,
    config: Path | None,
    systems: Path | None,
    molds: Path | None,
    since: datetime | None,
    until: datetime | None,
    output: Path,
    report: Path | None,
) -> None:
    """Join shots, telemetry, simulation and quality records into a feature set, a row a shot."""
    if (measured is None) != (sim is None):
        raise click.UsageError("-m/--measured and -s/--sim belong together")
    given = [history is not None, bundles is not None, measured is not None]
    if sum(given) > 1 or (sum(given) == 0 and config is None):
        raise click.UsageError(
            "give one of --history, --bundles, -m with -s, or -c for its history"
        )
    from edge_agent.config.settings import load_settings
    from edge_agent.learning.feature_set import Builder
    from edge_agent.learning.tables import check_writable, write_table
    from edge_agent.report.findings_page import check_suffix, write_report
    from twin_core.errors import TwinError

    progress = Progress()
    try:
        check_writable(output)
        if report is not None:
            check_suffix(report)
        settings = None if config is None else load_settings(config)
        folders, words = folders_of(settings, systems, molds, folder_of(history, bundles))
        if measured is None:
            click.echo(words, err=True)
        builder = Builder(catalogue_in(settings, folders), progress=progress.count)
        if measured is not None and sim is not None:
            from edge_agent.learning.from_tables import from_files

            from_files(measured, sim, builder.findings, builder.take_row)
            source = f"{measured.name}, {sim.name}"
        elif bundles is not None:
            source = _bundles(bundles, builder, since, until, progress)
        else:
            source = _history(history, settings, builder, since, until, progress)
        found = builder.finish(source)
        write_table(output, found.columns, found.metadata)
        summary = None if report is None else write_report(report, found, builder.findings)
    except TwinError as error:
        progress.end()
        fail(error)
    _print(found, builder.findings)
    for path in (output, report, summary):
        if path is not None:
            click.echo(f"{path}: written", err=True)
    if _tell_lost(builder.findings):
        sys.exit(INCOMPLETE)


def _tell_lost(findings: Findings) -> bool:
    """Say what of the source is no part of the feature set; whether there is anything."""
    refused = findings.count("not_read")
    if refused:
        click.echo(f"bundles that could not be read and are left out: {refused}", err=True)
    for words in findings.cells:
        click.echo(words, err=True)
    for column in findings.lost:
        click.echo(f"column {column}: none of its cells is a value: it is missing", err=True)
    return bool(refused or findings.lost or findings.misnamed)


def _bundles(
    folder: Path,
    builder: Builder,
    since: datetime | None,
    until: datetime | None,
    progress: Progress,
) -> str:
    from edge_agent.logged_shots.from_bundles import from_bundles

    def refused(name: str, reason: str) -> None:
        builder.findings.shots["read"] += 1
        builder.findings.add("not_read", name, words="; ".join(reason.splitlines()))
        progress.end()
        for line in reason.splitlines():
            click.echo(f"not read: {line}", err=True)

    def noted(shot_id: str, note: Note) -> None:
        builder.findings.add(note.rule, shot_id, note.column, note.words)

    shots = from_bundles(
        folder, refused, noted, lambda done, total: progress.count("bundles", done, total)
    )
    for shot in shots:
        at = shot.poured_at
        if (since and (at is None or at < since)) or (until and (at is None or at >= until)):
            continue
        builder.take(shot)
    return f"bundles {folder.name}"


def _history(
    where: str | None,
    settings: Settings | None,
    builder: Builder,
    since: datetime | None,
    until: datetime | None,
    progress: Progress,
) -> str:
    import asyncio

    from edge_agent.config.settings import ShotSettings
    from edge_agent.history.read import open_reader
    from edge_agent.logged_shots.from_history import from_history

    if where is None:
        assert settings is not None
        history = settings.history
    else:
        history = history_at(where)
    limits = ShotSettings() if settings is None else settings.shots

    async def run() -> str:
        reader = open_reader(history)
        try:
            await from_history(
                reader,
                builder.take,
                since=since,
                until=until,
                signal_age_max_s=limits.signal_age_max_s,
                timeout_s=limits.timeout_s,
                take_event=builder.take_event,
                progress=lambda table, rows: progress.count(f"rows of {table}", rows),
            )
        finally:
            await reader.close()
            progress.end()
        return f"history {reader.words}"

    return asyncio.run(run())


def _print(found: FeatureSet, findings: Findings) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from edge_agent.learning.checks import RULES

    console = Console(highlight=False, markup=False)
    shots = findings.shots
    console.print(
        f"{shots['read']} shots read, {len(found)} rows ({shots['simulated']} of a virtual press), "
        f"{len(found.columns)} columns, schema {found.metadata['schema_hash']}"
    )
    table = Table(box=box.SIMPLE)
    for name in ("kind", "rule", "column", "count", "examples"):
        table.add_column(name, overflow="fold", justify="right" if name == "count" else "left")
    for (rule, column), finding in findings.sorted():
        examples = ", ".join(finding.examples[:3])
        table.add_row(RULES[rule].kind, rule, column, str(finding.count), examples)
    if findings.found:
        console.print(table)
    else:
        console.print("nothing wrong was found")
