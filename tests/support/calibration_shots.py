"""Shots and parameter sets for tests of calibrations, by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from edge_agent.calibration.calibration_shot import CalibrationShot
from tests.support.scenarios import catalogue
from twin_core import PHYSICS_HASH, Process, Scenario, load_mold
from twin_core.calibration.parameter_set import ParameterSet, Provenance, Verdict
from twin_core.parameters import Parameter
from twin_core.shipped_files import configs_folder

START = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@cache
def scenario(mold_id: str = "PANEL_A") -> Scenario:
    """A shot of SYSTEM_R1 in a mold of the product's catalogue, or one that is called otherwise."""
    mold = load_mold(configs_folder() / "molds" / "PANEL_A.yaml")
    process = Process(m_polyol_kg=0.4, m_iso_kg=0.45, T_polyol_C=24.0, T_iso_C=24.0)
    renamed = mold.model_copy(update={"mold_id": mold_id})
    return Scenario(system=catalogue()["SYSTEM_R1"], process=process, mold=renamed)


def shot(number: int, mold_id: str = "PANEL_A", **values: Any) -> CalibrationShot:
    """A shot, poured so many hours after ``START``.

    Args:
        values: ``T_core_C``, ``p_cavity_bar``: a peak; other fields of the shot.
    """
    series = {
        name: np.array([[5.0, 1.0], [60.0, values.pop(name)], [120.0, 1.0]])
        for name in ("T_core_C", "p_cavity_bar")
        if name in values
    }
    fields: dict[str, Any] = {
        "name": f"S{number}",
        "key": f"s/p1/{mold_id}-{number}",
        "press": "p1",
        "mold_id": mold_id,
        "system_id": "SYSTEM_R1",
        "poured_at": START + number * HOUR,
        "scenario": scenario(mold_id),
        "series": series,
        "results": {},
        "lot": None,
        "simulated": False,
        "substituted": (),
    }
    return CalibrationShot(**(fields | values))


def parameter_set(
    last_number: int, molds: Mapping[str, Mapping[str, float]] | None = None, **values: Any
) -> ParameterSet:
    """A set of SYSTEM_R1 whose newest shot was poured so many hours after ``START``.

    Args:
        molds: offsets of each mold, in K.
        values: other fields of the set.
    """
    system = catalogue()["SYSTEM_R1"]
    numbers = {
        mold_id: {
            name: Parameter(value=value, unit="K", kind="fitted", source="a test")
            for name, value in offsets.items()
        }
        for mold_id, offsets in (molds or {"PANEL_A": {}}).items()
    }
    provenance = Provenance(
        made_at="2026-06-01T00:00:00Z",
        made_by="tester",
        command="pur-mold-twin calibrate --production",
        source="a test",
        shots_count=100,
        first_poured_at=f"{START:%Y-%m-%dT%H:%M:%SZ}",
        last_poured_at=f"{START + last_number * HOUR:%Y-%m-%dT%H:%M:%SZ}",
        shots_hash="0" * 64,
        held_out_count=25,
        simulated=False,
    )
    fields: dict[str, Any] = {
        "system_id": "SYSTEM_R1",
        "number": 3,
        "system_version": system.version,
        "system_hash": system.parameters_hash(),
        "physics_hash": PHYSICS_HASH,
        "molds": numbers,
        "provenance": provenance,
        "verdict": Verdict(use=True, words="used: a test"),
    }
    return ParameterSet(**(fields | values))
