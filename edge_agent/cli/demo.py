"""``pur-mold-twin demo``."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import COMPILING, fail
from edge_agent.cli.tables import WIDTH
from edge_agent.cli.values import SEED, Number
from edge_agent.cli.verbose import configure_logs
from edge_agent.errors import MissingExtra

if TYPE_CHECKING:
    from rich.table import Table

    from edge_agent.clock import Clock
    from edge_agent.demo import Board, DemoResult, Row
    from edge_agent.demo_sparkplug import Seen

PRESSURE = {"SAFE": "safe", "NEAR_LIMIT": "near", "OVER_LIMIT": "over"}
"""Beside its limit, in words that fit the table."""


@click.command("demo", epilog="Example: pur-mold-twin demo --once")
@click.option("--once", is_flag=True, help="The measured shot and three virtual ones, then end.")
@click.option(
    "--speed",
    type=Number(1, 1000),
    default=60.0,
    show_default=True,
    help="Times as fast as at a press.",
)
@click.option("--seed", type=SEED, default=1, show_default=True, help="Of the random variation.")
@click.option("--embedded", is_flag=True, help="Use the embedded broker, not Mosquitto.")
@click.option(
    "--sparkplug", is_flag=True, help="Be edge nodes of Sparkplug, too, and say what a host sees."
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Keep spool and history in this folder; by default they are deleted at the end.",
)
def command(
    once: bool, speed: float, seed: int, embedded: bool, sparkplug: bool, folder: Path | None
) -> None:
    """Broker, agent and presses on this machine, in accelerated time, with a live table.

    First a foaming run that was measured (R-11 in a cup, Baser and Khakhar 1994), then a virtual
    press with two molds, simulated and labelled so. The pages are served, too, at an address that
    is printed. Ends with Ctrl-C, or by itself with --once (without pages).
    Exit codes: 0 all shots got their prediction, 1 something went wrong.
    """
    from rich.console import Console
    from rich.live import Live

    from edge_agent.demo import run_demo
    from edge_agent.demo_page import PASSWORD, USER
    from twin_core.compiled import is_kept
    from twin_core.errors import TwinError

    configure_logs()
    if not is_kept():
        click.echo(COMPILING, err=True)
    seen = _seen() if sparkplug else None
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    begun = time.monotonic()

    async def run() -> DemoResult:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        live = Live(console=console, auto_refresh=False, transient=True)
        with place_of(folder) as place, live:

            def tell_page(address: str) -> None:
                console.print(f"page:    {address}", soft_wrap=True)
                if address.startswith("http"):
                    words = f"login:   {USER}, password: {PASSWORD} (to send results)"
                    console.print(words, soft_wrap=True)

            def show(board: Board, clock: Clock) -> None:
                if console.is_terminal:
                    live.update(_table(board, clock), refresh=True)

            shots, tell = (3, None) if once else (None, tell_page)
            return await run_demo(place, speed, shots, seed, embedded, show, stop, tell, seen)

    try:
        result = asyncio.run(run())
    except TwinError as error:
        fail(error)
    print_board(result.board, None)
    _compare(result)
    kept = "deleted; --dir DIR keeps it" if folder is None else str(result.history_path)
    console.print(f"history: {kept}", soft_wrap=True)
    for line in seen.lines(f"broker {result.board.broker}") if seen is not None else ():
        console.print(line, soft_wrap=True)
    console.print(f"broker:  {result.board.broker}", soft_wrap=True)
    finished = result.board.finished()
    console.print(f"{finished} shots finished in {time.monotonic() - begun:.0f} s")
    if once and finished != 4:
        fail(TwinError(f"{finished} of 4 shots finished"))


def _seen() -> Seen:
    """What a Sparkplug host sees; ends the program where protobuf is missing."""
    try:
        from edge_agent.demo_sparkplug import Seen
    except ImportError as error:
        if not (error.name or "").startswith("google"):
            raise
        fail(MissingExtra("--sparkplug: protobuf is not installed", "sparkplug"))
    return Seen()


@contextmanager
def place_of(folder: Path | None) -> Iterator[Path]:
    """Where spool and history go: the folder that was named, else one that is deleted at the end.

    Entered and left while SIGTERM and SIGINT are handled, so that neither leaves it behind.
    """
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="pur-mold-twin-demo-") as temporary:
        yield Path(temporary)


def print_board(board: Board, clock: Clock | None) -> None:
    """Print the table; without a terminal 80 columns wide."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else WIDTH).print(_table(board, clock))


def _table(board: Board, clock: Clock | None) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE, title="PUR-MOLD-TWIN demo, core in °C", padding=0, show_edge=False
    )
    for name in ("mold", "shot", "state", "core", "demold", "quality", "pressure", "data"):
        table.add_column(name, no_wrap=True, justify="right" if name == "core" else "left")
    for shot_id, row in list(board.rows.items())[-12:]:
        p = row.prediction
        if p is None:
            continue
        table.add_row(
            p.mold_id,
            shot_id,
            row.kpis.outcome if row.kpis else p.status if p.status == "hold" else "curing",
            "-" if row.T_core_C is None else f"{row.T_core_C:.1f}",
            _countdown(row, clock),
            p.quality_status or "-",
            PRESSURE.get(p.pressure_status or "-", "-"),
            "simulated" if p.simulated else "measured",
        )
    return table


def _countdown(row: Row, clock: Clock | None) -> str:
    p = row.prediction
    if p is not None and p.window == "none" and p.kpis is not None:  # a cup: nothing to open
        return f"peak {p.kpis.T_core_max_C:.0f}"
    if p is None or p.t_demold_opt_s is None or p.demold_opt_at is None:
        return "hold"
    if row.kpis is not None or clock is None:
        return f"at {p.t_demold_opt_s:.0f} s"
    left = (p.demold_opt_at - clock.now()).total_seconds()
    return f"in {left:.0f} s" if left > 0 else "open now"


def _compare(result: DemoResult) -> None:
    """The prediction for the measured run beside the measurement."""
    row = result.board.rows.get(result.bundle.meta.shot_id)
    if row is not None and row.prediction is not None:
        click.echo(result.bundle.compared_with(row.prediction))
        kpis = row.prediction.kpis
        if row.prediction.window == "none" and kpis is not None and kpis.t_rise_s is not None:
            click.echo(f"  an open cup, nothing to open: it has risen after {kpis.t_rise_s:.0f} s")
        click.echo("(published parameters, nothing fitted)")
