"""The job of an optimisation in this process: progress, partial results, cancel."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from edge_agent.config.catalogue import read_catalogue
from edge_agent.config.settings import CatalogueSettings
from edge_agent.jobs import job_work
from edge_agent.jobs.job_work import JobWork
from edge_agent.jobs.optimize import run, with_plant
from edge_agent.what_if.optimization_task import task_of_document
from edge_agent.what_if.worker import hello
from tests.support.shots import rows_of, write_history
from tests.support.what_if import BASE, web_settings
from twin_core.optimization.draws import ASSUMED

ASKED: dict[str, Any] = {
    **BASE,
    "simulation": {"dimension": "0d"},
    "optimizer_config": {"samples": 6, "candidates": 20, "draws": 2, "confirm_draws": 4,
                         "violations_allowed": 0.4, "bounds": {"T_mold_C": [36, 48]}},
}  # fmt: skip


def test_a_search_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_work, "PARTIAL_EVERY_S", 0.0)
    monkeypatch.setattr(job_work, "PROGRESS_EVERY_S", 0.0)
    told: list[dict[str, Any]] = []
    work = JobWork(ASKED, hello(web_settings(tmp_path)), told.append, Event())
    result = run(work)
    assert result.keys() >= {"baseline", "optimized", "candidate", "history", "front", "words"}
    assert not result["partial"]
    steps = [one["progress"] for one in told if "progress" in one]
    assert [one["done"] for one in steps] == sorted(one["done"] for one in steps)
    assert (steps[-1]["done"], steps[-1]["of"]) == (20, 20)
    partial = [one["partial"] for one in told if "partial" in one]
    assert all(one["partial"] and one["candidates"] for one in partial), "none before a candidate"
    assert partial[-1].keys() == result.keys()
    json.dumps([told, result], allow_nan=False)


def test_a_cancelled_search_returns_what_it_has(tmp_path: Path) -> None:
    stopped = Event()
    work = JobWork(ASKED, hello(web_settings(tmp_path)), lambda _: stopped.set(), stopped)
    result = run(work)
    assert result["partial"]
    assert 0 < len(result["history"]) < 20


PANEL_A = {**BASE, "system_id": "SYSTEM_R1", "mold": "PANEL_A"}


def work_of(asked: dict[str, Any], folder: Path) -> JobWork:
    history = {"path": str(folder / "history.db")}
    return JobWork(
        asked, hello(web_settings(folder)) | {"history": history}, lambda _: None, Event()
    )


def test_the_history_of_the_plant_counts(tmp_path: Path) -> None:
    rows = [
        row
        for number in range(30)
        for row in rows_of(number, lab_after_s=None, t_demold_actual_s=300.0)
    ]
    asyncio.run(write_history(tmp_path / "history.db", rows))
    catalogue = read_catalogue(CatalogueSettings())
    asked = PANEL_A | {"optimizer_config": {"history": True}}
    found = with_plant(task_of_document(asked, catalogue), work_of(asked, tmp_path), catalogue)
    assert found.scatter_source.startswith("measured on 30 shots of PANEL_A")
    assert found.t_open_today_s == 300.0
    stated = PANEL_A | {"optimizer_config": {"history": True, "scatter": {"m_iso_pct": 0.5}}}
    own = with_plant(task_of_document(stated, catalogue), work_of(stated, tmp_path), catalogue)
    assert own.scatter == {"m_iso_pct": 0.5}
    assert "measured" not in own.scatter_source
    assert with_plant(
        task_of_document(PANEL_A, catalogue), work_of(PANEL_A, tmp_path), catalogue
    ).scatter is None  # fmt: skip


def test_a_mold_that_is_not_of_the_plant_is_said(tmp_path: Path) -> None:
    """The history that was asked for cannot count."""
    catalogue = read_catalogue(CatalogueSettings())
    mold = catalogue.molds["PANEL_A"].model_dump(mode="json", exclude_unset=True)
    asked = PANEL_A | {"mold": mold | {"mass_kg": 1.0}, "optimizer_config": {"history": True}}
    found = with_plant(task_of_document(asked, catalogue), work_of(asked, tmp_path), catalogue)
    why = "mold PANEL_A of the scenario is not as in the catalogue"
    assert found.scatter_source == f"{ASSUMED}; {why}"
    assert found.memory_source == f"nothing of the plant counts: {why}"
    again = task_of_document(asked | {"optimizer_config": {}}, catalogue)
    plain = with_plant(again, work_of(asked | {"optimizer_config": {}}, tmp_path), catalogue)
    assert plain.scatter_source == ASSUMED


def test_a_history_that_is_away_is_said(tmp_path: Path) -> None:
    catalogue = read_catalogue(CatalogueSettings())
    asked = PANEL_A | {"optimizer_config": {"history": True}}
    found = with_plant(task_of_document(asked, catalogue), work_of(asked, tmp_path), catalogue)
    assert "assumed" in found.scatter_source
    assert "no such history file" in found.scatter_source
    assert "what was learned is not known" in found.memory_source
