"""Parameter sets made for tests, written as the commands write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.config.catalogue import Catalogue, read_catalogue
from edge_agent.config.new_parameter_set import write_new
from edge_agent.config.settings import CatalogueSettings
from tests.support.scenarios import CONFIGS
from twin_core import PHYSICS_HASH, MaterialSystem, load_systems
from twin_core.calibration.parameter_set import MOLD_NUMBERS, ParameterSet, Provenance, Verdict
from twin_core.parameters import Parameter

SYSTEM, MOLD, OTHER = "SYSTEM_R1", "PANEL_A", "PANEL_B"
MADE = Provenance(
    made_at="2026-01-31T12:00:00Z",
    made_by="tester",
    command="pur-mold-twin calibrate --production",
    source="history.db",
    shots_count=120,
    first_poured_at="2026-01-01T00:00:00Z",
    last_poured_at="2026-01-30T00:00:00Z",
    shots_hash="ab" * 32,
    held_out_count=30,
    simulated=True,
)


def system_r1() -> MaterialSystem:
    """SYSTEM_R1 of the product."""
    return load_systems(CONFIGS / "systems")[SYSTEM]


def fitted(value: float, unit: str) -> Parameter:
    """A number as a fit gives it."""
    return Parameter(value=value, unit=unit, kind="fitted", source="made for a test", spread=0.1)


def made_set(
    gelling: float | None = 0.5,
    molds: dict[str, dict[str, float]] | None = None,
    *,
    use: bool = True,
    system: MaterialSystem | None = None,
    **more: Any,
) -> ParameterSet:
    """A set of a system; ``gelling`` times the rate of gelling, or None."""
    system = system or system_r1()
    A = system.gelling.A  # type: ignore[union-attr]
    numbers = {MOLD: dict[str, float]()} if molds is None else molds
    content: dict[str, Any] = {
        "system_id": system.system_id,
        "number": 1,
        "system_version": system.version,
        "system_hash": system.parameters_hash(),
        "physics_hash": PHYSICS_HASH,
        "shared": {} if gelling is None else {"gelling.A": fitted(A.value * gelling, A.unit)},
        "molds": {
            mold_id: {name: fitted(value, MOLD_NUMBERS[name].unit) for name, value in of.items()}
            for mold_id, of in numbers.items()
        },
        "provenance": MADE,
        "verdict": Verdict(use=use, words="better on held-out shots" if use else "no better"),
    }
    return ParameterSet.model_validate(content | more)


def small_catalogue(folder: Path, *molds: str) -> dict[str, str]:
    """Folders of a catalogue with one system and these molds, which are alike: the least to read.

    Args:
        folder: where they are made.
        molds: their ids.

    Returns:
        The section ``catalogue`` of a configuration.
    """
    for name, files in (
        ("systems", {SYSTEM: CONFIGS / "systems" / f"{SYSTEM}.yaml"}),
        ("molds", dict.fromkeys(molds, CONFIGS / "molds" / f"{MOLD}.yaml")),
    ):
        (folder / name).mkdir()
        for stem, file in files.items():
            text = file.read_text().replace(f"mold_id: {MOLD}", f"mold_id: {stem}")
            (folder / name / f"{stem}.yaml").write_text(text)
    return {name: str(folder / name) for name in ("systems", "molds", "parameter_sets")}


def written(folder: Path, *sets: ParameterSet) -> list[Path]:
    """Files of sets in a folder, in order of their numbers."""
    return [write_new(folder, one)[0] for one in sets]


def plant_in(folder: Path) -> Path:
    """A folder with a system, two molds, and a configuration that names them."""
    folders = small_catalogue(folder, MOLD, OTHER)
    settings = {"site": "s", "agent_id": "a", "presses": ["p1"], "catalogue": folders}
    (folder / "agent.yaml").write_text(json.dumps(settings))
    return folder


def sets_of(plant: Path) -> Path:
    """The folder of its sets."""
    return plant / "parameter_sets"


def catalogue(plant: Path) -> Catalogue:
    """Its catalogue, read anew."""
    folders = {name: plant / name for name in ("systems", "molds", "parameter_sets")}
    return read_catalogue(CatalogueSettings(**folders))


def run(plant: Path, *arguments: object, exit_code: int = 0) -> Result:
    """``parameter-sets`` with its configuration."""
    command = ["parameter-sets", *map(str, arguments), "--config", str(plant / "agent.yaml")]
    found = CliRunner().invoke(main, command)
    assert found.exit_code == exit_code, found.output
    return found


def used(plant: Path) -> dict[str, str]:
    """The set that applies to each mold."""
    return {mold: one.set_id for (mold, _), one in catalogue(plant).parameter_sets.items()}
