"""Questions for shots: a file answers them by its indexes, however many shots it has."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from edge_agent.config.settings import HistorySettings
from edge_agent.history import open_store
from edge_agent.history.read import HistoryReader, open_reader
from edge_agent.history.shot_pages import known_pours, senders_of_pours

Ask = Callable[[HistoryReader], Awaitable[Any]]


def plans(path: Path, ask: Ask) -> list[str]:
    """How SQLite searches for the answers to a question."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        asked.append((statement, values))

    async def run() -> None:
        settings = HistorySettings(path=path)
        store = open_store(settings)
        await store.deliver([])
        await store.close()
        reader = open_reader(settings)
        event.listen(reader._engine, "before_cursor_execute", note)
        try:
            await ask(reader)
        finally:
            await reader.close()

    asyncio.run(run())
    with closing(sqlite3.connect(path)) as db:
        return [
            str(row[-1])
            for statement, values in asked
            for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", values)
        ]


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda reader: known_pours(reader, "s", "p", ["1", "2"]), "shot_name"),
        (lambda reader: senders_of_pours(reader, [("1", "a"), ("2", "b")]), "event_shot"),
    ],
)
def test_shots_are_found_by_their_ids(tmp_path: Path, ask: Ask, index: str) -> None:
    assert [f"INDEX {index} (shot_id=?)" in plan for plan in plans(tmp_path / "h.db", ask)] == [
        True
    ]
