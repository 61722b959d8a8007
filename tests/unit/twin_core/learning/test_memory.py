"""The memory of a mold: its level, what does not teach, steps, events, and late results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin_core.arrays import Array
from twin_core.learning.memory import (
    BEFORE_EVENT,
    LONGEST,
    OUTLIER,
    SPEEDS,
    Memory,
    off_those_before,
    remember,
    shares_of,
    typical_error,
)

PRIOR = 0.02
SEEDS = st.integers(0, 10_000)


def memory(
    values: Sequence[float] | Array,
    events: Sequence[float] = (),
    late_s: float = 1.0,
    prior: float = PRIOR,
    materials: Sequence[int] | None = None,
) -> Memory:
    """Of shots poured every 100 s, whose results come so much later."""
    count = len(values)
    pours, inputs = 100.0 * np.arange(count), np.zeros((count, 9))
    poured = np.zeros(count + 1, np.int64) if materials is None else np.array(materials)
    residuals = np.asarray(values, float)
    return remember(pours, pours + late_s, residuals, inputs, poured, events, prior)


def levels(found: Memory) -> Array:
    """Level of each speed now."""
    level: Array = found.weights @ found.values
    return level


def level(found: Memory) -> float:
    """The level that the shares of the speeds make."""
    return float(shares_of(found.losses) @ levels(found))


def noise(seed: int, count: int = LONGEST, size: float = PRIOR) -> Array:
    values: Array = np.random.default_rng(seed).normal(0.0, size, count)
    return values


@given(value=st.floats(-0.5, 0.5), count=st.integers(1, LONGEST))
def test_the_level_of_a_constant_is_the_constant(value: float, count: int) -> None:
    found = memory([value] * count)
    assert levels(found) == pytest.approx(np.full(len(SPEEDS), value), abs=1e-12)
    assert found.teaches.all()


def test_nothing_is_known_at_first() -> None:
    found = memory([])
    assert found.count == found.since == 0
    assert shares_of(found.losses) == pytest.approx(np.full(len(SPEEDS), 1.0 / len(SPEEDS)))


def test_each_speed_is_an_exponentially_weighted_mean() -> None:
    """Beside the plain recursion, with its weights divided by their sum."""
    values = noise(3)
    for number, speed in enumerate(SPEEDS):
        level = weight = 0.0
        for value in values:
            weight = (1.0 - speed) * weight + 1.0
            level += (value - level) / weight
        assert levels(memory(values))[number] == pytest.approx(level, abs=1e-12)


@settings(max_examples=40)
@given(seed=SEEDS, count=st.integers(6, LONGEST), place=st.data())
def test_a_lone_outlier_does_not_move_the_level(
    seed: int, count: int, place: st.DataObject
) -> None:
    """ln 10, as a density ten times too large has it: as if it had not been."""
    values = noise(seed, count)
    at = place.draw(st.integers(0, count - 1))
    without, wrong = memory(np.delete(values, at)), values.copy()
    wrong[at] += np.log(10.0)
    found = memory(wrong)
    assert found.teaches.tolist() == [number != at for number in range(count)]
    assert levels(found) == pytest.approx(levels(without), abs=1e-9)


@settings(max_examples=40)
@given(seed=SEEDS, count=st.integers(6, LONGEST - 2))
def test_two_beside_each_other_are_a_step(seed: int, count: int) -> None:
    """The second one confirms the first: both teach, and what was before is forgotten."""
    step = 2.0 * OUTLIER * PRIOR + 1.0
    values = np.concatenate([noise(seed, count), step + noise(seed + 1, 2)])
    found = memory(values)
    assert found.teaches[-2:].all()
    assert found.since == 2
    assert (abs(levels(found) - step) < 5.0 * PRIOR).all()


@settings(max_examples=25)
@given(seed=SEEDS, count=st.integers(2, LONGEST))
def test_the_order_of_arrival_does_not_matter_in_the_end(seed: int, count: int) -> None:
    """Of the same shots: their results late by anything, and all of them known now."""
    rng, values = np.random.default_rng(seed), noise(seed, count)
    pours, inputs = 100.0 * np.arange(count), np.zeros((count, 9))
    after, same = rng.uniform(1.0, 3000.0, count), np.zeros(count + 1, np.int64)
    early = remember(pours, pours + 1.0, values, inputs, same, [], PRIOR)
    late = remember(pours, pours + after, values, inputs, same, [], PRIOR)
    assert late.weights == pytest.approx(early.weights, abs=1e-12)
    assert levels(late) == pytest.approx(levels(early), abs=1e-12)


def test_what_was_not_known_at_a_pour_did_not_foretell_it() -> None:
    """Of results that come after all pours no speed has foretold anything."""
    found = memory(noise(1), late_s=1e6)
    assert np.isnan(found.levels).all()
    assert (found.losses == 0.0).all()
    assert not len(found.errors(shares_of(found.losses)))


USUAL = list(SPEEDS).index(0.2)
MASS = sum(0.8**number for number in range(1, 21))
"""Weight of the twenty results before the newest, whose weight is 1."""


def newest_weight(**given: Sequence[float] | Sequence[int]) -> float:
    """Weight of the newest of 21 results in the level of the usual speed."""
    return float(memory(noise(2, 21), **given).weights[USUAL, -1])  # type: ignore[arg-type]


def test_an_event_leaves_little_of_what_was_before() -> None:
    assert newest_weight() == pytest.approx(1.0 / (1.0 + MASS))
    assert newest_weight(events=[1950.0]) == pytest.approx(1.0 / (1.0 + BEFORE_EVENT))
    assert memory(noise(2, 21), events=[1950.0]).since == 1
    nothing_since = memory(noise(2, 20), events=[1950.0])
    assert nothing_since.since == 0
    assert levels(nothing_since) == pytest.approx(levels(memory(noise(2, 20))), abs=1e-12)


def test_results_of_another_material_count_as_half_a_result() -> None:
    other = newest_weight(materials=[*[1] * 20, 2, 2])
    assert other == pytest.approx(1.0 / (1.0 + BEFORE_EVENT))
    back = newest_weight(materials=[*[1] * 20, 2, 1])  # the next shot is of the first one again
    own = MASS / 0.8  # results of one material age by newer ones of the same
    assert back == pytest.approx(BEFORE_EVENT / (BEFORE_EVENT + own))


@settings(max_examples=25)
@given(seed=SEEDS, factor=st.floats(0.01, 100.0))
def test_another_unit_changes_nothing(seed: int, factor: float) -> None:
    """Residuals and prior times a factor: level and scale times that factor, the same shares."""
    values = noise(seed)
    one, other = memory(values), memory(factor * values, prior=factor * PRIOR)
    assert level(other) == pytest.approx(factor * level(one), rel=1e-9, abs=1e-12 * factor)
    assert other.scale == pytest.approx(factor * one.scale, rel=1e-9)
    assert shares_of(other.losses) == pytest.approx(shares_of(one.losses), rel=1e-6)


def test_it_learns_its_own_speed() -> None:
    """Slow under noise alone, quick behind a walk."""

    def mean_speed(values: Array) -> float:
        return float(shares_of(memory(values).losses) @ SPEEDS)

    quiet = np.mean([mean_speed(noise(seed)) for seed in range(20)])
    walks = np.mean([mean_speed(np.cumsum(noise(seed))) for seed in range(20)])
    assert quiet < 0.25
    assert walks > 0.45


def test_the_size_of_an_error_is_robust() -> None:
    errors = noise(5, 31)
    few_wrong = errors.copy()
    few_wrong[:3] = 10.0
    assert typical_error(few_wrong, PRIOR) < 1.6 * typical_error(errors, PRIOR)
    assert typical_error(np.zeros(0), PRIOR) == PRIOR


def test_how_far_values_lie_off_those_before() -> None:
    found = off_those_before(np.array([1.0, 2.0, 3.0, 5.0]), 2)
    assert found == pytest.approx([np.nan, 1.0, 1.5, 2.5], nan_ok=True)


@pytest.mark.parametrize("every", [15, 10, 5])
def test_a_rare_material_on_a_mold_has_a_level_of_its_own(every: int) -> None:
    """Its residuals are no outliers beside those of the usual material, far from which they lie."""
    number = np.arange(2 * every + LONGEST)
    materials = (number % every == 0).astype(int)
    values = np.where(materials == 1, 0.0, 0.30) + noise(1, len(number), 0.01)
    some = slice(len(number) - LONGEST, None)
    rare = memory(values[some], materials=[*materials[some], 1])
    usual = memory(values[some], materials=[*materials[some], 0])
    assert abs(level(rare)) < 0.12, "half a result of the other, and two or more of its own"
    assert level(usual) == pytest.approx(0.30, abs=0.02)
    assert rare.teaches.all()
