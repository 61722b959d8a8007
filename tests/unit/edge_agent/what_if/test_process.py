"""What if with a parameter set in use: as the press simulates, and as its sensors read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.config.catalogue import read_catalogue
from edge_agent.config.parameter_set_store import promote
from edge_agent.config.parameter_sets import IN_USE
from edge_agent.config.settings import CatalogueSettings
from edge_agent.what_if.process import Simulator
from tests.support.parameter_sets import MOLD, SYSTEM, made_set, small_catalogue, written
from tests.support.what_if import BASE


def test_the_set_of_now_is_simulated(tmp_path: Path) -> None:
    folders = small_catalogue(tmp_path, MOLD)
    hello: dict[str, Any] = {
        "catalogue": folders,
        "quality": {},
        "quality_by_mold": {},
        "models": str(tmp_path / "models"),
    }
    simulator, base = Simulator(hello), BASE | {"system_id": SYSTEM, "mold": MOLD}
    before = simulator.what_if(base, {})["base"]
    assert before["parameter_set"] is None
    sets = tmp_path / "parameter_sets"
    numbers = {"T_core_offset_C": 3.0, "T_mold_offset_C": 2.0}
    written(sets, made_set(0.8, {MOLD: numbers}))
    known = read_catalogue(CatalogueSettings.model_validate(folders))
    promote(sets, SYSTEM, 1, known.systems, known.molds)
    found = simulator.what_if(base, {"T_mold_C": 50.0})
    after, warmer = found["base"], found["changed"]
    assert after["parameter_set"] == warmer["parameter_set"] == "SYSTEM_R1-c1"
    assert after["inputs"] == before["inputs"], "as reported"
    assert warmer["inputs"]["T_mold_C"] == 50.0
    assert warmer["curves"]["T_mold_C"][0] == pytest.approx(50.0), "as the sensor reads"
    core = [one["curves"]["T_core_C"][0] for one in (before, after)]
    assert core[1] == pytest.approx(core[0] - 3.0, abs=0.01), "just poured"
    own = simulator.what_if({**base, "mold": known.molds[MOLD].model_dump()}, {})["base"]
    assert own["parameter_set"] is None
    (sets / IN_USE).write_text("sets: [")
    assert simulator.what_if(base, {})["base"]["parameter_set"] == "SYSTEM_R1-c1", "damaged: stays"
