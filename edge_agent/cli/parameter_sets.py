"""``pur-mold-twin parameter-sets``: which calibration on production each mold uses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import fail, who

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_agent.config.parameter_set_store import Change
    from edge_agent.config.settings import CatalogueSettings

EXAMPLE = """\b
Examples:
  pur-mold-twin parameter-sets list
  pur-mold-twin parameter-sets show SYSTEM_R1 3 -c agent.yaml
  pur-mold-twin parameter-sets promote SYSTEM_R1 3 --mold MOLD_A
  pur-mold-twin parameter-sets rollback SYSTEM_R1

`calibrate --production` writes sets; none is used until it is promoted. A running agent takes it up
by itself within seconds, and each prediction says which set it used: versions.parameter_set.
Exit codes: 0 done, 1 the folder cannot be written, 2 no such set, it cannot be used, or a file is
wrong.
"""

folder_option = click.option(
    "--folder", type=click.Path(path_type=Path), help="Folder of sets. [default: catalogue]"
)
config_option = click.option(
    "-c", "--config", type=click.Path(path_type=Path),
    help="Configuration of the agent: take systems, molds and sets from its catalogue.",
)  # fmt: skip
output_option = click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="What to print.",
)  # fmt: skip
mold_option = click.option(
    "--mold", "molds", multiple=True, metavar="MOLD",
    help="Only this mold; may be given again. [default: all of the set]",
)  # fmt: skip
system_argument = click.argument("system_id", metavar="SYSTEM")
number_argument = click.argument("number", type=click.IntRange(1))


@click.group("parameter-sets", epilog=EXAMPLE)
def command() -> None:
    """Look at calibrations on production; put one into use, go back."""


@command.command("list", epilog="Example: pur-mold-twin parameter-sets list --output json")
@click.argument("system_id", metavar="[SYSTEM]", required=False)
@folder_option
@config_option
@output_option
def list_sets(system_id: str | None, folder: Path | None, config: Path | None, output: str) -> None:
    """Every set, or those of SYSTEM, with its origin; which molds use it, since when, by whom.

    Exit codes: 0, 2 a file is wrong: it is named after the others are listed.
    """
    from edge_agent.cli.parameter_set_tables import list_rows, print_list
    from twin_core.errors import InputError, TwinError

    try:
        rows, wrong = list_rows(_folders(folder, config), system_id)
    except TwinError as error:
        fail(error)
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        print_list(rows)
    elif not wrong:
        click.echo("no parameter sets: calibrate --production writes them")
    if wrong:
        fail(InputError("\n".join(wrong)))


@command.command("show", epilog="Example: pur-mold-twin parameter-sets show SYSTEM_R1 3")
@system_argument
@number_argument
@folder_option
@config_option
@output_option
def show(
    system_id: str, number: int, folder: Path | None, config: Path | None, output: str
) -> None:
    """A set of SYSTEM: its numbers, what was not fitted, its origin and its verdict.

    Exit codes: 0, 2 none such, or its file is wrong.
    """
    from edge_agent.cli.parameter_set_tables import print_set
    from edge_agent.config.parameter_sets import load_set
    from twin_core.errors import TwinError

    try:
        found = load_set(_folders(folder, config).parameter_sets, system_id, number)
    except TwinError as error:
        fail(error)
    if output == "json":
        content = {"set": found.set_id, "parameters_hash": found.parameters_hash()}
        click.echo(json.dumps(content | found.model_dump(mode="json"), indent=2))
    else:
        print_set(found)


@command.command(
    "promote", epilog="Example: pur-mold-twin parameter-sets promote SYSTEM_R1 3 --mold MOLD_A"
)
@system_argument
@number_argument
@mold_option
@click.option(
    "--anyway", is_flag=True,
    help="Though the verdict is not to use it, the physics is another, or a mold is none of it.",
)  # fmt: skip
@folder_option
@config_option
def promote(
    system_id: str,
    number: int,
    molds: tuple[str, ...],
    anyway: bool,
    folder: Path | None,
    config: Path | None,
) -> None:
    """Put set NUMBER of SYSTEM into use, for all of its molds or for some.

    Exit codes: 0, 1 the folder cannot be written, 2 none such, or it cannot be used.
    """
    from edge_agent.config.catalogue import load_molds
    from edge_agent.config.parameter_set_store import Promoter
    from edge_agent.config.parameter_set_store import promote as put
    from edge_agent.config.parameter_sets import load_set
    from twin_core.errors import TwinError
    from twin_core.system_versions import load_systems

    try:
        folders = _folders(folder, config)
        changes = put(
            folders.parameter_sets,
            system_id,
            number,
            load_systems(folders.systems),
            load_molds(folders.molds),
            only=molds,
            anyway=anyway,
            by=Promoter(who(), datetime.now(UTC)),
        )
        simulated = load_set(folders.parameter_sets, system_id, number).provenance.simulated
    except TwinError as error:
        fail(error)
    _print_changes(system_id, changes)
    if simulated:
        click.echo("note: it was fitted to simulated shots")


@command.command("rollback", epilog="Example: pur-mold-twin parameter-sets rollback SYSTEM_R1")
@system_argument
@mold_option
@folder_option
@config_option
def rollback(
    system_id: str, molds: tuple[str, ...], folder: Path | None, config: Path | None
) -> None:
    """Put into use what was before the last promote, which may be no set.

    Exit codes: 0, 1 the folder cannot be written, 2 nothing was in use, or not the same for all.
    """
    from edge_agent.config.parameter_set_store import Promoter
    from edge_agent.config.parameter_set_store import rollback as go_back
    from twin_core.errors import TwinError

    try:
        by = Promoter(who(), datetime.now(UTC))
        changes = go_back(_folders(folder, config).parameter_sets, system_id, molds, by)
    except TwinError as error:
        fail(error)
    _print_changes(system_id, changes)


def _folders(folder: Path | None, config: Path | None) -> CatalogueSettings:
    from edge_agent.config.settings import CatalogueSettings, load_settings

    found = CatalogueSettings() if config is None else load_settings(config).catalogue
    return found if folder is None else found.model_copy(update={"parameter_sets": folder})


def _print_changes(system_id: str, changes: Iterable[Change]) -> None:
    changed = False
    for change in changes:
        now, before = (
            "no set" if number is None else f"{system_id}-c{number}"
            for number in (change.number, change.before)
        )
        changed = changed or now != before
        words = f"(before: {before})" if now != before else "as before"
        click.echo(f"{change.mold_id}: in use: {now} {words}")
    if changed:
        click.echo("a running agent takes it up by itself within seconds")
