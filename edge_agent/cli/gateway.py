"""``pur-mold-twin gateway``."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import click

from edge_agent.cli.common import fail
from edge_agent.cli.gateway_browse import command as browse
from edge_agent.cli.gateway_certificate import command as certificate
from edge_agent.cli.gateway_check import command as check
from edge_agent.cli.gateway_propose import command as propose
from edge_agent.cli.gateway_status import command as status
from edge_agent.cli.gateway_trace import command as trace
from edge_agent.cli.gateway_watch import command as watch
from edge_agent.cli.verbose import is_verbose, show_cause
from twin_core.errors import InputError, TwinError

EXAMPLE = """\b
Examples:
  pur-mold-twin gateway --config configs/gateway.yaml
  pur-mold-twin gateway check -c configs/gateway.yaml --live
  pur-mold-twin gateway status var/gateway.db
"""


@click.group("gateway", invoke_without_command=True, epilog=EXAMPLE)
@click.option("-c", "--config", type=click.Path(path_type=Path), help="The YAML configuration.")
@click.pass_context
def command(ctx: click.Context, config: Path | None) -> None:
    """Read machines by OPC UA, Modbus, Sparkplug, MQTT or CSV files, and send it to the twin.

    Runs until SIGTERM or Ctrl-C; without --config it needs one of the commands below. Exit codes:
    0 stopped, 2 wrong configuration, 1 anything else; the reason is the last line of the log.
    """
    if ctx.invoked_subcommand is not None:
        return
    if config is None:
        raise click.UsageError("Missing option '-c' / '--config', or a command.", ctx)
    _run(config)


def _run(config: Path) -> None:
    from edge_agent.gateway.mapping_file import load_gateway
    from edge_agent.logs import configure, get_logger
    from edge_agent.monitoring.library_logs import take_over

    try:
        settings = load_gateway(config)
    except TwinError as error:
        fail(error)
    configure("debug" if is_verbose() else settings.log.level, settings.log.style)
    take_over()

    from edge_agent.clock import SystemClock
    from edge_agent.gateway.gateway import Gateway
    from edge_agent.monitoring.systemd import Service

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await Gateway(settings, SystemClock(), stop, Service()).run()

    try:
        asyncio.run(run())
    except TwinError as error:
        show_cause(error)
        more = {"hint": error.hint} if error.hint else {}
        get_logger().error("gateway_failed", error=str(error), **more)
        sys.exit(2 if isinstance(error, InputError) else 1)


for below in (status, browse, certificate, check, watch, propose, trace):
    command.add_command(below)
