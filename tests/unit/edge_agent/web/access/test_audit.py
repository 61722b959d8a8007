"""The audit log: whoever touches it is found out."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.errors import SettingsError
from edge_agent.web.access.audit import Head
from edge_agent.web.access.control import Access, AccessOptions
from edge_agent.web.access.secret_key import read_key
from tests.support.web_access import SetClock, access_in


@pytest.fixture
def access(tmp_path: Path) -> Iterator[Access]:
    with access_in(tmp_path) as access:
        for number in range(6):
            access.audit.write("anna", "request", "done", "10.0.0.7", number=number)
        yield access


def forge(access: Access, *statements: str) -> list[str]:
    """What is found after somebody with the file, but without the key, was at it."""
    with closing(sqlite3.connect(access.database.path)) as db, db:
        for statement in statements:
            db.execute(statement)
    return access.audit.verify().problems


def test_a_log_that_nobody_touched_is_whole(access: Access) -> None:
    verdict = access.audit.verify(access.audit.head())
    assert (verdict.problems, verdict.entries_count) == ([], 6)
    assert [entry.seq for entry in access.audit.newest(3)] == [6, 5, 4]
    assert [entry.seq for entry in access.audit.newest(3, before=4)] == [3, 2, 1]
    assert access.audit.newest(1)[0].as_dict()["detail"] == {"number": 5}


@pytest.mark.parametrize("column", ["ts", "who", "action", "outcome", "address", "detail", "mac"])
def test_a_changed_entry_is_found(access: Access, column: str) -> None:
    problems = forge(access, f"UPDATE audit SET {column} = 'x' WHERE seq = 3")
    assert any(problem.startswith("entry 3 does not follow") for problem in problems)


def test_an_entry_cut_out_is_found(access: Access) -> None:
    assert forge(access, "DELETE FROM audit WHERE seq = 3") == [
        "entries 3 to 3 are missing: cut out"
    ]


def test_an_entry_cut_out_and_the_rest_moved_up_is_found(access: Access) -> None:
    problems = forge(
        access,
        "DELETE FROM audit WHERE seq = 3",
        "UPDATE audit SET seq = seq - 1 WHERE seq > 3",
        "UPDATE audit_head SET seq = 5",
    )
    assert problems[0].startswith("entry 3 does not follow from entry 2")


def test_the_first_entries_cut_off_are_found(access: Access) -> None:
    problems = forge(access, "DELETE FROM audit WHERE seq < 3")
    assert problems == ["entries 1 to 2 are missing: cut out"]


def test_the_end_cut_off_is_found(access: Access) -> None:
    problems = forge(access, "DELETE FROM audit WHERE seq > 4")
    assert problems == ["entries 5 to 6 are missing: the end was cut off"]


def test_the_end_cut_off_with_its_head_is_found(access: Access) -> None:
    problems = forge(access, "DELETE FROM audit WHERE seq > 4", "DELETE FROM audit_head")
    assert problems == ["the head of the log is not entry 4: exchanged or removed"]


def test_reordered_entries_are_found(access: Access) -> None:
    problems = forge(
        access,
        "UPDATE audit SET seq = -1 WHERE seq = 2",
        "UPDATE audit SET seq = 2 WHERE seq = 4",
        "UPDATE audit SET seq = 4 WHERE seq = -1",
    )
    assert problems[0].startswith("entry 2 does not follow from entry 1")


def test_an_entry_written_without_the_key_is_found(access: Access) -> None:
    problems = forge(
        access,
        "INSERT INTO audit SELECT 7, ts, who, action, outcome, address, detail, mac FROM audit"
        " WHERE seq = 6",
        "UPDATE audit_head SET seq = 7",
    )
    assert problems[0].startswith("entry 7 does not follow from entry 6")


def test_an_older_copy_of_the_file_is_found_by_the_head_that_was_published(tmp_path: Path) -> None:
    with access_in(tmp_path) as access:
        access.audit.write("anna", "login", "done")
    shutil.copy(tmp_path / "web.db", tmp_path / "copy.db")
    with access_in(tmp_path) as access:
        access.audit.write("anna", "token_added", "done")
        published = access.audit.head()
    shutil.copy(tmp_path / "copy.db", tmp_path / "web.db")
    with access_in(tmp_path) as access:
        assert access.audit.verify().problems == []
        assert access.audit.verify(published).problems == [
            "a head with 2 entries was published, the log has 1: its end was cut off, or an older "
            "copy of the file was put back"
        ]
        access.audit.write("anna", "something_else", "done")
        assert access.audit.verify(published).problems == [
            "entry 2 is not the one whose head was published"
        ]
        assert access.audit.verify(Head(1, access.audit.newest(2)[1].mac)).problems == []


def test_another_key_does_not_fit(access: Access, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("0" * 32)
    options = AccessOptions(access.database.path, tmp_path / "other")
    with closing(Access(options, SetClock().now)) as other:
        assert other.audit.verify().problems[0].startswith("entry 1 does not follow")


def test_two_programs_write_one_chain(access: Access, tmp_path: Path) -> None:
    with access_in(tmp_path) as command:
        for one in (access, command, access, command):
            one.audit.write("x", "y", "done")
    verdict = access.audit.verify()
    assert (verdict.entries_count, verdict.problems) == (10, [])


def test_an_entry_holds_whatever_comes_from_the_network(access: Access) -> None:
    access.audit.write("a\nb\ud800\0", "x" * 999, "done", detail="\ud800\0" * 3000)
    entry = access.audit.newest(1)[0]
    assert entry.who == "a?b??"
    assert len(entry.action) == 200
    assert len(json.dumps(entry.as_dict()["detail"])) < 20_000
    assert access.audit.verify().problems == []


def test_file_and_key_are_private(access: Access, tmp_path: Path) -> None:
    for name in ("web.db", "web.db-wal", "web.db.audit-key"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_a_key_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("short\n")
    with pytest.raises(SettingsError, match="holds no key"):
        read_key(tmp_path / "key")
    with pytest.raises(SettingsError, match=r"web\.audit_key_file"):
        read_key(tmp_path / "none")
