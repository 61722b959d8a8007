"""Random candidates: what any search has to be better than."""

from __future__ import annotations

import numpy as np

from twin_core.arrays import Array
from twin_core.optimization.candidate import Candidate, Score
from twin_core.optimization.evaluation import Evaluator

ANY = Score(np.inf, ())
FEASIBLE = Score(0.0, (np.inf,))
"""Rivals before there is a best: that any candidate beats, or only a feasible one."""
BATCH = 16
"""Candidates at once, usually."""


def random_shares(count: int, dimensions: int, seed: int) -> Array:
    """Shares 0..1 (count, dimensions), independent; the first ones are those of a smaller count."""
    return np.random.default_rng(seed).random((count, dimensions))


def random_search(
    evaluator: Evaluator,
    shares: Array,
    best: Candidate | None = None,
    full: bool = False,
    batch: int = BATCH,
    first: Score = ANY,
) -> Candidate | None:
    """The best of random candidates, exactly: one is given up only when it cannot be the best.

    Args:
        shares: (candidates, dimensions).
        best: what is to be beaten.
        full: look at all that can be feasible to the end, for a front.
        batch: candidates that are judged against the same best.
        first: what is to be beaten while there is no best.
    """
    for start in range(0, len(shares), batch):
        asked = [evaluator.values(row) for row in shares[start : start + batch]]
        rival = first if best is None else best.score
        found = evaluator.look(asked, "random", None if full else [rival] * len(asked))
        for candidate in found:
            if candidate.complete and candidate.score.beats(best.score if best else first):
                best = candidate
    return best
