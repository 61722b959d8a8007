"""Remembered shots as they are handed over: exact, and read as far as they fit."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from edge_agent.inference.earlier_rows import POURED, Earlier, Record
from edge_agent.inference.memory_document import MemoryDocument, events_of, packed, shots_of
from edge_agent.logged_shots.logged_event import LoggedEvent

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
ROW = Earlier(
    key=("s", "p1", "M", "S1", "0" * 20),
    poured_at_s=START.timestamp(),
    poured={name: 0.1 + number / 3 for number, name in enumerate(POURED)},
    basis="SYSTEM_R1 abc def",
    closed_at_s=START.timestamp() + 300.0,
    end_known_s=START.timestamp() + 301.5,
    opened=True,
    measured={"meas_p_max_bar": 2.1},
    records=[Record(at_s=5.0, numbers={"rho_moulded_kg_per_m3": 61.3}, defects=("void",))],
    said={"p_max": (0.1, None, 0.1, 0.2, 0.05, 0.9)},
)
EVENT = LoggedEvent(site="s", press="p1", kind="maintenance", ts=START, known_at=START)


def test_what_is_packed_comes_back() -> None:
    states = {"p_max": {"count": 3}}
    document = MemoryDocument.model_validate_json(packed([ROW], [EVENT], states))
    assert list(shots_of(document)) == [ROW]
    assert list(events_of(document)) == [EVENT]
    assert document.intervals == states


def test_another_version_is_read_as_far_as_it_fits() -> None:
    text = json.loads(packed([ROW, ROW]))
    text["columns"].append("sim_of_tomorrow")
    text["shots"][0]["poured"].append(1.0)
    text["shots"][0]["of_tomorrow"] = {"x": 1}
    text["shots"][1]["records"] = "none"
    text["of_tomorrow"] = 7
    text["events"] = [{"kind": 1}]
    document = MemoryDocument.model_validate_json(json.dumps(text))
    (row,) = shots_of(document)
    assert row.poured == ROW.poured | {"sim_of_tomorrow": 1.0}
    assert list(events_of(document)) == []


def test_rows_of_one_shot_add_up() -> None:
    early = ROW.model_copy(update={"closed_at_s": None, "measured": {}, "records": []})
    later = ROW.model_copy(update={"said": {}})
    assert early.with_more_of(later).closed_at_s == ROW.closed_at_s
    assert early.with_more_of(later).records == ROW.records
    assert later.with_more_of(early) == later, "what was held against its result stays so"
    assert later.with_more_of(later) == later
    other = ROW.model_copy(update={"basis": "another", "poured": {POURED[0]: 9.0}})
    assert later.with_more_of(other) == later
    renewed = ROW.with_more_of(other, renewed=True)
    assert (renewed.basis, renewed.poured, renewed.said) == ("another", {POURED[0]: 9.0}, {})


def test_an_event_told_again_is_the_same() -> None:
    again = EVENT.model_copy(update={"known_at": START + timedelta(hours=1)})
    assert again.is_as(EVENT)
    assert not again.model_copy(update={"kind": "cleaning"}).is_as(EVENT)


@pytest.mark.parametrize("at_s", [1e300, -1e14, float("nan")])
def test_a_row_with_a_moment_that_cannot_be_is_left_out(at_s: float) -> None:
    text = json.loads(packed([ROW, ROW]))
    text["shots"][0]["records"][0]["at_s"] = at_s
    document = MemoryDocument.model_validate_json(json.dumps(text))
    assert list(shots_of(document)) == [ROW]


def test_an_event_without_a_time_zone_is_left_out() -> None:
    text = json.loads(packed([], [EVENT, EVENT]))
    text["events"][0]["ts"] = "2026-01-01T00:00:00"
    document = MemoryDocument.model_validate_json(json.dumps(text))
    assert list(events_of(document)) == [EVENT]
