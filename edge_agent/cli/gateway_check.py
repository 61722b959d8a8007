"""``pur-mold-twin gateway check``: all that is wrong with a mapping, before anything is sent."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.values import Number

if TYPE_CHECKING:
    from edge_agent.config.gateway_settings import GatewaySettings
    from edge_agent.gateway.live_values import LiveValue
    from edge_agent.gateway.looking_on import Seen
    from edge_agent.gateway.mapping_file import CheckedMapping

EXAMPLE = """\b
Examples:
  pur-mold-twin gateway check -c gateway.yaml
  pur-mold-twin gateway check -c gateway.yaml --live

Ends with 0 when nothing is wrong, else with 2.
"""


@click.command("check", epilog=EXAMPLE)
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), required=True,
    help="The YAML of the gateway.",
)  # fmt: skip
@click.option("--live", is_flag=True, help="Connect to each source, and read every tag once.")
@click.option(
    "--wait", type=Number(min=0.1, max=3600), default=10.0, show_default=True,
    help="Seconds until a tag counts as silent, with --live.",
)  # fmt: skip
def command(config: Path, live: bool, wait: float) -> None:
    """Print ALL that is wrong with a mapping, with line, field and tag. Nothing is sent.

    Without --live nothing is connected to either. With it a gateway may go on running: sessions
    have another name.
    """
    from edge_agent.gateway.mapping_file import check_mapping
    from edge_agent.gateway.named_files import file_problems

    checked = check_mapping(config)
    notes, problems = list(checked.notes), list(checked.problems)
    if checked.settings is not None:
        for one in file_problems(checked.settings):
            (notes if one.is_note else problems).append(checked.lines.words(one))
    for note in notes:
        click.echo(f"note: {note}")
    for problem in problems:
        click.echo(f"problem: {problem}")
    if checked.hint:
        click.echo(f"  → {checked.hint}")
    if live and checked.settings is not None and not problems:
        problems += _look(checked.settings, checked, wait)
    elif live:
        click.echo("nothing is connected to before that is mended")
    count = len(problems)
    words = {0: "nothing is wrong", 1: "1 problem"}.get(count, f"{count} problems")
    click.echo(f"{config}: {words}")
    sys.exit(2 if problems else 0)


def _look(settings: GatewaySettings, checked: CheckedMapping, wait_s: float) -> list[str]:
    """Read every tag once, print it, and return what is wrong."""
    from edge_agent.cli.tables import print_table
    from edge_agent.cli.verbose import configure_logs
    from edge_agent.clock import SystemClock
    from edge_agent.gateway.live_values import live_values
    from edge_agent.gateway.looking_on import Looking

    configure_logs()
    clock = SystemClock()

    async def look() -> dict[str, Seen]:
        looking = Looking(settings, clock, "check")
        async with looking.open(again=False):
            await looking.all_seen(wait_s)
        return looking.seen

    seen = asyncio.run(look())
    values = live_values(settings, seen, clock.now())
    print_table(
        ("tag", "type", "value", "", "becomes"),
        [(one.tag, _type(one, seen), one.raw, one.name, one.becomes) for one in values],
        right=("value",),
        folds=("tag", "value", "becomes"),
        whole=True,
    )
    problems = list(_problems(values, seen, checked))
    for problem in problems:
        click.echo(f"problem: {problem}")
    return problems


def _type(one: LiveValue, seen: dict[str, Seen]) -> str:
    source, _, tag = one.tag.partition(".")
    sample = seen[source].samples.get(tag)
    value = None if sample is None else sample.value
    kinds = {bool: "bool", int: "integer", float: "number", str: "text"}
    return kinds.get(type(value), "")


def _problems(values: list[LiveValue], seen: dict[str, Seen], checked: CheckedMapping) -> list[str]:
    """What is wrong with sources, then with tags, then with what becomes of them; each once."""
    from edge_agent.mapping.problem import Problem

    found: list[Problem] = []
    for name, source in seen.items():
        if source.error:
            words = source.error + (f" ({source.hint})" if source.hint else "")
            words = " ".join(words.split()).removeprefix(f"sources.{name}: ")
            found.append(Problem(("sources", name), words.removeprefix(f"sources.{name}.")))
    for one in values:
        source_name, _, tag = one.tag.partition(".")
        place = ("sources", source_name, "tags", tag)
        if one.quality == "no link":
            continue
        if one.is_wrong and not one.becomes:
            found.append(Problem(place, one.quality))
        elif one.is_wrong:
            words = one.becomes.removeprefix(f"{one.tag}: ")
            found.append(Problem(one.place, f"{one.tag}: {words}"))
    return list(dict.fromkeys(checked.lines.words(one) for one in found))
