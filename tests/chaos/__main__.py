"""``./twin chaos``: kills by the hundred, and an account of every message."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import click

from tests.chaos.fault_point import FaultPlant, run_kills
from tests.chaos.fault_point import Report as FaultReport
from tests.chaos.gateway_kills import Report as ShotsReport
from tests.chaos.gateway_kills import run_shots
from tests.chaos.plant import Plant
from tests.chaos.press_with_tags import PLCS
from tests.chaos.rounds import Report, run_rounds
from tests.chaos.sparkplug_faults import Report as SparkplugReport
from tests.chaos.sparkplug_faults import run_faults
from tests.support.waiting import GATHER_BY_DEFAULT_S

PROGRESS_EVERY = 10
FAULT_POINT = "published-uncommitted"


@click.command(
    "chaos",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: ./twin chaos --rounds 300 --seed 7 --report chaos.json",
)
@click.option("--rounds", default=50, show_default=True, type=click.IntRange(1), help="Kills.")
@click.option("--seed", type=int, help="The same seed kills in the same order; random without.")
@click.option("--rate", default=300.0, show_default=True, help="Messages per second, all presses.")
@click.option(
    "--check-every", default=1, show_default=True, type=click.IntRange(1), help="In rounds."
)
@click.option(
    "--hostile/--peaceful", default=True, show_default=True, help="Hostile clients beside, or none."
)
@click.option(
    "--fault-point",
    type=click.Choice([FAULT_POINT]),
    help="Instead: the agent kills itself there; a listener hears all that it says.",
)
@click.option(
    "--kills", type=click.IntRange(1), help="There, and with a gateway.  [default: 50, 20]"
)
@click.option("--group", is_flag=True, help="There: two agents that share the presses.")
@click.option(
    "--gateway",
    "protocols",
    multiple=True,
    type=click.Choice([*PLCS, "all"]),
    help="Instead: a PLC with nothing but tags behind a gateway; by this protocol, or all.",
)
@click.option("--shots", default=200, show_default=True, type=click.IntRange(1), help="There.")
@click.option("--sparkplug", is_flag=True, help="Instead: an edge node and its hosts.")
@click.option(
    "--faults", default=100, show_default=True, type=click.IntRange(1), help="There: how many."
)
@click.option("--report", type=click.Path(path_type=Path), help="Write the figures as JSON.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep logs and spool in this folder.")
def command(
    rounds: int,
    seed: int | None,
    rate: float,
    check_every: int,
    hostile: bool,
    fault_point: str | None,
    kills: int | None,
    group: bool,
    protocols: tuple[str, ...],
    shots: int,
    sparkplug: bool,
    faults: int,
    report: Path | None,
    keep: Path | None,
) -> None:
    """Kill agent, broker and database at random moments while two presses work.

    Beside them a hostile client of each role (a press, a laboratory, SCADA, a page, one without a
    certificate) tries to take sessions and shared subscriptions, forges messages and sends garbage.

    A real Mosquitto, a real TimescaleDB and the agent get SIGKILL, one or two at once, and start
    again. After each round every message sent must be in the history exactly once, and every shot
    must have its one final prediction. What a killed broker had acknowledged and may have
    lost the presses send again; it is counted.

    With --fault-point the agent gets SIGKILL after it has published a prediction and before it has
    committed what led to it. Nobody may hear one revision of a shot with two contents, and the last
    word that is heard on a shot must be that of the history.

    With --gateway a simulated PLC makes shots and knows nothing of the twin; gateway, agent and
    broker get SIGKILL, and the links to PLC and broker are cut or half-open. Each shot must be in
    the history once, at its time by the PLC's clock, and each reading that the PLC still had.

    With --sparkplug the agent is an edge node of Sparkplug. Agent and broker get SIGKILL, its link
    is cut, half-open or slow, and the primary host goes, dies and comes. Two more hosts listen, one
    on pysparkplug: what is in the agent's history they must have heard, in order and by the rules.

    Exit codes: 0 nothing lost and nothing doubled, 1 something was.
    """
    chosen = random.randrange(10**6) if seed is None else seed
    if protocols:
        _run_gateway(keep, chosen, protocols, shots, kills or 20, report)
    if sparkplug:
        _run_sparkplug(keep, chosen, faults, report)
    kills = kills or 50
    what = f"{rounds} rounds" if fault_point is None else f"{kills} kills"
    click.echo(f"seed {chosen}, {what}", err=True)
    with tempfile.TemporaryDirectory(prefix="twin-chaos-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found: Report | FaultReport
        if fault_point is not None:
            found = asyncio.run(_run_kills(folder, chosen, kills, group))
            click.echo(found.text())
        else:
            found = asyncio.run(_run(folder, chosen, rounds, rate, check_every, hostile))
            click.echo(text(found))
    if report is not None:
        report.write_text(json.dumps(found.as_json(), indent=2) + "\n")
    sys.exit(0 if found.is_good else 1)


def _run_gateway(
    keep: Path | None,
    seed: int,
    protocols: tuple[str, ...],
    shots: int,
    kills: int,
    report: Path | None,
) -> NoReturn:
    click.echo(f"seed {seed}, {shots} shots, {kills} kills and cuts", err=True)
    found = []
    with tempfile.TemporaryDirectory(prefix="twin-chaos-") as temporary:
        for protocol in PLCS if "all" in protocols else protocols:
            folder = Path(keep or temporary, protocol)
            folder.mkdir(parents=True, exist_ok=True)
            one = asyncio.run(run_shots(folder, protocol, shots, kills, seed, _progress_of_shots))
            click.echo(one.text())
            found.append(one)
    if report is not None:
        report.write_text(json.dumps([one.as_json() for one in found], indent=2) + "\n")
    sys.exit(0 if all(one.is_good for one in found) else 1)


def _run_sparkplug(keep: Path | None, seed: int, faults: int, report: Path | None) -> NoReturn:
    click.echo(f"seed {seed}, {faults} faults", err=True)
    with tempfile.TemporaryDirectory(prefix="twin-chaos-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = asyncio.run(run_faults(folder, seed, faults, progress=_progress_of_faults))
        click.echo(found.text())
    if report is not None:
        report.write_text(json.dumps(found.as_json(), indent=2) + "\n")
    sys.exit(0 if found.is_good else 1)


def _progress_of_faults(report: SparkplugReport) -> None:
    count = sum(report.faults.values())
    click.echo(f"{report.duration_s:7.0f} s  faults {count:3}  heard {report.heard:7}", err=True)


def _progress_of_shots(report: ShotsReport) -> None:
    count = sum(report.troubles.values())
    click.echo(f"{report.duration_s:7.0f} s  shots {report.shots:4}  broken {count:3}", err=True)


async def _run(
    folder: Path, seed: int, rounds: int, rate: float, check_every: int, hostile: bool
) -> Report:
    gather_s = GATHER_BY_DEFAULT_S
    async with Plant(folder, seed, rate, hostile=hostile, gather_s=gather_s) as plant:
        return await run_rounds(plant, seed, rounds, check_every, _progress)


async def _run_kills(folder: Path, seed: int, kills: int, group: bool) -> FaultReport:
    async with FaultPlant(folder, seed, group=group, gather_s=GATHER_BY_DEFAULT_S) as plant:
        return await run_kills(plant, seed, kills, _progress_of_kills)


def _progress_of_kills(report: FaultReport) -> None:
    click.echo(
        f"{report.duration_s:7.0f} s  kills {report.kills:4}  stored {report.stored:7}  "
        f"lost {report.lost}  doubled {report.doubled}  heard {report.heard:6}",
        err=True,
    )


def _progress(report: Report) -> None:
    if report.rounds % PROGRESS_EVERY == 0:
        click.echo(
            f"{report.duration_s:7.0f} s  round {report.rounds:4}  sent {report.sent:7}  "
            f"stored {report.stored:7}  lost {report.lost}  doubled {report.doubled}",
            err=True,
        )


def text(report: Report) -> str:
    """The figures for a person."""
    kills = ", ".join(f"{victim} {count}" for victim, count in sorted(report.kills.items()))
    lines = [
        f"rounds         {report.rounds} in {report.duration_s:.0f} s, seed {report.seed}",
        f"kills          {sum(report.kills.values())}: {kills}",
        f"sent           {report.sent} messages, {report.sent_again} times again",
        f"acknowledged   {report.acknowledged}",
        f"stored         {report.stored} of {report.frames} frames",
        f"lost           {report.lost}",
        f"doubled        {report.doubled}",
        f"broker killed  {report.acknowledged_again} acknowledged frames were sent again",
        f"shots          {report.shots}, final predictions {report.finals}",
        f"poison         {report.poison}, dead letters {report.dead_letters}",
    ]
    if report.attacks:
        attacks = ", ".join(f"{role} {count}" for role, count in report.attacks.items())
        lines.append(f"attacks        {attacks}; let in {sum(report.attack_logins.values())} times")
    return "\n".join(lines + [f"PROBLEM: {problem}" for problem in report.problems[:20]])


if __name__ == "__main__":
    command(prog_name="./twin chaos")
