"""The worker: a real process that simulates for the server, with limits in time, number, memory."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.ml_status import NO_MODEL, OK, WITHHELD
from edge_agent.what_if import worker as module
from edge_agent.what_if.worker import Worker, WorkerBusy, WorkerDied, WorkerTimeout
from tests.support.models import SYSTEM, model_file, registry_with
from tests.support.waiting import until
from tests.support.what_if import BASE, web_settings
from twin_core import load_scenario, simulate
from twin_core.errors import InputError, SolverError
from twin_core.learning.columns import TARGETS
from twin_core.results.result import SERIES

MEMORY_MAX_KB = 260_000
SLEEPS = (sys.executable, "-c", "import time; time.sleep(1000)")
ENDS = (sys.executable, "-c", "pass")
QUICK = {**BASE, "simulation": {"dimension": "0d"}}

pytestmark = pytest.mark.xdist_group("what_if")


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[Worker]:
    made = Worker(web_settings(tmp_path))
    yield made
    await made.stop()


async def test_a_shot_beside_itself_with_changes(worker: Worker, tmp_path: Path) -> None:
    changes = {"T_mold_C": 55.0, "nco_oh_index": 1.2, "vents_count": 4, "opened_s": 300.0}
    found = await worker.what_if(BASE, changes)
    base, changed = found["base"], found["changed"]
    assert (base["inputs"]["T_mold_C"], changed["inputs"]["T_mold_C"]) == (40.0, 55.0)
    assert changed["inputs"]["nco_oh_index"] == pytest.approx(1.2, rel=1e-3)  # moisture
    for shot in (base, changed):
        assert {len(curve) for curve in shot["curves"].values()} <= set(range(2, 201))
        assert len(shot["swell"]["opened_s"]) > 2
        assert shot["opening"]["opened_s"] == 300.0
    assert max(changed["curves"]["T_mold_C"]) > max(base["curves"]["T_mold_C"])
    assert changed["window"] != base["window"]
    saved = tmp_path / "saved.yaml"
    saved.write_text(found["yaml"])
    again = simulate(load_scenario(saved))
    assert again.t_demold_min_s == pytest.approx(changed["window"]["t_demold_min_s"], rel=1e-6)
    assert again.rho_moulded == pytest.approx(changed["kpis"]["rho_moulded_kg_per_m3"])
    (peak,) = (
        int(line.split()[1])
        for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    assert peak <= MEMORY_MAX_KB


async def test_a_result_is_that_of_run_sim(worker: Worker) -> None:
    found = await worker.simulate(QUICK)
    assert found.keys() >= {*SERIES, "t_demold_min_s", "quality_status", "water_risk_score"}
    assert found["system_id"] == "RIGID_PANEL"


async def test_what_is_wrong_is_told_and_costs_no_process(worker: Worker) -> None:
    await worker.simulate(QUICK)
    first = worker.pid
    with pytest.raises(InputError, match=r"process\.T_iso_C: is missing"):
        await worker.simulate({**QUICK, "process": {"m_polyol_kg": 1.0}})
    with pytest.raises(InputError, match="mass_kg"):
        await worker.what_if(QUICK, {"mass_kg": "much"})
    few = {"dimension": "0d", "max_evaluations": 100}
    with pytest.raises(SolverError):
        await worker.simulate({**QUICK, "simulation": few})
    assert worker.pid == first


@pytest.mark.peers
async def test_the_model_in_use_answers(worker: Worker, tmp_path: Path) -> None:
    assert (await worker.predict({}))["ml_status"] == NO_MODEL
    registry = registry_with(tmp_path / "models", {"pour": model_file("pour")})
    features = dict.fromkeys(registry.load("pour", 1).card.features, 1.0)
    assert (await worker.predict(features))["ml_status"] == WITHHELD, "there is no physics"
    features |= {target.physics: 100.0 for target in TARGETS.values()}
    for system_id in (None, SYSTEM):
        found = await worker.predict(features, system_id)
        assert (found["ml_status"], found["model_version"]) == (OK, "pour/1")
        assert found["correction"]["values"].keys() == {t.quantity for t in TARGETS.values()}
        risk = found["defect_risk_pred"]
        assert found["defect_class_pred"] == (None if risk is None else int(risk >= 0.5))


async def test_a_process_that_is_killed_is_started_anew(worker: Worker) -> None:
    await worker.simulate(QUICK)
    first = worker.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await worker.simulate(QUICK)
    assert worker.pid not in (None, first)


@pytest.mark.peers
async def test_it_ends_when_nobody_asks(tmp_path: Path) -> None:
    worker = Worker(web_settings(tmp_path, worker_idle_s=0.05))
    await worker.simulate(QUICK)
    await until(lambda: worker.pid is None, "the end")
    await worker.stop()


async def test_a_request_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_S", 0.0)
    worker = Worker(web_settings(tmp_path, worker_limit_s=0.05), SLEEPS)
    with pytest.raises(WorkerTimeout, match=r"web\.worker_limit_s"):
        await worker.simulate(QUICK)
    assert worker.pid is None
    await worker.stop()


async def test_a_process_that_cannot_work_is_told(tmp_path: Path) -> None:
    for command in (ENDS, ("/nowhere/python",)):
        worker = Worker(web_settings(tmp_path), command)
        with pytest.raises(WorkerDied):
            await worker.simulate(QUICK)
        await worker.stop()


@pytest.mark.peers
@pytest.mark.parametrize("turns", range(1, 6))
async def test_who_gives_up_while_a_process_begins_holds_nobody_up(
    tmp_path: Path, turns: int
) -> None:
    worker = Worker(web_settings(tmp_path), SLEEPS)
    asked = asyncio.create_task(worker.what_if(BASE, {}))
    for _ in range(turns):
        await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await worker.stop()


async def test_few_wait_and_who_gives_up_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 2)
    worker = Worker(web_settings(tmp_path), SLEEPS)
    waiting = [asyncio.create_task(worker.simulate(QUICK)) for _ in range(3)]
    await until(lambda: worker._waiting == 3, "the queue")
    with pytest.raises(WorkerBusy):
        await worker.simulate(QUICK)
    await until(lambda: worker.pid is not None, "the process")
    for task in reversed(waiting):
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    worker._command = module.COMMAND
    await worker.simulate(QUICK)
    await worker.stop()
