"""Pieces of a batch, as Ray tasks have them, come together to the same as the whole."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.learning import parallel_batch
from edge_agent.learning.parallel_batch import chunk, chunks_of, joined, simulate_batch
from tests.support.scenarios import changed, panel


@pytest.mark.parametrize("window", [False, True])
def test_pieces_are_the_whole(window: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_batch, "SHOTS_AT_ONCE", 3)
    scenarios = [panel(1.0 + 0.02 * number) for number in range(7)]
    scenarios[4] = changed(scenarios[4], process={"m_polyol_kg": 900.0})
    whole = simulate_batch(scenarios, window, ray=False)
    pieces = chunks_of(scenarios, window)
    assert [len(part) for part, _ in pieces] == [3, 3, 1]
    found = joined([chunk(piece, 1) for piece in pieces])
    assert len(found) == len(whole) == 7
    assert dict(found.errors) == dict(whole.errors)
    for name, values in whole.figures.items():
        np.testing.assert_array_equal(found.figures[name], values)
    for name, words in whole.words.items():
        assert found.words[name].tolist() == words.tolist()
    for name, curves in whole.profiles.items():
        np.testing.assert_array_equal(found.profiles[name], curves)
    np.testing.assert_array_equal(found.release, whole.release)
    np.testing.assert_array_equal(found.time_s, whole.time_s)
