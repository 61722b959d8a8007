"""REST on the real app: the first generation's paths, the history in three formats, lists."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from broker.codec import decode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import AlertAck, QualityRecord
from broker.ml_status import OK
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import connect
from edge_agent.web.access.roles import Role
from tests.support.models import SYSTEM, model_file, registry_with
from tests.support.waiting import until
from tests.support.web_access import bearer, client_of, token_of
from tests.support.web_app import client, put_rows, running_app, web_settings
from tests.support.what_if import BASE
from twin_core.fingerprint import PHYSICS_HASH
from twin_core.learning.columns import TARGETS

KEY = f"{7:020x}"
PLACE = {"site": "s", "press": "p1", "mold_id": "M"}
HISTORY = "/api/v1/twin/history"


def frame(number: int) -> tuple[str, dict[str, Any]]:
    columns = {
        **PLACE, "device_id": "plc", "seq": number, "ts": f"2026-05-04T08:00:{number:02}Z",
        "shot_id": "S7", "shot_key": KEY, "sensors": {"T_core_C": 40.0 + number},
        "metrics": {"valve": 0.5}, "status": {"mode": "auto"}, "simulated": False,
        "received_at": "2026-05-04T09:00:00Z",
    }  # fmt: skip
    return "telemetry", columns


ROWS = [
    *(frame(number) for number in range(30)),
    *(
        ("shot", {**PLACE, "shot_key": f"{n:020x}", "shot_id": f"S{n}", "revision": 1,
                  "poured_at": f"2026-05-04T08:00:{n:02}Z", "simulated": False})
        for n in range(10)
    ),
    ("prediction", {**PLACE, "shot_key": KEY, "shot_id": "S7", "revision": 2, "basis": "final",
                    "t_demold_min_s": 90.0, "document": {"status": "predicted"}}),
    ("quality", {**PLACE, "shot_key": KEY, "shot_id": "S7", "ts": "2026-05-04T12:00:00Z",
                 "H_24h_shore": 60.0, "defects": ["void"], "document": {}, "scrap": False}),
    ("alert", {**PLACE, "alert_id": "a-1", "revision": 1, "code": "clock", "severity": "warning",
               "words": "the clock is off", "raised_at": "2026-05-04T08:00:00Z", "document": {}}),
    ("alert", {**PLACE, "alert_id": "a-0", "revision": 1, "code": "clock", "severity": "warning",
               "words": "the clock was off", "raised_at": "2026-05-03T08:00:00Z",
               "closed_at": "2026-05-03T09:00:00Z", "document": {}}),
]  # fmt: skip


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client on this machine, with a history."""
    await put_rows(tmp_path / "history.db", ROWS)
    async with client(web_settings(tmp_path)) as found:
        yield found


