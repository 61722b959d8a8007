"""The files of spool and history: the same ones, private, held by one process, of one version."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import main
from edge_agent.errors import StoreError
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.ports import HistoryRow, Outgoing, Stored
from edge_agent.spool.changes import Changes
from edge_agent.spool.repair import open_spool
from edge_agent.spool.spool import Spool
from edge_agent.spool.spool_file import SpoolInUse

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
MESSAGE = Changes(publish=[Outgoing("s/p", "k", "pur/v1/s/p/twin/kpi", b"x")])
ANOTHER = Changes(publish=[Outgoing("s/p", "another", "pur/v1/s/p/twin/kpi", b"x")])


def frame(seq: int) -> HistoryRow:
    key = {"site": "s", "press": "p", "device_id": "d", "ts": "2026-05-04T08:00:00Z", "seq": seq}
    return HistoryRow("telemetry", json.dumps({**key, "sensors": {"T_C": 1.0}}))


def modes(folder: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mode & 0o777 for p in folder.iterdir()}


def moved(folder: Path, names: str) -> Callable[[], None]:
    """Move files away; gives the way back."""
    away = folder.with_name("away")
    away.mkdir(exist_ok=True)
    files = list(folder.glob(names))
    for file in files:
        file.rename(away / file.name)

    def back() -> None:
        for file in files:
            (away / file.name).rename(file)

    return back


def exchanged(folder: Path, names: str) -> Callable[[], None]:
    back = moved(folder, names)
    shutil.copytree(folder.with_name("away"), folder, dirs_exist_ok=True)
    return back


def renamed(folder: Path, names: str) -> Callable[[], None]:
    other = folder.rename(folder.with_name("other"))

    def back() -> None:
        other.rename(folder)

    return back


LOSSES = {
    "file": (moved, "*.db", "moved away"),
    "log": (moved, "*.db-wal", "moved away"),
    "index": (moved, "*.db-shm", "moved away"),
    "everything": (moved, "*", "moved away"),
    "exchanged": (exchanged, "*.db", "exchanged"),
    "log exchanged": (exchanged, "*.db-wal", "exchanged"),
    "folder": (renamed, "", "moved away"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_spool_that_is_not_there_takes_nothing_until_it_is_back(
    tmp_path: Path, loss: str
) -> None:
    folder = tmp_path / "disk"
    spool = Spool(folder / "spool.db")
    spool.commit(MESSAGE, NOW)
    lose, names, words = LOSSES[loss]
    back = lose(folder, names)
    there = set(tmp_path.rglob("*"))
    with pytest.raises(StoreError, match=f"{words}.*restarted"):
        spool.commit(ANOTHER, NOW)
    assert words in (spool.problem() or "")
    # what it holds can be read, and nothing is made anew
    assert [stored.entry for stored in spool.to_publish("s/p", 10)] == MESSAGE.publish
    spool.checkpoint()
    assert set(tmp_path.rglob("*")) == there
    back()
    assert spool.problem() is None
    spool.commit(ANOTHER, NOW)
    assert spool.depth().publish_count == 2
    spool.close()
    with closing(Spool(folder / "spool.db")) as again:
        assert again.depth().publish_count == 2


def test_a_message_whose_file_goes_while_it_is_written_is_not_acknowledged(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "disk" / "spool.db")

    def go(_sql: str) -> None:
        spool._db.set_trace_callback(None)
        (tmp_path / "disk" / "spool.db").unlink()

    spool._db.set_trace_callback(go)  # at the first statement: after the first check
    with pytest.raises(StoreError, match="deleted"):
        spool.commit(MESSAGE, NOW)
    spool.close()


def test_a_lost_log_loses_nothing_when_the_agent_is_restarted(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    spool = Spool(path)
    spool.commit(MESSAGE, NOW)
    path.with_name("spool.db-wal").unlink()
    spool.close()
    with closing(Spool(path)) as again:
        assert again.depth().publish_count == 1


def test_closing_leaves_alone_what_was_put_into_its_place(tmp_path: Path) -> None:
    folder, backup = tmp_path / "disk", tmp_path / "backup"
    with closing(Spool(folder / "spool.db")) as spool:
        spool.commit(MESSAGE, NOW)
        shutil.copytree(folder, backup)  # its log is not in the file yet
        shutil.rmtree(folder)
        shutil.copytree(backup, folder)
    with closing(Spool(folder / "spool.db")) as again:
        assert again.depth().publish_count == 1


@pytest.mark.parametrize("loss", LOSSES)
async def test_a_history_that_is_not_there_takes_no_rows(tmp_path: Path, loss: str) -> None:
    folder = tmp_path / "disk"
    history = SqliteHistory(folder / "history.db", raw_days=1)
    rows = [Stored(1, NOW, frame(1))]
    await history.deliver(rows)
    lose, names, words = LOSSES[loss]
    back = lose(folder, names)
    with pytest.raises(StoreError, match=f"history.*{words}.*stay in the spool"):
        await history.deliver(rows)
    with pytest.raises(StoreError, match=words):
        await history.upkeep(NOW)
    back()
    assert (await history.deliver(rows)).accepted == [1]
    await history.close()


HOLDER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from edge_agent.spool.repair import open_spool
spool, _ = open_spool(Path(sys.argv[1]), datetime.now(UTC), "t1")
print("held", flush=True)
time.sleep(600)
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the spool."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_is_refused_and_the_first_named(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    with holder(path) as process:
        with pytest.raises(SpoolInUse) as refused:
            open_spool(path, NOW, "t2")
        assert f"{path} is in use by agent t1, process {process.pid} on " in str(refused.value)
        # by another name, too
        link = tmp_path / "link.db"
        link.symlink_to(path)
        with pytest.raises(SpoolInUse, match="agent t1"):
            open_spool(link, NOW, "t2")
        # nor does it help to delete the lock file, or to come by a hard link
        (tmp_path / "spool.db.lock").unlink()
        with pytest.raises(SpoolInUse, match="lock file was deleted"):
            open_spool(path, NOW, "t2")
        os.link(path, tmp_path / "hard.db")
        with pytest.raises(SpoolInUse):
            open_spool(tmp_path / "hard.db", NOW, "t2")
        # it may be looked into
        before = set(tmp_path.iterdir())
        for command in ("status", "verify"):
            result = CliRunner().invoke(main, ["spool", command, str(path)])
            assert result.exit_code == 0, result.output
        assert set(tmp_path.iterdir()) == before
        process.send_signal(signal.SIGKILL)
        process.wait()
        spool, salvage = open_spool(path, NOW, "t2")  # free at once
        assert salvage is None
        spool.close()


def test_a_spool_in_use_is_not_repaired_by_another(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    with closing(Spool(path)), path.open("r+b") as file:
        file.write(b"damage")
        with pytest.raises(SpoolInUse):
            open_spool(path, NOW)
    assert not list(tmp_path.glob("*damaged*"))


@pytest.mark.parametrize("umask", [0o000, 0o022])
async def test_nobody_else_may_read_what_is_kept(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        folder = tmp_path / "a" / "b"
        history = SqliteHistory(folder / "history.db")
        await history.deliver([Stored(1, NOW, frame(1))])
        with closing(Spool(folder / "spool.db")) as spool:
            spool.commit(MESSAGE, NOW)
            found = modes(folder)
        assert len(found) == 7
        assert set(found.values()) == {0o600}
        assert {folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777} == {0o700}
        await history.close()
        (folder / "spool.db").write_bytes(b"damage" * 1000)
        (folder / "spool.db").chmod(0o644)
        open_spool(folder / "spool.db", NOW)[0].close()
        assert set(modes(folder).values()) == {0o600}
    finally:
        os.umask(before)


async def test_files_that_others_could_read_are_tightened(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    Spool(path).close()
    path.chmod(0o644)
    Spool(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    for mode, expected in ((0o644, 0o640), (0o660, 0o640), (0o600, 0o600)):  # a group may read it
        history = SqliteHistory(tmp_path / "history.db")
        (tmp_path / "history.db").chmod(mode)
        await history.close()
        history = SqliteHistory(tmp_path / "history.db")
        assert {modes(tmp_path)[f"history.db{part}"] for part in ("", "-wal")} == {expected}
        await history.close()


async def test_tables_that_a_newer_program_changed_are_not_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    history = SqliteHistory(tmp_path / "history.db", raw_days=1)
    spool.commit(Changes(forward=[frame(1)]), NOW)
    for name in ("spool.db", "history.db"):
        with closing(sqlite3.connect(tmp_path / name)) as db:
            db.execute("PRAGMA user_version = 99")
    for write in (
        lambda: spool.commit(MESSAGE, NOW),
        lambda: spool.commit(Changes(settled=["k"]), NOW),
        lambda: spool.exchange("s/p", {}, NOW),
    ):
        with pytest.raises(StoreError, match=r"spool of version 99.*update the program"):
            write()
    with pytest.raises(StoreError, match=r"history of version 99.*update the program"):
        await history.deliver(spool.to_forward(10))
    with pytest.raises(StoreError, match="update the program"):
        await history.upkeep(NOW)
    spool.close()
    await history.close()


def _link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("not mounted") / "spool.db")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Path.mkdir, "not a file"),
        (os.mkfifo, "not a file"),
        (lambda path: path.symlink_to("/dev/null"), "not a file"),
        (_link_to_nowhere, "is a disk not mounted"),
        (lambda path: path.symlink_to(path), "loop|symbolic links"),
    ],
)
def test_what_cannot_be_a_spool_is_refused(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / "spool.db"
    make(path)
    with pytest.raises(StoreError, match=words):
        open_spool(path, NOW)
    assert [p.name for p in tmp_path.iterdir()] == ["spool.db"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_spool_without_rights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    Spool(path).close()
    path.chmod(0)
    with pytest.raises(StoreError, match=r"spool\.db: .*Permission denied"):
        open_spool(path, NOW)
    path.chmod(0o600)
    Spool(path).close()
