"""A height becomes a density by mass and cup; what no foam has is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from tests.support.scenarios import catalogue
from twin_core import InputError, Process
from twin_core.arrays import Array
from twin_core.calibration.rise_test import MOST, Cup, RiseTest

PROCESS = Process(m_polyol_kg=0.1, m_iso_kg=0.1, T_polyol_C=20.0, T_iso_C=24.0)
T = np.arange(0.0, 60.0, 1.0)


def rise_test(height: Array, cup: Cup | None = None, **fields: object) -> RiseTest:
    given = {"mass_kg": 0.2, "series": {"height_mm": (T, height)}} | fields
    return RiseTest("A", "a.csv", PROCESS, cup or Cup(diameter_mm=100.0), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cup", "height", "litres"),
    [
        (Cup(diameter_mm=100.0), 100.0, math.pi / 4.0),
        (Cup(length_mm=200.0, width_mm=100.0), 50.0, 1.0),
        (Cup(bottom_diameter_mm=80.0, top_diameter_mm=80.0, height_mm=100.0), 100.0, 0.50265),
        (Cup(bottom_diameter_mm=60.0, top_diameter_mm=100.0, height_mm=120.0), 120.0, 0.61575),
        (Cup(bottom_diameter_mm=60.0, top_diameter_mm=100.0, height_mm=120.0), 220.0, 1.40115),
    ],
)
def test_volume_of_each_shape(cup: Cup, height: float, litres: float) -> None:
    assert cup.volume_m3(np.array([height]))[0] == pytest.approx(1e-3 * litres, rel=1e-4)


@pytest.mark.parametrize(
    "fields", [{}, {"length_mm": 100.0}, {"diameter_mm": 100.0, "length_mm": 100.0}]
)
def test_a_cup_has_one_shape(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="give the inside of one shape"):
        Cup(**fields)


def test_density_is_mass_over_volume() -> None:
    found = rise_test(np.full(60, 100.0)).density()
    assert found is not None
    assert found[1][0] == pytest.approx(0.2 / (1e-3 * math.pi / 4.0))


def test_a_density_that_no_foam_has_names_mass_height_and_the_way_out() -> None:
    with pytest.raises(InputError, match=r"a\.csv: 0\.2 kg and a height of 1 mm at 0 s give"):
        rise_test(np.full(60, 1.0)).density()


def test_the_mix_is_as_warm_as_its_parts() -> None:
    assert rise_test(np.full(60, 100.0)).T_start_C == pytest.approx(22.0)


def test_a_long_log_is_thinned_and_weighs_as_much_as_a_short_one() -> None:
    system = catalogue()["RIGID_PANEL"]
    t = np.arange(0.0, 60.0, 0.01)
    long = rise_test(np.empty(0), series={"height_mm": (t, 100.0 + t)}).run(system, {})
    short = rise_test(100.0 + T).run(system, {"rho_kg_per_m3": 2.0})
    (a,), (b,) = long.observations, short.observations
    assert len(a.t_s) == MOST
    assert b.weight * len(b.t_s) == pytest.approx(2.0 * a.weight * len(a.t_s))


def test_a_test_without_anything_to_fit_to_is_refused() -> None:
    with pytest.raises(InputError, match="neither a height nor a core temperature"):
        rise_test(T, series={"dielectric": (T, T)}).run(catalogue()["RIGID_PANEL"], {})
