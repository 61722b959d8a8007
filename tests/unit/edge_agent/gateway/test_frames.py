"""Frames: what travels together, what is said again, what is left out, and their times."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.stations import (
    at,
    check_contract,
    feed,
    frames,
    run_until,
    sample,
    settings,
    translator,
)

FIXED: dict[str, Any] = {"mold": "M-01"}


def _station(**more: Any):
    frame_settings = {"repeat_s": 0, **more}
    return translator(settings(FIXED, frames=frame_settings))


def _told(station, *batches, until_s=100.0):
    """Hand over batches: seconds of arrival, and samples."""
    drafts = []
    for when, *samples in batches:
        drafts += run_until(station, at(when))
        drafts += station.take("plc", samples, at(when))
    drafts += run_until(station, at(until_s))
    check_contract(drafts)
    return drafts


def test_readings_that_are_close_in_time_are_one_frame_with_the_newest_time():
    drafts = _told(
        _station(),
        (1.0, sample("t_mold", 1.0, 40.0), sample("mode", 1.04, "AUTO")),
        (1.045, sample("p_cav", 1.03, 101.3)),
        (2.0, sample("t_mold", 2.0, 41.0)),
    )

    first, second = frames(drafts)
    assert first["ts"] == "2026-05-04T08:00:01.040000Z"
    assert first["sensors"] == {"T_mold_C": 40.0, "p_cavity_bar": 1.013}
    assert first["status"] == {"mode": "AUTO"}
    assert first["mold_id"] == "M-01"
    assert second["sensors"] == {"T_mold_C": 41.0}


def test_two_values_of_a_tag_are_two_frames_however_close():
    drafts = _told(_station(), (1.0, *(sample("t_mold", 1 + n / 1000, 40.0 + n) for n in range(5))))

    assert [frame["sensors"]["T_mold_C"] for frame in frames(drafts)] == [40, 41, 42, 43, 44]


def test_a_frame_goes_when_its_time_is_over_and_a_complete_one_at_once():
    station = _station(together_ms=200)

    assert station.take("plc", [sample("t_mold", 1, 40.0)], at(1)) == []
    assert station.next_due(at(1)) == at(1.2)
    assert station.tick(at(1.1)) == []
    assert len(station.tick(at(1.2))) == 1

    all_tags = [
        sample("t_mold", 2, 40.0),
        sample("p_cav", 2, 101.3),
        sample("count", 2, 7),
        sample("mode", 2, "AUTO"),
    ]
    assert len(station.take("plc", all_tags, at(2))) == 1


def test_a_sample_that_comes_again_is_no_reading():
    one = sample("t_mold", 1, 40.0)

    assert len(_told(_station(), (1, one), (2, one), (3, sample("t_mold", 1, 99.0)))) == 1


def test_what_has_not_changed_is_said_again_while_the_link_is_there():
    station = _station(repeat_s=10)

    drafts = _told(station, (1, sample("t_mold", 1, 40.0), sample("mode", 1, "AUTO")), until_s=32)
    assert [draft.ts for draft in drafts] == [at(1), at(10), at(20), at(30)]
    assert all(draft.document["sensors"] == {"T_mold_C": 40.0} for draft in drafts)

    (lost,) = station.lost("plc", at(33))
    assert lost.document["left_out"]["T_mold_C"] == {
        "reason": "no-value",
        "words": "plc.t_mold: the link to plc is lost",
    }
    assert station.next_due(at(33)) is None
    assert station.lost("plc", at(34)) == []

    drafts = _told(station, (100, sample("t_mold", 1, 40.0)), until_s=101)
    assert [draft.document["sensors"] for draft in drafts] == [{"T_mold_C": 40.0}]
    assert drafts[0].ts == at(99)


def test_a_fault_is_said_once_and_again_as_repeat_s_says():
    bad = [sample("t_mold", 2 + n, None, "BadSensorFailure") for n in range(4)]

    drafts = feed(_station(repeat_s=10), [sample("t_mold", 1, 40.0), *bad], until_s=23)

    assert [frame.get("left_out", {}) for frame in frames(drafts)] == [
        {},
        *2 * [{"T_mold_C": {"reason": "no-value", "words": "plc.t_mold: BadSensorFailure"}}],
        *[{"T_mold_C": {"reason": "no-value", "words": "plc.t_mold: BadSensorFailure"}}],
    ]


def test_an_impossible_value_is_said_once_however_it_changes():
    values = [sample("t_mold", n / 10, 3276.7 + n / 10) for n in range(1, 100)]

    drafts = feed(_station(repeat_s=4), values, until_s=10)

    assert len(drafts) == 3
    assert all(frame["left_out"]["T_mold_C"]["reason"] == "impossible" for frame in frames(drafts))


def test_a_good_value_after_a_fault_with_the_old_time_is_said():
    station = _station(repeat_s=10)

    drafts = _told(
        station,
        (1, sample("t_mold", 1, 40.0)),
        (3, sample("t_mold", 3, None, "BadCommunicationError")),
        (5, sample("t_mold", 1, 40.0)),
        until_s=6,
    )

    assert "sensors" in drafts[-1].document
    assert len(drafts) == 3


def test_history_is_marked_and_does_not_move_what_is_live():
    drafts = _told(
        _station(),
        (60, *(sample("t_mold", n, 40.0 + n, historical=True) for n in range(1, 6))),
        (60, sample("t_mold", 60, 50.0)),
        (61, sample("p_cav", 30, 101.0, historical=True)),
        (62, sample("t_mold", 62, 51.0)),
    )

    assert [(draft.ts, draft.historical) for draft in drafts] == [
        *((at(n), True) for n in range(1, 6)),
        (at(60), False),
        (at(30), True),
        (at(62), False),
    ]


def test_a_reading_that_comes_behind_newer_ones_is_historical():
    drafts = _told(
        _station(),
        (1, sample("t_mold", 1, 40.0)),
        (2, sample("t_mold", 2, 41.0)),
        (3, sample("p_cav", 1.5, 101.0)),
    )

    assert [draft.historical for draft in drafts] == [False, False, True]


def test_a_backlog_that_comes_after_what_is_new_fills_the_gap_once():
    backlog = [sample("t_mold", n, 40.0 + n) for n in range(2, 20)]

    drafts = _told(
        _station(),
        (1, sample("t_mold", 1, 40.0)),
        (21, sample("t_mold", 21, 60.0)),
        (22, sample("t_mold", 22, 61.0), *backlog),
        (23, *backlog, sample("t_mold", 23, 62.0)),
    )

    assert len(drafts) == 4 + len(backlog)
    assert sum(draft.historical for draft in drafts) == len(backlog)


def test_what_is_historical_fills_the_gap_of_one_tag_while_others_go_on():
    """A device behind a Sparkplug edge node was away; its backlog comes after its birth."""
    backlog = [sample("t_mold", n, 40.0 + n, historical=True) for n in (3, 4, 5)]
    others = [(n, sample("p_cav", n, 100.0 + n)) for n in (1, 2, 3, 4, 5, 6)]

    drafts = _told(
        _station(),
        (0.5, sample("t_mold", 0.5, 40.0)),
        *others,
        (6.2, sample("t_mold", 6.2, None, "device press is dead")),
        (7, sample("t_mold", 7, 60.0)),
        (8, *backlog),
        (9, *backlog, sample("t_mold", 2, 1.0), sample("t_mold", 0.5, 2.0, historical=True)),
    )

    read = [frame.get("sensors", {}) for frame in frames(drafts)]
    found = [sensors["T_mold_C"] for sensors in read if "T_mold_C" in sensors]
    assert sorted(found) == [40.0, 43.0, 44.0, 45.0, 60.0]
    assert sum(draft.historical for draft in drafts) == len(backlog)


def test_a_clock_that_is_set_back_is_taken_over_within_seconds():
    station = _station()
    before = [(n, sample("t_mold", 3600 + n, 40.0)) for n in range(10)]
    after = [(n, sample("t_mold", n, 41.0 + n)) for n in range(10, 20)]

    drafts = _told(station, *before, *after)

    assert [draft.ts for draft in drafts[10:]] == [at(n) for n in range(10, 20)]
    assert "was set back by 60 min" in station.trace.lines[-1].words


def test_a_wrong_clock_does_not_make_all_readings_historical():
    """An hour behind, and a fault whose time is of our clock."""
    station = _station(repeat_s=5)
    drafts = _told(
        station,
        (3600, sample("t_mold", -5, 40.0), sample("p_cav", 3600, None, "BadNoCommunication")),
        *((3600 + n, sample("t_mold", n, 40.0 + n)) for n in range(1, 20)),
        until_s=3620,
    )

    assert not any(draft.historical for draft in drafts)
    assert len(drafts) >= 20


def test_a_value_of_unknown_age_is_no_reading():
    assert _told(_station(), (1, sample("t_mold", 1, 40.0, unknown_age=True))) == []


def test_times_of_arrival_are_marked():
    (draft,) = _told(_station(), (1, sample("t_mold", 1, 40.0, of_arrival=True)))

    assert draft.document["ts_of_arrival"] is True


def test_the_mold_at_the_moment_of_the_frame():
    station = translator(settings(frames={"repeat_s": 0}))

    drafts = _told(
        station,
        (1, sample("mold", 1, 7), sample("t_mold", 1, 40.0)),
        (2, sample("mold", 2, 8), sample("t_mold", 2, 41.0)),
        (3, sample("t_mold", 1.5, 42.0, historical=True)),
        (4, sample("mold", 4, None, "Bad"), sample("t_mold", 4, 43.0)),
    )

    molds = [draft.document.get("mold_id") for draft in drafts]
    assert molds == ["M-7", "M-8", None]


@pytest.mark.parametrize("value", [True, "40,1", "warm"])
def test_a_wrong_type_costs_the_channel_alone(value):
    (frame,) = frames(_told(_station(), (1, sample("t_mold", 1, value), sample("p_cav", 1, 101.0))))

    assert frame["sensors"] == {"p_cavity_bar": 1.01}
    assert frame["left_out"]["T_mold_C"]["reason"] == "not-a-number"


def test_two_sources_have_a_device_each():
    of = settings(
        {**FIXED, "status": {}, "metrics": {}, "sensors": {"T_mold_C": "plc.t_mold"}},
        sources={
            "plc": {"kind": "opcua", "url": "opc.tcp://x:1", "tags": {"t_mold": {"node": "i=1"}}},
            "tcu": {"kind": "modbus", "host": "x", "tags": {"t": {"address": 1}}},
        },
    )
    both = of.stations["press"].model_copy(
        update={"sensors": {"T_mold_C": "plc.t_mold", "T_mold_C.2": "tcu.t"}}
    )
    station = translator(of.model_copy(update={"stations": {"press": both}}))

    drafts = station.take("plc", [sample("t_mold", 1, 40.0)], at(1))
    drafts += station.take("tcu", [sample("t", -180, 41)], at(1))
    drafts += station.tick(at(2))

    assert {draft.device: draft.historical for draft in drafts} == {
        "press-plc": False,
        "press-tcu": False,
    }
