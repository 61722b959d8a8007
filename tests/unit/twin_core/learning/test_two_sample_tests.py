"""The tests of two samples, beside scipy's and beside what theory says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from twin_core.learning import two_sample_tests as two

RNG = np.random.default_rng(7)
A, B = RNG.normal(0.0, 1.0, 400), RNG.normal(0.3, 1.4, 300)
SIZES = two.Sizes(400.0, 300.0)


def test_ks_is_scipys() -> None:
    peer = stats.ks_2samp(A, B, method="exact")
    found = two.ranked(A, B).distance
    assert found == pytest.approx(peer.statistic, abs=1e-12)
    # Stephens' formula against the exact distribution
    assert two.ks_p_value(found, SIZES) == pytest.approx(peer.pvalue, rel=0.2)


@given(st.lists(st.integers(0, 5), min_size=2), st.lists(st.integers(0, 5), min_size=2))
def test_ks_with_equal_values_is_scipys(a: list[int], b: list[int]) -> None:
    x, y = np.array(a, float), np.array(b, float)
    peer = stats.ks_2samp(x, y, method="asymp").statistic
    assert two.ranked(x, y).distance == pytest.approx(peer, abs=1e-12)


def test_welch_is_scipys() -> None:
    peer = stats.ttest_ind(A, B, equal_var=False).pvalue
    assert two.welch_p_value(A, B, SIZES) == pytest.approx(peer, rel=1e-9)


def test_fewer_effective_values_are_less_sure() -> None:
    few = two.Sizes(40.0, 30.0)
    assert two.welch_p_value(A, B, few) > two.welch_p_value(A, B, SIZES)
    assert two.ks_p_value(0.2, few) > two.ks_p_value(0.2, SIZES)
    assert two.fisher_p_value(0.1, 0.3, few) > two.fisher_p_value(0.1, 0.3, SIZES)
    assert two.welch_p_value(A, B, two.Sizes(1.0, 30.0)) == 1.0


def test_fisher_is_scipys() -> None:
    peer = stats.fisher_exact([[40, 360], [60, 240]])[1]
    assert two.fisher_p_value(0.1, 0.2, SIZES) == pytest.approx(peer)


def test_psi_of_a_shift_is_its_square() -> None:
    # J of two normal distributions is d ** 2; ten bins keep about nine tenths of it
    rng = np.random.default_rng(8)
    a, b = rng.normal(0.0, 1.0, 200_000), rng.normal(0.45, 1.0, 200_000)
    edges = two.bin_edges(np.sort(a), 10)
    assert 0.17 < two.psi(edges, a, b) <= 0.45**2


def test_psi_by_chance_is_what_samples_show() -> None:
    rng = np.random.default_rng(9)
    sizes = two.Sizes(2_000.0, 200.0)
    found = []
    for _ in range(300):
        a, b = rng.standard_normal(2_000), rng.standard_normal(200)
        edges = two.bin_edges(np.sort(a), 10)
        found.append(two.psi(edges, a, b) - two.psi_by_chance(edges, sizes))
    # its standard deviation is 0.023 [Yurdakul and Naranjo], so the mean of 300 is within 0.005
    assert abs(np.mean(found)) < 0.005


def test_a_set_point_has_a_bin_of_its_own() -> None:
    base = np.array([240.0] * 90 + [300.0] * 10)
    edges = two.bin_edges(np.sort(base), 10)
    for value in (239.0, 270.0, 301.0):  # below, between, above
        assert two.psi(edges, base, np.full(100, value)) > 1.0
    assert two.psi(edges, base, base) == 0.0


def test_psi_of_shares() -> None:
    assert two.psi_of_shares(0.3, 0.3, 500, 500) == pytest.approx(0.0)
    # (0.5 - 0.25) ln(0.5 / 0.25) + (0.5 - 0.75) ln(0.5 / 0.75)
    assert two.psi_of_shares(0.25, 0.5, 10**6, 10**6) == pytest.approx(0.2747, abs=1e-3)


def test_holm_by_hand() -> None:
    assert two.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert two.holm([0.9, 0.8]) == [1.0, 1.0]
    assert two.holm([]) == []