async def test_simulate_as_the_first_generation_asked(rest: httpx.AsyncClient) -> None:
    first_names = {"m_polyol": 0.191, "m_iso": 0.341, "T_polyol_in_C": 23, "T_iso_in_C": 23}
    asked = {**BASE, "process": first_names, "simulation": {"dimension": "0d"}}
    answer = await rest.post("/simulate", json=asked)
    found = answer.json()
    assert answer.status_code == 200, answer.text
    series = (
        "time_s alpha T_core_K T_mold_K rho_kg_per_m3 fill_ratio n_CO2_mol p_air_Pa p_CO2_Pa"
        " p_pentane_Pa p_total_Pa vent_eff hardness_shore"
    )
    one = (
        "t_demold_min_s t_demold_max_s t_demold_opt_s rho_moulded p_max_Pa pressure_status"
        " vent_closure_time_s H_demold_shore H_24h_shore quality_status defect_risk diagnostics"
        " water_from_polyol_kg water_from_rh_kg water_effective_kg water_eff_fraction"
        " water_risk_score"
    )
    assert found.keys() >= {*series.split(), *one.split()}
    assert {len(found[name]) for name in series.split()} == {len(found["time_s"])}
    for wrong, pointer in (
        ({**asked, "process": {**first_names, "m_iso": -1}}, "#/process/m_iso"),
        ({**asked, "mold": "NONE"}, "#/mold"),
        ({**asked, "proces": {}}, "#/proces"),
        ({name: asked[name] for name in ("system_id", "mold")}, "#/process"),
    ):
        answer = await rest.post("/simulate", json=wrong)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "INVALID_INPUT")
        assert [one["pointer"] for one in problem["errors"]] == [pointer], problem
        assert problem["detail"]
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"[" * 100_000, b"\xff\xfe", b'{"process": 1e999}',
     b'{"system_id":"\\ud800","process":{},"mold":{}}', b"9" * 5000],
)  # fmt: skip
async def test_what_is_no_scenario(rest: httpx.AsyncClient, body: bytes) -> None:
    answer = await rest.post(
        "/simulate", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_INPUT"), answer.text


async def test_a_body_that_cannot_be_read_is_said(rest: httpx.AsyncClient) -> None:
    for content, kind, words in (
        (b"[" * 100_000, "application/json", "nested too deep"),
        (b'"\xff"', "application/json", "not UTF-8"),
        (json.dumps(BASE).encode(), "text/plain", "Content-Type is text/plain, not application/"),
        (json.dumps(BASE).encode(), "", "Content-Type is nothing, not application/json"),
    ):
        answer = await rest.post("/simulate", content=content, headers={"Content-Type": kind})
        found = answer.json()
        assert (answer.status_code, found["code"]) == (422, "INVALID_INPUT"), answer.text
        assert words in found["detail"]
        assert [one["pointer"] for one in found["errors"]] == ["#"]


async def test_optimize_health_version(rest: httpx.AsyncClient) -> None:
    token = {}
    answer = await rest.post("/optimize", json={})
    assert answer.status_code == 401, "for engineers"
    assert (await rest.get("/health")).json() == {"status": "degraded"}
    answer = await rest.get("/version", headers=token)
    found = answer.json()
    assert found.keys() == {"package", "version", "git_hash", "build_date", "physics_hash"}
    assert (found["package"], found["physics_hash"]) == ("pur-mold-twin", PHYSICS_HASH)
    assert re.fullmatch(r"[0-9a-f]{16}|unknown", found["git_hash"])


async def test_predict_without_and_with_a_model(tmp_path: Path) -> None:
    async with client(web_settings(tmp_path)) as rest:
        answer = await rest.post("/ml/predict", json={"features": {"proc_T_mold_init_C": 40.0}})
        assert (answer.status_code, answer.json()["code"]) == (503, "ML_UNAVAILABLE")
        registry = registry_with(tmp_path / "models", {"pour": model_file("pour")})
        features = dict.fromkeys(registry.load("pour", 1).card.features, 1.0)
        features |= {target.physics: 100.0 for target in TARGETS.values()}
        asked = {"features": features, "system_id": SYSTEM}
        answer = await rest.post("/ml/predict", json=asked)
        found = answer.json()
        assert answer.status_code == 200, answer.text
        assert (found["ml_status"], found["model_version"]) == (OK, "pour/1")
        assert found["correction"]["layers"].keys() == {t.quantity for t in TARGETS.values()}
        answer = await rest.post("/ml/predict", json={"features": {"a": "b"}})
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_INPUT")
        (model,) = (await rest.get("/api/v1/models")).json()["items"]
        assert (model["name"], model["version"], model["use"]) == ("pour", 1, "promoted")


async def test_the_history_page_by_page(rest: httpx.AsyncClient) -> None:
    seqs: list[int] = []
    url: str | None = f"{HISTORY}?limit=7&mold_id=M&since=2026-05-04T08:00:02Z"
    while url is not None:
        answer = await rest.get(url)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        seqs += [item["seq"] for item in found["items"]]
        link = answer.headers.get("link", "")
        assert (found["next"] is None) == (link == "")
        url = link.partition(";")[0].strip("<>") or None
    assert seqs == list(range(2, 30))
    assert found["items"][0]["sensors"] == {"T_core_C": 63.0}


async def test_the_history_in_three_formats(rest: httpx.AsyncClient) -> None:
    asked = {"fields": "T_core_C,valve,missing_C", "device_id": "plc"}
    as_json = (await rest.get(HISTORY, params=asked)).json()
    as_csv = await rest.get(HISTORY, params=asked, headers={"Accept": "text/csv"})
    as_parquet = await rest.get(HISTORY, params={**asked, "format": "parquet"})
    assert as_csv.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(as_csv.text)))
    table = pq.read_table(io.BytesIO(as_parquet.content)).to_pylist()
    for rows in (as_json["items"], lines, table):
        assert [int(row["seq"]) for row in rows] == list(range(30))
        assert [float(row["T_core_C"]) for row in rows] == [40.0 + n for n in range(30)]
        assert {float(row["valve"]) for row in rows} == {0.5}
        assert {row["missing_C"] for row in rows} <= {None, ""}
    assert str(table[3]["ts"]) == "2026-05-04 08:00:03+00:00"
    whole = await rest.get(HISTORY, headers={"Accept": "text/csv;q=0.5, text/html"})
    row = next(csv.DictReader(io.StringIO(whole.text)))
    assert json.loads(row["sensors"]) == {"T_core_C": 40.0}
    nothing = await rest.get(HISTORY, params={"mold_id": "N", "format": "parquet"})
    assert pq.read_table(io.BytesIO(nothing.content)).num_rows == 0
    assert (await rest.get(HISTORY, params={"mold_id": "N"})).json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"since": "yesterday"}, "since"), ({"until": "2026-05-04"}, "until"),
        ({"limit": 0}, "limit"), ({"limit": 10_001}, "limit"), ({"mold_id": "a b"}, "mold_id"),
        ({"mold_id": "a\0"}, "mold_id"), ({"fields": "T core"}, "fields"),
        ({"format": "xml"}, "format"), ({"cursor": "x"}, "cursor"),
        ({"cursor": "WyIiXQ"}, "cursor"), ({"shot_key": "x"}, "shot_key"),
        ({"mold": "A"}, "mold"), ({"From": "2026-05-04T06:00:00Z"}, "From"),
        ({"fields": ",".join(f"a{n}" for n in range(101))}, "fields"),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_of_the_history(
    rest: httpx.AsyncClient, parameters: dict[str, Any], name: str
) -> None:
    answer = await rest.get(HISTORY, params=parameters)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["parameter"] == name


