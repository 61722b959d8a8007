"""``pur-mold-twin replay``: a logged shot or a recording, sent as a press would."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.cli.common import broker_options, by_option, fail, login_options, settings_of
from edge_agent.cli.progress import Progress
from edge_agent.cli.tables import say
from edge_agent.cli.values import Number

if TYPE_CHECKING:
    from broker.messages import Prediction


@click.command(
    "replay",
    epilog="Example: pur-mold-twin replay configs/bundles/baser_khakhar_1994_r11 --speed 60",
)
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--speed",
    type=Number(min=0.01, max=1e6),
    default=1.0,
    show_default=True,
    help="Times as fast as it happened.",
)
@click.option(
    "--as-now",
    is_flag=True,
    help="Move all times, in the payloads, too, so that the last message is of now (recording).",
)
@click.option("--site", default="plant1", show_default=True, help="Site in the topics (bundle).")
@click.option("--press", default="press1", show_default=True, help="Press in the topics (bundle).")
@click.option("--prefix", default="pur/v1", show_default=True, help="Topic prefix (bundle).")
@click.option(
    "--wait",
    "wait_s",
    type=Number(min=0, max=86_400),
    default=10.0,
    show_default=True,
    help="Seconds to wait for the agent's final prediction (bundle).",
)
@click.option(
    "--quality-cert-file",
    type=click.Path(path_type=Path),
    help="Certificate to send the quality record with (bundle): a press may not write it.",
)
@click.option(
    "--quality-key-file", type=click.Path(path_type=Path), help="Key of this certificate."
)
@broker_options
@login_options
def command(
    source: Path,
    speed: float,
    as_now: bool,
    site: str,
    press: str,
    prefix: str,
    wait_s: float,
    quality_cert_file: Path | None,
    quality_key_file: Path | None,
    host: str,
    port: int,
    login: dict[str, Any],
) -> None:
    """Publish SOURCE: the folder of a logged shot, or a JSON-lines file made by record.

    After a logged shot, the agent's prediction is printed beside the measurement.
    The times of a logged shot are moved so that it ends now; those of a recording are kept as they
    are in its payloads, unless --as-now is given. What its qc.yaml says goes out at the end, as
    the press unless --quality-cert-file is given; where the broker refuses that to a press the rest
    is sent all the same, and the last line says so.

    Exit codes: 0 sent, 2 bad input, 1 broker not reached, or a message refused.
    """
    from edge_agent.logged_shots.bundle import load_bundle
    from edge_agent.logged_shots.replay import replay_bundle, replay_recording
    from twin_core.errors import TwinError

    def progress(sent: int, total: int) -> None:
        shown.count("messages", sent, total)

    shown = Progress()
    try:
        settings = settings_of(host, port, login)
        if not source.is_dir():
            asyncio.run(replay_recording(source, settings, speed, progress, as_now=as_now))
            return
        bundle = load_bundle(source)
        for note in bundle.notes:
            click.echo(f"note: {note.words}", err=True)
        laboratory = None
        if quality_cert_file is not None or quality_key_file is not None:
            own = {"cert_file": quality_cert_file, "key_file": quality_key_file}
            laboratory = settings_of(host, port, login | own)
        done = asyncio.run(
            replay_bundle(
                bundle, settings, laboratory, prefix, site, press, speed, wait_s, progress
            )
        )
        if done.prediction is None:
            click.echo(f"no agent gave a final prediction within {wait_s:g} s", err=True)
        else:
            click.echo(_window(done.prediction))
            click.echo(bundle.compared_with(done.prediction))
            for line in _of_the_data(done.prediction):
                say(line, "  ")
        for reason in done.refused:
            click.echo(f"not sent: the quality record of {bundle.meta.shot_id}: {reason}", err=True)
        if done.refused:
            click.echo(
                "hint: a press may not write quality records; to send it too, repeat the command "
                "with --quality-cert-file quality.crt --quality-key-file quality.key",
                err=True,
            )
    except TwinError as error:
        shown.end()
        fail(error, named=by_option)
    except KeyboardInterrupt:
        shown.end()
        sys.exit(130)


def _of_the_data(p: Prediction) -> list[str]:
    """Sentences on the data that the agent had of the shot."""
    from edge_agent.shots.data_quality_words import NOTHING, in_words

    found = p.data_quality
    if found is None:
        return []
    lines = in_words(
        stood_in=found.stood_in,
        left_out=found.readings_left_out,
        flags=found.flags,
        clock_offset_s=found.clock_offset_s,
    )
    return [f"data: {line}" for line in lines or [NOTHING]]


def _window(p: Prediction) -> str:
    if p.t_demold_min_s is None:
        reasons = ", ".join(d.code for d in p.diagnostics) or "no reason given"
        return f"{p.shot_id}: no demold window ({reasons})"
    return (
        f"{p.shot_id}: demold from {p.t_demold_min_s:.0f} s, best {p.t_demold_opt_s:.0f} s, "
        f"until {p.t_demold_max_s:.0f} s"
    )
