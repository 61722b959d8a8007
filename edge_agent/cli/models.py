"""``pur-mold-twin models``: which model corrects the physics, and which is only being compared."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.cli.common import fail
from edge_agent.cli.models_compare import command as compare
from edge_agent.cli.models_show import print_manifest
from edge_agent.cli.tables import print_table

if TYPE_CHECKING:
    from edge_agent.inference.manifest import Manifest, State

EXAMPLE = """\b
Examples:
  pur-mold-twin models list
  pur-mold-twin models show pour 3 --output json
  pur-mold-twin models promote pour 3
  pur-mold-twin models promote pour 4 --if-better newest.parquet
  pur-mold-twin models rollback pour
  pur-mold-twin models shadow pour 4
  pur-mold-twin models shadow pour --off
  pur-mold-twin models compare pour/3 pour/4 --history var/history.db

Agents take up what is promoted by themselves, within seconds. Nothing is promoted that cannot be
used here: another physics, other features, a damaged file.
Exit codes: 0 done, 1 the file cannot be used or written, 2 no such model or version.
"""
NOT_BETTER = 3
NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,31}$")


def _name(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if not NAME.match(value):
        raise click.BadParameter("lower-case letters, digits, - and _, at most 32")
    return value


models_option = click.option(
    "--models", "folder", type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/models"), show_default=True, help="The model directory.",
)  # fmt: skip
output_option = click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="What to print.",
)  # fmt: skip
name_argument = click.argument("name", callback=_name)
version_argument = click.argument("version", type=click.IntRange(1))


@click.group("models", epilog=EXAMPLE)
def command() -> None:
    """Look at the model directory; promote a version, go back, compare one in shadow."""


@command.command("list", epilog="Example: pur-mold-twin models list --output json")
@models_option
@output_option
def list_models(folder: Path, output: str) -> None:
    """Every version, and what is in use. Exit codes: 0, 2 a file is damaged."""
    from edge_agent.inference.registry import ModelRegistry
    from twin_core.errors import InputError

    registry = ModelRegistry(folder)
    rows = list[dict[str, Any]]()
    problems = list[InputError]()
    for found in registry.manifests():
        if isinstance(found, InputError):
            problems.append(found)
            continue
        try:
            rows.append(_row(found, registry.state(found.name)))
        except InputError as error:
            problems.append(error)
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        _print(rows)
    else:
        click.echo(f"{folder}: no models")
    if problems:
        fail(InputError("\n".join(dict.fromkeys(map(str, problems)))))


@command.command("show", epilog="Example: pur-mold-twin models show pour 3")
@name_argument
@version_argument
@models_option
@output_option
def show(name: str, version: int, folder: Path, output: str) -> None:
    """What is known of VERSION of NAME, and whether it can be used here. Exit codes: 0, 1, 2."""
    from edge_agent.inference.registry import ModelRegistry
    from twin_core.errors import TwinError

    registry = ModelRegistry(folder)
    try:
        manifest = registry.manifest(name, version)
        use = _use(manifest, registry.state(name))
        if output == "json":
            click.echo(json.dumps(manifest.model_dump(mode="json") | {"use": use}, indent=2))
        else:
            print_manifest(manifest, use)
        registry.load(name, version)
    except TwinError as error:
        fail(error)


@command.command("promote", epilog="Example: pur-mold-twin models promote pour 3")
@name_argument
@version_argument
@models_option
@click.option(
    "--if-better", "features", type=click.Path(path_type=Path),
    help="Only if it is better on this feature set, which it must not have learned from.",
)  # fmt: skip
def promote(name: str, version: int, folder: Path, features: Path | None) -> None:
    """Use VERSION of NAME from now on.

    With --if-better it must be better in one target at least, and worse in none, than the version
    in use (than the physics alone where none is), beyond what chance would make: so a schedule can
    train and promote by itself.

    Exit codes: 0, 1 it cannot be used here, 2 none such, 3 it is not better.
    """
    from edge_agent.inference.registry import ModelRegistry
    from edge_agent.learning.model_errors import PHYSICS
    from twin_core.errors import TwinError

    registry = ModelRegistry(folder)
    try:
        if features is not None:
            from edge_agent.learning.compare_models import is_better

            in_use = registry.state(name).promoted
            before = PHYSICS if in_use is None else f"{name}/{in_use}"
            better, lines = is_better(features, folder, before, f"{name}/{version}")
            for line in lines:
                click.echo(line)
            if not better:
                click.echo(f"{name}/{version} is not promoted: not better than {before}")
                sys.exit(NOT_BETTER)
        state = registry.promote(name, version)
    except TwinError as error:
        fail(error)
    _said(name, state)


@command.command("rollback", epilog="Example: pur-mold-twin models rollback pour")
@name_argument
@models_option
def rollback(name: str, folder: Path) -> None:
    """Use what was in use before; before the first version that is the physics alone.

    Exit codes: 0, 1 it cannot be used here, 2 nothing is in use.
    """
    from edge_agent.inference.registry import ModelRegistry
    from twin_core.errors import TwinError

    try:
        state = ModelRegistry(folder).rollback(name)
    except TwinError as error:
        fail(error)
    _said(name, state)


@command.command("shadow", epilog="Example: pur-mold-twin models shadow pour 4")
@name_argument
@click.argument("version", type=click.IntRange(1), required=False)
@click.option("--off", is_flag=True, help="No version of NAME is compared any more.")
@models_option
def shadow(name: str, version: int | None, off: bool, folder: Path) -> None:
    """Let VERSION of NAME answer too, for comparison only.

    Exit codes: 0, 1 it cannot be used here, 2 none such.
    """
    if (version is None) != off:
        raise click.UsageError("give a VERSION, or --off")
    from edge_agent.inference.registry import ModelRegistry
    from twin_core.errors import TwinError

    try:
        state = ModelRegistry(folder).shadow(name, version)
    except TwinError as error:
        fail(error)
    _said(name, state)


def _said(name: str, state: State) -> None:
    used = "none, the physics alone" if state.promoted is None else str(state.promoted)
    compared = "" if state.shadow is None else f", in shadow: {state.shadow}"
    click.echo(f"{name}: in use: {used}{compared}")


def _use(manifest: Manifest, state: State) -> str:
    if manifest.version == state.promoted:
        return "promoted"
    if manifest.version == state.shadow:
        return "shadow"
    return "earlier" if manifest.version in state.earlier else ""


def _row(manifest: Manifest, state: State) -> dict[str, Any]:
    fields = manifest.model_dump(mode="json", include={"name", "version", "known_at", "trained_at"})
    rest = {"physics_hash", "simulated_share", "bytes_count"}
    return fields | {"use": _use(manifest, state)} | manifest.model_dump(mode="json", include=rest)


def _print(rows: list[dict[str, Any]]) -> None:
    right = ("simulated", "kB")
    print_table(
        ("model", "use", "looks at", "trained", "physics", *right),
        [
            (
                f"{row['name']}/{row['version']}",
                row["use"],
                row["known_at"],
                row["trained_at"][:10],
                row["physics_hash"][:8],
                f"{row['simulated_share']:.0%}",
                f"{row['bytes_count'] / 1000:.0f}",
            )
            for row in rows
        ],
        right,
        folds=("model",),
    )


command.add_command(compare)