async def test_a_cursor_is_good_for_its_question_alone(rest: httpx.AsyncClient) -> None:
    cursor = (await rest.get(HISTORY, params={"limit": 3})).json()["next"]
    ok = await rest.get(HISTORY, params={"limit": 3, "cursor": cursor})
    other = await rest.get(HISTORY, params={"limit": 3, "cursor": cursor, "mold_id": "M"})
    assert (ok.status_code, other.status_code) == (200, 422)
    assert (await rest.get(HISTORY, headers={"Accept": "text/html"})).status_code == 406


async def test_lists_of_the_history(rest: httpx.AsyncClient) -> None:
    first = (await rest.get("/api/v1/shots", params={"limit": 4})).json()
    more = await rest.get("/api/v1/shots", params={"limit": 100, "cursor": first["next"]})
    shots = first["items"] + more.json()["items"]
    assert [shot["shot_id"] for shot in shots] == [f"S{n}" for n in reversed(range(10))]
    assert {shot["t_demold_min_s"] for shot in shots} == {None, 90.0}
    shot = (await rest.get(f"/api/v1/shots/{KEY}")).json()
    assert (shot["shot"]["shot_id"], len(shot["predictions"]), len(shot["quality"])) == ("S7", 1, 1)
    assert (await rest.get(f"/api/v1/shots/{'0' * 19}f")).status_code == 404
    quality = (await rest.get("/api/v1/quality", params={"shot_key": KEY})).json()["items"]
    assert quality[0]["defects"] == ["void"]
    for state, ids in (("all", ["a-1", "a-0"]), ("open", ["a-1"]), ("closed", ["a-0"])):
        found = (await rest.get("/api/v1/alerts", params={"state": state})).json()["items"]
        assert [one["alert_id"] for one in found] == ids
    for path in ("molds", "presses", "models"):
        assert (await rest.get(f"/api/v1/{path}")).json() == {"items": []}


