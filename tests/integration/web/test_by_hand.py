"""Results, alerts and what if through the forms: pages, a real Mosquitto, an agent, its files."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from broker.codec import encode
from broker.local.mosquitto import MosquittoProcess
from edge_agent.config.settings import Settings
from edge_agent.links.mqtt import connect
from edge_agent.web.parts import Web
from tests.chaos.inside import TOPIC, event
from tests.support.agents import running, settings_for
from tests.support.waiting import until
from tests.support.web_pages import pages
from tests.support.what_if import BASE
from twin_core import load_scenario

pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.xdist_group("by_hand")]
MOLD = "s/p1/UNKNOWN"


class Plant:
    """A broker, an agent, and the pages of it."""

    def __init__(
        self, broker: MosquittoProcess, settings: Settings, client: httpx.AsyncClient, web: Web
    ) -> None:
        self.broker, self.settings, self.client, self.web = broker, settings, client, web

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.settings.history.path)) as db:
            return db.execute(sql).fetchall()

    async def shot(self, shot_id: str, *ends: int) -> None:
        start = datetime.now(UTC) - timedelta(minutes=10)
        kinds = [("poured", 0), *(("demolded", 300 + n) for n in ends)]
        async with connect(self.settings.broker, "press") as press:
            for kind, after_s in kinds:
                message = event(kind, start + timedelta(seconds=after_s), shot_id, "UNKNOWN")
                await press.publish(f"{TOPIC}/shot", encode(message))
        await until(
            lambda: bool(self.rows(f"SELECT 1 FROM shot WHERE shot_id = '{shot_id}'")), "the shot"
        )

    async def page(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path)
        assert answer.status_code == status
        return answer.text

    async def post(self, path: str, data: dict[str, Any], **more: Any) -> httpx.Response:
        return await self.client.post(path, data=data, **more)


WEB: dict[str, Any] = {"time_zone": "Asia/Kolkata"}


@asynccontextmanager
async def plant_at(folder: Path) -> AsyncIterator[Plant]:
    async with MosquittoProcess() as broker:
        settings = settings_for(folder, broker.port, web=WEB | {"scenarios": folder / "scenarios"})
        async with running(settings, settings.broker), pages(settings) as (client, web):
            await until(lambda: web.listener.session is not None, "the pages' session")
            yield Plant(broker, settings, client, web)


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


async def test_results_come_in_by_hand(tmp_path: Path) -> None:
    async with plant_at(tmp_path) as plant:
        await plant.shot("S-1", 0)
        page = await plant.page(f"/results?mold={MOLD}")
        assert "S-1" in page
        fields = {
            "mold": MOLD,
            "shot_id": "S-1",
            "shot_key": hidden(page, "shot_key"),
            "record_id": hidden(page, "record_id"),
            "operator": "anna",
        }
        wrong = await plant.post(
            "/results", fields | {"H_24h_shore": "130", "note": 'typed <b>"&', "scrap": "yes"}
        )
        assert wrong.status_code == 422
        assert "possible is 0 – 100 Shore" in wrong.text
        assert "typed &lt;b&gt;&#34;&amp;" in wrong.text, "what was typed stays, and is a text"
        good = {"rho_moulded_kg_per_m3": "62,5", "scrap": "yes", "defect": ["void", "crack"]}
        nobody = await plant.post("/results", fields | good | {"mold": "s/p9/M"})
        assert (nobody.status_code, "s/p9" in nobody.text) == (422, True), "nobody would keep it"
        sent = await plant.post("/results", fields | good)
        assert (sent.status_code, fields["record_id"] in sent.headers["location"]) == (303, True)
        query = "SELECT document, scrap, shot_key FROM quality ORDER BY received_at"
        await until(lambda: len(plant.rows(query)) == 1, "the record")
        document, scrap, shot_key = plant.rows(query)[0]
        first = json.loads(document)
        assert (first["operator"], first["source"], scrap) == ("anna", "page", 1)
        assert (first["rho_moulded_kg_per_m3"], first["defects"]) == (62.5, ["void", "crack"])
        assert shot_key == fields["shot_key"]
        assert 'class="bad">scrap' in await plant.page(f"/molds/{MOLD}")
        # a correction is a new record that names the old one
        page = await plant.page(
            f"/results?mold={MOLD}&shot={shot_key}&corrects={fields['record_id']}"
        )
        assert 'value="62.5"' in page
        measured = datetime.fromisoformat(first["ts"]).astimezone(ZoneInfo(WEB["time_zone"]))
        assert f"<li>{measured:%d.%m.%Y %H:%M} · anna" in page, "times are the plant's"
        again = fields | {
            "record_id": hidden(page, "record_id"),
            "corrects": hidden(page, "corrects"),
            "rho_moulded_kg_per_m3": "61",
        }
        assert again["record_id"] != fields["record_id"]
        assert (await plant.post("/results", again)).status_code == 303
        await until(lambda: len(plant.rows(query)) == 2, "the correction")
        corrected = json.loads(plant.rows(query)[1][0])
        assert corrected["corrects"]["record_id"] == fields["record_id"]
        page = await plant.page(f"/molds/{MOLD}")
        assert ("62.5 kg/m³" in page, "61.0 kg/m³" in page) == (False, True), "it counts no more"
        assert 'class="bad">scrap' not in page, "the correction takes its place as a whole"
        # a broker that is away takes nothing, and nothing that was typed is lost
        await plant.broker.kill()
        await until(lambda: plant.web.listener.session is None, "the end of the session")
        away = await plant.post("/results", fields | good | {"note": "kept"})
        assert away.status_code == 503
        assert re.search(r"<textarea[^>]*>kept</textarea>", away.text)


async def test_a_table_is_sent_whole_or_not_at_all(tmp_path: Path) -> None:
    async with plant_at(tmp_path) as plant:
        await plant.shot("S-1", 0)
        text = "shot_id;rho_moulded;scrap\nS-1;62,5;no\nS-1;dense;\n"
        file = {"file": ("lab.csv", text.encode(), "text/csv")}
        wrong = await plant.post("/results/table", {"operator": "lab"}, files=file)
        assert wrong.status_code == 422
        assert "<td>3</td><td>rho_moulded_kg_per_m3</td><td>dense</td>" in wrong.text
        assert plant.rows("SELECT * FROM quality") == []
        assert 'id="send-good"' in wrong.text
        old = {"file": ("lab.csv", (text + "S-1;60;no;\n").replace("dense", "Öl").encode("cp1252"))}
        again = await plant.post("/results/table", {"operator": "lab"}, files=old)
        assert "S-1;Öl;" in again.text, "the good rows are sent from the text as it was meant"
        only_good = {"text": text, "only_good": "yes", "operator": "lab"}
        sent = await plant.post("/results/table", only_good)
        assert "1 row was sent" in sent.text
        await until(lambda: len(plant.rows("SELECT * FROM quality")) == 1, "the record")
        good = {"file": ("lab.csv", text.rsplit("\n", 2)[0].encode(), "text/csv")}
        sent = await plant.post("/results/table", {"operator": "lab"}, files=good)
        assert sent.status_code == 200
        ids = "SELECT json_extract(document, '$.record_id') FROM quality"
        await until(lambda: len(plant.rows(ids)) == 2, "the same table again")
        assert len(set(plant.rows(ids))) == 1, "it is the same record: it takes its own place"


async def test_an_alert_is_acknowledged_on_its_page(tmp_path: Path) -> None:
    async with plant_at(tmp_path) as plant:
        assert "hidden" in (await plant.page("/alerts/strip")).split(">")[0]
        await plant.shot("S-1", 0, 1)
        shown = plant.web.live.presses
        await until(lambda: any(p.alerts and p.alerts.open for p in shown.values()), "the alert")
        page = await plant.page("/alerts")
        fields = {name: hidden(page, name) for name in ("site", "press", "alert_id")}
        assert "1 open alert" in await plant.page("/what-if"), "the strip is on every page"
        refused = await plant.post("/alerts/acknowledgement", fields, headers={"Cookie": "x=y"})
        assert refused.status_code == 401
        sent = await plant.post("/alerts/acknowledgement", fields | {"note": "<seen>"})
        assert sent.status_code == 303
        await until(lambda: not any(p.alerts and p.alerts.open for p in shown.values()), "the end")
        page = await plant.page("/alerts")
        assert "Acknowledged by anna: &lt;seen&gt;" in page
        again = await plant.post("/alerts/acknowledgement", fields | {"by": "bert"})
        assert again.status_code == 409
        row = "SELECT acknowledged_by, closed_by FROM alert"
        await until(lambda: plant.rows(row) == [("anna", "acknowledgement")], "the history")


async def test_what_if_answers_saves_and_downloads(tmp_path: Path) -> None:
    async with plant_at(tmp_path) as plant:
        page = await plant.page("/what-if")
        found = re.search(r'id="base">(.*?)</script>', page)
        assert found is not None
        assert json.loads(found[1])["mold"] == BASE["mold"]
        question = {"base": BASE, "changes": {"T_mold_C": 50.0}}
        answer = await plant.client.post("/what-if/answer", json=question)
        assert answer.json()["changed"]["inputs"]["T_mold_C"] == 50.0
        bad = await plant.client.post("/what-if/answer", json={"base": {}, "changes": {}})
        assert bad.status_code == 422
        assert bad.headers["content-type"] == "application/problem+json"
        saved = await plant.client.post("/what-if/scenarios", json=question | {"name": "warmer"})
        assert saved.json() == {"saved": "warmer"}
        kept = load_scenario(plant.settings.web.scenarios / "warmer.yaml")
        assert kept.process.T_mold_C == 50.0
        outside = await plant.client.post("/what-if/scenarios", json=question | {"name": "../x"})
        assert outside.status_code == 422
        for way in (
            await plant.client.get("/what-if/scenarios/warmer"),
            await plant.post(
                "/what-if/download",
                {"base": json.dumps(BASE), "changes": json.dumps(question["changes"])},
            ),
        ):
            assert way.headers["content-disposition"].startswith("attachment")
            file = tmp_path / "downloaded.yaml"
            file.write_text(way.text)
            assert load_scenario(file).process == kept.process
        assert (await plant.client.get("/what-if/scenarios/none")).status_code == 404
