"""What docs/physics and docs/nomenclature.md say, read from the code."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from broker.sensors import WELL_KNOWN_SENSORS
from edge_agent.cli import main
from tests.support.quoted import missing
from tests.support.scenarios import ROOT
from twin_core import (
    Mold,
    Process,
    Quality,
    Scenario,
    SimulationOptions,
    SimulationResult,
    Vents,
    load_scenario,
    materials,
)
from twin_core.data_sheet_only import SheetOnly
from twin_core.parameters import In
from twin_core.plausible_ranges import CHANNELS
from twin_core.results.assessment import DIAGNOSTICS
from twin_core.results.audit import Audit
from twin_core.results.kpi import Kpis
from twin_core.results.result import SERIES

DOCS = ROOT / "docs"
PAGES = [
    *(DOCS / "nomenclature.md", DOCS / "physics.md", DOCS / "calibration.md"),
    *sorted((DOCS / "physics").glob("*.md")),
]


def tables(page: Path) -> dict[str, dict[str, list[str]]]:
    """Heading -> name in the first column -> the other columns."""
    found: dict[str, dict[str, list[str]]] = {}
    heading = ""
    for line in page.read_text().splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").strip("`")
        elif line.startswith("| `"):
            first, *rest = [cell.strip() for cell in line.strip("|").split("|")]
            name = first.strip("`")
            assert name not in found.setdefault(heading, {}), f"{heading}: {name} stands twice"
            found[heading][name] = rest
    return found


SCENARIOS = tables(DOCS / "physics" / "scenarios.md")
NAMES = tables(DOCS / "nomenclature.md")

MODELS: list[type[BaseModel]] = [
    *(Scenario, Process, Mold, Vents, Quality, SimulationOptions, materials.MaterialSystem),
    *(materials.Components, materials.Mixture, materials.Liquid, materials.Gelling),
    *(materials.KamalGelling, materials.Vitrification, materials.Foaming, materials.Rheology),
    materials.RaoultSolubility,
    *(materials.WaterReaction, materials.CarbonDioxide, materials.BlowingAgent),
    *(materials.GaussSolubility, materials.LineSolubility, materials.Gel, materials.Mechanics),
    SheetOnly,
    materials.Undetermined,
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_reference_of_files_is_complete(model: type[BaseModel]) -> None:
    rows = SCENARIOS[model.__name__]
    assert set(rows) == set(model.model_fields)
    for name, field in model.model_fields.items():
        unit, default, _ = rows[name]
        accepted = [item for item in field.metadata if isinstance(item, In)]
        if "In(" in repr(field.annotation):
            accepted = [item for item in _annotations(field.annotation) if isinstance(item, In)]
        if accepted:
            assert unit == accepted[0].unit, name
        if default == "required":
            assert field.is_required(), name
        elif default not in {"-", "empty", "all defaults", "name of the file"}:
            assert default == str(field.default), name


def _annotations(annotation: Any) -> list[Any]:
    parts = [*getattr(annotation, "__metadata__", ()), *getattr(annotation, "__args__", ())]
    return [*parts, *(found for part in parts for found in _annotations(part))]


def test_no_model_is_left_out() -> None:
    parts = {
        value.__name__
        for value in vars(materials).values()
        if isinstance(value, type) and issubclass(value, materials._Part)
    } - {"_Part", "_Optional"}
    assert parts <= {model.__name__ for model in MODELS}


def test_first_generation_names_are_mentioned() -> None:
    text = (DOCS / "physics" / "scenarios.md").read_text()
    for model in (Process, Quality):
        for name, field in model.model_fields.items():
            for choice in getattr(field.validation_alias, "choices", []):
                assert f"`{choice}`" in text, name


def test_the_example_of_the_reference_runs(tmp_path: Path) -> None:
    text = (DOCS / "physics" / "scenarios.md").read_text()
    path = tmp_path / "example.yaml"
    path.write_text(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0])
    assert load_scenario(path).scenario_id == "my_panel"


def test_nomenclature_is_complete() -> None:
    result = {field.name for field in dataclasses.fields(SimulationResult)} - {"run"} | {"layers"}
    assert set(NAMES["Result of a simulation: arrays"]) == set(SERIES)
    assert set(NAMES["Result of a simulation: scalars"]) == result - set(SERIES)
    assert set(NAMES["KPIs"]) == {field.name for field in dataclasses.fields(Kpis)}
    assert set(NAMES["Audit"]) == {field.name for field in dataclasses.fields(Audit)}
    assert set(NAMES["Process"]) == set(Process.model_fields)
    assert set(NAMES["Mold"]) == set(Mold.model_fields)
    assert set(NAMES["Quality"]) == set(Quality.model_fields)
    assert set(NAMES["Simulation options"]) == set(SimulationOptions.model_fields)
    assert set(NAMES["Diagnostics"]) == set(DIAGNOSTICS)
    for name in Vents.model_fields:
        assert f"`{name}`" in NAMES["Mold"]["vents"][-1]


def test_nomenclature_has_the_sensors_of_the_wire() -> None:
    rows = NAMES["Sensors on the wire"]
    assert {name: row[0] for name, row in rows.items()} == {
        name: sensor.unit for name, sensor in WELL_KNOWN_SENSORS.items()
    }


def test_every_sensor_of_the_wire_has_its_range_of_what_is_possible() -> None:
    assert list(CHANNELS) == list(WELL_KNOWN_SENSORS)
    for name, row in NAMES["Sensors on the wire"].items():
        assert (float(row[1]), float(row[2])) == (CHANNELS[name].low, CHANNELS[name].high)


UNIT_OF_ENDING = {
    "_K": "K",
    "_Pa_s": "Pa.s",
    "_W_per_K_kg": "W/K/kg",
    "_C": "°C",
    "_s": "s",
    "_Pa": "Pa",
    "_bar": "bar",
    "_kg": "kg",
    "_m3": "m3",
    "_kg_per_m3": "kg/m3",
    "_kg_per_s": "kg/s",
    "_shore": "Shore",
    "_J": "J",
    "_mol": "mol",
    "_pct": "%",
    "_m2": "m2",
    "_m": "m",
    "_ratio": "1",
    "_fraction": "1",
}


def test_units_in_the_tables_are_those_in_the_names() -> None:
    endings = sorted(UNIT_OF_ENDING, key=len, reverse=True)
    checked = 0
    for page in (NAMES, SCENARIOS):
        for heading, rows in page.items():
            if heading in {model.__name__ for model in MODELS[6:]} or heading == "Diagnostics":
                continue  # parameters carry their unit with the value
            for name, (unit, *_) in rows.items():
                if ending := next((end for end in endings if name.endswith(end)), None):
                    if re.search(r"_per_.*_K$|_per_K$", name):
                        continue  # W/K and the like
                    assert unit == UNIT_OF_ENDING[ending], f"{heading}: {name}"
                    checked += 1
    assert checked > 100


def quoted() -> list[tuple[str, list[str]]]:
    """Commands in the pages, with the lines quoted from what they print."""
    found = []
    for page in PAGES:
        for block in re.findall(r"(?:^    .*\n)+", page.read_text(), re.MULTILINE):
            lines = [line.strip() for line in block.splitlines()]
            while len(lines) > 1 and lines[0].endswith("\\"):  # a command over several lines
                lines[:2] = [f"{lines[0][:-1].strip()} {lines[1]}"]
            if lines[0].startswith(("$ pur-mold-twin run-sim ", "$ pur-mold-twin calibrate ")):
                found.append((lines[0].removeprefix("$ pur-mold-twin "), lines[1:]))
    return found


@pytest.mark.parametrize(("arguments", "lines"), quoted(), ids=lambda value: str(value)[:60])
def test_quoted_output_is_what_the_command_prints(arguments: str, lines: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        printed = CliRunner().invoke(main, shlex.split(arguments)).stdout
    assert not missing(lines, printed)
    named = {line.split()[0] for line in lines}
    assert not named & undetermined(printed), "what is undetermined is not quoted"


def undetermined(printed: str) -> set[str]:
    """Numbers that a fit warns of: other machines find others."""
    text = " ".join(printed.split())
    alone = re.findall(r"warning: (\S+) is hardly identifiable", text)
    pairs = re.findall(r"warning: (\S+) and (\S+) cannot be told apart", text)
    return {*alone, *(name for pair in pairs for name in pair)}


def test_there_are_quoted_commands() -> None:
    assert len(quoted()) >= 3
