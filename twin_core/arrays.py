"""The two kinds of arrays that the packages compute with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Parameters = NDArray[np.void]
"""One record, shape (1,); its fields belong to the model."""


def stacked(records: Sequence[Parameters]) -> Parameters:
    """Records of one kind in one array; as bytes, for NumPy copies fields one by one, slowly."""
    return np.concatenate([record.view(np.uint8) for record in records]).view(records[0].dtype)


def record_of(numbers: Sequence[float], kind: np.dtype[np.void]) -> Parameters:
    """A record of a kind that has floating-point fields alone."""
    return np.array(numbers, np.float64).view(kind)
