"""``pur-mold-twin gateway browse``: the tags that machines offer."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import fail
from twin_core.errors import InputError, TwinError

if TYPE_CHECKING:
    from edge_agent.config.gateway_settings import GatewaySettings
    from edge_agent.links.tag_source import FoundTag

EXAMPLE = """\b
Examples:
  pur-mold-twin gateway browse -c gateway.yaml
  pur-mold-twin gateway browse -c gateway.yaml --output csv > tags.csv
"""


@click.command("browse", epilog=EXAMPLE)
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), required=True,
    help="The YAML of the gateway; of a source its address and login are enough.",
)  # fmt: skip
@click.option("--source", help="Only this source of the configuration.")
@click.option(
    "--output", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True,
    help="What to print; `gateway propose --from` reads the other two.",
)  # fmt: skip
def command(config: Path, source: str | None, output: str) -> None:
    """List the tags that each source offers: address, name, type, unit, value now.

    An OPC UA server lists its variables, foreign topics what comes within some seconds, a Sparkplug
    edge node the metrics of its births, a folder the columns of its newest file, a Modbus device
    only what is configured. Nothing is written to a machine; a Sparkplug edge node is asked for a
    rebirth where the configuration allows it. Exit codes: 0, 1 a source cannot be asked, 2 wrong
    configuration.
    """
    from edge_agent.cli.verbose import configure_logs
    from edge_agent.gateway.mapping_file import load_sources
    from edge_agent.gateway.problem import nearest

    try:
        settings = load_sources(config)
        if source is not None and source not in settings.sources:
            known = nearest(source, settings.sources)
            raise InputError(f"--source {source}: there is no such source: {known}")
    except TwinError as error:
        fail(error)
    configure_logs()
    found, failed = asyncio.run(_browsed(settings, source))
    for name, tags in found.items():
        if output == "table":
            _print_table(name, tags)
    if output != "table":
        rows = [{"source": name, **asdict(tag)} for name, tags in found.items() for tag in tags]
        click.echo(_csv(rows) if output == "csv" else json.dumps(rows, indent=1), nl=False)
    if failed:
        from edge_agent.errors import LinkError

        words = "\n".join(f"{name}: {problem}" for name, problem in failed.items())
        hints = dict.fromkeys(problem.hint for problem in failed.values() if problem.hint)
        fail(LinkError(words, hint="; ".join(hints)))


async def _browsed(
    settings: GatewaySettings, only: str | None
) -> tuple[dict[str, list[FoundTag]], dict[str, TwinError]]:
    """Tags by source, and why a source could not be asked."""
    from edge_agent.clock import SystemClock
    from edge_agent.gateway.looking_on import apart
    from edge_agent.gateway.sources import make

    found: dict[str, list[FoundTag]] = {}
    failed: dict[str, TwinError] = {}
    settings = apart(settings, "browse")
    for name, source in settings.sources.items():
        if only in {None, name}:
            try:
                link = make(name, source, settings, SystemClock())
                found[name] = [tag async for tag in link.browse()]
            except TwinError as error:
                failed[name] = error
    return found, failed


def _print_table(name: str, tags: list[FoundTag]) -> None:
    from edge_agent.cli.tables import print_table

    click.echo(f"{name}: {len(tags)} tags")
    print_table(
        ("address", "name", "type", "unit", "value"),
        [(tag.address, tag.name, tag.data_type, tag.unit, tag.value) for tag in tags],
        right=("value",),
        folds=("address", "name", "value"),
        whole=True,
    )


def _csv(rows: list[dict[str, str]]) -> str:
    from edge_agent.links.tag_source import FoundTag

    text = io.StringIO()
    names = ["source", *(one.name for one in fields(FoundTag))]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
