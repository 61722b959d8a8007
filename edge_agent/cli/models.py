"""``pur-mold-twin models``: which model corrects the physics, and which is only being compared."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import fail
from edge_agent.cli.models_compare import command as compare
from edge_agent.cli.models_list import list_models, use_of
from edge_agent.cli.models_options import (
    models_option,
    name_argument,
    output_option,
    trusted_option,
    version_argument,
)
from edge_agent.cli.models_show import print_manifest
from edge_agent.cli.models_sign import keygen, sign, verify

if TYPE_CHECKING:
    from edge_agent.inference.manifest import State

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
  pur-mold-twin models sign pour/4 --key signing.key

Agents take up what is promoted by themselves, within seconds. Nothing is promoted that cannot be
used here: another physics, other features, a damaged file.
Exit codes: 0 done, 1 the file cannot be used or written, 2 no such model or version.
"""
NOT_BETTER = 3


@click.group("models", epilog=EXAMPLE)
def command() -> None:
    """Look at the model directory; promote a version, go back, compare one in shadow."""


@command.command("show", epilog="Example: pur-mold-twin models show pour 3")
@name_argument
@version_argument
@models_option
@trusted_option
@output_option
def show(name: str, version: int, folder: Path, trusted: tuple[Path, ...], output: str) -> None:
    """What is known of VERSION of NAME, and whether it can be used here. Exit codes: 0, 1, 2."""
    from edge_agent.inference.registry import ModelRegistry
    from edge_agent.inference.signature import signature_of
    from twin_core.errors import TwinError

    registry = ModelRegistry(folder, trusted)
    try:
        manifest = registry.manifest(name, version)
        use = use_of(manifest, registry.state(name))
        signature = signature_of(folder / name / str(version), folder)
        if output == "json":
            signed = None if signature is None else signature.model_dump(mode="json")
            more = {"use": use, "signature": signed}
            click.echo(json.dumps(manifest.model_dump(mode="json") | more, indent=2))
        else:
            print_manifest(manifest, use, signature)
        registry.load(name, version)
    except TwinError as error:
        fail(error)


@command.command("promote", epilog="Example: pur-mold-twin models promote pour 3")
@name_argument
@version_argument
@models_option
@trusted_option
@click.option(
    "--if-better", "features", type=click.Path(path_type=Path),
    help="Only if it is better on this feature set, which it must not have learned from.",
)  # fmt: skip
def promote(
    name: str, version: int, folder: Path, trusted: tuple[Path, ...], features: Path | None
) -> None:
    """Use VERSION of NAME from now on.

    With --if-better it must be better in one target at least, and worse in none, than the version
    in use, beyond what chance would make; where none is in use, better than the physics, and it may
    lose 2 % to a running mean of each mold (EWMA). And its intervals must hold there: what they say
    within 3 points, 80 % on every mold with 500 results, the worst 100 results no worse than exact
    intervals have. So a schedule can train and promote by itself.

    Exit codes: 0, 1 it cannot be used here, 2 none such, 3 it is not better, or not sure enough.
    """
    from edge_agent.inference.registry import ModelRegistry
    from twin_core.errors import TwinError

    registry = ModelRegistry(folder, trusted)
    try:
        if features is not None:
            from edge_agent.learning.promotion import may_promote

            found = may_promote(features, registry, name, version)
            for line in found.lines:
                click.echo(line)
            if found.refusals:
                for line in found.refusals:
                    click.echo(f"{name}/{version} is not promoted: {line}")
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


for below in (compare, keygen, list_models, sign, verify):
    command.add_command(below)
