"""``pur-mold-twin gateway propose``: a draft of a mapping from names and units of tags."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import fail, write_file
from twin_core.errors import InputError, TwinError

if TYPE_CHECKING:
    from edge_agent.config.gateway_settings import GatewaySettings
    from edge_agent.gateway.draft import DraftSource
    from edge_agent.links.tag_source import FoundTag

EXAMPLE = """\b
Examples:
  pur-mold-twin gateway propose -c gateway.yaml -o draft.yaml
  pur-mold-twin gateway propose --from tags.csv --kind opcua
"""
SITE, PRESS = "plant1", "press1"


@click.command("propose", epilog=EXAMPLE)
@click.option(
    "-c", "--config", type=click.Path(path_type=Path),
    help="The YAML of a gateway: its sources are asked for their tags.",
)  # fmt: skip
@click.option("--source", help="Only this source of the configuration.")
@click.option(
    "--from", "file", type=click.Path(path_type=Path),
    help="A list of tags (CSV, JSON) in place of a machine: address, name, data_type, unit, value.",
)  # fmt: skip
@click.option(
    "--kind", type=click.Choice(["opcua", "modbus", "mqtt", "sparkplug", "folder"]),
    default="opcua", show_default=True, help="Kind of the source that the list is of.",
)  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write it to.")
def command(
    config: Path | None, source: str | None, file: Path | None, kind: str, output: Path | None
) -> None:
    """Draft a mapping from names and units of tags, English, German or Polish.

    Each line says how sure it is; TODO says what a person has to decide. Nothing is read from the
    machine but its tags and their values.
    """
    from edge_agent.gateway.draft import DraftSource, draft
    from edge_agent.gateway.found_tags import read_found_tags
    from edge_agent.gateway.mapping_file import load_sources, press_of
    from edge_agent.gateway.proposal import proposed

    if (config is None) == (file is None):
        raise click.UsageError("give --config or --from, one of them")
    press, settings = PRESS, None
    try:
        if file is not None:
            sources = [DraftSource("machine", kind, proposed(read_found_tags(file)))]
        else:
            assert config is not None
            settings = load_sources(config)
            press = press_of(config) or PRESS
            sources = asyncio.run(_browsed(settings, source))
    except TwinError as error:
        fail(error)
    found = draft(sources, press=press, settings=settings, site=SITE)
    if output is None:
        click.echo(found.text, nl=False)
    else:
        try:
            write_file(output, found.text)
        except TwinError as error:
            fail(error)
    known = sum(one.role is not None for of in sources for one in of.items)
    count = sum(len(of.items) for of in sources)
    click.echo(f"{known} of {count} tags recognized, {len(found.open)} things to decide", err=True)


async def _browsed(settings: GatewaySettings, only: str | None) -> list[DraftSource]:
    from edge_agent.clock import SystemClock
    from edge_agent.gateway.draft import DraftSource
    from edge_agent.gateway.looking_on import apart
    from edge_agent.gateway.problem import nearest
    from edge_agent.gateway.proposal import proposed
    from edge_agent.gateway.sources import make

    if only is not None and only not in settings.sources:
        words = f"--source {only}: there is no such source: {nearest(only, settings.sources)}"
        raise InputError(words)
    asking, found = apart(settings, "propose"), []
    for name, source in settings.sources.items():
        if only in {None, name}:
            link = make(name, asking.sources[name], asking, SystemClock())
            tags: list[FoundTag] = [tag async for tag in link.browse()]
            found.append(DraftSource(name, source.kind, proposed(tags), source))
    return found
