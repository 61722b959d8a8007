"""The job of an optimisation in this process: progress, partial results, cancel."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from edge_agent.jobs import job_work
from edge_agent.jobs.job_work import JobWork
from edge_agent.jobs.optimize import run
from edge_agent.what_if.worker import hello
from tests.support.what_if import BASE, web_settings

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
    assert all(one["partial"] for one in partial)
    assert partial[-1].keys() == result.keys()
    json.dumps([told, result], allow_nan=False)


def test_a_cancelled_search_returns_what_it_has(tmp_path: Path) -> None:
    stopped = Event()
    work = JobWork(ASKED, hello(web_settings(tmp_path)), lambda _: stopped.set(), stopped)
    result = run(work)
    assert result["partial"]
    assert 0 < len(result["history"]) < 20
