"""Content of a row: equal for a repeat in whatever form, different for anything else."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest

from broker.codec import decode
from broker.messages import QualityRecord, TelemetryFrame
from broker.topics import Channel, PressAddress
from edge_agent.history.content import document_content
from edge_agent.history.rows import columns_of, quality_row, telemetry_row
from edge_agent.ports import HistoryRow

PRESS = PressAddress("s", "p")
SENT: dict[str, Any] = {
    "ts": "2026-05-04T08:00:00Z",
    "device_id": "d",
    "seq": 0,
    "mold_id": "M",
    "shot_id": "a",
    "sensors": {"T_core_C": 40.0, "p_cavity_bar": 1.25},
    "metrics": {"valve": 2},
    "status": {"mode": "auto", "door": False, "program": 7},
}


def content_of(payload: bytes, shot_id: str | None = None) -> str:
    frame = decode(Channel.TELEMETRY, payload)
    assert isinstance(frame, TelemetryFrame)
    content = columns_of(telemetry_row(PRESS, frame, shot_id))["content"]
    assert len(content) == 16
    return str(content)


def test_a_repeat_may_come_in_another_form() -> None:
    """JSON or MessagePack, another order, 40 for 40.0, another shot as assembled."""
    first = content_of(json.dumps(SENT).encode())
    turned = dict(reversed(SENT.items())) | {"sensors": {"p_cavity_bar": 1.25, "T_core_C": 40}}
    assert content_of(json.dumps(turned).encode()) == first
    packed = turned | {"metrics": {"valve": 2.0}, "status": SENT["status"] | {"program": 7}}
    assert content_of(bytes(msgpack.packb(packed))) == first
    assert content_of(json.dumps(SENT).encode(), "another") == first


@pytest.mark.parametrize(
    "change",
    [
        {"mold_id": "N"},
        {"mold_id": None},
        {"shot_id": "b"},
        {"shot_id": None},
        {"sensors": {"T_core_C": 40.0}},
        {"sensors": {"T_core_C": 40.1, "p_cavity_bar": 1.25}},
        {"metrics": {}},
        {"status": {"mode": "auto", "door": True, "program": 7}},
        {"status": {"mode": "auto", "door": 0, "program": 7}},
        {"simulated": True},
    ],
)
def test_anything_else_is_other_content(change: dict[str, Any]) -> None:
    assert content_of(json.dumps(SENT | change).encode()) != content_of(json.dumps(SENT).encode())


def test_a_field_that_a_newer_program_added_is_no_other_content() -> None:
    record = {"v": 1, "ts": "2026-05-04T08:00:00Z", "shot_id": "a", "H_24h_shore": 55.0}
    more = {"corrects": None, "defects": [], "received_at": "2026-05-04T09:00:00Z", "seq": 4}
    assert document_content(record | more) == document_content(record)
    assert document_content(record | {"note": "x"}) != document_content(record)


def test_a_row_of_an_older_spool_gets_the_content_of_its_document() -> None:
    record = QualityRecord(ts="2026-05-04T08:00:00Z", shot_id="a", H_24h_shore=55.0)
    row = quality_row(PRESS, record)
    columns = json.loads(row.document)
    content = columns.pop("content")
    older = HistoryRow("quality", json.dumps(columns))
    assert columns_of(older)["content"] == content == columns_of(row)["content"]
