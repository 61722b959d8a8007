"""Scatter and today's opening of a mold from a history: which shots and readings count."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config.settings import HistorySettings
from edge_agent.history.read import open_reader
from edge_agent.what_if.plant_scatter import scatter_in
from tests.support.scenarios import CONFIGS
from tests.support.shots import RECIPE, Row, rows_of, write_history
from twin_core.files import load_scenario

SCENARIO = load_scenario(CONFIGS / "scenarios/rigid_panel.yaml")
SCENARIO = SCENARIO.model_copy(
    update={"mold": SCENARIO.mold.model_copy(update={"mold_id": "PANEL_A"})}
)


def measured(folder: Path, rows: list[Row]) -> dict[str, Any]:
    asyncio.run(write_history(folder / "history.db", rows))

    async def ask() -> dict[str, Any]:
        reader = open_reader(HistorySettings(path=folder / "history.db"))
        try:
            return await scatter_in(reader, SCENARIO)
        finally:
            await reader.close()

    return asyncio.run(ask())


def poured(number: int, system_id: str, opened_s: float, T_iso_C: float) -> list[Row]:
    recipe = RECIPE | {"T_iso_C": T_iso_C}
    more = {"system_id": system_id, "t_demold_actual_s": opened_s, "recipe": recipe}
    return rows_of(number, lab_after_s=None, **more)


def test_shots_of_another_material_do_not_count(tmp_path: Path) -> None:
    """Every second shot is of another system, warmer, and opened later."""
    rows = list[Row]()
    for i in range(50):
        rows += poured(2 * i, "RIGID_PANEL", 300.0, 25.0 + i % 2)
        rows += poured(2 * i + 1, "SYSTEM_R1", 900.0, 45.0)
    found = measured(tmp_path, rows)
    assert found["t_open_today_s"] == 300.0
    assert found["scatter"]["T_iso_C"] == pytest.approx(0.7, abs=0.1)
    assert found["scatter_source"].startswith("measured on 50 shots of PANEL_A")


def test_what_never_varies_is_a_set_point(tmp_path: Path) -> None:
    rows = [row for i in range(30) for row in poured(i, "RIGID_PANEL", 0.0, 25.0 + i % 2)]
    found = measured(tmp_path, rows)
    assert found["scatter"]["T_polyol_C"] == 1.0
    assert found["scatter"]["T_mold_C"] == 2.0
    assert "usual assumed: m_polyol_pct, m_iso_pct, T_polyol_C, T_mold_C" in found["scatter_source"]
    assert "t_open_today_s" not in found, "a time of 0 is none"
