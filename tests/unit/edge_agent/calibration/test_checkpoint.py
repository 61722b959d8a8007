"""Checkpoint of a fit: bound to its shots and options, whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edge_agent.calibration.checkpoint import Checkpoint, binding_of, shots_hash
from edge_agent.errors import StoreError
from tests.support.calibration_shots import shot


def checkpoint(path: Path, binding: str = "a", told: list[str] | None = None) -> Checkpoint:
    return Checkpoint(path, binding, (told if told is not None else []).append)


def test_a_state_comes_back(tmp_path: Path) -> None:
    told: list[str] = []
    one = checkpoint(tmp_path / "new" / "fit.json", told=told)
    assert one.load() is None
    one.save({"x": [1.5, None], "step": 3})
    assert one.load() == {"x": [1.5, None], "step": 3}
    assert told == [f"{one.path}: the fit goes on where it was stopped"]
    assert [file.name for file in one.path.parent.iterdir()] == ["fit.json"]
    one.remove()
    one.remove()
    assert one.load() is None


def test_that_of_another_fit_is_not_used_and_told(tmp_path: Path) -> None:
    path, told = tmp_path / "fit.json", list[str]()
    checkpoint(path).save({"x": 1})
    assert checkpoint(path, "b", told).load() is None
    assert "of other shots or with other options: this one begins anew" in told[0]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"version": 1, "binding": "a"}', "null"])
def test_a_damaged_one_is_not_used_and_told(tmp_path: Path, text: str) -> None:
    path, told = tmp_path / "fit.json", list[str]()
    path.write_text(text)
    assert checkpoint(path, told=told).load() is None
    assert told == [f"{path}: damaged: the fit begins anew"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        checkpoint(tmp_path / "file" / "fit.json").save({})


def test_the_binding_is_of_all_that_is_fitted() -> None:
    options = {"held_out": 0.25}
    first = binding_of([shot(1, T_core_C=120.0)], options)
    assert first == binding_of([shot(1, T_core_C=120.0)], options)
    moved = {"T_core_C": np.array([[0.0, 1.0]])}
    for other in (
        shot(2, T_core_C=120.0), shot(1, T_core_C=120.5), shot(1, series=moved),
        shot(1, T_core_C=120.0, lot="polyol P-1"), shot(1, T_core_C=120.0, results={"a": 1.0}),
        shot(1, "PANEL_B", T_core_C=120.0),
    ):  # fmt: skip
        assert binding_of([other], options) != first
    assert binding_of([shot(1, T_core_C=120.0)], {"held_out": 0.2}) != first
    assert shots_hash(["a", "b"]) == shots_hash(["b", "a"]) != shots_hash(["a"])


def test_what_a_killed_run_left_is_removed_and_what_is_written_now_is_not(tmp_path: Path) -> None:
    path = tmp_path / "S.unfinished.json"
    left, new, other = (tmp_path / name for name in (f"{path.name}.7.part", f"{path.name}.8.part",
                                                     "T.unfinished.json.7.part"))  # fmt: skip
    for file in (left, new, other):
        file.touch()
    for file in (left, other):
        os.utime(file, (0.0, 0.0))
    assert checkpoint(path).load() is None
    assert sorted(file.name for file in tmp_path.iterdir()) == [new.name, other.name]
    os.utime(new, (0.0, 0.0))
    checkpoint(path).remove()
    assert list(tmp_path.iterdir()) == [other]


def test_another_fit_at_the_same_time_keeps_its_own(tmp_path: Path) -> None:
    path = tmp_path / "S.unfinished.json"
    one, other = (Checkpoint(path, binding, lambda words: None) for binding in ("aa", "bb"))
    one.save({"x": [1.0]})
    other.save({"x": [2.0]})
    one.remove()
    assert other.load() == {"x": [2.0]}
    other.remove()
    assert not path.exists()
    path.write_text("{")
    one.remove()
    assert not path.exists()
