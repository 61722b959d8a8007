"""Advice from the page to the press and back: pages, REST, a real Mosquitto, an agent."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broker.codec import encode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Advice, PressEvent
from edge_agent.links.mqtt import connect
from edge_agent.web.access.roles import Role
from edge_agent.web.live.state import MoldKey
from tests.chaos.inside import TOPIC, event
from tests.integration.web.test_by_hand import Plant
from tests.support.agents import running, settings_for
from tests.support.waiting import until
from tests.support.web_access import bearer, token_of
from tests.support.web_pages import pages

pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.xdist_group("by_hand")]
KEY = MoldKey("s", "p1", "UNKNOWN")
PROPOSAL: dict[str, Any] = {
    "press": "p1",
    "mold_id": "UNKNOWN",
    "system_id": "SYSTEM_R1",
    "lots": {"polyol": "P-1"},
    "changes": [{"name": "T_mold_C", "value": 47.0, "before": 45.0}],
    "why": "harder sooner in a warmer <mold>",
    "gain_s": 35.0,
}


@asynccontextmanager
async def plant_at(folder: Path) -> AsyncIterator[Plant]:
    async with MosquittoProcess() as broker:
        settings = settings_for(folder, broker.port)
        async with running(settings, settings.broker), pages(settings) as (client, web):
            await until(lambda: web.listener.session is not None, "the pages' session")
            yield Plant(broker, settings, client, web)


def advice_in(plant: Plant) -> Advice | None:
    mold = plant.web.live.molds.get(KEY)
    return None if mold is None else mold.advice


async def becomes(plant: Plant, state: str) -> Advice:
    def is_so() -> bool:
        found = advice_in(plant)
        return found is not None and found.state == state

    await until(is_so, f"the advice to be {state}")
    found = advice_in(plant)
    assert found is not None
    return found


async def test_from_the_proposal_to_the_next_lot(tmp_path: Path) -> None:
    async with plant_at(tmp_path) as plant:
        engineer = bearer(token_of(plant.web.access, Role.ENGINEER, "eva"))
        operator = bearer(token_of(plant.web.access, Role.OPERATOR, "ben"))
        post, path = plant.client.post, "/api/v1/advice"
        assert (await post(path, json=PROPOSAL, headers=operator)).status_code == 403
        for wrong, pointer in (
            ({**PROPOSAL, "press": "p9"}, "#/press"),
            ({**PROPOSAL, "changes": []}, "#/changes"),
            ({**PROPOSAL, "changed": []}, "#/changed"),
            ({**PROPOSAL, "mold_id": "a/b"}, "#/mold_id"),
            ({**PROPOSAL, "simulated": 1}, "#/simulated"),
            ({**PROPOSAL, "changes": [{"name": "T_nope", "value": -1e300}]}, "#/changes/0/name"),
            ({**PROPOSAL, "changes": [{"name": "T_mold_C", "value": 500}]}, "#/changes/0/value"),
        ):
            answer = await post(path, json=wrong, headers=engineer)
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
        sent = await post(path, json=PROPOSAL, headers=engineer)
        assert sent.status_code == 202, sent.text
        found = await becomes(plant, "proposed")
        assert (found.advice_id, found.proposed_by) == (sent.json()["advice_id"], "token:eva")
        assert (found.simulated, sent.json()["simulated"]) == (False, False), "no shot is known"

        # the operator's page shows it, and takes the decision
        page = await plant.page(f"/molds/{KEY}")
        assert "harder sooner in a warmer &lt;mold&gt;" in page
        fields = {"advice_id": found.advice_id, "said": "accepted", "note": "from the late shift"}
        decided = await plant.post("/advice/decision", fields)
        assert decided.status_code == 303, decided.text
        accepted = await becomes(plant, "accepted")
        assert (accepted.accepted_by, accepted.reason) == ("anna", "from the late shift")
        again = await plant.post("/advice/decision", fields | {"said": "refused"})
        assert "sent=late" in again.headers["location"]
        late = await post(f"{path}/{found.advice_id}/decision", json={"said": "refused"},
                          headers=operator)  # fmt: skip
        assert (late.status_code, late.json()["code"]) == (409, "CLOSED")
        assert "late shift" not in late.text, "what somebody has noted is no hint"
        assert (await post(f"{path}/{found.advice_id}/withdrawal", json={}, headers=operator)
                ).status_code == 403  # fmt: skip
        assert (await post(f"{path}/none/decision", json={"said": "refused"}, headers=operator)
                ).status_code == 404  # fmt: skip

        # it stays until the lot is changed
        lot = PressEvent(ts=datetime.now(UTC), event="lot_change", component="polyol", lot="P-2")
        async with connect(plant.settings.broker, "press") as press:
            await press.publish(f"{TOPIC}/event", encode(lot))
        expired = await becomes(plant, "expired")
        assert expired.reason == "polyol was changed to lot P-2"
        listed = (await plant.client.get(path)).json()["items"]
        assert [(one["mold_id"], one["state"]) for one in listed] == [("UNKNOWN", "expired")]
        rows = "SELECT document FROM event WHERE kind = 'advice' ORDER BY ts"
        await until(lambda: len(plant.rows(rows)) == 3, "the history")
        states = [json.loads(document)["state"] for (document,) in plant.rows(rows)]
        assert states == ["proposed", "accepted", "expired"]

        # a pour of another system ends the next one; that says of itself what it is of
        await post(path, json=PROPOSAL | {"system_id": "SYSTEM_M1", "simulated": True},
                   headers=engineer)  # fmt: skip
        assert (await becomes(plant, "proposed")).simulated
        pour = event("poured", datetime.now(UTC), "S-1", "UNKNOWN")
        async with connect(plant.settings.broker, "press") as press:
            await press.publish(f"{TOPIC}/shot", encode(pour))
        expired = await becomes(plant, "expired")
        assert re.search("was poured, the advice is for SYSTEM_M1", expired.reason or "")

        # after a pour of a simulator it is for such ones, without a word
        pour = event("poured", datetime.now(UTC), "S-2", "UNKNOWN").model_copy(
            update={"simulated": True}
        )
        async with connect(plant.settings.broker, "press") as press:
            await press.publish(f"{TOPIC}/shot", encode(pour))
        live = plant.web.live.molds
        await until(lambda: (heard := live[KEY].event) is not None and heard.simulated, "the pour")
        sent = await post(path, json=PROPOSAL, headers=engineer)
        assert sent.json()["simulated"]
        assert (await becomes(plant, "proposed")).simulated


@pytest.mark.peers
async def test_a_broker_that_forgets_gets_it_again_and_one_that_is_away_nothing(
    tmp_path: Path,
) -> None:
    async with plant_at(tmp_path) as plant:
        engineer = bearer(token_of(plant.web.access, Role.ENGINEER, "eva"))
        await plant.client.post("/api/v1/advice", json=PROPOSAL, headers=engineer)
        proposed = await becomes(plant, "proposed")
        await plant.broker.kill()
        plant.web.live.molds[KEY].advice = None
        await until(lambda: plant.web.listener.session is None, "the end of the session")
        away = await plant.client.post("/api/v1/advice", json=PROPOSAL, headers=engineer)
        assert (away.status_code, away.json()["code"]) == (503, "BROKER_UNAVAILABLE")
        await plant.broker.start()
        assert await becomes(plant, "proposed") == proposed
