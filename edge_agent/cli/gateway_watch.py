"""``pur-mold-twin gateway watch``: values live, beside what the mapping makes of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import fail
from edge_agent.cli.values import Number
from twin_core.errors import TwinError

if TYPE_CHECKING:
    from rich.table import Table

    from edge_agent.config.gateway_settings import GatewaySettings
    from edge_agent.gateway.live_values import LiveValue
    from edge_agent.gateway.looking_on import Looking
    from edge_agent.gateway.station import StationTranslator
    from edge_agent.gateway.trace import TraceLine
    from edge_agent.links.tag_source import SampleBatch

EXAMPLE = """\b
Examples:
  pur-mold-twin gateway watch -c gateway.yaml
  pur-mold-twin gateway watch -c gateway.yaml --seconds 60 > values.txt
"""
EVERY_S = 0.5
TRACE_SHOWN = 6


@click.command("watch", epilog=EXAMPLE)
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), required=True,
    help="The YAML of the gateway.",
)  # fmt: skip
@click.option(
    "--seconds", type=Number(min=0.1, max=86_400), help="End after so long. [default: at Ctrl-C]"
)
def command(config: Path, seconds: float | None) -> None:
    """Show each tag's value, quality and age beside what it becomes, and why a shot began or not.

    A table at a terminal; elsewhere a line for each change. Nothing is sent or kept, and a gateway
    may go on running. Exit codes: 0, 2 wrong configuration.
    """
    from edge_agent.cli.verbose import configure_logs
    from edge_agent.gateway.mapping_file import load_gateway

    try:
        settings = load_gateway(config)
    except TwinError as error:
        fail(error)
    configure_logs()
    with suppress(KeyboardInterrupt):
        asyncio.run(_watch(settings, seconds))


async def _watch(settings: GatewaySettings, seconds: float | None) -> None:
    from edge_agent.clock import SystemClock
    from edge_agent.gateway.looking_on import Looking
    from edge_agent.gateway.station import StationTranslator

    clock = SystemClock()
    stations = [StationTranslator(n, one, settings) for n, one in settings.stations.items()]

    def take(name: str, batch: SampleBatch, now: datetime) -> None:
        for station in stations:
            station.take(name, batch.samples, now)

    def lost(name: str, now: datetime) -> None:
        for station in stations:
            station.lost(name, now)

    looking = Looking(settings, clock, "watch", take, lost)
    screen = _Screen() if sys.stdout.isatty() else _Printed()
    end = None if seconds is None else asyncio.get_running_loop().time() + seconds
    async with looking.open(again=True):
        with screen:
            while end is None or asyncio.get_running_loop().time() < end:
                for station in stations:
                    station.tick(clock.now())
                screen.show(_rows(settings, looking, clock.now()), _fetched(stations), looking)
                await asyncio.sleep(EVERY_S)


def _rows(settings: GatewaySettings, looking: Looking, now: datetime) -> list[LiveValue]:
    from edge_agent.gateway.live_values import live_values

    return live_values(settings, looking.seen, now)


def _fetched(stations: Iterable[StationTranslator]) -> list[TraceLine]:
    return [line for station in stations for line in station.fetch_trace()]


class _Printed:
    """A line for each change, for a file or a pipe."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, rows: list[LiveValue], trace: list[TraceLine], looking: Looking) -> None:
        for name, seen in looking.seen.items():
            self._say(f"link {name}", seen.error or "")
        for one in rows:
            if one.quality in {"no link", "nothing came"}:
                continue
            what = " → ".join(filter(None, (one.raw or one.quality, one.name, one.becomes)))
            self._say(f"{one.tag} {one.station} {one.name}".strip(), f"{one.tag}: {what}")
        for line in trace:
            click.echo(f"{line.station}: {line.kind} {line.event} {line.words}")

    def _say(self, key: str, words: str) -> None:
        if self._said.get(key, "") != words:
            self._said[key] = words
            click.echo(words if ":" in words else f"{key}: {words or 'connected'}")


class _Screen:
    """A table that changes, at a terminal."""

    def __init__(self) -> None:
        from rich.live import Live

        self._live = Live(auto_refresh=False, vertical_overflow="crop")
        self._trace: list[str] = []

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, rows: list[LiveValue], trace: list[TraceLine], looking: Looking) -> None:
        from rich.console import Group
        from rich.text import Text

        self._trace += [f"{one.station}: {one.kind} {one.event} {one.words}" for one in trace]
        del self._trace[:-TRACE_SHOWN]
        errors = [f"{name}: {one.error}" for name, one in looking.seen.items() if one.error]
        lines = [Text(line) for line in (*errors, *self._trace)]
        self._live.update(Group(_table(rows), *lines), refresh=True)


def _table(rows: list[LiveValue]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, pad_edge=False, collapse_padding=True, show_edge=False)
    for name in ("tag", "value", "quality", "age", "station", "channel", "becomes"):
        table.add_column(name, overflow="fold", justify="right" if name == "age" else "left")
    for one in rows:
        age = "" if one.age_s is None else f"{one.age_s:.1f} s"
        cells = (one.tag, one.raw, one.quality, age, one.station, one.name, one.becomes)
        table.add_row(*map(Text, cells), style="red" if one.is_wrong else "")
    return table
