"""Whom the result of a job may be advised to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from broker.messages import Recipe, ShotEvent
from broker.topics import Channel, TopicAddress
from edge_agent.config.settings import Settings
from edge_agent.web.history import WebHistory
from edge_agent.web.jobs.made_for import MadeFor, check_goes_to, made_for
from edge_agent.web.jobs.store import Job
from edge_agent.web.live.state import LiveState, MoldKey
from edge_agent.web.molds_on_presses import is_simulated
from edge_agent.web.problems import Refused
from tests.support.agents import settings_for
from tests.support.live_states import Heard
from tests.support.predictions import POURED
from tests.support.web_app import put_rows

JOB = Job("0" * 20, "optimize", "done", "eva", "", None, None, None, None, True, False)
SEARCHED = MadeFor(site="s", mold_id="PANEL_A", system_id="R1", in_catalogue=True)


@dataclass
class Parts:
    """Of a web server: what the check asks."""

    live: LiveState
    settings: Settings
    history: WebHistory


@contextmanager
def parts(folder: Path) -> Iterator[Any]:
    settings = settings_for(folder, 1883, presses=["p1", "p2"])
    yield Parts(Heard().live, settings, WebHistory(settings.history))


def pour(web: Any, press: str, mold_id: str, simulated: bool = False) -> None:
    key = MoldKey("s", press, mold_id)
    event = ShotEvent(ts=POURED, shot_id="S-1", mold_id=mold_id, event="poured", system_id="R1",
                      recipe=Recipe(m_polyol_kg=0.4, m_iso_kg=0.5),
                      simulated=simulated)  # fmt: skip
    web.live.hear(TopicAddress(key.address, Channel.SHOT), event)


async def refused(web: Any, made: MadeFor, press: str, mold_id: str) -> str:
    with pytest.raises(Refused) as found:
        await check_goes_to(web, made, MoldKey("s", press, mold_id))
    assert (found.value.status, found.value.code) == (409, "OTHER_MOLD")
    return found.value.detail


async def test_only_the_mold_and_press_that_were_searched(tmp_path: Path) -> None:
    with parts(tmp_path) as web:
        pour(web, "p1", "PANEL_A")
        pour(web, "p2", "PANEL_A")
        pour(web, "p1", "PANEL_B")
        at_p1 = SEARCHED.model_copy(update={"press": "p1"})
        await check_goes_to(web, at_p1, MoldKey("s", "p1", "PANEL_A"))
        assert "PANEL_A on p1 was searched, not on p2" in await refused(web, at_p1, "p2", "PANEL_A")
        for mold_id in ("PANEL_B", "NOPE"):
            words = await refused(web, at_p1, "p1", mold_id)
            assert words == f"mold PANEL_A was searched, not {mold_id}"
        elsewhere = at_p1.model_copy(update={"site": "t"})
        assert "p1 of t" in await refused(web, elsewhere, "p1", "PANEL_A")


async def test_a_bare_scenario_goes_where_its_mold_is(tmp_path: Path) -> None:
    with parts(tmp_path) as web:
        bare = SEARCHED
        await check_goes_to(web, bare, MoldKey("s", "p2", "PANEL_A"))  # new, of the catalogue
        own = bare.model_copy(update={"in_catalogue": False})
        assert "none of the catalogue" in await refused(web, own, "p1", "PANEL_A")
        pour(web, "p1", "PANEL_A")
        for made in (bare, own):
            await check_goes_to(web, made, MoldKey("s", "p1", "PANEL_A"))
            assert "has shots on p1, and none on p2" in await refused(web, made, "p2", "PANEL_A")


async def test_shots_of_the_history_count_too(tmp_path: Path) -> None:
    row = {"site": "s", "press": "p2", "mold_id": "PANEL_A", "shot_key": "0" * 20,
           "shot_id": "S-1", "revision": 1, "poured_at": "2026-05-04T06:00:00Z",
           "simulated": True}  # fmt: skip
    with parts(tmp_path) as web:
        await put_rows(web.settings.history.path, [("shot", row)])
        own = SEARCHED.model_copy(update={"in_catalogue": False})
        await check_goes_to(web, own, MoldKey("s", "p2", "PANEL_A"))
        assert "has shots on p2" in await refused(web, SEARCHED, "p1", "PANEL_A")
        assert await is_simulated(web, MoldKey("s", "p2", "PANEL_A"))
        assert await is_simulated(web, MoldKey("s", "p2", "PANEL_B")), "as its press"
        assert not await is_simulated(web, MoldKey("s", "p1", "PANEL_A"))
        pour(web, "p1", "PANEL_C", simulated=True)
        assert await is_simulated(web, MoldKey("s", "p1", "PANEL_A"))
        pour(web, "p2", "PANEL_A")
        assert not await is_simulated(web, MoldKey("s", "p2", "PANEL_A")), "the newest counts"
        await web.history.close()


def test_a_job_of_an_older_version_is_about_the_mold_of_its_scenario() -> None:
    asked = {"system_id": "R1", "mold": "PANEL_A"}
    assert made_for(JOB, asked, "s") == SEARCHED
    own = made_for(JOB, {"system": {"system_id": "X"}, "mold": {"mold_id": "M"}}, "s")
    assert (own.mold_id, own.system_id, own.in_catalogue) == ("M", "X", False)
    noted = replace(JOB, made_for=SEARCHED.model_dump())
    assert made_for(noted, {}, "s") == SEARCHED
