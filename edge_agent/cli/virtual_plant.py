"""``pur-mold-twin virtual-plant``: a year of simulated shots, with a hidden truth to learn."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import fail, history_at, say_when_compiling
from edge_agent.cli.progress import Progress, told_while_waiting
from edge_agent.cli.values import SEED, LowHigh, Number
from edge_agent.cli.verbose import configure_logs

if TYPE_CHECKING:
    from edge_agent.config.settings import HistorySettings
    from edge_agent.virtual_plant import Assumed, VirtualPlant
    from edge_agent.virtual_plant.shots import VirtualShot
    from twin_core import MaterialSystem

EXAMPLE = """\b
Examples:
  pur-mold-twin virtual-plant --out var/plant --shots 5000 --seed 7
  pur-mold-twin virtual-plant --out var/harsh --preset harsh
  pur-mold-twin virtual-plant --out var/late --spacing-min 50 \\
      --lab-hours 24,24
  pur-mold-twin virtual-plant --out var/plant \\
      --history postgresql://user:password@host/database
  pur-mold-twin virtual-plant --out var/worn \\
      --change 2025-09-01,iso_gain=1.04,press=press1

Ends with 0 when all is written, 2 when an option is wrong, 1 when the disk or the database refuses.
"""
File = click.Path(path_type=Path)


@click.command("virtual-plant", epilog=EXAMPLE)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for molds/, plant.yaml and history.db; systems/ with --systems.",
)
@click.option(
    "--preset",
    type=click.Choice(["calm", "harsh"]),
    default="calm",
    show_default=True,
    help="harsh: minutes between shots, a late laboratory, drift, steps, mistakes, other physics.",
)
@click.option(
    "-n",
    "--shots",
    type=click.IntRange(1, 10_000_000),
    default=5000,
    show_default=True,
    help="How many shots, of all presses together.",
)
@click.option(
    "--presses",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="How many presses.",
)
@click.option(
    "--molds", type=click.IntRange(1, 100), default=2, show_default=True, help="Of each press."
)
@click.option("--seed", type=SEED, default=1, show_default=True, help="Of all chance.")
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2025-01-06",
    show_default=True,
    help="First day.",
)
@click.option(
    "--days",
    type=Number(0, 36_500, min_open=True),
    help="Days over which the shots are spread. [default: 365 if calm; as many as they take if "
    "harsh, or with --spacing-min]",
)
@click.option(
    "--spacing-min",
    type=Number(0, 1440, min_open=True),
    metavar="MINUTES",
    help="From pour to pour of a mold, in working hours. [default: as the preset has it]",
)
@click.option(
    "--lab-share",
    type=Number(0, 1),
    help="Shots that get a quality record. [default: 0.6 if calm, 0.1 if harsh]",
)
@click.option(
    "--lab-hours",
    type=LowHigh(0, 8760),
    metavar="LOW,HIGH",
    help="From opening to the quality record. [default: as the preset has it]",
)
@click.option("--site", default="virtual", show_default=True, help="Site in topics and rows.")
@click.option(
    "-y",
    "--system",
    "system_ids",
    multiple=True,
    help="What is poured; repeat, if harsh. [default: SYSTEM_R1 if calm, six systems if harsh]",
)
@click.option("-c", "--systems", type=File, help="File or folder of systems. [default: catalogue]")
@click.option(
    "--history",
    "where",
    metavar="URL_OR_FILE",
    help="History to fill: postgresql://… or a file. [default: history.db in --out]",
)
@click.option(
    "--change",
    "changes",
    multiple=True,
    metavar="DATE,NAME=VALUE,…",
    help="Something goes wrong from then on: iso_gain, T_polyol_offset_C and others, on all "
    "presses or with press=press1; repeat.",
)
@click.option(
    "--foreign",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the shots as a foreign system exports them, too: CSV with German headers, to try "
    "import-logs on.",
)
def command(
    out: Path,
    preset: str,
    shots: int,
    presses: int,
    molds: int,
    seed: int,
    start: datetime,
    days: float | None,
    spacing_min: float | None,
    lab_share: float | None,
    lab_hours: tuple[float, float] | None,
    site: str,
    system_ids: tuple[str, ...],
    systems: Path | None,
    where: str | None,
    changes: tuple[str, ...],
    foreign: Path | None,
) -> None:
    """Make a plant of virtual presses and write what it says into a history; all of it simulated.

    The foam is simulated in 1D from values that differ from the reported ones; how, stays hidden
    (docs/virtual-plant.md). The folder gets the nominal molds, which a twin may know, and how the
    plant was made. The same command again completes what was stopped.
    """
    from edge_agent.calibration.system_file import write_system
    from edge_agent.virtual_plant import PRESETS, VirtualPlant, parse_change, write_molds
    from edge_agent.virtual_plant.card import write_card
    from twin_core.errors import TwinError

    say_when_compiling()

    if not 1970 <= start.year <= 2200:
        raise click.BadParameter(f"--start {start:%Y-%m-%d}: the year must be from 1970 to 2200")
    configure_logs()
    began = time.monotonic()
    try:
        settings = history_at(where or str(out / "history.db"))
        plant = VirtualPlant(
            seed,
            _systems(system_ids or PRESETS[preset].systems, systems),
            preset=preset,
            presses=presses,
            molds_per_press=molds,
            shots=shots,
            start=start.replace(tzinfo=UTC),
            days=days,
            spacing_min=spacing_min,
            site=site,
            assumed=_with_laboratory(PRESETS[preset].assumed, lab_share, lab_hours),
            changes=[parse_change(text) for text in changes],
        )
        write_card(plant, out)
        write_molds(list(plant.molds.values()), out / "molds")
        if systems is not None:
            for system in plant.systems:
                write_system(system, out / "systems")
        counts = asyncio.run(_fill(plant, settings, foreign))
    except TwinError as error:
        fail(error)
    except KeyboardInterrupt:
        click.echo("stopped; the same command again completes it", err=True)
        sys.exit(130)
    for name in ("shot", "telemetry", "quality", *(["event"] if counts["event"] else [])):
        click.echo(f"{name}: {counts[name]} rows, simulated")
    if plant.skipped:
        shot_id, reason = next(iter(plant.skipped.items()))
        click.echo(f"{len(plant.skipped)} shots could not be simulated: {shot_id}: {reason}")
    click.echo(f"molds and plant.yaml: {out}; {time.monotonic() - began:.0f} s")
    source = str(settings.path if settings.url is None else "URL")
    if where is not None:
        source += f" --molds {out / 'molds'}" + (f" --systems {systems}" if systems else "")
    if foreign is not None:
        click.echo(f"as a foreign system exports them, simulated: {foreign}")
    click.echo(f"a table to learn from: pur-mold-twin build-features --history {source}")


def _with_laboratory(
    assumed: Assumed, share: float | None, hours: tuple[float, float] | None
) -> Assumed:
    """Sizes of a preset with another laboratory, as far as that is given."""
    found = assumed if share is None else replace(assumed, lab_share=share)
    return (
        found if hours is None else replace(found, lab_hours_min=hours[0], lab_hours_max=hours[1])
    )


def _systems(system_ids: Sequence[str], path: Path | None) -> list[MaterialSystem]:
    """The systems that are poured.

    Raises:
        InputError: there is none, or only its sheet is known.
    """
    from twin_core.errors import InputError
    from twin_core.shipped_files import configs_folder
    from twin_core.system_versions import load_sheets, load_systems

    where = path or configs_folder() / "systems"
    systems = load_systems(where)
    for system_id in system_ids:
        if system_id in systems:
            continue
        sheets = load_sheets(where)
        if system_id in sheets:
            raise sheets[system_id].refusal()
        raise InputError(f"--system {system_id!r}: known are {', '.join(sorted(systems))}")
    return [systems[system_id] for system_id in dict.fromkeys(system_ids)]


def _with_word(shots: Iterable[VirtualShot]) -> Iterator[VirtualShot]:
    """Shots; until the first one is there it is said that it comes."""
    each = iter(shots)
    with told_while_waiting("no shot yet: the model is compiled, or the first are simulated"):
        first = list(islice(each, 1))
    yield from chain(first, each)


async def _fill(
    plant: VirtualPlant, settings: HistorySettings, foreign: Path | None
) -> Counter[str]:
    from edge_agent.history import open_store
    from edge_agent.virtual_plant.foreign_table import with_foreign_table
    from edge_agent.virtual_plant.rows import fill

    store = open_store(settings)
    try:
        shots = _with_word(plant.shots())
        with Progress() as progress:
            return await fill(
                store,
                shots if foreign is None else with_foreign_table(shots, foreign),
                datetime.now(UTC),
                lambda made: progress.count("shots", made + len(plant.skipped), len(plant)),
                plant.events(),
            )
    finally:
        await store.close()
