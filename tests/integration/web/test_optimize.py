"""An optimisation from the question to the advice: REST, the job's process, a real Mosquitto."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from broker.local.mosquitto import MosquittoProcess
from broker.messages import Advice
from edge_agent.links.mqtt import connect
from edge_agent.web.access.roles import Role
from edge_agent.web.live.state import MoldKey
from edge_agent.web.parts import Web
from tests.support.agents import running
from tests.support.waiting import LIMIT_S, until
from tests.support.web_access import bearer, client_of, token_of
from tests.support.web_app import running_app, web_settings
from tests.support.what_if import BASE
from twin_core.set_points import settable

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("jobs")]
QUICK: dict[str, Any] = {**BASE, "simulation": {"dimension": "0d"}}
CONFIG: dict[str, Any] = {"samples": 12, "seed": 3, "candidates": 40, "draws": 4,
                          "confirm_draws": 8, "violations_allowed": 0.3}  # fmt: skip


@asynccontextmanager
async def engineer_at(
    folder: Path, broker_port: int | None = None
) -> AsyncIterator[tuple[httpx.AsyncClient, Web]]:
    settings = web_settings(folder, broker_port)
    async with running_app(settings) as (app, access), client_of(app) as rest:
        rest.headers.update(bearer(token_of(access, Role.ENGINEER, "eva")))
        yield rest, app.state.web


async def done(web: Web, job_id: str) -> dict[str, Any]:
    """The job at its end; it compiles the model in a process that gives way to all others."""
    job = await web.jobs.ended(job_id, 2.0 * LIMIT_S)
    assert job is not None
    assert job.state == "done", job
    return job.as_dict()


async def test_what_is_wrong_is_said_before_there_is_a_job(tmp_path: Path) -> None:
    async with engineer_at(tmp_path) as (rest, web):
        for asked, pointer in (
            (QUICK | {"optimizer_config": {"samples": -1}}, "#/optimizer_config/samples"),
            (QUICK | {"mold": "NONE"}, "#/mold"),
            (QUICK | {"press": "p9"}, "#/press"),
        ):
            answer = await rest.post("/optimize", json=asked)
            problem = answer.json()
            assert (answer.status_code, problem["code"]) == (422, "INVALID_INPUT")
            assert [one["pointer"] for one in problem["errors"]] == [pointer]
        assert await web.jobs.newest(9) == []


async def test_as_the_first_generation_asked(tmp_path: Path) -> None:
    async with engineer_at(tmp_path) as (rest, web):
        config = CONFIG | {"t_cycle_max": 600, "bounds": {"T_mold_init_C": [35, 50]}}
        config |= {"prefer_lower_pressure": True}
        answer = await rest.post(
            "/optimize", json=QUICK | {"optimizer_config": config}, headers={"Prefer": "wait=60"}
        )
        assert answer.status_code == 202, answer.text
        job = await done(web, answer.json()["job_id"])
        assert job["progress"]["done"] == job["progress"]["of"] == CONFIG["candidates"]
        found = (await rest.get(f"{answer.headers['location']}/result")).json()
        result = found["result"]
        assert not found["is_partial"]
        assert result.keys() >= {"baseline", "optimized", "candidate", "history"}
        assert result["feasible"], result["in_the_way"]
        assert result["candidate"].keys() == {"T_mold_C"}
        assert result["optimized"]["t_open_s"] <= result["baseline"]["t_open_s"]
        assert (await web.jobs.newest(1))[0].made_by == "token:eva"


@pytest.mark.needs("mosquitto")
async def test_its_result_is_advised_to_the_press(tmp_path: Path) -> None:
    async with MosquittoProcess() as broker:
        settings = web_settings(tmp_path, broker.port)
        key = MoldKey("s", "p1", BASE["mold"])
        async with (
            running(settings, settings.broker),
            engineer_at(tmp_path, broker.port) as (
                rest,
                web,
            ),
        ):
            await until(lambda: web.listener.session is not None, "the pages' session")
            asked = QUICK | {"press": "p1", "optimizer_config": CONFIG}
            job = await done(web, (await rest.post("/optimize", json=asked)).json()["job_id"])
            path = f"/api/v1/jobs/{job['job_id']}"
            result = (await rest.get(f"{path}/result")).json()["result"]
            to = {"press": "p1", "mold_id": key.mold_id}
            far = await rest.post(f"{path}/advice", json=to | {"point": 99})
            assert (far.status_code, "points" in far.json()["detail"]) == (409, True)
            wrong = await rest.post(f"{path}/advice", json=to | {"mold_id": "PANEL_A"})
            assert (wrong.status_code, "not PANEL_A" in wrong.json()["detail"]) == (409, True)
            assert job["made_for"]["mold_id"] == key.mold_id
            sent = await rest.post(f"{path}/advice", json=to | {"lots": {"polyol": "P-1"}})
            assert sent.status_code == 202, sent.text
            assert sent.json()["made_for"] == job["made_for"]

            def advice() -> Advice | None:
                mold = web.live.molds.get(key)
                return None if mold is None else mold.advice

            await until(lambda: advice() is not None, "the advice")
            found = advice()
            assert found is not None
            assert (found.state, found.proposed_by) == ("proposed", "token:eva")
            proposal, best = found.proposal, result["chosen"]
            assert (proposal.system_id, proposal.lots) == ("RIGID_PANEL", {"polyol": "P-1"})
            by_name = {one.name: one.value for one in proposal.changes}
            assert by_name["T_mold_C"] == settable("T_mold_C", best["process"]["T_mold_C"])
            assert by_name["t_open_s"] == settable("t_open_s", best["t_open_s"])
            gain_s = result["today"]["t_open_s"] - by_name["t_open_s"]
            assert proposal.gain_s == pytest.approx(gain_s)
            assert proposal.made_by == f"optimize, job {job['job_id']}"
            async with connect(
                settings.broker, "screen"
            ) as screen:  # retained, for who comes later
                await screen.subscribe([settings.topics.advice(key.address, key.mold_id)])
                assert len(await screen.next_batch(1)) == 1
