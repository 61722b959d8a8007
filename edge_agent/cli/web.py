"""``pur-mold-twin web``: pages for people at the press, and REST for programs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path

import click

from edge_agent.cli import web_access
from edge_agent.cli.common import config_option, fail
from edge_agent.cli.verbose import is_verbose, show_cause

EXAMPLE = """\b
Examples:
  pur-mold-twin web -c /etc/pur-mold-twin/agent.yaml
  TWIN_WEB__PORT=8081 pur-mold-twin web

It reads the broker and the history of the configuration; the agent runs without it.
"""


@click.group("web", invoke_without_command=True, epilog=EXAMPLE)
@config_option
@click.option("--clock", hidden=True, help="The clock of a demo: see AcceleratedClock.")
@click.pass_context
def command(ctx: click.Context, config: Path, clock: str | None) -> None:
    """Serve the pages and the REST interface until SIGTERM or SIGINT."""
    if ctx.invoked_subcommand is None:
        _serve(config, clock)


for _below in web_access.COMMANDS:
    command.add_command(_below)


def _serve(config: Path, clock: str | None) -> None:
    from edge_agent.clock import AcceleratedClock, Clock, SystemClock
    from edge_agent.config.settings import load_settings
    from edge_agent.logs import configure, get_logger
    from edge_agent.monitoring.library_logs import take_over
    from twin_core.errors import InputError, TwinError

    try:
        settings = load_settings(config)
    except TwinError as error:
        fail(error)
    configure("debug" if is_verbose() else settings.log.level, settings.log.style)
    take_over()
    twins: Clock = SystemClock() if clock is None else AcceleratedClock.read(clock)

    async def run() -> None:
        from edge_agent.web.server import serve

        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(settings, twins, stop)

    try:
        with _small():
            asyncio.run(run())
    except ImportError as error:
        from edge_agent.errors import MissingExtra

        fail(MissingExtra(f"the pages need {error.name}", "web"))
    except TwinError as error:
        show_cause(error)
        more = {"hint": error.hint} if error.hint else {}
        get_logger().error("web_failed", error=str(error), **more)
        sys.exit(2 if isinstance(error, InputError) else 1)


class _WithoutPandas(MetaPathFinder):
    """Finds no pandas, as where it is not installed."""

    def find_spec(self, fullname: str, *_: object) -> None:
        """Refuse the one name.

        Raises:
            ModuleNotFoundError: it is asked for.
        """
        if fullname == "pandas":
            raise ModuleNotFoundError("the web server uses no pandas", name=fullname)


@contextmanager
def _small() -> Iterator[None]:
    """Keep out what pyarrow would load for Parquet and nothing here needs: 70 MB.

    It imports pandas with its first array where that is installed, and numpy's OpenBLAS makes
    buffers for threads.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    finder = _WithoutPandas()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
