"""Many shots at once give what one at a time gives."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.scenarios import changed, panel, run, scenario
from twin_core import InputError, Scenario, simulate, simulate_many
from twin_core.results.kpi import KPIS

NAMES = ("panel_packed", "use_case_1", "cup_25C_system_r1", "baser_khakhar_1994_r11")
CLOSE = 1e-4
"""The batch integrates at rtol 1e-6, a single run at 1e-7; times to 0.01 s."""


def test_figures_are_those_of_single_runs() -> None:
    shots = [*map(scenario, NAMES), panel(0.8)]
    batch = simulate_many(shots)
    assert len(batch) == len(shots)
    assert not batch.errors
    for i, shot in enumerate(shots):
        one = simulate(shot)
        for name in KPIS:
            expected = getattr(one.kpis, name)
            found = batch[name][i]
            if expected is None:
                assert np.isnan(found), name
            elif name in ("t_p_max_s", "t_T_core_max_s") and shot.mold.open:
                continue  # one pressure, and an adiabatic end that creeps up for ever
            elif name.startswith("t_") and "max" in name:
                assert found == pytest.approx(expected, rel=5e-3), name  # flat maxima
            else:
                assert found == pytest.approx(expected, rel=CLOSE, abs=0.01), name
        for name in (
            *("t_demold_min_s", "t_demold_opt_s", "t_demold_max_s", "defect_risk"),
            *("H_demold_shore", "alpha_demold", "rho_moulded"),
        ):
            expected = getattr(one, name)
            if expected is None:
                assert np.isnan(batch[name][i]), name
            else:  # the window is looked for on a grid of one per cent
                close = 2e-3 if name.startswith("t_demold") else CLOSE
                assert batch[name][i] == pytest.approx(expected, rel=close, abs=0.02), name
        assert batch["quality_status"][i] == one.quality_status
        assert batch.words["pressure_status"][i] == one.pressure_status
        for end in ("earliest", "latest"):
            assert batch.words[f"binding_{end}"][i] == (one.demold_binding[end] or "")


def test_tight_tolerance_is_a_single_run_to_the_last_digit() -> None:
    batch = simulate_many([scenario("panel_packed")], rtol=1e-7)
    assert batch["p_max_Pa"][0] == run("panel_packed").p_max_Pa


def test_order_does_not_matter_and_dimensions_mix() -> None:
    flat = panel(1.15)
    deep = changed(flat, simulation={"dimension": "1d", "layers": 6})
    mixed = simulate_many([deep, flat, deep], workers=2)
    alone = simulate_many([flat], workers=1)
    assert mixed["p_max_Pa"][1] == alone["p_max_Pa"][0]
    assert mixed["p_max_Pa"][0] == mixed["p_max_Pa"][2] != mixed["p_max_Pa"][1]
    assert mixed["rho_skin_kg_per_m3"][0] > mixed["rho_core_kg_per_m3"][0]


def test_one_bad_shot_does_not_end_the_batch() -> None:
    good = panel(1.15)
    too_much = changed(good, process={"m_polyol_kg": 500.0})
    scarce = changed(good, simulation={"max_evaluations": 100})
    done: list[tuple[int, int]] = []
    batch = simulate_many([good, too_much], progress=lambda *at: done.append(at))
    assert list(batch.errors) == [1]
    assert "the liquid takes" in batch.errors[1]
    assert np.isnan(batch["p_max_Pa"][1])
    assert batch.words["quality_status"].tolist() == [simulate(good).quality_status, ""]
    assert done == [(2, 2)]
    assert "raise simulation.max_evaluations" in simulate_many([scarce]).errors[0]


def test_profiles_on_request() -> None:
    shots = [panel(1.15), panel(1.5)]
    assert not simulate_many(shots).profiles
    batch = simulate_many(shots, profiles=True)
    assert batch["T_core_K"].shape == (2, len(batch.time_s))
    with pytest.raises(KeyError, match="nothing: there is rho_moulded"):
        batch["nothing"]
    assert batch.profiles["p_total_Pa"].max(axis=1) == pytest.approx(batch["p_max_Pa"], rel=1e-4)


def test_empty_and_mixed_requests_are_refused() -> None:
    with pytest.raises(InputError, match="there are no scenarios"):
        simulate_many([])
    longer = changed(panel(1.15), quality={"t_cycle_max_s": 900.0})
    shots: list[Scenario] = [panel(1.15), longer]
    with pytest.raises(InputError, match=r"one quality\.t_cycle_max_s"):
        simulate_many(shots, profiles=True)
    assert len(simulate_many(shots)) == 2


def test_windows_say_their_kind_and_what_the_part_does() -> None:
    deep = panel(1.15)
    quick = changed(deep, simulation={"dimension": "0d"})
    batch = simulate_many([deep, quick, scenario("cup_25C_system_r1")])
    assert batch["window"].tolist() == ["layered", "quick", "none"]
    for i, shot in enumerate((deep, quick)):
        one = simulate(shot)
        assert one.window == batch["window"][i]
        for end, part in (("min", one.swell_at_min), ("opt", one.swell_at_opt)):
            for name in ("swell_mm", "swell_ratio", "shrink_mm", "shrink_ratio"):
                what, _, unit = name.partition("_")
                found = batch[f"{what}_at_{end}_{unit}"][i]
                assert found == pytest.approx(part[name], rel=0.01, abs=1e-4), name
        assert one.release is not None
        assert 1e3 * batch.release[i, :, 2] == pytest.approx(
            one.release.swell_mm, rel=0.01, abs=1e-4
        )
    assert np.isnan(batch["swell_at_min_mm"][2])
    assert np.isnan(batch.release[2]).all()


def test_without_the_window_figures_and_profiles_are_those_with_it() -> None:
    shots = [scenario("panel_packed"), scenario("panel_packed")]
    whole = simulate_many(shots, profiles=True)
    quick = simulate_many(shots, profiles=True, window=False)
    np.testing.assert_array_equal(quick["T_core_K"], whole["T_core_K"])
    np.testing.assert_array_equal(quick["rho_moulded"], whole["rho_moulded"])
    assert np.isnan(quick["t_demold_min_s"]).all()
    assert (quick["quality_status"] == "").all()
    assert (quick["window"] == whole["window"]).all()
