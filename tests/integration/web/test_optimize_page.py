"""The page of an optimisation: which mold was searched, and for which one it begins a search."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from edge_agent.web.parts import Web
from tests.support.web_app import web_settings
from tests.support.web_pages import pages


def searched(web: Web, **made: Any) -> str:
    """The id of a search that is over."""
    made_for = {"site": "s", "press": None, "system_id": "R1", "in_catalogue": True} | made
    store = web.jobs._store
    job = store.add("optimize", {}, "eva", "", 9, made_for)
    store.end(job.job_id, "cancelled")
    return job.job_id


async def test_each_search_is_shown_with_its_own_mold(tmp_path: Path) -> None:
    async with pages(web_settings(tmp_path)) as (client, web):
        one = searched(web, press="p1", mold_id="V1-P1-M1")
        bare = searched(web, mold_id="PANEL_A")
        page = (await client.get("/optimize?mold=s/p4/V1-P4-M1")).text
        links = re.findall(r'<li><a href="([^"]*)">[^<]*</a> · ([^·]*) ·', page)
        assert links == [
            (f"/optimize?job={bare}", "PANEL_A"),
            (f"/optimize?job={one}&amp;mold=s/p1/V1-P1-M1", "V1-P1-M1 <small>p1</small>"),
        ]
        page = (await client.get(f"/optimize?job={one}")).text
        assert 'data-press="p1" data-mold="V1-P1-M1"' in page, "as if its mold had been chosen"
