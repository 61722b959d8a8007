"""A damaged spool: set aside, saved as far as it can be read, and looked into."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.cli import main
from edge_agent.errors import StoreError
from edge_agent.ports import HistoryRow, Outgoing
from edge_agent.spool.changes import Changes
from edge_agent.spool.packed_state import pack_state
from edge_agent.spool.repair import Repair, _is_whole, open_spool, problems_of
from edge_agent.spool.spool import EPOCH, Spool
from edge_agent.spool.tables import SPOOL_TABLES
from tests.support.old_spools import old_spool

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
FRAMES = 2_000
KEPT = Outgoing("s/p", "kept", "topic", b"out", retain=True)


def message(number: int) -> Outgoing:
    return Outgoing("s/p", f"k/{number}", f"t/{number}", b"x" * 200)


def filled(path: Path) -> Path:
    changes = Changes(
        publish=[message(i) for i in range(FRAMES)],
        retained={KEPT.topic: KEPT},
        forward=[HistoryRow("telemetry", f'{{"n": {i}}}') for i in range(FRAMES)],
        state={("shot", "a"): {"n": 1}},
    )
    with closing(Spool(path)) as spool:
        spool.commit(changes, NOW)
    return path


def works_on(spool: Spool) -> None:
    """It takes a message, and has it then."""
    spool.commit(Changes(publish=[Outgoing("s/p", "new", "t/new", b"y")]), NOW)
    assert spool.to_publish("s/p", 10_000)[-1].entry.key == "new"


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
    assert spool.depth().publish_count == FRAMES
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
    assert saved["publish"] + saved["forward"] > 0.9 * 2 * FRAMES
    assert spool.depth().publish_count == saved["publish"]
    assert problems_of(path, thorough=True) == []
    works_on(spool)
    spool.close()


@pytest.mark.parametrize("content", [b"", b"not a database", b"\x00" * 50_000])
def test_something_that_is_no_spool_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(content)
    spool, salvage = open_spool(path, NOW)
    works_on(spool)
    assert spool.depth().publish_count == 1
    spool.close()
    if salvage is not None:
        assert salvage.damaged.read_bytes() == content


def test_a_missing_table_counts_as_damage(tmp_path: Path) -> None:
    path = filled(tmp_path / "spool.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE forward")
    spool, salvage = open_spool(path, NOW)
    assert salvage is not None
    assert salvage.problems == ["tables are missing: forward"]
    assert salvage.saved["publish"] == FRAMES
    assert [kept.payload for kept in spool.retained("s/p", EPOCH, "", 9)] == [b"out"]
    assert spool.state("shot") == {"a": {"n": 1}}
    spool.close()


def test_two_damaged_spools_in_one_second_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    for _ in range(2):
        path.write_bytes(b"\x01" * 50_000)
        open_spool(path, NOW)[0].close()
    names = sorted(p.name for p in tmp_path.glob("*.damaged-*") if p.suffix != ".db-wal")
    assert names == ["spool.db.damaged-20260504T080000", "spool.db.damaged-20260504T080000-2"]


def test_a_damaged_spool_of_an_older_program_keeps_its_inbox(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    old_spool(path, inbox=[(f"t/{i}", b"x" * 200) for i in range(FRAMES)])
    scribble(path, 0.5)
    spool, salvage = open_spool(path, NOW)
    with closing(spool):
        assert salvage is not None
        assert salvage.saved["inbox"] > 0.9 * FRAMES
        rows = spool.inbox(0, FRAMES)
        assert len(rows) == salvage.saved["inbox"]
        assert all(payload == b"x" * 200 for _, _, payload, _ in rows)
        (kept,) = spool.retained("s/p1", EPOCH, "", 9)
        assert (kept.topic, kept.payload) == ("topic", b"out")
        spool.commit(Changes(drained=[row for row, *_ in rows]), NOW)
        assert spool.inbox(0, FRAMES) == []


PAGE = 4096
CUTS = {
    "a byte": lambda size: 1,
    "half a page": lambda size: PAGE // 2,
    "a page": lambda size: PAGE,
    "half": lambda size: size // 2,
    "all but the last page": lambda size: size - PAGE,
    "all but a byte": lambda size: size - 1,
}


def opened(path: Path) -> tuple[Repair | None, int]:
    """What became of a spool, and how many messages are in it; it must work on."""
    spool, salvage = open_spool(path, NOW)
    with closing(spool):
        count = spool.depth().publish_count
        works_on(spool)
        assert spool.depth().publish_count == count + 1
    return salvage, count


@pytest.mark.parametrize("cut", CUTS)
def test_a_spool_that_was_cut_is_read_to_its_end(tmp_path: Path, cut: str) -> None:
    path = filled(tmp_path / "spool.db")
    with path.open("r+b") as file:
        file.truncate(CUTS[cut](path.stat().st_size))
    content = path.read_bytes()
    salvage, count = opened(path)
    assert salvage is not None
    assert salvage.damaged is not None
    assert salvage.damaged.read_bytes() == content
    assert salvage.saved.get("publish", 0) == count
    assert (
        count == (FRAMES if "all but" in cut else pytest.approx(FRAMES / 2, abs=FRAMES / 4))
        or len(content) <= PAGE
    )
    assert salvage.saved.get("state", 0) == (1 if len(content) > PAGE else 0)


@pytest.mark.parametrize("left", [None, 0, 1, PAGE // 2])
def test_a_spool_that_is_gone_is_read_from_its_log(tmp_path: Path, left: int | None) -> None:
    """SQLite deletes the log beside an empty file: it must not get to see it."""
    kept = tmp_path / "kept"
    path = tmp_path / "spool.db"
    with closing(Spool(path)) as spool:
        spool.commit(Changes(publish=[message(i) for i in range(FRAMES)]), NOW)
        shutil.copytree(tmp_path, kept)  # as a SIGKILL leaves it
    path = kept / "spool.db"
    if left is None:
        path.unlink()
    else:
        with path.open("r+b") as file:
            file.truncate(left)
    salvage, count = opened(path)
    assert count == FRAMES
    if salvage is not None:  # else every page was in the log
        assert salvage.saved["publish"] == FRAMES


@pytest.mark.parametrize("left", [None, 0])
def test_a_spool_that_is_gone_is_said_to_be(tmp_path: Path, left: int | None) -> None:
    path = filled(tmp_path / "spool.db")
    path.unlink()
    if left is not None:
        path.touch()
    salvage, count = opened(path)
    assert salvage is not None
    assert salvage.problems[0].startswith("the spool is gone" if left is None else "the spool is")
    assert count == 0
    assert opened(tmp_path / "new.db") == (None, 0)


def test_a_salvage_that_fails_or_is_killed_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled(tmp_path / "spool.db")
    scribble(path, 0.4)
    content = path.read_bytes()

    def full(self: Spool, rows: object) -> dict[str, int]:
        raise StoreError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Spool, "restore", full)
        with pytest.raises(StoreError, match="full"):
            open_spool(path, NOW)
        assert path.read_bytes() == content
        lost = "edge_agent.spool.damaged_file._restore_name"
        patched.setattr(lost, lambda damaged, place: None)  # killed
        with pytest.raises(StoreError, match="full"):
            open_spool(path, NOW)
    assert path.read_bytes() != content
    salvage, count = opened(path)
    assert salvage is not None
    assert count > 0.9 * FRAMES


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small spool with a log, as a SIGKILL leaves it."""
    folder = tmp_path_factory.mktemp("sound")
    with closing(Spool(folder / "spool.db")) as spool:
        for i in range(40):
            rows = [HistoryRow("telemetry", f'{{"n": {i}}}')]
            message = Outgoing("s/p", f"k{i}", f"topic{i}", b"x" * 200, retain=True)
            state: dict[tuple[str, str], dict[str, object] | None] = {("shot", f"a{i}"): {"n": i}}
            changes = Changes(publish=[message], forward=rows, state=state)
            changes.retained[message.topic] = message
            spool.commit(changes, NOW)
            if i == 30:
                spool.checkpoint()
        shutil.copytree(folder, folder / "kept")
    return folder / "kept"


