"""Which model is better: told from chance, also when errors of shots in a row are alike."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.drifting import series
from twin_core.errors import InputError
from twin_core.learning.model_comparison import SIGNIFICANT, compare_errors

Array = np.ndarray


def errors(seed: int, scale: float, shots: int = 300, phi: float = 0.0) -> tuple[Array, Array]:
    """Squared errors of two models with common noise; those of the second are scaled."""
    values = series(np.random.default_rng(seed), shots, 2, phi)
    common = values[:, 0]
    return (common + 0.3 * values[:, 1]) ** 2, (scale * common - 0.3 * values[:, 1]) ** 2


def test_a_better_model_is_found() -> None:
    found = compare_errors(*errors(1, 0.7))
    assert found.better == "second"
    assert found.ratio < 0.8
    assert "the second is better" in found.words
    other = compare_errors(*reversed(errors(1, 0.7)))
    assert other.better == "first"
    assert other.p_value == pytest.approx(found.p_value, rel=1e-6)


@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_equals_are_called_different_as_seldom_as_stated(phi: float) -> None:
    """400 pairs of equals: at most the stated 5 %, and three standard errors of that."""
    wrong = sum(
        compare_errors(*errors(seed, 1.0, phi=phi)).better is not None for seed in range(400)
    )
    assert wrong <= 400 * SIGNIFICANT + 3 * np.sqrt(400 * SIGNIFICANT * (1 - SIGNIFICANT))


def test_the_same_model_twice() -> None:
    one, _ = errors(1, 1.0)
    found = compare_errors(one, one.copy())
    assert found.better is None
    assert found.p_value == 1.0


def test_too_few_shots_are_no_comparison() -> None:
    one, other = errors(1, 0.5, shots=60)
    other[::2] = np.nan
    compare_errors(one, other)
    other[:2] = np.nan
    with pytest.raises(InputError, match="29 shots have answers of both"):
        compare_errors(one, other)
