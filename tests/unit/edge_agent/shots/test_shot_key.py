"""The identity of a shot: the same for the same first event, another one for any other."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from broker.messages import Recipe, ShotEvent, TelemetryFrame
from broker.topics import PressAddress, TopicSpace
from edge_agent.clock import SystemClock
from edge_agent.monitoring.shot_alerts import no_pour
from edge_agent.monitoring.shot_kpis import kpis_of
from edge_agent.pipeline.assemble import Assembler
from edge_agent.pipeline.publish import Publisher
from edge_agent.pipeline.results import Results
from edge_agent.shots.scenario import hold
from edge_agent.shots.shot import Shot
from edge_agent.shots.shot_key import key_of_older, shot_key
from edge_agent.spool.spool import Spool
from edge_agent.spool.thread import SpoolThread
from tests.support.feature_rows import shots_of
from tests.support.shots import rows_of, write_history
from twin_core.errors import InputError

PRESS = PressAddress("site", "press")
TS = datetime(2026, 5, 4, 8, 0, 5, tzinfo=UTC)
KEY = shot_key(PRESS, "M1", "17", "started", TS)


def test_it_is_as_documented() -> None:
    """Computed by ``printf %s site/press/M1/17/started/2026-05-04T08:00:05.000000Z | sha256sum``"""
    assert KEY == "a7cd6217030e24f91f40"


def test_a_time_is_the_same_in_any_zone() -> None:
    local = TS.astimezone(timezone(timedelta(hours=2)))
    assert shot_key(PRESS, "M1", "17", "started", local) == KEY


@pytest.mark.parametrize(
    "other",
    [
        (PressAddress("site", "other"), "M1", "17", "started", TS),
        (PressAddress("other", "press"), "M1", "17", "started", TS),
        (PRESS, "M2", "17", "started", TS),
        (PRESS, "M1", "18", "started", TS),
        (PRESS, "M1", "17", "poured", TS),
        (PRESS, "M1", "17", "started", TS + timedelta(microseconds=1)),
    ],
)
def test_any_other_event_makes_another_key(
    other: tuple[PressAddress, str, str, str, datetime],
) -> None:
    assert shot_key(*other) != KEY


def _event(kind: str, ts: datetime) -> ShotEvent:
    pour = {"system_id": "S", "recipe": Recipe(m_polyol_kg=1.0, m_iso_kg=1.0)}
    return ShotEvent.model_validate(
        {"ts": ts, "shot_id": "17", "mold_id": "M1", "event": kind}
        | (pour if kind == "poured" else {})
    )


def test_the_first_event_makes_the_key_and_no_later_one_changes_it() -> None:
    assembler = Assembler([], signal_age_max_s=600, timeout_s=3600)
    (shot,) = assembler.event(PRESS, _event("started", TS))
    assert shot.shot_key == KEY
    assembler.event(PRESS, _event("poured", TS + timedelta(seconds=5)))
    assembler.event(PRESS, _event("started", TS - timedelta(seconds=5)))
    assembler.event(PRESS, _event("demolded", TS + timedelta(seconds=300)))
    (shot,) = [shot for shot in assembler.shots if shot.outcome == "demolded"]
    assert shot.shot_key == KEY
    assert Shot.model_validate(shot.model_dump(mode="json")).shot_key == KEY


def test_a_shot_of_an_older_spool_gets_the_key_of_its_pour() -> None:
    older = {"site": "site", "press": "press", "shot_id": "17", "mold_id": "M1"}
    poured = older | {"started_at": "2026-05-04T08:00:00Z", "poured_at": "2026-05-04T08:00:05Z"}
    key = shot_key(PRESS, "M1", "17", "poured", TS)
    assert Shot.model_validate(poured).shot_key == key
    assert key_of_older(PRESS, "M1", "17", poured_at=TS, closed_at=TS, outcome="aborted") == key
    ended = older | {"closed_at": "2026-05-04T08:00:05Z", "outcome": "aborted"}
    assert Shot.model_validate(ended).shot_key == shot_key(PRESS, "M1", "17", "aborted", TS)


def test_every_payload_and_row_about_a_shot_has_its_key() -> None:
    assembler = Assembler([], signal_age_max_s=600, timeout_s=3600)
    assembler.event(PRESS, _event("poured", TS))
    (shot,) = assembler.event(PRESS, _event("demolded", TS + timedelta(seconds=300)))
    shot.revision = 1
    frame = TelemetryFrame(
        ts=TS + timedelta(seconds=1), device_id="d", seq=1, mold_id="M1", sensors={"T_core_C": 30.0}
    )
    assert assembler.frame(PRESS, frame).shot is shot
    prediction = hold(shot, InputError("unknown"), "final", TS)
    spool = SpoolThread(Spool(Path(":memory:")))
    results = Results(TopicSpace(), "json", Publisher(spool, SystemClock()))
    results.telemetry(PRESS, frame, shot, TS)
    results.prediction(prediction, keep=True)
    results.poured(shot, TS)
    results.ended(kpis_of(shot, prediction), shot, TS)
    results.alert(no_pour(shot, TS))
    payloads = [json.loads(issued.entry.payload) for issued in results.batch.issued]
    rows = [json.loads(row.document) for row in results.batch.forward]
    assert len(payloads) == 3
    assert {row.kind for row in results.batch.forward} == {
        "telemetry",
        "prediction",
        "shot",
        "alert",
    }
    assert {document["shot_key"] for document in (*payloads, *rows)} == {shot.shot_key}
    spool.close()


def test_a_shot_id_that_comes_again_is_another_logged_shot(tmp_path: Path) -> None:
    """Readings go by their key; those of an older program by their id and time."""
    first, second = "0" * 20, "1" * 20
    rows = []
    for number, key in ((0, first), (1, second)):
        for kind, columns in rows_of(number, lab_after_s=400.0):
            own = {"shot_id": "S"} if "shot_id" in columns else {}
            keyed = {"shot_key": key if kind != "telemetry" or number else None}
            rows.append((kind, columns | own | keyed))
    path = asyncio.run(write_history(tmp_path / "history.db", rows))
    logged = shots_of(path)
    assert [len(shot.series["T_core_C"]) for shot in logged] == [20, 20]
    assert [[r.numbers["rho_moulded_kg_per_m3"] for r in shot.records] for shot in logged] == [
        [70.0],
        [71.0],
    ]
