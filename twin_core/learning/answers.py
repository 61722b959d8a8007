"""Answers of both layers, the memory and a learner on top of it, and what is said of a shot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array
from twin_core.learning.adaptive_interval import Said, Seen


@dataclass(frozen=True)
class Answers:
    """Answers for many shots and one target, in units of the residual, (shots,) each.

    Attributes:
        memory: level of the memory; 0 where nothing is known.
        learner: residual that the learner says; NaN where it may not answer at all.
        trust: how far to believe it by the ranges it knows, 1 inside, 0 far out.
        half: half width of the interval by the learner, before it is adapted.
        memory_half: by the memory alone.
        error: usual size of an error of the memory.
        known: False where neither the mold nor the press has a result.
    """

    memory: Array
    learner: Array
    trust: Array
    half: Array
    memory_half: Array
    error: Array
    known: NDArray[np.bool_]

    def said(self, number: int, seen: Seen) -> Said:
        """What is said of a shot, after what was seen here."""
        memory, learner = float(self.memory[number]), float(self.learner[number])
        weight = 0.0 if math.isnan(learner) else float(self.trust[number]) * seen.share
        drawn = weight * (learner - memory) if weight else 0.0
        half = weight * self.half[number] + (1.0 - weight) * self.memory_half[number]
        trusted = weight and self.trust[number] == 1.0
        return Said(
            memory=memory,
            learner=learner if trusted else None,
            value=memory + drawn,
            half=seen.factor * float(half),
            error=float(self.error[number]),
        )
