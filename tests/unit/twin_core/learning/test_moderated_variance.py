"""Variances drawn to what many columns have in common, and what columns are worth."""

from __future__ import annotations

import numpy as np
import pytest

from twin_core.learning.moderated_variance import ALL_ALIKE, moderated, worth


def drawn(prior: float, freedom: float, columns: int = 4_000) -> tuple[np.ndarray, np.ndarray]:
    """True variances with the scale 2, and what samples say of them."""
    rng = np.random.default_rng(1)
    true = 2.0 * prior / rng.chisquare(prior, columns)
    return true, true * rng.chisquare(freedom, columns) / freedom


def test_the_prior_is_found() -> None:
    _, said = drawn(prior=6.0, freedom=3.0)
    assert moderated(said, np.full(len(said), 3.0))[1] == pytest.approx(6.0, rel=0.15)


def test_a_moderated_variance_has_the_degrees_of_freedom_of_both() -> None:
    """A value over its moderated standard deviation is Student's with 6 + 3 of them."""
    true, said = drawn(prior=6.0, freedom=3.0)
    values = np.random.default_rng(2).standard_normal(len(true)) * np.sqrt(true)
    found = moderated(said, np.full(len(said), 3.0))[0]
    assert np.mean(np.abs(values) > 4.297 * np.sqrt(found)) == pytest.approx(0.002, abs=0.0015)
    assert np.mean(np.abs(values) > 4.297 * np.sqrt(said)) > 0.015


def test_columns_that_differ_less_than_by_chance_get_one_variance() -> None:
    found, prior = moderated(np.linspace(1.9, 2.1, 30), np.full(30, 3.0))
    assert prior == ALL_ALIKE
    assert np.ptp(found) < 1e-3


def test_a_column_without_a_variance_gets_that_of_all() -> None:
    found, _ = moderated(np.array([np.nan, 2.0, 2.0, 2.0]), np.array([0.0, 9.0, 9.0, 9.0]))
    assert found[0] == pytest.approx(2.0, rel=0.15)


def test_one_column_stays_what_it_is() -> None:
    found, _ = moderated(np.array([5.0]), np.array([3.0]))
    assert 3.0 < found[0] < 8.0


def test_what_columns_are_worth() -> None:
    rng = np.random.default_rng(3)
    alone = list(rng.standard_normal((20, 5_000)))
    assert worth(alone) == pytest.approx(20.0, rel=0.05)
    assert worth([alone[0] * size + 3.0 for size in (1.0, -2.0, 0.5)]) == pytest.approx(1.0)
    assert worth([*alone[:2], alone[0], alone[1]]) == pytest.approx(2.0, rel=0.05)


def test_few_values_make_columns_worth_less_rather_than_more() -> None:
    few = list(np.random.default_rng(5).standard_normal((60, 4)))
    assert 1.0 < worth(few) < 3.0


def test_columns_that_do_not_move_are_worth_nothing() -> None:
    assert worth([]) == 0.0
    assert worth([np.ones(4)]) == 0.0
