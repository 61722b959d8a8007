"""Every history keeps and answers the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from broker.messages import LeftOut, LiveAlert, QualityRecord, Recipe, ShotEvent, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.config.settings import HistorySettings
from edge_agent.history import open_store
from edge_agent.history.brought_by_device import brought_by, take_back
from edge_agent.history.parquet import export
from edge_agent.history.read import HistoryReader, RowFilter, open_reader
from edge_agent.history.rows import alert_row, event_row, quality_row, shot_row, telemetry_row
from edge_agent.history.shot_pages import known_pours, page_of_shots
from edge_agent.imports.into_history import IntoHistory
from edge_agent.imports.taken import Taken
from edge_agent.logged_shots.bundle import Bundle, Meta
from edge_agent.ports import HistoryRow, HistoryStore, RowKind, Stored
from edge_agent.shots.shot_key import shot_key
from edge_agent.shots.shot_query import ShotQuery
from tests.support.timescale import migrated_database

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
EVER = NOW - timedelta(days=1)


@dataclass
class Opened:
    """A store, and a reader of the same history."""

    store: HistoryStore
    reader: HistoryReader
    settings: HistorySettings

    async def put(self, *rows: tuple[RowKind, dict[str, Any]]) -> Any:
        stored = [
            Stored(number, NOW, HistoryRow(kind, json.dumps(columns)))
            for number, (kind, columns) in enumerate(rows, start=1)
        ]
        return await self.store.deliver(stored)

    async def give(self, *rows: HistoryRow) -> None:
        receipt = await self.store.deliver([Stored(i, NOW, row) for i, row in enumerate(rows)])
        assert receipt.rejected == {}


STORES = [
    "sqlite",
    pytest.param("timescale", marks=[pytest.mark.needs("postgres"), pytest.mark.xdist_group("db")]),
    pytest.param("postgres", marks=[pytest.mark.needs("postgres"), pytest.mark.xdist_group("db")]),
]


@pytest.fixture(params=STORES)
async def history(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    settings = HistorySettings(path=tmp_path / "history.db")
    if request.param != "sqlite":
        url = request.getfixturevalue("server").url
        plain = request.param == "postgres"
        settings = HistorySettings(url=await migrated_database(url, plain=plain))
    store = open_store(settings)
    if request.param == "sqlite":
        reader = open_reader(settings)
    else:
        await store.deliver([])  # connects
        reader = open_reader(settings)
    yield Opened(store, reader, settings)
    await reader.close()
    await store.close()


def frame(seq: int | None, ts: str = "2026-05-04T08:00:00Z", **sensors: float) -> Any:
    sensors = sensors or {"T_core_C": 40.0}
    key = {"site": "s", "press": "p", "device_id": "d", "ts": ts, "seq": seq}
    more = {"metrics": {"valve": 1.5}, "status": {"mode": "auto"}, "simulated": True}
    return ("telemetry", {**key, "shot_id": "a", "mold_id": "M", "sensors": sensors, **more})


KEY, OTHER = "0" * 20, "1" * 20


def shot(**columns: Any) -> Any:
    key = {"site": "s", "press": "p", "shot_id": "a", "mold_id": "M", "T_core_max_C": 101.5}
    return ("shot", {**key, "shot_key": KEY, "poured_at": "2026-05-04T08:00:00Z", **columns})


def prediction(revision: int, basis: str, **columns: Any) -> Any:
    key = {"site": "s", "press": "p", "shot_id": "a", "shot_key": KEY, "mold_id": "M"}
    said = {"basis": basis, "revision": revision, "t_demold_min_s": 100.0 * revision}
    return ("prediction", {**key, **said, "document": {"v": 1}, **columns})


async def test_a_row_is_there_once_and_whole(history: Opened) -> None:
    for _ in range(3):
        receipt = await history.put(frame(1), frame(2), frame(1), shot(simulated=False))
        assert receipt.accepted == [1, 2, 3, 4]
    found = await history.reader.shot("a")
    assert [row["seq"] for row in found["telemetry"]] == [1, 2]
    first = found["telemetry"][0]
    assert first["ts"] == "2026-05-04T08:00:00Z"
    assert first["sensors"] == {"T_core_C": 40.0}
    assert (first["status"], first["simulated"]) == ({"mode": "auto"}, True)
    (row,) = found["shot"]
    assert (row["T_core_max_C"], row["recipe"], row["simulated"]) == (101.5, None, False)


async def test_poison_is_refused_alone(history: Opened) -> None:
    receipt = await history.put(frame(1), frame(None), frame(2), frame(3))
    assert receipt.accepted == [1, 3, 4]
    assert list(receipt.rejected) == [2]
    assert "seq" in receipt.rejected[2]
    assert len((await history.reader.shot("a"))["telemetry"]) == 3


async def test_a_shot_is_completed_not_reopened(history: Opened) -> None:
    ended = shot(outcome="demolded", frames_count=7)
    await history.put(shot(), ended, shot())
    await history.put(shot())
    (row,) = (await history.reader.shot("a"))["shot"]
    assert (row["outcome"], row["frames_count"]) == ("demolded", 7)


async def test_shots_come_with_their_latest_prediction(history: Opened) -> None:
    await history.put(prediction(1, "poured"), prediction(2, "final"))
    later = shot(shot_id="b", shot_key=OTHER, poured_at="2026-05-04T09:00:00Z", mold_id="N")
    await history.put(shot(), later)
    shots = await history.reader.shots(None, EVER, 10)
    assert [(row["shot_id"], row["t_demold_min_s"]) for row in shots] == [("b", None), ("a", 200.0)]
    assert [row["shot_id"] for row in await history.reader.shots("M", EVER, 10)] == ["a"]
    assert await history.reader.shots(None, NOW + timedelta(hours=2), 10) == []


async def test_a_shot_id_that_comes_again_is_another_shot(history: Opened) -> None:
    again = {"shot_key": OTHER, "poured_at": "2026-05-04T09:00:00Z"}
    await history.put(shot(), prediction(1, "poured"), prediction(2, "final"))
    await history.put(shot(**again), prediction(1, "poured", **again, t_demold_min_s=50.0))
    await history.put(shot(outcome="demolded"), shot(**again, outcome="aborted"))
    found = await history.reader.shot("a")
    assert [(r["shot_key"], r["outcome"]) for r in found["shot"]] == [
        (KEY, "demolded"),
        (OTHER, "aborted"),
    ]
    rows = await history.reader.shots(None, EVER, 10)
    assert [(r["shot_key"], r["t_demold_min_s"]) for r in rows] == [(OTHER, 50.0), (KEY, 200.0)]


async def test_the_first_content_of_a_revision_stays(history: Opened) -> None:
    await history.put(prediction(1, "poured"), prediction(1, "poured"), prediction(1, "live"))
    await history.put(prediction(1, "final"))
    assert [r["basis"] for r in (await history.reader.shot("a"))["prediction"]] == ["poured"]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("order", [(5, 9), (9, 5)])
async def test_of_two_agents_of_a_group_the_last_word_counts(
    history: Opened, order: tuple[int, int], at_once: bool
) -> None:
    """One was killed before it told the other that it had answered; its rows may come later."""
    rows = [
        (
            prediction(revision - 1, "poured"),
            prediction(revision, "final"),
            shot(outcome="demolded", revision=revision, T_core_max_C=float(revision)),
        )
        for revision in order
    ]
    for part in [[row for agent in rows for row in agent]] if at_once else rows:
        await history.put(prediction(1, "live"), *part)
    found = await history.reader.shot("a")
    words = sorted((r["revision"], r["basis"]) for r in found["prediction"])
    assert words == [(1, "live"), (8, "poured"), (9, "final")]
    assert [(r["revision"], r["T_core_max_C"]) for r in found["shot"]] == [(9, 9.0)]


async def test_rows_that_an_older_program_left_in_the_spool_get_a_key(history: Opened) -> None:
    """The one that says that the shot was poured, and the one that ends it, which knows more."""
    older = {"shot_key", "T_core_max_C"}
    rows = [
        (kind, {name: value for name, value in columns.items() if name not in older})
        for kind, columns in (
            shot(),
            prediction(1, "poured", poured_at="2026-05-04T08:00:00Z"),
            shot(started_at="2026-05-04T07:59:00Z", closed_at=None, outcome="demolded"),
        )
    ]
    receipt = await history.put(*rows)
    assert receipt.rejected == {}
    key = shot_key(PressAddress("s", "p"), "M", "a", "poured", NOW)
    found = await history.reader.shot("a")
    assert [(r["shot_key"], r["outcome"]) for r in found["shot"]] == [(key, "demolded")]
    assert [r["shot_key"] for r in found["prediction"]] == [key]


PRESS = PressAddress("s", "p")
ARRIVED = datetime(2026, 5, 4, 8, 1, tzinfo=UTC)


def sent(seq: int = 0, shot_id: str | None = None, **sensors: float) -> TelemetryFrame:
    return TelemetryFrame(ts=NOW, device_id="d", seq=seq, shot_id=shot_id, sensors=sensors)


async def test_a_repeat_is_equal_content(history: Opened) -> None:
    """A device without a counter, and whole seconds: other readings are another row."""
    rows = [
        telemetry_row(PRESS, sent(T_core_C=40.0, T_mold_C=50.0), "a", None, ARRIVED),
        telemetry_row(PRESS, sent(T_core_C=41.0, T_mold_C=50.0), "a", None, ARRIVED),
        telemetry_row(PRESS, sent(T_mold_C=50.0, T_core_C=40.0), "b", None, NOW),  # sent again
    ]
    for _ in range(2):
        await history.give(*rows)
    found = (await history.reader.shot("a"))["telemetry"]
    assert sorted(row["sensors"]["T_core_C"] for row in found) == [40.0, 41.0]
    assert {row["received_at"] for row in found} == {"2026-05-04T08:01:00Z"}
    assert (await history.reader.shot("b"))["telemetry"] == []


async def test_readings_that_were_left_out_are_kept_with_the_reason(
    history: Opened, tmp_path: Path
) -> None:
    """And nothing is stored where nothing was left out."""
    left = {
        "T_core_C": LeftOut(reason="impossible", words="3276.7 °C"),
        "p_cavity_bar": LeftOut(reason="no-value"),
    }
    found = sent(1, "a", T_mold_C=50.0).model_copy(update={"left_out": left})
    rows = [
        telemetry_row(PRESS, frame_, None, None, ARRIVED)
        for frame_ in (found, sent(2, "a", T_mold_C=50.0))
    ]
    assert "left_out" not in rows[1].document
    await history.give(*rows)
    (first, second) = (await history.reader.shot("a"))["telemetry"]
    assert first["left_out"]["T_core_C"] == {"reason": "impossible", "words": "3276.7 °C"}
    assert first["left_out"]["p_cavity_bar"]["reason"] == "no-value"
    assert second["left_out"] is None
    await export(history.reader, RowFilter(since=EVER), tmp_path, lambda *_: None)
    texts = pq.read_table(tmp_path / "telemetry.parquet")["left_out"].to_pylist()
    assert [text is None for text in texts] == [False, True]


@pytest.mark.parametrize("named", [None, "a"])
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_frame_that_an_older_program_stored_is_not_stored_again(
    history: Opened, named: str | None, at_once: bool
) -> None:
    """Its row does not tell whether the frame named the shot, or when it came."""
    columns = {"site": "s", "press": "p", "device_id": "d", "ts": "2026-05-04T08:00:00Z", "seq": 0}
    readings = {"sensors": {"T_core_C": 40.0}, "metrics": {}, "status": {}, "simulated": False}
    older = HistoryRow("telemetry", json.dumps({**columns, "shot_id": "a", **readings}))
    again = telemetry_row(PRESS, sent(shot_id=named, T_core_C=40.0), "a", KEY, ARRIVED)
    other = telemetry_row(PRESS, sent(shot_id=named, T_core_C=41.0), "a", KEY, ARRIVED)
    for part in [[older, again, other]] if at_once else [[older], [again], [other], [older]]:
        await history.give(*part)
    found = (await history.reader.shot("a"))["telemetry"]
    shown = [(row["sensors"]["T_core_C"], row["received_at"]) for row in found]
    assert sorted(shown) == [(40.0, None), (41.0, "2026-05-04T08:01:00Z")]


async def test_two_laboratory_messages_with_one_time_are_both_kept(history: Opened) -> None:
    density = QualityRecord(ts=NOW, shot_id="a", rho_moulded_kg_per_m3=61.0)
    hardness = QualityRecord(ts=NOW, shot_id="a", H_24h_shore=55.0, defects=["void"])
    older = quality_row(PRESS, density)
    columns = json.loads(older.document)
    del columns["received_at"], columns["content"]
    await history.give(HistoryRow("quality", json.dumps(columns)))
    for _ in range(2):
        await history.give(*(quality_row(PRESS, one, KEY, ARRIVED) for one in (density, hardness)))
    found = (await history.reader.shot("a"))["quality"]
    shown = {(row["rho_moulded_kg_per_m3"], row["H_24h_shore"], row["shot_key"]) for row in found}
    assert (len(found), shown) == (2, {(61.0, None, None), (None, 55.0, KEY)})


async def test_every_event_is_kept_as_it_came(history: Opened) -> None:
    started = ShotEvent(ts=NOW, shot_id="a", mold_id="M", event="started")
    other = ShotEvent(ts=NOW, shot_id="a", mold_id="N", event="started")
    rows = [
        event_row(
            PRESS,
            event.event,
            event.ts,
            event.model_dump(mode="json"),
            mold_id=event.mold_id,
            shot_id="a",
            shot_key=KEY,
            received_at=ARRIVED,
        )
        for event in (started, other, started)
    ]
    for _ in range(2):
        await history.give(*rows)
    found = (await history.reader.shot("a"))["event"]
    assert sorted((row["kind"], row["mold_id"], row["received_at"]) for row in found) == [
        ("started", "M", "2026-05-04T08:01:00Z"),
        ("started", "N", "2026-05-04T08:01:00Z"),
    ]
    assert found[0]["document"]["event"] == "started"


async def test_the_last_state_of_an_alert_counts(history: Opened) -> None:
    raised = LiveAlert(
        alert_id="0" * 20,
        code="second-end",
        severity="warning",
        words="ended more than once",
        mold_id="M",
        ends_by="acknowledgement",
        raised_at=NOW,
        told_at=NOW,
        told_count=1,
        revision=1,
    )
    closing = {"acknowledged_by": "anna", "acknowledged_at": NOW, "closed_at": NOW, "revision": 2}
    closed = raised.model_copy(update=closing)
    press = PressAddress("s", "p")
    await history.give(alert_row(press, closed), alert_row(press, raised))
    await history.give(alert_row(press, raised))  # of an agent that was killed
    rows: list[dict[str, Any]] = []
    await history.reader.each("alert", RowFilter(since=EVER, mold_id="M"), rows.extend)
    (row,) = rows
    assert (row["acknowledged_by"], row["revision"]) == ("anna", 2)
    assert row["document"]["closed_at"] == row["closed_at"] == "2026-05-04T08:00:00Z"


@pytest.mark.parametrize("scrap", [True, False, None])
async def test_scrap_is_kept_as_it_was_said(history: Opened, scrap: bool | None) -> None:
    record = QualityRecord(ts=NOW, shot_id="a", rho_moulded_kg_per_m3=62.0, scrap=scrap)
    await history.give(quality_row(PressAddress("s", "p"), record))
    rows: list[dict[str, Any]] = []
    await history.reader.each("quality", RowFilter(since=EVER), rows.extend)
    assert [row["scrap"] for row in rows] == [scrap]


async def test_a_shot_says_how_it_was_corrected_and_what_was_left_out(history: Opened) -> None:
    columns = {**shot()[1], "outcome": "timed_out", "revision": 2, "corrected": []}
    late = {"outcome": "demolded", "revision": 3, "corrected": ["late-end"]}
    left_out = {"T_core_C": {"impossible": 3}}
    await history.give(
        shot_row(columns, NOW),
        shot_row(columns | late | {"readings_left_out": left_out}, ARRIVED),
        shot_row(columns, NOW),
    )
    (row,) = (await history.reader.shot("a"))["shot"]
    assert (row["outcome"], row["corrected"]) == ("demolded", ["late-end"])
    assert (row["readings_left_out"], row["received_at"]) == (left_out, "2026-05-04T08:01:00Z")


async def test_old_raw_telemetry_goes_and_results_stay(history: Opened) -> None:
    history.store._raw_days = 2  # type: ignore[attr-defined]
    await history.put(frame(1, "2026-05-01T08:00:00Z"), frame(2), shot())
    while await history.store.upkeep(NOW + timedelta(minutes=5)):
        pass
    found = await history.reader.shot("a")
    assert [row["seq"] for row in found["telemetry"]] == [2]
    assert len(found["shot"]) == 1


async def test_parquet_has_a_column_for_each_sensor(history: Opened, tmp_path: Path) -> None:
    await history.put(frame(1, T_core_C=40.0), frame(2, p_cavity_bar=1.5), shot())
    counts = await export(history.reader, RowFilter(since=EVER), tmp_path / "out", lambda *_: None)
    assert counts["telemetry"] == 2
    table = pq.read_table(tmp_path / "out" / "telemetry.parquet")
    assert table["T_core_C"].to_pylist() == [40.0, None]
    assert table["p_cavity_bar"].to_pylist() == [None, 1.5]
    assert table["metric_valve"].to_pylist() == [1.5, 1.5]
    assert table["ts"].to_pylist() == [NOW, NOW]
    assert pq.read_table(tmp_path / "out" / "shot.parquet")["T_core_max_C"].to_pylist() == [101.5]
    none = await export(history.reader, RowFilter(shot_id="x"), tmp_path / "no", lambda *_: None)
    assert set(none.values()) == {0}


async def test_pages_of_shots_by_every_filter(history: Opened) -> None:
    press = PressAddress("s", "p")
    for number in range(6):
        key, at = f"{number:020d}", NOW + timedelta(minutes=number)
        poured_at = at.isoformat().replace("+00:00", "Z")
        columns = {"shot_id": f"n{number}", "shot_key": key, "poured_at": poured_at}
        mold, system = "MN"[number % 2], "R1" if number < 4 else "M1"
        await history.put(shot(**columns, mold_id=mold, system_id=system))
        status = "FAIL" if number == 5 else "OK"
        await history.put(prediction(1, "final", **columns, quality_status=status))
        document = {"lot_polyol": "L1" if number < 2 else "L2", "order_id": f"A{number // 3}"}
        more = {"mold_id": mold, "shot_id": f"n{number}", "shot_key": key, "received_at": None}
        await history.give(event_row(press, "poured", at, document, **more))  # type: ignore[arg-type]

    async def numbers(**filters: Any) -> str:
        rows = await page_of_shots(history.reader, ShotQuery(**filters))
        return "".join(str(row["shot_id"])[1:] for row in rows)

    assert await numbers() == "543210"
    assert await numbers(limit=2, offset=1) == "43"
    assert await numbers(since=NOW + timedelta(minutes=2), until=NOW + timedelta(minutes=4)) == "32"
    assert await numbers(mold_id="M", system_id="R1") == "20"
    assert await numbers(lot="L1") == "10"
    assert await numbers(lot="L2", order_id="A0") == "2"
    assert await numbers(quality_status="FAIL") == "5"
    assert await numbers(press="q") == ""
    known = await known_pours(history.reader, "s", "p", ["n1", "n4", "no"])
    assert {row["shot_id"] for row in known} == {"n1", "n4"}
    assert await known_pours(history.reader, "s", "other", ["n1"]) == []


async def test_imported_shots_are_there_once(history: Opened) -> None:
    target = IntoHistory(history.settings, "mes", "the history")
    bundle = Bundle(
        path=Path("table shots: row 1"),
        meta=Meta(shot_id="a", system_id="R1", mold_id="M", site="s", line_id="p",
                  timestamp_start=NOW, lot_polyol="L1"),
        recipe=Recipe(m_polyol_kg=1.0, m_iso_kg=1.1),
        t_demold_actual_s=240.0,
        series={1.0: {"T_core_C": 30.0}, 2.0: {"T_core_C": 90.0, "p_cavity_bar": 1.2}},
        quality={"rho_moulded_kg_per_m3": 60.0},
    )  # fmt: skip
    assert await target.put([(bundle, False)]) == Taken()
    assert await target.put([(bundle, False)]) == Taken(there=[bundle])
    corrected = await target.put([(bundle, True)])
    counts = {"events and readings not sent again": 1}
    assert corrected == Taken(has_readings=[bundle], counts=counts)
    await target.close()
    other = IntoHistory(history.settings, "other", "the history")
    assert await other.put([(bundle, False)]) == Taken(there=[bundle])
    await other.close()
    renamed = replace(bundle, meta=bundle.meta.model_copy(update={"line_id": "q"}))
    again = IntoHistory(history.settings, "mes", "the history")
    ((doubtful, column, words),) = (await again.put([(renamed, False)])).doubtful
    await again.close()
    assert (doubtful, column) == (renamed, "press")
    assert "at s/p" in words
    found = await history.reader.shot("a")
    (row,) = found["shot"]
    assert (row["outcome"], row["T_core_max_C"], row["received_at"]) == ("demolded", 90.0, None)
    assert [one["kind"] for one in found["event"]] == ["poured", "demolded"]
    assert [one["device_id"] for one in found["telemetry"]] == ["import-mes"] * 2
    assert [one["shot_key"] for one in found["quality"]] == [row["shot_key"]]
    (listed,) = await page_of_shots(history.reader, ShotQuery(lot="L1"))
    assert listed["shot_key"] == row["shot_key"]


async def test_an_import_is_taken_back_alone(history: Opened) -> None:
    def imported(shot_id: str, minute: int) -> Bundle:
        return Bundle(
            path=Path("table shots"),
            meta=Meta(shot_id=shot_id, system_id="R1", mold_id="M", site="s", line_id="p",
                      timestamp_start=NOW + timedelta(minutes=minute)),
            recipe=Recipe(m_polyol_kg=1.0, m_iso_kg=1.1),
            t_demold_actual_s=240.0,
            series={1.0: {"T_core_C": 30.0}, 2.0: {"T_core_C": 90.0}},
            quality={"rho_moulded_kg_per_m3": 60.0},
        )  # fmt: skip

    for source, names in (("mes", "ab"), ("other", "c")):
        target = IntoHistory(history.settings, source, "the history")
        await target.put([(imported(name, ord(name)), False) for name in names])
        await target.close()
    ((key,),) = [[one["shot_key"] for one in (await history.reader.shot("b"))["shot"]]]
    late = QualityRecord(ts=NOW, shot_id="b", mold_id="M", H_24h_shore=55.0)
    await history.give(quality_row(PressAddress("s", "p"), late, key, NOW))
    await history.put(frame(1), shot(shot_id="x"), prediction(1, "final", shot_id="x"))
    before = {name: await history.reader.shot(name) for name in "bcx"}
    counted = await brought_by(history.reader, "import-mes")
    assert (counted.taken_count, counted.rows) == (1, {})
    assert counted.staying == {"s/p/b": "the laboratory has told an agent of it"}
    taken = await take_back(history.settings, "import-mes", lambda done: None)
    assert taken.rows == {"telemetry": 2, "quality": 1, "event": 2, "shot": 1}
    assert (taken.taken_count, taken.staying) == (1, counted.staying)
    gone = await history.reader.shot("a")
    assert [row["device_id"] for row in gone["telemetry"]] == ["d"], "an agent's, of the same id"
    assert not gone["shot"] + gone["quality"] + gone["event"]
    for name in "bcx":
        assert await history.reader.shot(name) == before[name]
