"""Rise tests: what they determine comes back, what they do not is named and left as it was."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.support.scenarios import catalogue
from twin_core import InputError, MaterialSystem, Process
from twin_core.calibration.free_parameters import FreeParameter, number
from twin_core.calibration.rise_fit import RiseFit, fit_rise_tests, usual_paths
from twin_core.calibration.rise_test import Cup, RiseTest
from twin_core.calibration.unknown import CUP_LOSS, OFFSET
from twin_core.trajectory import integrate

SYSTEM = catalogue()["RIGID_PANEL"]
CUP = Cup(diameter_mm=120.0)
T = np.arange(0.0, 200.0, 2.0)
LOSS_W_PER_K_KG = 0.25


@cache
def truth() -> MaterialSystem:
    system = FreeParameter("gelling.A").turn(SYSTEM, 0.75)
    return FreeParameter("gelling.E").turn(system, 1.08)


def rise_test(
    T_C: float, seed: int, late_s: float = 0.0, height: bool = True, by_hand: bool = False
) -> RiseTest:
    """A cup of the truth with noise.

    Args:
        late_s: what the clock shows too much.
        height: whether it was logged.
        by_hand: whether a person read the gel time.
    """
    process = Process(
        m_polyol_kg=0.12, m_iso_kg=0.20, T_polyol_C=T_C, T_iso_C=T_C, T_ambient_C=23.0
    )
    mass = 0.32
    first = RiseTest(f"t{seed}", "t.csv", process, CUP, mass, {"T_core_C": (T, T)})
    scenario = first.scenario(truth())
    mold = scenario.mold.model_copy(update={"cup_loss_W_per_K_kg": LOSS_W_PER_K_KG})
    run = integrate(scenario.model_copy(update={"mold": mold}))[1]
    rng = np.random.default_rng(seed)
    core = np.interp(T, run.t_s, run.T_K) - 273.15 + 0.5 * rng.normal(size=len(T))
    area = float(CUP.volume_m3(np.array([1.0]))[0])
    tall = np.interp(T, run.t_s, run.V_foam_m3) / area + 0.5 * rng.normal(size=len(T))
    series = {"T_core_C": (T + late_s, core)}
    if height:
        series["height_mm"] = (T + late_s, tall)
    hand = {"t_gel_s": run.events["gel"]} if by_hand else {}
    return RiseTest(f"t{seed}", "t.csv", process, CUP, mass, series, hand)


def fit(tests: list[RiseTest], *paths: str) -> RiseFit:
    return fit_rise_tests(SYSTEM, tests, paths, "made up")


def test_rates_and_energies_of_two_temperatures_come_back() -> None:
    tests = [rise_test(15.0, 1), rise_test(30.0, 2)]
    found = fit_rise_tests(SYSTEM, tests, usual_paths(SYSTEM), "made up", [rise_test(22.0, 3)])
    for path in ("gelling.A", "gelling.E"):
        a, b = number(found.system, path), number(truth(), path)
        assert a is not None
        assert b is not None
        assert a.value == pytest.approx(b.value, rel=0.02)
    assert found.cup_loss_W_per_K_kg == pytest.approx(LOSS_W_PER_K_KG, rel=0.05)
    assert found.system.version == SYSTEM.version + 1
    assert found.converged
    (unseen,) = found.held_out
    assert unseen.error(True) < 0.3 < unseen.error(False)
    assert unseen.after[0].rmse == pytest.approx(0.5, rel=0.3)  # the noise is left


def test_what_nothing_depends_on_is_named_and_left() -> None:
    found = fit([rise_test(23.0, 1)], "gelling.A", "gel.tack_free_margin")
    assert [n.path for n in found.not_fitted] == ["gel.tack_free_margin"]
    assert "nothing that was measured depends on it" in found.not_fitted[0].why
    old, new = (number(s, "gel.tack_free_margin") for s in (SYSTEM, found.system))
    assert old == new


def test_numbers_that_go_together_are_not_both_fitted() -> None:
    found = fit([rise_test(23.0, 1, height=False)], "gelling.A", "gelling.heat", "liquid.c_p")
    assert [n.path for n in found.not_fitted] in (["gelling.heat"], ["liquid.c_p"])
    assert len(found.estimates) == 2


def test_energies_need_two_temperatures() -> None:
    found = fit([rise_test(22.0, 1), rise_test(25.0, 2)], "gelling.A", "gelling.E")
    assert [e.path for e in found.estimates] == ["gelling.A"]
    assert "the tests begin at 22 to 25 C" in found.not_fitted[0].why
    with pytest.raises(InputError, match=r"determine no number: gelling\.E"):
        fit([rise_test(22.0, 1)], "gelling.E")


def test_each_test_has_a_clock_of_its_own() -> None:
    tests = [rise_test(15.0, 1, 5.0), rise_test(30.0, 2, 9.0)]
    found = fit(tests, "gelling.A", "gelling.E", OFFSET, CUP_LOSS)
    clocks = {e.path: e.value for e in found.estimates}
    assert clocks["time_offset_s[t1]"] == pytest.approx(5.0, abs=0.3)
    assert clocks["time_offset_s[t2]"] == pytest.approx(9.0, abs=0.3)


def test_a_gel_time_by_hand_counts() -> None:
    test = rise_test(23.0, 1, by_hand=True)
    assert test.run(SYSTEM, {}).sizes == [len(T), len(T), 1]
    found = fit([test], "gelling.A", CUP_LOSS)
    assert found.tests[0].model_after["t_gel_s"] == pytest.approx(
        test.by_hand_s["t_gel_s"], rel=0.03
    )


def test_the_true_numbers_lie_in_their_intervals() -> None:
    """Three numbers of six seeds: 95 % intervals of which at most two of 18 may miss."""
    inside = []
    for seed in range(10, 16):
        tests = [rise_test(16.0, seed), rise_test(29.0, seed + 100)]
        found = fit(tests, "gelling.A", "gelling.E", CUP_LOSS)
        # a rate beside its energy is told as that at 25 °C
        true = {"gelling.A": 0.75 * SYSTEM.gelling.A.value, CUP_LOSS: LOSS_W_PER_K_KG}
        true["gelling.E"] = 1.08 * SYSTEM.gelling.E.value
        inside += [e.low <= true[e.path] <= e.high for e in found.estimates]
    assert len(inside) == 18
    assert sum(inside) >= 16
