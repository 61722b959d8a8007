"""Parameter sets are written: free numbers, kills, full disks, several at a time."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_agent.config import new_parameter_set
from edge_agent.config import parameter_set_store as store
from edge_agent.config.parameter_sets import load_set, sets_in_use
from edge_agent.errors import StoreError
from tests.support.parameter_sets import (
    MOLD,
    SYSTEM,
    catalogue,
    made_set,
    run,
    sets_of,
    system_r1,
    used,
    written,
)
from tests.support.scenarios import CONFIGS


def test_a_new_set_takes_a_free_number_and_changes_nothing(plant: Path) -> None:
    assert catalogue(plant).parameter_sets == {}  # no folder
    files = written(sets_of(plant), made_set(0.5), made_set(0.6))
    assert [file.name for file in files] == ["SYSTEM_R1-c1.yaml", "SYSTEM_R1-c2.yaml"]
    files[0].unlink()  # a number is never taken again while a later one is there
    assert new_parameter_set.next_number(sets_of(plant), SYSTEM) == 3
    found = load_set(sets_of(plant), SYSTEM, 2)
    assert found == made_set(0.6).model_copy(update={"number": 2})
    assert used(plant) == {}
    assert catalogue(plant).facts == catalogue(plant).facts
    facts = catalogue(plant).facts_of(SYSTEM, MOLD)
    assert (facts.parameters_hash, facts.set_id) == (system_r1().parameters_hash(), None)


def test_a_number_that_rollback_may_go_to_is_not_taken_again(plant: Path) -> None:
    files = written(sets_of(plant), made_set(0.5), made_set(0.6), made_set(0.7))
    run(plant, "promote", SYSTEM, 2)
    run(plant, "promote", SYSTEM, 3)
    run(plant, "rollback", SYSTEM)
    run(plant, "promote", SYSTEM, 1)
    for file in files[1:]:
        file.unlink()  # rollback would find another set under its number
    assert written(sets_of(plant), made_set(0.8))[0].name == "SYSTEM_R1-c3.yaml"
    assert "no parameter set 2" in run(plant, "rollback", SYSTEM, exit_code=2).stderr


def test_a_set_is_never_written_over_another(plant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = written(sets_of(plant), made_set(0.5))
    before, numbers = first.read_bytes(), iter([1, 2])
    monkeypatch.setattr(
        new_parameter_set, "next_number", lambda *_: next(numbers)
    )  # somebody was faster
    (second,) = written(sets_of(plant), made_set(0.6))
    assert (second.name, first.read_bytes()) == ("SYSTEM_R1-c2.yaml", before)
    assert [file.suffix for file in sets_of(plant).iterdir()] == [".yaml"] * 2


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_set_is_written_where_files_have_one_name(
    plant: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", fail)
    (first,) = written(sets_of(plant), made_set(0.5))
    numbers, before = iter([1, 2]), first.read_bytes()
    monkeypatch.setattr(new_parameter_set, "next_number", lambda *_: next(numbers))
    (second,) = written(sets_of(plant), made_set(0.6))
    assert (second.name, first.read_bytes()) == ("SYSTEM_R1-c2.yaml", before)
    assert load_set(sets_of(plant), SYSTEM, 2).number == 2
    assert not list(sets_of(plant).glob("*.part"))


KILLED = """
import os, signal, sys
from pathlib import Path
from edge_agent.config import new_parameter_set
from edge_agent.config import parameter_set_store as store
from edge_agent.config.parameter_sets import load_set

def die(*of, **more):
    os.kill(os.getpid(), signal.SIGKILL)

folder, which = Path(sys.argv[1]), sys.argv[2]
if which == "in_use":
    Path.replace = die
    store.rollback(folder, "SYSTEM_R1")
setattr(os, which, die)
new_parameter_set.write_new(folder, load_set(folder, "SYSTEM_R1", 1))
"""


@pytest.mark.parametrize(
    "killed_at",
    [
        "link",
        pytest.param("fsync", marks=pytest.mark.peers),
        pytest.param("in_use", marks=pytest.mark.peers),
    ],
)
def test_what_was_killed_while_it_wrote_is_not_seen(plant: Path, killed_at: str) -> None:
    written(sets_of(plant), made_set(0.5))
    run(plant, "promote", SYSTEM, 1)
    command = [sys.executable, "-c", KILLED, str(sets_of(plant)), killed_at]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (left,) = sets_of(plant).glob("*.part")
    os.utime(left, (0.0, 0.0))
    assert run(plant, "list").stdout.count("SYSTEM_R1-c1") == 3
    assert used(plant) == {MOLD: "SYSTEM_R1-c1"}
    assert written(sets_of(plant), made_set(0.6))[0].name == "SYSTEM_R1-c2.yaml"
    run(plant, "promote", SYSTEM, 2)
    assert used(plant) == {MOLD: "SYSTEM_R1-c2"}
    assert not list(sets_of(plant).glob("*.part"))


@pytest.mark.parametrize(
    ("number", "hint"), [(errno.ENOSPC, "make room on this disk"), (errno.EROFS, "read-only")]
)
def test_a_full_disk_changes_nothing(
    plant: Path, monkeypatch: pytest.MonkeyPatch, number: int, hint: str
) -> None:
    def fail(file: int) -> None:
        raise OSError(number, os.strerror(number))

    written(sets_of(plant), made_set(0.5), made_set(0.6))
    run(plant, "promote", SYSTEM, 1)
    before = {file.name: file.read_bytes() for file in sets_of(plant).iterdir()}
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError, match="cannot be written") as error:
        written(sets_of(plant), made_set(0.7))
    assert hint in error.value.hint
    for arguments in (("promote", SYSTEM, 2), ("rollback", SYSTEM)):
        said = run(plant, *arguments, exit_code=1).stderr
        assert "in_use.yaml: cannot be written" in said
        assert hint in said
    assert {file.name: file.read_bytes() for file in sets_of(plant).iterdir()} == before


def test_a_folder_that_cannot_be_written(plant: Path) -> None:
    sets_of(plant).write_text("a file")
    with pytest.raises(StoreError, match=r"catalogue\.parameter_sets"):
        written(sets_of(plant), made_set())


def test_two_at_once_lose_no_change(plant: Path) -> None:
    """Sets are written and promoted by several at a time; each change is there in the end."""
    molds = [f"M{i}" for i in range(12)]
    shutil.rmtree(plant / "molds")
    text = (CONFIGS / "molds" / f"{MOLD}.yaml").read_text()
    (plant / "molds").mkdir()
    for mold in molds:
        changed = text.replace(f"mold_id: {MOLD}", f"mold_id: {mold}")
        (plant / "molds" / f"{mold}.yaml").write_text(changed)
    known = catalogue(plant)

    def make_and_promote(mold: str) -> None:
        _, one = new_parameter_set.write_new(sets_of(plant), made_set(0.5, {mold: {}}))
        store.promote(sets_of(plant), SYSTEM, one.number, known.systems, known.molds)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(make_and_promote, molds))
    assert {mold for mold, _ in sets_in_use(sets_of(plant))} == set(molds)
    assert sorted(used(plant).values()) == sorted(f"SYSTEM_R1-c{i + 1}" for i in range(12))
    assert {file.suffix for file in sets_of(plant).iterdir()} == {".yaml"}
