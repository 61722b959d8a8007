"""Results as people type them: read strictly, each fault with field, value and way out."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from broker.messages import EarlierRecord
from edge_agent.web.results.csv_file import BYTES_MAX, COLUMNS, ROWS_MAX, Table, table_of
from edge_agent.web.results.fields import Faults, number_of, record_of

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
WARSAW = ZoneInfo("Europe/Warsaw")


def faults_of(**fields: str) -> dict[str, str]:
    with pytest.raises(Faults) as caught:
        record_of({"shot_id": "S-1"} | fields, NOW, WARSAW, "page")
    return {fault.field: fault.words.format(fault.limit) for fault in caught.value.faults}


def test_a_whole_form_is_a_record() -> None:
    record = record_of(
        {
            "shot_id": "S-1",
            "mold_id": "M",
            "shot_key": "0" * 20,
            "rho_moulded": "62,5",
            "H_demold_shore": " 31 ",
            "H_24h": "",
            "defects": "void| sink mark ;void",
            "scrap": "Tak",
            "note": "beside the insert",
            "operator": "anna",
            "record_id": "WEB-1",
            "corrects": "WEB-0",
            "ts": "2026-05-04 13:30",
        },
        NOW,
        WARSAW,
        "page",
    )
    assert (record.rho_moulded_kg_per_m3, record.H_demold_shore, record.H_24h_shore) == (
        *(62.5, 31.0),
        None,
    )
    assert (record.defects, record.scrap) == (["void", "sink mark"], True)
    assert record.ts == datetime(2026, 5, 4, 11, 30, tzinfo=UTC)
    assert record.corrects == EarlierRecord(record_id="WEB-0")
    assert (record.operator, record.source) == ("anna", "page")


@pytest.mark.parametrize("text", ["2025-10-26 02:30", "2026-03-29 02:30"])
def test_an_hour_that_there_is_twice_or_never_needs_its_offset(text: str) -> None:
    assert "add the offset" in faults_of(ts=text, H_24h="60")["ts"]
    fields = {"shot_id": "S-1", "ts": f"{text}+01:00", "H_24h": "60"}
    record = record_of(fields, NOW, WARSAW, "page")
    assert record.ts == datetime.fromisoformat(f"{text}+01:00")


@pytest.mark.parametrize(
    ("text", "value"),
    [("62.5", 62.5), ("62,5", 62.5), ("1 062,5", 1062.5), ("1e3", 1000.0)]
    + [(bad, None) for bad in ("", "1,062.5", "1.062,5", "6_2", "nan", "inf", "62kg", "١٢,,")],
)
def test_numbers(text: str, value: float | None) -> None:
    assert number_of(text) == value


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("rho_moulded_kg_per_m3", "dense", "no number"),
        ("H_demold_shore", "130", "possible is 0 – 100 Shore"),
        ("defect_risk_operator", "-1", "possible is 0 – 1"),
        ("scrap", "maybe", "neither yes nor no"),
        ("defects", "ok", "no defect"),
        ("defects", "|".join(f"d{n}" for n in range(60)), "at most 50"),
        ("note", "x" * 2001, "at most 2000"),
        ("record_id", "x" * 65, "at most 64"),
        ("shot_id", "S 1", "no name"),
        ("mold_id", "ä", "no name"),
        ("corrects", "ts:yesterday", "names no record"),
        ("corrects", "\x00", "names no record"),
        ("ts", "yesterday", "no time"),
        ("ts", "2026-05-04 18:30", "in the future"),
    ],
)
def test_a_fault_names_its_field_and_the_way_out(field: str, text: str, words: str) -> None:
    found = faults_of(**({"rho_moulded": "60"} | {field: text}))
    assert list(found) == [field]
    assert words in found[field]


def test_all_faults_are_told_at_once_and_nothing_is_no_record() -> None:
    found = faults_of(rho_moulded="x", H_24h_shore="y", shot_id="")
    assert found.keys() == {"rho_moulded_kg_per_m3", "H_24h_shore", "shot_id"}
    assert "says nothing" in faults_of(note="only words")["rho_moulded_kg_per_m3"]


@pytest.mark.parametrize("fields", [{"scrap": "no"}, {"defects": "none"}, {"rho_moulded": "60"}])
def test_each_of_these_is_a_result(fields: dict[str, str]) -> None:
    record_of({"shot_id": "S-1"} | fields, NOW, WARSAW, "page")


def table(text: str | bytes, presses: tuple[str, ...] = ("p1", "p2")) -> Table:
    content = text.encode() if isinstance(text, str) else text
    return table_of(content, "s", list(presses), NOW, WARSAW, "anna")


def told(found: Table) -> list[tuple[int, str]]:
    return [(row, fault.field) for row, fault in found.faults]


@pytest.mark.parametrize(
    "text",
    [
        "press;shot_id;rho_moulded;defects\np1;S-1;62,5;void,sink\np2;S-2;60;none\n",
        "press\tshot_id\trho_moulded_kg_per_m3\tdefects\np1\tS-1\t62.5\tvoid|sink\np2\tS-2\t60\t\n",
        'press,shot_id,rho_moulded,defects\r\np1,S-1,"62,5","void,sink"\r\n\r\np2,S-2,60,none\r\n',
        "\ufeffpress;shot_id;rho_moulded;defects\np1;S-1;62.5;void|sink\np2;S-2;60\n",
    ],
)
def test_tables_of_spreadsheets(text: str) -> None:
    found = table(text)
    assert found.faults == []
    assert [(str(row.press), row.record.shot_id) for row in found.rows] == [
        ("s/p1", "S-1"),
        ("s/p2", "S-2"),
    ]
    first = found.rows[0].record
    assert (first.rho_moulded_kg_per_m3, first.defects) == (62.5, ["void", "sink"])
    assert (first.operator, first.source) == ("anna", "csv")
    again = table(text)
    assert [r.record.record_id for r in again.rows] == [r.record.record_id for r in found.rows]


def test_each_bad_row_is_told_with_its_number_and_the_good_ones_are_kept() -> None:
    text = "press;shot_id;rho_moulded;scrap\np1;S-1;62;\np9;S-2;x;\np1;;60;perhaps\n;S-4;60;yes\n"
    found = table(text)
    assert told(found) == [
        *((3, "press"), (3, "rho_moulded_kg_per_m3")),
        *((4, "shot_id"), (4, "scrap"), (5, "press")),
    ]
    assert [row.number for row in found.rows] == [2]
    assert found.usable
    assert len(table("shot_id;scrap\nS-1;yes\n", ("p1",)).rows) == 1, "one press needs no column"


def test_decimal_commas_between_commas_are_no_other_number() -> None:
    found = table("shot_id,rho_moulded,note\nS-1,62,5,warm\nS-2,60,cold\nS-3,61,,\n", ("p1",))
    ((row, fault),) = found.faults
    assert (row, fault.field, fault.value) == (2, "column 4", "warm")
    assert [row.number for row in found.rows] == [3, 4], "empty cells at the end are none"


def test_rows_are_counted_as_a_spreadsheet_does_with_those_that_are_empty() -> None:
    assert told(table("shot_id;scrap\n\n;\nS-1;perhaps\n", ("p1",))) == [(4, "scrap")]


def test_a_table_that_another_person_drops_again_makes_no_second_record() -> None:
    content = b"shot_id;scrap\nS-1;yes\n"
    rows = [table_of(content, "s", ["p"], NOW, WARSAW, by).rows[0] for by in ("anna", "ben", None)]
    assert len({row.record.record_id for row in rows}) == 1
    assert [row.record.operator for row in rows] == ["anna", "ben", None]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "file"),
        ("shot_id;rho_moulded\n", "file"),
        (b"\x00\x01", "file"),
        (b"x" * (BYTES_MAX + 1), "file"),
        ("shot_id;rho_moulded\n" + "S;60\n" * (ROWS_MAX + 1), "file"),
        pytest.param('shot_id;note\nS;"' + 140_000 * "x", "file", id="a cell without an end"),
        ("press;rho_moulded\np1;60\n", "shot_id"),
        ("press;shot_id;density\np1;S;60\n", "density"),
        ("press;shot_id;rho_moulded;rho_moulded_kg_per_m3\np1;S;60;61\n", "rho_moulded_kg_per_m3"),
    ],
)
def test_a_file_that_nobody_can_read_sends_nothing(text: str | bytes, field: str) -> None:
    found = table(text)
    assert (1, field) in told(found)
    assert not found.usable


def test_a_column_that_is_nearly_known_is_named() -> None:
    (_, fault), *_ = table("press;shot_id;H_demold_shores\np1;S;60\n").faults
    assert fault.limit == "H_demold_shore?"
    assert set(COLUMNS) >= {"scrap", "note", "operator", "corrects"}
