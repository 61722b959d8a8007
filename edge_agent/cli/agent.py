"""``pur-mold-twin agent``."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click

from edge_agent.cli.common import fail
from edge_agent.cli.verbose import is_verbose, show_cause
from twin_core.errors import InputError, TwinError


@click.command(
    "agent", epilog="Example: TWIN_BROKER__HOST=broker pur-mold-twin agent -c configs/agent.yaml"
)
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), required=True, help="The YAML configuration."
)
def command(config: Path) -> None:
    """Run the agent beside the press until SIGTERM or Ctrl-C; SIGHUP reads CONFIG again.

    Settings come from the file, over them environment variables TWIN_SECTION__FIELD. Exit codes:
    0 stopped, 2 wrong configuration, 1 anything else; the reason is the last line of the log.
    """
    from edge_agent.config.settings import load_settings
    from edge_agent.logs import configure, get_logger
    from edge_agent.monitoring.library_logs import take_over

    try:
        settings = load_settings(config)
    except TwinError as error:
        fail(error)
    configure("debug" if is_verbose() else settings.log.level, settings.log.style)
    take_over()

    from edge_agent.agent import Agent
    from edge_agent.clock import SystemClock
    from edge_agent.monitoring.systemd import Service

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)  # until there is an agent to be told
        agent = Agent(settings, SystemClock(), stop, lambda: load_settings(config), Service())
        loop.add_signal_handler(signal.SIGHUP, agent.reload)
        await agent.run()

    try:
        asyncio.run(run())
    except TwinError as error:
        show_cause(error)
        more = {"hint": error.hint} if error.hint else {}
        get_logger().error("agent_failed", error=str(error), **more)
        sys.exit(2 if isinstance(error, InputError) else 1)
