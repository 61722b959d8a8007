"""Times as texts in SQLite: whole seconds stand among their fractions where they belong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.history.read import RowFilter, open_sqlite
from edge_agent.logged_shots.from_history import from_history
from edge_agent.logged_shots.logged_shot import LoggedShot
from tests.support.case_press import CasePress
from tests.support.stories import CURED, NAMED, START, core, event, frame, inputs_on, play

MOMENTS = (0.0, 0.2, 0.5, 1.0)


@pytest.fixture
def press(tmp_path: Path) -> Iterator[CasePress]:
    found = CasePress(tmp_path, "p01")
    yield found
    found.close()


def read(press: CasePress, which: RowFilter) -> list[dict[str, Any]]:
    """Rows of telemetry, as a reader of the history gets them."""
    press.rows("SELECT 1")  # the spool is forwarded
    found = list[dict[str, Any]]()

    async def each() -> None:
        reader = open_sqlite(press.settings.history.path)
        await reader.each("telemetry", which, found.extend)
        await reader.close()

    asyncio.run(each())
    return found


@pytest.mark.parametrize("bound", [0.0, 0.1, 0.2, 0.5, 0.7, 1.0, 1.5])
def test_rows_come_and_are_chosen_in_order_of_time(press: CasePress, bound: float) -> None:
    play(press, *(frame(t, metrics={"n": t}, device_id=f"d{9 - 9 * t:.0f}") for t in MOMENTS))
    moment = START + timedelta(seconds=bound)
    since = [row["metrics"]["n"] for row in read(press, RowFilter(since=moment))]
    before = [row["metrics"]["n"] for row in read(press, RowFilter(until=moment))]
    assert since == [t for t in MOMENTS if t >= bound]
    assert before == [t for t in MOMENTS if t < bound]


def test_a_reading_of_a_whole_second_is_an_input_of_a_pour_within_it(press: CasePress) -> None:
    """As with a logger of a second, and a PLC that is more exact."""
    play(
        press,
        frame(-1, sensors={"T_mold_C": 30.0}, **NAMED),
        frame(0, sensors={"T_mold_C": 41.0}, **NAMED),
        event(0.2, "poured"),
        core(0.5, 25.0, **NAMED),
        *CURED[1:],
    )
    shots = list[LoggedShot]()
    press.rows("SELECT 1")

    async def logged() -> None:
        reader = open_sqlite(press.settings.history.path)
        await from_history(reader, shots.append)
        await reader.close()

    asyncio.run(logged())
    assert [dict(shot.inputs) for shot in shots] == [inputs_on(press)] == [{"T_mold_C": 41.0}]
