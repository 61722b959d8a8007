"""The model's right-hand side without numba: the same source, run by the interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from twin_core.models import lumped
from twin_core.physics import blowing, gas, kinetics, thermal, vents


@contextmanager
def interpreted() -> Iterator[None]:
    """Within it every compiled function of the model is its plain Python source."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (lumped, blowing, gas, kinetics, thermal, vents):
            for name, function in list(vars(module).items()):
                if hasattr(function, "py_func"):
                    patch.setattr(module, name, function.py_func)
        # records, so that p.T_air works in the interpreter as it does in compiled code
        patch.setattr(lumped, "PARAMETERS", np.dtype((np.record, lumped.PARAMETERS)))
        yield
