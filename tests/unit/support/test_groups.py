"""Tests that share a database or a trained model stay on one worker of pytest-xdist.

With pytest 9.2 and pytest-xdist 3.8 they silently do not: then every worker sets up everything.
"""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.xdist_group("of this test")
@pytest.mark.parametrize("number", range(8))
def test_a_group_runs_on_one_worker(
    tmp_path_factory: pytest.TempPathFactory, testrun_uid: str, worker_id: str, number: int
) -> None:
    above: Path = tmp_path_factory.getbasetemp().parent  # the workers of a run share it
    with (above / f"workers-{testrun_uid}").open("a+") as file:
        file.write(f"{worker_id}\n")
        file.seek(0)
        assert set(file.read().split()) == {worker_id}, f"test {number}"
