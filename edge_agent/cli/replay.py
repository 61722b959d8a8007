"""``pur-mold-twin replay``: a logged shot or a recording, sent as a press would."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from edge_agent.cli.common import broker_options, fail, settings_of


@click.command(
    "replay",
    epilog="Example: pur-mold-twin replay configs/bundles/baser_khakhar_1994_r11 --speed 60",
)
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--speed",
    type=click.FloatRange(min=0.01),
    default=1.0,
    show_default=True,
    help="Times as fast as it happened.",
)
@click.option("--site", default="plant1", show_default=True, help="Site in the topics (bundle).")
@click.option("--press", default="press1", show_default=True, help="Press in the topics (bundle).")
@click.option("--prefix", default="pur/v1", show_default=True, help="Topic prefix (bundle).")
@broker_options
def command(
    source: Path, speed: float, site: str, press: str, prefix: str, host: str, port: int
) -> None:
    """Publish SOURCE: the folder of a logged shot, or a JSON-lines file made by record.

    The times of a logged shot are moved so that it ends now; those of a recording are kept as they
    are in its payloads. Exit codes: 0 sent, 2 bad input, 1 broker not reached.
    """
    from edge_agent.replay import replay_bundle, replay_recording
    from twin_core.errors import TwinError

    settings = settings_of(host, port)

    def progress(sent: int, total: int) -> None:
        click.echo(f"\r{sent}/{total} messages", err=True, nl=sent == total)

    try:
        if source.is_dir():
            run = replay_bundle(source, settings, prefix, site, press, speed, progress)
        else:
            run = replay_recording(source, settings, speed, progress)
        asyncio.run(run)
    except TwinError as error:
        fail(error)
    except KeyboardInterrupt:
        sys.exit(130)
