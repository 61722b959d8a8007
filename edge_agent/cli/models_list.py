"""``pur-mold-twin models list``: every version, and what is really served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.cli.common import fail
from edge_agent.cli.models_options import models_option, output_option, trusted_option
from edge_agent.cli.tables import print_table

if TYPE_CHECKING:
    from edge_agent.inference.manifest import Manifest, State
    from edge_agent.inference.serving import ServingModels


@click.command("list", epilog="Example: pur-mold-twin models list --output json")
@models_option
@trusted_option
@output_option
def list_models(folder: Path, trusted: tuple[Path, ...], output: str) -> None:
    """Every version, and what is really served: what is in use is loaded as an agent would.

    Exit codes: 0, 1 a version that is promoted or in shadow is refused, 2 a file is damaged.
    """
    from edge_agent.inference.serving import ModelDirectory
    from twin_core.errors import InputError, ModelError

    try:
        registry = ModelDirectory(folder, trusted)
        served = registry.refresh()
        rows, problems = _rows(registry.folder, served)
    except InputError as error:
        fail(error)
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        _print(rows)
    else:
        click.echo(f"{folder}: no models")
    for words in served.warnings:
        click.echo(f"warning: {words}", err=True)
    told = "\n".join(problems)
    refused = [
        f"{entry.label} is refused: {entry.words}" if entry.version else entry.words
        for entry in served.refused
        if entry.words not in told
    ]
    if problems:
        fail(InputError("\n".join(dict.fromkeys([*problems, *refused]))))
    if refused:
        fail(ModelError("\n".join(refused)))


def use_of(manifest: Manifest, state: State) -> str:
    """What a version is for, as the state of its name says."""
    if manifest.version == state.promoted:
        return "promoted"
    if manifest.version == state.shadow:
        return "shadow"
    return "earlier" if manifest.version in state.earlier else ""


def _rows(folder: Path, served: ServingModels) -> tuple[list[dict[str, Any]], list[str]]:
    from edge_agent.inference.registry import ModelRegistry
    from edge_agent.inference.serving import BEST
    from twin_core.errors import InputError

    registry = ModelRegistry(folder)
    answers: dict[str, list[str]] = {}
    for moment in BEST:
        for entry in (served.serving(moment), served.compared(moment)):
            if entry is not None and entry.model is not None:
                answers.setdefault(entry.label, []).append(moment)
    refused = {entry.label: entry.words for entry in served.refused}
    rows, problems = list[dict[str, Any]](), list[str]()
    for found in registry.manifests():
        try:
            if isinstance(found, InputError):
                raise found
            use = use_of(found, registry.state(found.name))
        except InputError as error:
            problems.append(str(error))
            continue
        start = {"name", "version", "known_at", "trained_at"}
        rows.append(
            found.model_dump(mode="json", include=start)
            | {
                "use": use,
                "answers_at": answers.get(found.label, []),
                "refused": refused.get(found.label),
            }
            | found.model_dump(
                mode="json", include={"physics_hash", "simulated_share", "bytes_count"}
            )
        )
    return rows, problems


def _print(rows: list[dict[str, Any]]) -> None:
    right = ("simulated", "kB")
    print_table(
        ("model", "use", "answers at", "looks at", "trained", "physics", *right),
        [
            (
                f"{row['name']}/{row['version']}",
                row["use"],
                "refused" if row["refused"] else ", ".join(row["answers_at"]),
                row["known_at"],
                row["trained_at"][:10],
                row["physics_hash"][:8],
                f"{row['simulated_share']:.0%}",
                f"{row['bytes_count'] / 1000:.0f}",
            )
            for row in rows
        ],
        right,
        folds=("model", "answers at"),
    )
