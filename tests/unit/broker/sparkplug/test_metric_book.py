"""The book of metrics: aliases that stay, what changed, what is late, bad or stale."""

from __future__ import annotations

import pytest

from broker.sparkplug.metric_book import BD_SEQ_ALIAS, DEVICE_METRICS_MAX, MetricBook
from broker.sparkplug.metric_specs import OF_MOLDS, REBIRTH
from broker.sparkplug.mold_metrics import Reading


def core(value: float | None, quality: int = 192) -> list[Reading]:
    return [Reading("Live/T_core_C", value, quality)]


def test_only_what_changes_is_given() -> None:
    book = MetricBook()
    changed, late = book.take("m", core(20.0), 10, 10)
    assert [(kept.spec.name, one.value) for kept, one in changed] == [("Live/T_core_C", 20.0)]
    assert not late
    assert book.take("m", core(20.0), 20, 20) == ([], False)
    assert len(book.take("m", core(21.0), 30, 30)[0]) == 1
    assert len(book.take("m", core(None, 0), 40, 40)[0]) == 1


def test_what_is_older_is_late_and_changes_nothing() -> None:
    book = MetricBook()
    book.take("m", core(20.0), 100, 100)
    changed, late = book.take("m", core(10.0), 50, 110)
    assert (len(changed), late) == (1, True)
    kept = book.devices["m"].metrics["Live/T_core_C"]
    assert (kept.value, kept.at_ms) == (20.0, 100)


def test_aliases_are_unique_in_the_node_and_stay() -> None:
    book = MetricBook()
    book.take("m", core(20.0), 1, 1)
    book.take("n", core(20.0), 1, 1)
    kept = {name or "": book.kept(name) for name in book.devices}
    aliases = [alias for names in kept.values() for alias in names.values()]
    assert len(set(aliases)) == len(aliases)
    assert BD_SEQ_ALIAS not in aliases
    again = MetricBook(kept)
    again.take("n", [Reading("Live/T_mold_C", 1.0)], 1, 1)
    again.take("m", core(20.0), 1, 1)
    assert again.kept("m") == kept["m"]
    assert again.kept("n")["Live/T_mold_C"] not in aliases


def test_a_book_of_an_older_program_gets_what_is_new() -> None:
    book = MetricBook({"m": {"Live/T_core_C": 700, "Gone/metric": 701, "State/phase": "x"}})  # type: ignore[dict-item]
    names = book.kept("m")
    assert names["Live/T_core_C"] == 700
    assert {spec.name for spec in OF_MOLDS} <= names.keys()
    assert "Gone/metric" not in names


@pytest.mark.parametrize("device", [None, "m"])
def test_no_alert_is_open_before_one_was_raised(device: str | None) -> None:
    book = MetricBook()
    book.take("m", core(20.0), 1, 1)
    born = {one.name: one for one in book.birth_metrics(device, 9)}
    for name in ("Alerts/open_count", "Alerts/critical_count"):
        assert (born[name].value, born[name].quality) == (0, 192)


def test_what_has_no_value_is_never_good() -> None:
    book = MetricBook()
    said = [Reading("Versions/model", None), Reading("Live/T_core_C", None, 0)]
    changed, _ = book.take("m", [*said, Reading("State/phase", "hold")], 10, 10)
    assert [one.quality for _, one in changed] == [500, 0, 192]
    assert book.take("m", said, 20, 20) == ([], False)
    late, _ = book.take("m", said, 5, 30)
    assert [one.quality for _, one in late] == [500, 0]
    kept, values = {"m": book.kept("m")}, {"m": {"Versions/model": [None, 192, 10]}}
    for one in (book, MetricBook(kept, values)):  # also from the disk of an older program
        assert not [m for m in one.birth_metrics("m", 40) if m.value is None and m.quality == 192]


def test_names_that_differ_in_case_alone_and_too_many_are_left_out() -> None:
    book = MetricBook()
    book.take("m", [Reading("Live/t_x_C", 1.0), Reading("Live/T_x_C", 1.0)], 1, 1)
    assert book.left_out_count == 1
    many = [Reading(f"Live/x{n}_C", 1.0) for n in range(DEVICE_METRICS_MAX + 10)]
    book.take("m", many, 2, 2)
    assert len(book.devices["m"].metrics) == DEVICE_METRICS_MAX
    assert book.left_out_count > 10


def test_a_value_that_cannot_be_written_is_bad() -> None:
    book = MetricBook()
    changed, _ = book.take("m", [Reading("State/phase", "\ud800")], 1, 1)
    assert [(one.value, one.quality) for _, one in changed] == [(None, 0)]


def test_readings_that_come_no_more_grow_stale_once() -> None:
    book = MetricBook()
    book.take("m", [*core(20.0), Reading("State/phase", "curing")], 1000, 1000)
    book.take("m", core(20.0), 50_000, 50_000)  # the same value: heard all the same
    assert book.grow_stale(60_000, 30_000) == {}
    stale = book.grow_stale(90_000, 30_000)
    assert [kept.spec.name for kept in stale["m"]] == ["Live/T_core_C"]
    assert book.grow_stale(91_000, 30_000) == {}
    assert len(book.take("m", core(20.0), 95_000, 95_000)[0]) == 1


def test_births_are_in_the_order_of_their_times_with_units() -> None:
    book = MetricBook()
    book.take("m", core(20.0), 5000, 5000)
    metrics = list(book.birth_metrics("m", 9000))
    times = [one.timestamp_ms or 0 for one in metrics]
    assert times == sorted(times)
    (live,) = [one for one in metrics if one.name == "Live/T_core_C"]
    assert live.properties["engUnit"].value == "°C"
    assert live.quality == 192
    unknown = next(one for one in metrics if one.name == "KPI/shot_id")
    assert (unknown.value, unknown.quality) == (None, 500)
    (rebirth,) = [one for one in book.birth_metrics(None, 9000) if one.name == REBIRTH]
    assert (rebirth.alias, rebirth.value) == (None, False)


def test_what_the_twin_said_is_in_the_births_of_the_next_process() -> None:
    book = MetricBook()
    book.take("m", [*core(20.0), Reading("State/phase", "curing")], 5000, 5000)
    assert book.devices["m"].said
    values = {"m": book.values("m")}
    assert values == {"m": {"State/phase": ["curing", 192, 5000]}}
    again = MetricBook({"m": book.kept("m")}, values)
    found = {one.name: one for one in again.birth_metrics("m", 9000)}
    phase, live = found["State/phase"], found["Live/T_core_C"]
    assert (phase.value, phase.quality, phase.timestamp_ms) == ("curing", 192, 5000)
    assert (live.value, live.quality) == (None, 500)
    assert again.take("m", [Reading("State/phase", "curing")], 6000, 6000) == ([], False)


def test_values_that_cannot_be_used_are_left_out() -> None:
    kept = MetricBook()
    kept.take("m", core(1.0), 1, 1)
    spoiled = {"State/phase": [7, 192, 5], "KPI/revision": "x", "State/outcome": ["a", 1, 5]}
    book = MetricBook({"m": kept.kept("m")}, {"m": spoiled, "gone": {"State/phase": []}})
    values = {one.name: one.value for one in book.birth_metrics("m", 9)}
    assert {name for name, value in values.items() if value is not None} == {
        "Alerts/open_count",
        "Alerts/critical_count",
    }
