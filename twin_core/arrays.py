"""The two kinds of arrays that the packages compute with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Parameters = NDArray[np.void]
"""One record, shape (1,); its fields belong to the model."""
