"""``pur-mold-twin systems``: which version of a material system is in use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from edge_agent.cli.common import fail
from edge_agent.cli.tables import print_table

EXAMPLE = """\b
Examples:
  pur-mold-twin systems list
  pur-mold-twin systems show SYSTEM_R1
  pur-mold-twin systems promote SYSTEM_R1 3 -c /etc/pur-mold-twin/agent.yaml
  pur-mold-twin systems rollback SYSTEM_R1 --systems plant/systems

Several versions of a system may lie in one folder. In use is the one that was promoted; until one
is, that of the file named after the system, else the lowest. A running agent takes up what was
promoted when it is reloaded: systemctl reload pur-mold-twin-agent, or SIGHUP.
Exit codes: 0 done, 1 the folder cannot be written, 2 no such system or version, or a file is wrong.
"""

systems_option = click.option(
    "-s", "--systems", "folder", type=click.Path(path_type=Path),
    help="Folder of systems. [default: catalogue]",
)  # fmt: skip
config_option = click.option(
    "-c", "--config", type=click.Path(path_type=Path),
    help="Configuration of the agent: take catalogue.systems from it.",
)  # fmt: skip
output_option = click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="What to print.",
)  # fmt: skip
system_argument = click.argument("system_id", metavar="SYSTEM")
version_argument = click.argument("version", type=click.IntRange(1))


@click.group("systems", epilog=EXAMPLE)
def command() -> None:
    """Look at the material systems; put a version into use, go back."""


@command.command("list", epilog="Example: pur-mold-twin systems list --output json")
@systems_option
@config_option
@output_option
def list_systems(folder: Path | None, config: Path | None, output: str) -> None:
    """Every version of every system, and which is in use. Exit codes: 0, 2 a file is wrong."""
    from twin_core.errors import TwinError
    from twin_core.system_versions import system_versions

    try:
        place = _place(folder, config)
        rows = [row for system_id in system_versions(place) for row in _rows(place, system_id)]
    except TwinError as error:
        fail(error)
    _print(rows, output)


@command.command("show", epilog="Example: pur-mold-twin systems show SYSTEM_R1")
@system_argument
@systems_option
@config_option
@output_option
def show(system_id: str, folder: Path | None, config: Path | None, output: str) -> None:
    """The versions of SYSTEM and their files. Exit codes: 0, 2 none such, or a file is wrong."""
    from twin_core.errors import TwinError

    try:
        rows = _rows(_place(folder, config), system_id)
    except TwinError as error:
        fail(error)
    _print(rows, output)


@command.command("promote", epilog="Example: pur-mold-twin systems promote SYSTEM_R1 3")
@system_argument
@version_argument
@systems_option
@config_option
def promote(system_id: str, version: int, folder: Path | None, config: Path | None) -> None:
    """Put VERSION of SYSTEM into use.

    Exit codes: 0, 1 the folder cannot be written, 2 none such, or it cannot be simulated.
    """
    from edge_agent.config import system_versions
    from twin_core.errors import TwinError

    try:
        place = _place(folder, config)
        before = system_versions.promote(place, system_id, version)
        sets = _sets_that_fit_no_more(place, config, system_id)
    except TwinError as error:
        fail(error)
    _said(system_id, version, before, sets)


@command.command("rollback", epilog="Example: pur-mold-twin systems rollback SYSTEM_R1")
@system_argument
@systems_option
@config_option
def rollback(system_id: str, folder: Path | None, config: Path | None) -> None:
    """Put into use what was before the last promote.

    Exit codes: 0, 1 the folder cannot be written, 2 nothing was in use before.
    """
    from edge_agent.config import system_versions
    from twin_core.errors import TwinError
    from twin_core.system_versions import versions_in_use

    try:
        place = _place(folder, config)
        before = versions_in_use(place).get(system_id, 0)
        version = system_versions.rollback(place, system_id)
        sets = _sets_that_fit_no_more(place, config, system_id)
    except TwinError as error:
        fail(error)
    _said(system_id, version, before, sets)


def _place(folder: Path | None, config: Path | None) -> Path:
    from edge_agent.config.settings import load_settings
    from twin_core.shipped_files import configs_folder

    if folder is not None and config is not None:
        raise click.UsageError("give --systems or --config, not both")
    if config is not None:
        return load_settings(config).catalogue.systems
    return folder or configs_folder() / "systems"


def _sets_that_fit_no_more(place: Path, config: Path | None, system_id: str) -> list[str]:
    """Words on parameter sets in use that are of another version of a system."""
    from edge_agent.config.parameter_sets import load_set, sets_in_use
    from edge_agent.config.settings import load_settings
    from twin_core.errors import InputError
    from twin_core.system_versions import load_systems

    folder = place.parent / "parameter_sets"
    if config is not None:
        folder = load_settings(config).catalogue.parameter_sets
    users: dict[int, list[str]] = {}
    found: list[str] = []
    try:
        system = load_systems(place).get(system_id)
        for (mold_id, of_system), used in sets_in_use(folder).items():
            if of_system == system_id and used.number is not None:
                users.setdefault(used.number, []).append(mold_id)
        for number, molds in sorted(users.items()):
            one = load_set(folder, system_id, number)
            problem = None if system is None else one.problem_with(system)
            if problem is not None:
                found.append(
                    f"{', '.join(molds)}: predictions go without a parameter set: {problem}"
                )
    except InputError as error:  # the version is promoted all the same
        found.append(f"whether parameter sets fit cannot be told: {error}")
    return found


def _rows(place: Path, system_id: str) -> list[dict[str, Any]]:
    from twin_core.system_versions import load_version, versions_in_use, versions_of

    in_use = versions_in_use(place)[system_id]
    rows = []
    for version, (file, _) in versions_of(place, system_id).items():
        system = load_version(place, system_id, version)
        kind = "sheet only" if hasattr(system, "sheet_only") else "simulated"
        use = "in use" if version == in_use else ""
        row = {"system_id": system_id, "version": version, "use": use, "kind": kind}
        rows.append(row | {"file": file.name})
    return rows


def _print(rows: list[dict[str, Any]], output: str) -> None:
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        click.echo("no systems")
        return
    head = ("system", "version", "use", "kind", "file")
    cells = [[str(value) for value in row.values()] for row in rows]
    print_table(head, cells, right=("version",), folds=("system", "file"))


def _said(system_id: str, version: int, before: int, sets: list[str]) -> None:
    if version == before:
        click.echo(f"{system_id}: in use: version {version}, as before")
        return
    click.echo(f"{system_id}: in use: version {version} (before: {before})")
    click.echo("an agent takes it up when it is reloaded: systemctl reload pur-mold-twin-agent")
    for words in sets:
        click.echo(words)