PLACES = st.floats(0.0, 1.0, exclude_max=True)
FLIPS = st.lists(
    st.tuples(
        st.sampled_from(["spool.db", "spool.db-wal"]), PLACES, st.binary(min_size=1, max_size=40)
    ),
    max_size=6,
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["spool.db", "spool.db-wal"]), st.integers(0, 99), st.integers(0, 255)
    ),
    max_size=4,
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(flips=FLIPS, headers=HEADERS, cut=st.none() | PLACES, log_cut=st.none() | PLACES)
def test_whatever_the_damage_the_agent_starts_or_says_why_not(
    sound: Path,
    tmp_path_factory: pytest.TempPathFactory,
    flips: list[tuple[str, float, bytes]],
    headers: list[tuple[str, int, int]],
    cut: float | None,
    log_cut: float | None,
) -> None:
    folder = tmp_path_factory.mktemp("damaged") / "disk"
    shutil.copytree(sound, folder)
    for name, place, noise in flips:
        size = (folder / name).stat().st_size
        with (folder / name).open("r+b") as file:
            file.seek(int(place * size))
            file.write(noise)
    for name, at, value in headers:
        with (folder / name).open("r+b") as file:
            file.seek(at)
            file.write(bytes([value]))
    for name, length in (("spool.db", cut), ("spool.db-wal", log_cut)):
        if length is not None:
            with (folder / name).open("r+b") as file:
                file.truncate(int(length * (folder / name).stat().st_size))
    try:
        spool, _ = open_spool(folder / "spool.db", NOW)
    except StoreError:
        return
    with closing(spool):
        try:
            spool.state("shot")
            spool.retained("s/p", EPOCH, "", 100)
            spool.inbox(0, 100)
            rows = spool.to_publish("s/p", 100)
            assert all(isinstance(row.entry.payload, bytes) for row in rows)
            spool.commit(Changes(publish=[Outgoing("s/p", "new", "t/new", b"y")]), NOW)
            done = Changes(settled=[row.entry.key for row in rows])
            done.forwarded = [stored.id for stored in spool.to_forward(100)]
            spool.commit(done, NOW)
            spool.checkpoint()
        except StoreError:
            return


def spool_command(*arguments: str | Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["spool", *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return result


def test_commands(tmp_path: Path) -> None:
    path = filled(tmp_path / "spool.db")
    text = spool_command("status", path).stdout
    assert f"publish  {FRAMES:8} waiting, oldest 2026-05-04T08:00:00" in text
    assert "retained        1 retained messages" in text
    lines = spool_command("export", path, "publish").stdout.splitlines()
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


def test_a_compressed_state_is_saved_when_it_is_whole() -> None:
    packed = pack_state({"readings": list(range(1000))})
    assert isinstance(packed, bytes)
    assert _is_whole(SPOOL_TABLES["state"], ["shot", "a", packed])
    assert not _is_whole(SPOOL_TABLES["state"], ["shot", "a", packed[:-5]])
    assert not _is_whole(SPOOL_TABLES["state"], ["shot", "a", packed[:40] + b"?" + packed[41:]])
