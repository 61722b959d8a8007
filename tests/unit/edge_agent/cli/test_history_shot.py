"""``history --shot``: shots that share an id, quality records together, and how good data were."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broker.messages import LeftOut, QualityRecord, TelemetryFrame
from broker.topics import PressAddress
from edge_agent.cli import main
from edge_agent.history.rows import quality_row, shot_row, telemetry_row
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.logged_shots.quality_rows import merged
from edge_agent.ports import HistoryRow, Stored
from edge_agent.shots.data_quality_words import NOTHING

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
PRESS = PressAddress("s", "p")
FIRST, SECOND = "a" * 20, "b" * 20


def shot(key: str, mold: str, poured_at: str, **more: Any) -> HistoryRow:
    columns = {"site": "s", "press": "p", "shot_id": "17", "shot_key": key, "mold_id": mold}
    return shot_row(columns | {"poured_at": poured_at, "outcome": "demolded"} | more, NOW)


def record(hour: int, key: str | None = FIRST, **fields: Any) -> HistoryRow:
    """Of one time, whatever the laboratory does; it comes at the hour."""
    sent = QualityRecord(**{"ts": NOW, "shot_id": "17"} | fields)
    return quality_row(PRESS, sent, key, NOW.replace(hour=hour))


def stored(path: Path, *rows: HistoryRow) -> Path:
    async def put() -> None:
        history = SqliteHistory(path)
        receipt = await history.deliver([Stored(i, NOW, row) for i, row in enumerate(rows)])
        assert receipt.rejected == {}
        await history.close()

    asyncio.run(put())
    return path


def shown(path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    with pytest.raises(SystemExit) as end:
        main(["history", "--history", str(path), "--shot", "17", *more])
    assert end.value.code == 0
    return capsys.readouterr().out


def test_shots_of_one_id_are_listed_with_key_mold_and_pour(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left_out = {"T_core_C": {"impossible": 3, "not-a-number": 1}}
    path = stored(
        tmp_path / "history.db",
        shot(FIRST, "M1", "2026-05-04T06:00:00Z", readings_left_out=left_out),
        shot(SECOND, "M2", "2026-05-05T06:00:00Z", corrected=["late-end"]),
        record(9, H_24h_shore=55.0),
        record(9, SECOND, H_24h_shore=60.0),
    )
    page = shown(path, capsys)
    assert max(map(len, page.splitlines())) <= 80
    lines = [line.split() for line in page.splitlines()]
    assert [FIRST, "M1", "2026-05-04T06:00:00", "demolded"] in lines
    assert [SECOND, "M2", "2026-05-05T06:00:00", "demolded"] in lines
    (of_first, of_second) = page.split("data quality of ")[1:]
    first, second = (" ".join(of.split()) for of in (of_first, of_second))
    assert "3 readings of T_core_C left out: outside the range of what is possible" in first
    assert "(not-a-number)." in first
    assert "Corrected later: the end was reported after the shot counted as ended" in second
    shots = json.loads(shown(path, capsys, "--output", "json"))["shots"]
    assert [one["data_quality"]["corrected"] for one in shots] == [[], ["late-end"]]
    assert [one["quality"]["H_24h_shore"] for one in shots] == [55.0, 60.0]


def test_two_messages_of_one_time_come_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stored(
        tmp_path / "history.db",
        shot(FIRST, "M1", "2026-05-04T06:00:00Z"),
        record(10, rho_moulded_kg_per_m3=61.0, H_24h_shore=50.0),
        record(9, H_24h_shore=55.0, defects=["void"]),
    )
    page = shown(path, capsys)
    assert "quality, 2 records together" in page
    assert "rho_moulded_kg_per_m3=61.0" in page
    assert "H_24h_shore=50.0" in page.rpartition("records together")[2]  # the newest to come
    assert NOTHING in page


def row(hour: int, document: dict[str, Any]) -> dict[str, Any]:
    times = {"ts": "2026-05-04T08:00:00Z", "received_at": f"2026-05-04T{hour:02}:00:00Z"}
    return {**times, "document": document}


@pytest.mark.parametrize("corrects", [{"record_id": "L1"}, {"ts": "2026-05-04T10:00:00+02:00"}])
def test_a_record_takes_the_place_of_the_one_that_it_corrects(corrects: dict[str, str]) -> None:
    """Its defect goes, too, and a field that the new one does not have."""
    wrong = {"record_id": "L1", "rho_moulded_kg_per_m3": 16.0, "defects": ["void"]}
    right = {"record_id": "L2", "H_24h_shore": 55.0, "defects": [], "corrects": corrects}
    rows = [row(11, right), row(9, wrong)]
    assert merged(rows) == {"H_24h_shore": 55.0, "defects": []}
    assert merged([row(9, wrong)]) == {"rho_moulded_kg_per_m3": 16.0, "defects": ["void"]}


def test_a_record_is_never_of_a_shot_that_was_poured_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the agent did not know its shot, the history finds it by mold and time, or nowhere."""
    path = stored(
        tmp_path / "history.db",
        shot(FIRST, "M1", "2026-05-04T10:00:00Z"),
        shot(SECOND, "M1", "2026-05-05T06:00:00Z"),
        record(9, None, H_24h_shore=40.0, defects=["void"]),
        record(11, None, ts=NOW.replace(hour=11), H_24h_shore=50.0),
    )
    shots = json.loads(shown(path, capsys, "--output", "json"))["shots"]
    found = {one["shot_key"]: one["quality"].get("H_24h_shore") for one in shots}
    assert found == {FIRST: 50.0, SECOND: None}


def test_frames_with_readings_left_out_say_which_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = {"T_core_C": LeftOut(reason="impossible", words="3276.7 is above 400")}
    frames = [
        TelemetryFrame(ts=NOW, device_id="d", seq=seq, shot_id="17", left_out=left)
        for seq in range(12)
    ]
    rows = [telemetry_row(PRESS, frame, None, None, NOW) for frame in frames]
    path = stored(tmp_path / "history.db", shot(FIRST, "M1", "2026-05-04T06:00:00Z"), *rows)
    page = shown(path, capsys)
    assert "telemetry: 12, 12 with readings left out" in page
    assert page.count("T_core_C: impossible, 3276.7 is above 400") == 10
    assert "and 2 more" in page
