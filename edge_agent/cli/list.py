"""``pur-mold-twin list``: systems, molds, scenarios and presets of quality, and what each lacks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge_agent.cli.common import fail
from twin_core.errors import InputError

if TYPE_CHECKING:
    from twin_core.data_sheet_only import SheetOnly
    from twin_core.materials import MaterialSystem
    from twin_core.mold import Mold
    from twin_core.scenario import Quality, Scenario

EXAMPLE = """\b
Examples:
  pur-mold-twin list systems
  pur-mold-twin list quality
  pur-mold-twin list molds -c /etc/pur-mold-twin/agent.yaml
  pur-mold-twin list scenarios --folder my-scenarios --output json

Versions of systems, and putting one into use: pur-mold-twin systems.
Ends with 0, or 2 when a file is wrong; the others are printed all the same.
"""

Row = dict[str, Any]


@click.command("list", epilog=EXAMPLE)
@click.argument("kind", type=click.Choice(["systems", "molds", "scenarios", "quality"]))
@click.option(
    "--folder", type=click.Path(path_type=Path),
    help="Folder of such files. [default: what comes with the product]",
)  # fmt: skip
@click.option(
    "-c", "--config", type=click.Path(path_type=Path),
    help="Configuration of the agent: take the folders from its catalogue.",
)  # fmt: skip
@click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="What to print.",
)  # fmt: skip
def command(kind: str, folder: Path | None, config: Path | None, output: str) -> None:
    """Print systems, molds, scenarios or presets, and what each lacks or has from a default.

    A system that is known by its data sheet only cannot be simulated; an assumed number was
    neither measured nor published; what a scenario does not say is substituted.
    """
    from twin_core.errors import TwinError

    try:
        place = _place(kind, folder, config)
        if not place.exists():
            raise InputError(f"{place}: no such folder of {kind}")
        rows, problems = _collect(kind, place)
    except TwinError as error:
        fail(error)
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
    else:
        _print(rows, place)
    if problems:
        fail(InputError("\n".join(dict.fromkeys(problems))))


def _place(kind: str, folder: Path | None, config: Path | None) -> Path:
    from edge_agent.config.settings import load_settings
    from twin_core.shipped_files import configs_folder

    if folder is not None and config is not None:
        raise click.UsageError("give --folder or --config, not both")
    if config is not None:
        if kind in {"scenarios", "quality"}:
            raise click.UsageError(f"an agent has no {kind}: give --folder")
        catalogue = load_settings(config).catalogue
        return catalogue.systems if kind == "systems" else catalogue.molds
    return folder or configs_folder() / kind


def _collect(kind: str, place: Path) -> tuple[list[Row], list[str]]:
    """The rows of all files that can be read, and what is wrong with the others."""
    from twin_core.files import load_mold, load_quality, load_scenario

    if kind == "systems":
        return _systems(place)
    row_of: Callable[[Path], Row]
    if kind == "molds":
        row_of = lambda file: _mold_row(load_mold(file), file)  # noqa: E731
    elif kind == "quality":
        row_of = lambda file: _quality_row(load_quality(file), file)  # noqa: E731
    else:
        row_of = lambda file: _scenario_row(load_scenario(file), file)  # noqa: E731
    rows, problems = [], []
    for file in sorted(place.glob("*.yaml")) if place.is_dir() else [place]:
        try:
            rows.append(row_of(file))
        except InputError as error:
            problems += str(error).splitlines()
    return rows, problems


def _systems(place: Path) -> tuple[list[Row], list[str]]:
    from twin_core.system_versions import load_version, versions_in_use

    rows, problems = [], []
    for system_id, version in sorted(versions_in_use(place).items()):
        try:
            rows.append(_system_row(load_version(place, system_id, version)))
        except InputError as error:
            problems += str(error).splitlines()
    return rows, problems


def _system_row(system: MaterialSystem | SheetOnly) -> Row:
    from twin_core.data_sheet_only import SheetOnly

    row: Row = {"system_id": system.system_id, "version": system.version}
    if isinstance(system, SheetOnly):
        missing = [path for path, _ in system.missing()]
        parts = ", ".join(dict.fromkeys(path.partition(".")[0] for path in missing))
        words = f"calibration: {len(missing)} numbers are missing ({parts})"
        return row | {"simulated": False, "missing": missing, "assumed": [], "lacks": [words]}
    assumed, kinds = system.assumed(), {p.kind for _, p in system.parameters()}
    lacks = [f"{len(assumed)} of {len(system.parameters())} numbers are assumed"]
    if not kinds & {"fitted", "measured"}:
        lacks.append("nothing is measured or fitted")
    if not system.sheet:
        lacks.append("no cup test to compare with")
    if system.mechanics.hardness_scale.kind == "assumed":
        lacks.append("hardness is not fitted to the product")
    return row | {"simulated": True, "missing": [], "assumed": assumed, "lacks": lacks}


def _mold_row(mold: Mold, file: Path) -> Row:
    return {"mold_id": mold.mold_id, "file": str(file), "lacks": list(_mold_lacks(mold))}


def _mold_lacks(mold: Mold) -> Iterator[str]:
    given = mold.model_fields_set
    if mold.open:
        if mold.cup_loss_W_per_K_kg <= 0:
            yield "cup_loss_W_per_K_kg (it loses no heat)"
        return
    if mold.T_set_C is None:
        yield "T_set_C (without a reading, the ambient temperature stands in)"
    if mold.heater_W_per_K <= 0:
        yield "heater_W_per_K (it is not tempered)"
    if mold.vents.area_m2 <= 0:
        yield "vents (it is closed: air is trapped)"
    elif "vents" not in given:
        cm2 = 1e4 * mold.vents.area_per_vent_m2
        yield f"vents ({mold.vents.count} of {cm2:g} cm² are taken)"
    if mold.thickness_m is None:
        yield f"thickness_m (a slab of {1e3 * mold.slab_thickness_m():.0f} mm is taken)"
    if "h_ambient_W_per_m2_K" not in given:
        yield f"h_ambient_W_per_m2_K ({mold.h_ambient_W_per_m2_K:g} is taken)"


def _quality_row(quality: Quality, file: Path) -> Row:
    values = quality.model_dump()
    given = [name for name in values if name in quality.model_fields_set]
    return {
        "quality": file.stem,
        "file": str(file),
        "asks_for": [f"{name} {values[name]:g}" for name in given],
        "lacks": [f"{name} (not applied)" for name, value in values.items() if value is None],
    }


def _scenario_row(scenario: Scenario, file: Path) -> Row:
    return {
        "scenario_id": scenario.scenario_id,
        "system_id": scenario.system.system_id,
        "mold_id": scenario.mold.mold_id,
        "file": str(file),
        "lacks": list(_substituted(scenario)),
    }


def _substituted(scenario: Scenario) -> Iterator[str]:
    """What the scenario does not say, and what stands in for it."""
    process, given = scenario.process, scenario.process.model_fields_set
    if process.T_mold_C is None and not scenario.mold.open:
        yield f"T_mold_C (ambient {process.T_ambient_C:g} is taken)"
    for name in ("T_ambient_C", "RH_ambient_pct", "mixing_eff"):
        if name not in given:
            yield f"{name} ({getattr(process, name):g} is taken)"
    if process.nco_oh_index is None:
        yield "nco_oh_index (from the masses, compared with nothing)"
    if not scenario.quality.model_fields_set:
        yield "quality (the usual limits are taken)"
    if not scenario.mold.open:
        for words in _mold_lacks(scenario.mold):
            yield f"mold.{words}"


def _print(rows: list[Row], place: Path) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    shown = {"system_id": "system", "version": "version", "simulated": "simulated",
             "scenario_id": "scenario", "mold_id": "mold", "quality": "quality",
             "asks_for": "asks for"}  # fmt: skip
    if not rows:
        click.echo(f"{place}: none")
        return
    table = Table(box=box.SIMPLE, pad_edge=False)
    for field in rows[0]:
        if field in shown:
            table.add_column(shown[field], overflow="fold")
    table.add_column("lacks", overflow="fold", ratio=1)
    for row in rows:
        cells = [_word(row[field]) for field in row if field in shown]
        table.add_row(*cells, "\n".join(row["lacks"]) or "-")
    Console(highlight=False, markup=False).print(table)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
