"""Probe in the core that still holds the heat of the part before: it does not measure this foam.

The agent, feature sets, calibration and reports leave out the same readings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array

T_HOT_C = 60.0
"""No mixture is poured so hot: a probe that reads more at the pour was in the part before."""
SEEN_S = 5.0
"""After the pour: whether a probe is hot is seen by then, if it is read so often."""
HEATS_K = 0.5
"""A hot probe that rises by so much is in the foam."""


def still_hot(time_s: Array, T_C: Array) -> NDArray[np.bool_]:
    """Mark the first readings of a core as long as its probe is hot.

    Args:
        time_s: since the pour, not negative, in order [s].
        T_C: possible readings [°C].
    """
    hot = np.zeros(len(T_C), dtype=bool)
    if not len(T_C) or T_C[0] <= T_HOT_C or time_s[0] > SEEN_S:
        return hot
    coldest = np.minimum.accumulate(T_C)[:-1]
    good = np.flatnonzero((T_C[1:] > coldest + HEATS_K) | (T_C[1:] <= T_HOT_C))
    hot[: good[0] + 1 if len(good) else len(T_C)] = True
    return hot
