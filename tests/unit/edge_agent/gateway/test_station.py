"""Shots of a station: which events are told, what they take along, and why some are not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.stations import (
    SHOTS,
    at,
    check_contract,
    events,
    feed,
    frames,
    run_until,
    sample,
    settings,
    translator,
)

QUIET = {"frames": {"repeat_s": 0}}


def _shots(**changes: Any) -> dict[str, Any]:
    return {name: one for name, one in {**SHOTS, **changes}.items() if one is not None}


def _beginning(**changes: Any):
    values = {
        "start": False, "pour": False, "demold": False, "abort": False, "mold": 7, "count": 41,
        "p_kg": 0.8, "i_kg": 900.0, "t_polyol": 24.5, "auto": True, "lot": "L-1",
    }  # fmt: skip
    return [sample(tag, 0, value) for tag, value in {**values, **changes}.items()]


def _run(shots, *samples, beginning=None, until_s=1000.0):
    station = translator(settings(shots=shots, **QUIET))
    ordered = sorted(samples, key=lambda one: one.ts)
    drafts = feed(station, [*(beginning or _beginning()), *ordered], until_s)
    check_contract(drafts)
    return station, drafts


def _cycle(started_s=10.0, poured_s=15.0, demolded_s=300.0):
    return [
        sample("start", started_s, True),
        sample("pour", started_s + 1, True),
        sample("start", started_s + 2, False),
        sample("pour", poured_s, False),
        sample("demold", demolded_s, True),
        sample("demold", demolded_s + 1, False),
    ]


def _reasons(station):
    return [(line.event, line.reason) for line in station.trace.lines if line.kind == "not"]


def _kinds(drafts):
    return [event["event"] for event in events(drafts)]


def test_a_shot_with_its_recipe():
    _, drafts = _run(SHOTS, *_cycle())

    started, poured, demolded = events(drafts)
    assert started["ts"] == "2026-05-04T08:00:10Z"
    assert poured == {
        "v": 1, "ts": "2026-05-04T08:00:15Z", "shot_id": "S-41", "mold_id": "M-7",
        "event": "poured", "system_id": "SYSTEM_R1",
        "recipe": {"m_polyol_kg": 0.8, "m_iso_kg": 0.9, "T_polyol_C": 24.5},
    }  # fmt: skip
    assert (demolded["event"], demolded["shot_id"]) == ("demolded", "S-41")


def test_a_shot_without_a_start_still_is_one_and_an_end_without_a_pour_is_none():
    station, drafts = _run(
        _shots(started=None), sample("demold", 5, True), sample("demold", 6, False), *_cycle()
    )

    assert _kinds(drafts) == ["poured", "demolded"]
    assert _reasons(station) == [("demolded", "no-shot")]


def test_an_abort_ends_a_shot_that_was_only_started():
    shots = _shots(aborted={"tag": "plc.abort", "when": "rises"})

    station, drafts = _run(
        shots, sample("start", 10, True), sample("abort", 12, True), sample("abort", 13, False),
        sample("abort", 14, True),
    )  # fmt: skip

    assert _kinds(drafts) == ["started", "aborted"]
    assert _reasons(station) == [("aborted", "no-shot")]


@pytest.mark.parametrize(
    ("trigger", "samples", "reason"),
    [
        ({"while": [{"tag": "plc.auto", "when": "rises"}]}, [("auto", 5, False)], "while-not-held"),
        ({"while": [{"tag": "plc.mode", "when": "equals", "value": "RUN"}]}, [], "while-not-held"),
        ({"for_s": 2}, [("pour", 16, True)], "not-long-enough"),
        ({"after": "started", "not_before_s": 8}, [], "too-early"),
    ],
)
def test_why_a_pour_did_not_begin(trigger, samples, reason):
    shots = _shots(poured={"tag": "plc.pour", "when": "falls", **trigger})

    station, drafts = _run(shots, *_cycle(), *(sample(*one) for one in samples))

    assert "poured" not in _kinds(drafts)
    assert ("poured", reason) in _reasons(station)
    words = next(line.words for line in station.trace.lines if line.reason == reason)
    assert words.startswith("plc.pour falls at 2026-05-04T08:00:15Z, but ")


def test_after_started_counts_for_each_shot_anew():
    shots = _shots(poured={"tag": "plc.pour", "when": "falls", "after": "started"})
    again = [sample("pour", 400, True), sample("pour", 410, False)]

    station, drafts = _run(shots, *_cycle(), *again)

    assert _kinds(drafts).count("poured") == 1
    assert ("poured", "not-after-started") in _reasons(station)


def test_the_time_is_when_it_began_to_hold():
    shots = _shots(
        started=None, demolded=None,
        poured={"tag": "plc.t_polyol", "when": "above", "value": 30, "for_s": 5},
    )  # fmt: skip
    values = [(20, 31.0), (21, 29.0), (22, 33.0), (24, 34.0), (30, 20.0)]

    _, drafts = _run(shots, *(sample("t_polyol", s, value) for s, value in values))

    assert [event["ts"] for event in events(drafts)] == ["2026-05-04T08:00:22Z"]


def test_two_pours_within_debounce_s_are_one():
    bounce = [sample("pour", 15.1, True), sample("pour", 15.3, False)]

    station, drafts = _run(SHOTS, *_cycle(), *bounce)

    assert _kinds(drafts).count("poured") == 1
    assert ("poured", "debounced") in _reasons(station)


def test_a_value_that_is_bad_is_a_gap_of_the_recipe():
    _, drafts = _run(SHOTS, sample("t_polyol", 12, None, "BadSensorFailure"), *_cycle())

    poured = events(drafts)[1]
    assert poured["recipe"]["T_polyol_C"] is None
    assert poured["left_out"]["T_polyol_C"]["reason"] == "no-value"
    assert "BadSensorFailure" in poured["left_out"]["T_polyol_C"]["words"]


@pytest.mark.parametrize(
    ("value", "reason"), [(None, "no-value"), (0.0, "impossible"), ("0,8", "not-a-number")]
)
def test_a_pour_without_its_mass_is_refused_aloud(value, reason):
    fault = "" if value is not None else "BadSensorFailure"
    bad = sample("p_kg", 12, value, fault)

    station, drafts = _run(SHOTS, bad, *_cycle(), *_cycle(400, 410, 600), until_s=1000)

    assert _kinds(drafts) == ["started", "started"]
    left_out = [frame.get("left_out", {}) for frame in frames(drafts)]
    told = [left for left in left_out if "m_polyol_kg" in left]
    assert told[0]["m_polyol_kg"]["reason"] == reason
    assert _reasons(station)[:2] == [("poured", "mass-missing"), ("demolded", "pour-not-told")]
    assert station.trace.counts["poured:mass-missing"] == 2


def test_masses_that_the_machine_writes_after_the_pour():
    late = [sample("p_kg", 15.2, 0.95)]

    station, drafts = _run(SHOTS, *_cycle(), *late)
    assert events(drafts)[1]["recipe"]["m_polyol_kg"] == 0.8
    assert any(line.reason == "written-later" for line in station.trace.lines)

    station, drafts = _run(_shots(read_after_s=0.5), *_cycle(), *late)
    assert events(drafts)[1]["recipe"]["m_polyol_kg"] == 0.95
    assert events(drafts)[1]["ts"] == "2026-05-04T08:00:15Z"
    assert not any(line.reason == "written-later" for line in station.trace.lines)


def test_lots_order_and_system_from_tags():
    shots = _shots(
        lot_polyol={"tag": "plc.lot"},
        order_id={"tag": "plc.mode"},
        system_id={"tag": "plc.count", "names": {"41": "SYSTEM_M1"}},
    )

    station, drafts = _run(shots, *_cycle(), *_cycle(400, 410, 600), sample("count", 350, 42))

    poured = events(drafts)[1]
    assert (poured["lot_polyol"], poured["system_id"]) == ("L-1", "SYSTEM_M1")
    assert "order_id" not in poured
    assert ("poured", "system_id-missing") in _reasons(station)


def test_the_mold_at_the_pour_decides_and_the_end_is_of_the_shot_in_it():
    """A turntable: the next mold is poured before the first one is opened."""
    samples = [
        sample("pour", 10, True), sample("pour", 12, False),
        sample("mold", 20, 8), sample("count", 20, 42),
        sample("pour", 30, True), sample("pour", 32, False),
        sample("mold", 100, 7), sample("demold", 101, True), sample("demold", 102, False),
        sample("mold", 200, 8), sample("demold", 201, True),
    ]  # fmt: skip

    _, drafts = _run(_shots(started=None), *samples)

    assert [(e["event"], e["shot_id"], e["mold_id"]) for e in events(drafts)] == [
        ("poured", "S-41", "M-7"),
        ("poured", "S-42", "M-8"),
        ("demolded", "S-41", "M-7"),
        ("demolded", "S-42", "M-8"),
    ]


def test_a_bit_that_is_on_at_the_beginning_is_no_shot():
    shots = _shots(poured={"tag": "plc.pour", "when": "rises"})

    station, drafts = _run(shots, sample("demold", 5, True), beginning=_beginning(pour=True))

    assert events(drafts) == []
    assert ("poured", "already-so") in [(one.event, one.reason) for one in station.trace.lines]


def test_a_retained_value_of_unknown_age_begins_nothing_but_says_how_things_stand():
    shots = _shots(started=None, demolded=None)
    beginning = [sample(one.tag, 0, one.value, unknown_age=True) for one in _beginning(pour=True)]

    _, drafts = _run(shots, sample("pour", 15, False), beginning=beginning)

    assert [(e["event"], e["mold_id"]) for e in events(drafts)] == [("poured", "M-7")]


def test_a_lost_link_is_no_value_of_a_recipe_until_the_value_comes_again():
    station = translator(settings(shots=_shots(started=None), **QUIET))
    drafts = feed(station, _beginning(), 5)
    station.lost("plc", at(6))
    again = [sample("pour", 0, False), sample("p_kg", 0, 0.8), sample("i_kg", 0, 900.0)]
    station.take("plc", again, at(60))
    station.take("plc", [sample("pour", 61, True), sample("mold", 61, 7)], at(61))
    station.take("plc", [sample("pour", 63, False)], at(63))
    drafts += run_until(station, at(70))

    (poured,) = events(drafts)
    assert poured["recipe"] == {"m_polyol_kg": 0.8, "m_iso_kg": 0.9, "T_polyol_C": None}
    assert "the link to plc is lost" in poured["left_out"]["T_polyol_C"]["words"]


def test_readings_name_the_shot_between_pour_and_demolding_only():
    readings = [sample("t_mold", s, 40.0 + s / 100) for s in (5, 12, 20, 100, 310)]

    _, drafts = _run(SHOTS, *_cycle(), *readings)
    of_mold = [frame for frame in frames(drafts) if "sensors" in frame]
    assert [frame.get("shot_id") for frame in of_mold] == [None, None, "S-41", "S-41", None]

    _, drafts = _run(_shots(demolded=None), *_cycle(), *readings)
    assert not any("shot_id" in frame for frame in frames(drafts))


def test_a_text_where_a_truth_value_belongs_is_told():
    station, drafts = _run(SHOTS, sample("pour", 10, "yes"), sample("pour", 12, "no"))

    assert events(drafts) == []
    assert "not-a-number" in [line.reason for line in station.trace.lines]


def test_a_backlog_of_shots_is_historical():
    station = translator(settings(shots=_shots(settle_s=0.5), **QUIET))
    feed(station, _beginning(), 5)
    backlog = [
        sample(one.tag, (one.ts - at(0)).total_seconds(), one.value, historical=True)
        for one in sorted(_cycle(), key=lambda one: one.ts)
    ]

    drafts = station.take("plc", backlog, at(3600)) + station.tick(at(3601))

    assert [draft.historical for draft in drafts if draft.kind == "shot"] == [True, True, True]


def test_a_noisy_tag_is_one_line_of_the_trace():
    shots = _shots(poured={"tag": "plc.t_mold", "when": "above", "value": 30, "for_s": 5})
    noise = [sample("t_mold", 10 + n / 10, 29.5 + n % 2) for n in range(80)]

    station, _ = _run(shots, *noise)

    assert station.trace.counts["poured:not-long-enough"] == 39
    assert _reasons(station).count(("poured", "not-long-enough")) == 1


def test_a_state_of_another_mapping_is_no_error():
    station, _ = _run(SHOTS, *_cycle(), until_s=10.2)
    other = settings({"mold": "M-1", "sensors": {"T_core_C": "plc.t_mold"}}, **QUIET)

    again = translator(other, station.state())

    assert again.take("plc", [sample("t_mold", 500, 40.0)], at(500)) == []


@pytest.mark.parametrize("outage_s", [20, 600])
def test_a_pour_of_a_backlog_waits_until_the_source_says_what_still_holds(outage_s):
    """Killed after the recipe was read; the weights do not change while the gateway is away."""
    of = settings(shots=_shots(started=None, demolded=None), **QUIET)
    station = translator(of)
    feed(station, _beginning(), 5)
    station = translator(of, station.state())
    back = outage_s + 100.0
    drafts = station.lost("plc", at(back))
    backlog = [
        sample("pour", 10, True),
        sample("pour", 12, False),
        sample("t_mold", outage_s, 40.0),
    ]
    for one in backlog:
        drafts += station.take(
            "plc", [sample(one.tag, (one.ts - at(0)).total_seconds(), one.value, historical=True)],
            at(back),
        )  # fmt: skip
    drafts += run_until(station, at(back + 5))
    assert events(drafts) == []

    drafts += station.take("plc", _beginning(), at(back + 6)) + station.tick(at(back + 10))

    (poured,) = events(drafts)
    assert poured["ts"] == "2026-05-04T08:00:12Z"
    assert poured["recipe"] == {"m_polyol_kg": 0.8, "m_iso_kg": 0.9, "T_polyol_C": 24.5}


def test_a_source_that_never_says_what_holds_is_not_waited_for_long():
    station = translator(settings(shots=_shots(started=None, demolded=None), **QUIET))
    feed(station, _beginning(), 5)
    drafts = station.lost("plc", at(100))
    for seconds, value in ((10, True), (12, False)):
        one = sample("pour", seconds, value, historical=True)
        drafts += station.take("plc", [one], at(100))

    drafts += run_until(station, at(121))

    assert station.next_due(at(121)) is None
    assert _reasons(station) == [("poured", "mass-missing")]


def test_a_text_that_is_no_mold_is_told_once():
    station = translator(settings({"mold": {"tag": "plc.mold"}}, **QUIET))
    readings = [sample("t_mold", at_s, 40 + at_s) for at_s in range(1, 9)]

    drafts = feed(station, [sample("mold", 0, "A/1"), *readings], 20.0)

    assert drafts
    assert not any("mold_id" in one.document for one in drafts)
    (line,) = station.fetch_trace()
    assert (line.kind, line.reason) == ("note", "no-mold")
    assert "plc.mold is no id: '/' in 'A/1', character 2" in line.words
