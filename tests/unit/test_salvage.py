"""A damaged spool: set aside, saved as far as it can be read, and looked into."""

from __future__ import annotations

import json
import random
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.ports import Envelope, HistoryRow, Outgoing
from edge_agent.salvage import open_spool, problems_of
from edge_agent.spool import Changes, Spool

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
FRAMES = 2_000


def filled(path: Path) -> Path:
    spool = Spool(path)
    spool.append([Envelope(NOW, f"t/{i}", b"x" * 200, None) for i in range(FRAMES)])
    changes = Changes(
        publish=[Outgoing("s/p", "k", "topic", b"out", retain=True)],
        forward=[HistoryRow("telemetry", f'{{"n": {i}}}') for i in range(FRAMES)],
        state={("shot", "a"): {"n": 1}},
    )
    spool.commit(changes, NOW)
    spool.close()
    return path


def scribble(path: Path, at: float, length: int = 6_000) -> None:
    """Write noise over part of the file."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(int(at * size))
        file.write(random.Random(1).randbytes(length))


def test_a_sound_spool_is_opened_as_it_is(tmp_path: Path) -> None:
    path = filled(tmp_path / "spool.db")
    assert problems_of(path, thorough=True) == []
    spool, salvage = open_spool(path, NOW)
    assert salvage is None
    assert spool.depth().inbox_count == FRAMES
    spool.close()
    assert problems_of(tmp_path / "none.db") == []


def test_damage_in_the_middle_loses_the_middle_only(tmp_path: Path) -> None:
    path = filled(tmp_path / "spool.db")
    scribble(path, 0.4)
    assert problems_of(path)
    spool, salvage = open_spool(path, NOW)
    assert salvage is not None
    assert salvage.damaged.exists()
    assert salvage.damaged.name == "spool.db.damaged-20260504T080000"
    saved = salvage.saved
    assert saved["inbox"] + saved["forward"] > 0.9 * 2 * FRAMES
    assert spool.depth().inbox_count == saved["inbox"]
    assert problems_of(path, thorough=True) == []
    # and it works on
    spool.append([Envelope(NOW, "t/new", b"y", None)])
    assert spool.inbox(0, 10_000)[-1].envelope.topic == "t/new"
    spool.close()


@pytest.mark.parametrize("content", [b"", b"not a database", b"\x00" * 50_000])
def test_something_that_is_no_spool_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(content)
    spool, salvage = open_spool(path, NOW)
    spool.append([Envelope(NOW, "t", b"y", None)])
    assert spool.depth().inbox_count == 1
    spool.close()
    if salvage is not None:
        assert salvage.damaged.read_bytes() == content


def test_a_missing_table_counts_as_damage(tmp_path: Path) -> None:
    path = filled(tmp_path / "spool.db")
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE forward")
    spool, salvage = open_spool(path, NOW)
    assert salvage is not None
    assert salvage.problems == ["tables are missing: forward"]
    assert salvage.saved["inbox"] == FRAMES
    assert spool.retained("s/p") == [("topic", b"out")]
    assert spool.state("shot") == {"a": {"n": 1}}
    spool.close()


def test_two_damaged_spools_in_one_second_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    for _ in range(2):
        path.write_bytes(b"\x01" * 50_000)
        open_spool(path, NOW)[0].close()
    names = sorted(p.name for p in tmp_path.glob("*.damaged-*") if p.suffix != ".db-wal")
    assert names == ["spool.db.damaged-20260504T080000", "spool.db.damaged-20260504T080000-2"]


def spool_command(*arguments: str | Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["spool", *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return result


def test_commands(tmp_path: Path) -> None:
    path = filled(tmp_path / "spool.db")
    text = spool_command("status", path).stdout
    assert f"inbox    {FRAMES:8} waiting, oldest 2026-05-04T08:00:00" in text
    assert "retained        1 retained messages" in text
    lines = spool_command("export", path, "inbox").stdout.splitlines()
    assert len(lines) == FRAMES
    assert json.loads(lines[0])["topic"] == "t/0"
    assert json.loads(spool_command("export", path, "state").stdout)["key"] == "a"
    assert "sound" in spool_command("verify", path).stdout
    scribble(path, 0.4)
    assert "set it aside" in spool_command("verify", path, exit_code=1).stderr
    missing = tmp_path / "none.db"
    assert "no such spool file" in spool_command("status", missing, exit_code=2).stderr
    missing.write_bytes(b"no database")
    assert "cannot be read" in spool_command("status", missing, exit_code=2).stderr