async def test_an_answer_is_not_sent_twice(rest: httpx.AsyncClient) -> None:
    paths = ["/version", "/api/v1/openapi.json", f"{HISTORY}?limit=3", f"/api/v1/shots/{KEY}"]
    paths += [f"/api/v1/{name}" for name in "shots quality alerts molds presses models".split()]
    for path in paths:
        answer = await rest.get(path)
        tag = answer.headers["etag"]
        for known in (tag, f'"x", W/{tag}', "*"):
            again = await rest.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b""), path
        assert (await rest.get(path, headers={"If-None-Match": '"x"'})).status_code == 200


async def test_without_a_history_it_is_told_and_comes_later(tmp_path: Path) -> None:
    async with client(web_settings(tmp_path)) as rest:
        for path in (HISTORY, "/api/v1/shots", f"/api/v1/shots/{KEY}"):
            answer = await rest.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "HISTORY_UNAVAILABLE")
            assert "retry-after" in answer.headers
        await put_rows(tmp_path / "history.db", ROWS)
        assert (await rest.get(HISTORY)).status_code == 200


async def test_records_and_acknowledgements_reach_the_broker(
    tmp_path: Path, broker: MosquittoProcess
) -> None:
    await put_rows(tmp_path / "history.db", ROWS)
    settings = web_settings(tmp_path, broker.port)
    topics = ["pur/v1/s/p1/quality", "pur/v1/s/p1/alert-ack"]
    async with (
        running_app(settings) as (app, access),
        client_of(app) as rest,
        connect(BrokerSettings(port=broker.port), "listener") as listener,
    ):
        await listener.subscribe(topics)
        await until(lambda: app.state.web.listener.session is not None)
        headers = bearer(token_of(access, Role.OPERATOR, "mes"))
        record = {"press": "p1", "shot_id": "S7", "H_24h_shore": 61.5, "note": "ok"}
        answer = await rest.post("/api/v1/quality", json=record, headers=headers)
        assert answer.status_code == 202, answer.text
        (message,) = await listener.next_batch(1)
        sent = decode(QualityRecord, message.payload, message.content_type)
        assert (sent.operator, sent.source, sent.H_24h_shore) == ("token:mes", "rest", 61.5)
        assert answer.json()["record"]["record_id"] == sent.record_id
        answer = await rest.post(
            "/api/v1/alerts/a-1/acknowledgement", json={"note": "seen"}, headers=headers
        )
        assert answer.status_code == 202, answer.text
        (message,) = await listener.next_batch(1)
        ack = decode(AlertAck, message.payload, message.content_type)
        assert (ack.alert_id, ack.by, ack.note) == ("a-1", "token:mes", "seen")
        for alert_id, status in (("a-0", 409), ("a-9", 404)):
            answer = await rest.post(
                f"/api/v1/alerts/{alert_id}/acknowledgement", json={}, headers=headers
            )
            assert answer.status_code == status
        for wrong, pointer in (
            ({**record, "press": "p9"}, "#/press"), ({**record, "H_24h": 120}, "#/H_24h"),
            ({**record, "H_24h_shore": 120}, "#/H_24h_shore"), ({"press": "p1"}, "#/shot_id"),
            ({**record, "seq": 1}, "#/seq"), ({**record, "H_24h_shores": 1}, "#/H_24h_shores"),
            ({**record, "corrects": {}}, "#/corrects"), ({**record, "note": "\ud800"}, "#/note"),
        ):  # fmt: skip
            content = json.dumps(wrong)
            json_headers = {**headers, "Content-Type": "application/json"}
            answer = await rest.post("/api/v1/quality", content=content, headers=json_headers)
            assert answer.status_code == 422, (wrong, answer.text)
            assert answer.json()["errors"][0]["pointer"] == pointer, answer.text
        entries = [one.as_dict() for one in access.audit.newest(20)]
        done = [one for one in entries if one["outcome"] == "done" and one["action"] == "request"]
        assert [one["who"] for one in done] == ["token:mes"] * 2
        await broker.terminate()
        await until(lambda: app.state.web.listener.session is None)
        answer = await rest.post("/api/v1/quality", json=record, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "BROKER_UNAVAILABLE")
