"""Weights of a production fit, the verdict on it, and certainty, on numbers made up here."""

from __future__ import annotations

import numpy as np
import pytest

from twin_core.calibration import shot_features as sf
from twin_core.calibration.production_search import weigh
from twin_core.calibration.production_verdict import HeldOut

RHO = "rho_moulded_kg_per_m3"
TOO_FEW = "not used: no quantity was measured of 8 held-out shots, with two of a mold"


def test_slips_and_failed_shots_do_not_count() -> None:
    rng = np.random.default_rng(1)
    R = rng.standard_normal((40, len(sf.names())))
    R[3, 2] = 40.0
    R[5] += 9.0
    R[7, 4] = np.nan
    weights, scales, rejected = weigh(R, np.zeros(40, int))
    assert rejected[3, 2]
    assert not rejected[3, 3]
    assert rejected[5].all()
    assert weights[7, 4] == 0.0
    assert not rejected[7, 4]
    assert scales[0] == pytest.approx(np.hypot(1.0, 0.5), rel=0.3)
    usual = weights[0, 0]
    assert usual == pytest.approx(0.3 / scales[0] ** 2, rel=1e-9)


def test_a_bias_of_a_mold_is_no_scatter() -> None:
    rng = np.random.default_rng(2)
    R = rng.standard_normal((40, len(sf.names())))
    mold = np.repeat([0, 1], 20)
    R[mold == 1] += 30.0
    weights, _, rejected = weigh(R, mold)
    assert not rejected.any()
    assert weights.min() > 0.0


class Judged(HeldOut):
    """Held-out shots without any: only their errors are judged."""

    def __init__(self, molds: int, count: int) -> None:
        class Poured:
            def __init__(self, i: int) -> None:
                self.mold_id = f"M{i % molds}"

        self.shots = [Poured(i) for i in range(count)]  # type: ignore[misc]


def errors(bias: float, seed: int = 1, count: int = 48) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 1)) + bias


def test_a_gain_is_used_and_the_noise_floor_is_what_is_left() -> None:
    verdict = Judged(2, 48).verdict({RHO: errors(3.0)}, {RHO: errors(0.2)})
    assert verdict.use
    assert verdict.words.startswith("use it: ")
    assert verdict.words.endswith("less error on 48 held-out shots")
    found = verdict.held_out[RHO]
    assert found.noise_floor == pytest.approx(1.0, rel=0.2)
    assert found.after == pytest.approx(1.0, rel=0.2)
    assert 60.0 < verdict.improvement_pct < 75.0


def test_what_does_nothing_is_not_used() -> None:
    verdict = Judged(2, 48).verdict({RHO: errors(1.0)}, {RHO: errors(1.0)})
    assert (verdict.use, verdict.improvement_pct) == (False, 0.0)


def test_what_stays_far_off_is_looked_at_first() -> None:
    """As with a probe that reads 25 K too much: the rest may gain, and nobody knows by what."""
    before = {RHO: errors(3.0), "T_core_C": errors(20.0, 2)}
    after = {RHO: errors(0.0), "T_core_C": errors(20.0, 2)}
    verdict = Judged(2, 48).verdict(before, after)
    assert not verdict.use
    assert verdict.words.startswith("not used: T_core_C stays 20")
    after["T_core_C"] = errors(9.0, 2)
    assert Judged(2, 48).verdict(before, after).use  # more than half of it is explained


def test_what_is_not_better_is_named_and_the_window_first() -> None:
    before = {"T_core_C": errors(0.5, 3), RHO: errors(3.0), "t_demold_safe_s": errors(0.5, 2)}
    after = {name: off * (1.015 if name != RHO else 0.1) for name, off in before.items()}
    verdict = Judged(2, 48).verdict(before, after)
    assert "; not better, maybe by chance: t_demold_safe_s" in verdict.words
    assert verdict.words.index("t_demold_safe_s") < verdict.words.index("T_core_C")


def test_no_quantity_may_pay_for_another() -> None:
    before = {RHO: errors(3.0), "t_demold_safe_s": errors(0.0, 2)}
    after = {RHO: errors(0.0), "t_demold_safe_s": errors(1.0, 2)}
    verdict = Judged(2, 48).verdict(before, after)
    assert not verdict.use
    assert "and worse at t_demold_safe_s" in verdict.words


def test_a_gain_that_ended_is_not_used() -> None:
    before, after = errors(3.0), errors(0.0)
    after[24:] = before[24:]
    verdict = Judged(2, 48).verdict({RHO: before}, {RHO: after})
    assert not verdict.use
    assert "newer half" in verdict.words


def test_a_slip_of_the_pen_is_no_gain_and_no_loss() -> None:
    before, after = errors(3.0), errors(0.2)
    before[5] = after[5] = 700.0
    verdict = Judged(2, 48).verdict({RHO: before}, {RHO: after})
    assert verdict.held_out[RHO].shots == 47
    assert verdict.held_out[RHO].after < 1.5


def test_too_few_are_not_judged() -> None:
    before, after = errors(3.0, count=7), errors(0.0, count=7)
    verdict = Judged(1, 7).verdict({RHO: before}, {RHO: after})
    assert not verdict.use
    assert verdict.words == TOO_FEW


def test_one_shot_of_each_mold_tells_no_scatter() -> None:
    verdict = Judged(24, 24).verdict({RHO: errors(3.0, count=24)}, {RHO: errors(0.2, count=24)})
    assert not verdict.use
    assert verdict.words == TOO_FEW
    assert verdict.held_out == {}


def test_a_quantity_that_never_varies_is_judged() -> None:
    before, after = np.full((48, 1), 6.0), np.full((48, 1), 5.0)
    verdict = Judged(2, 48).verdict({RHO: before}, {RHO: after})
    assert not verdict.use
    assert "rho_moulded_kg_per_m3 stays 5 kg/m3 off in all shots alike" in verdict.words
    assert Judged(2, 48).verdict({RHO: before}, {RHO: np.zeros((48, 1))}).use


def test_a_set_with_which_no_time_is_safe_any_more_is_refused() -> None:
    name = "t_demold_safe_s"
    before, after = errors(30.0), errors(0.2)
    after[:5] = np.nan
    verdict = Judged(2, 48).verdict({name: before}, {name: after})
    assert not verdict.use
    assert verdict.words == (
        "not used: t_demold_safe_s is not predicted any more of 5 of 48 held-out shots"
    )
    few = slice(0, 9)
    after[:9] = 0.2
    after[3] = np.nan  # one of nine may be chance
    assert "any more" not in Judged(1, 9).verdict({name: before[few]}, {name: after[few]}).words
    after[:5] = np.nan
    before[10:14] = np.nan  # as many nearly have one now
    assert Judged(2, 48).verdict({name: before}, {name: after}).use
    after[:] = np.nan
    assert "of 44 of 44" in Judged(2, 48).verdict({name: before}, {name: after}).words
