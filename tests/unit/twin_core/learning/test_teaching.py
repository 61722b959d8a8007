"""What does not teach: measurements that contradict the shot, or are in another unit."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin_core.learning.columns import INPUTS, TARGETS
from twin_core.learning.teaching import (
    DENSITY_SHARE,
    FEWEST_INPUTS,
    PSI_PER_BAR,
    contradiction,
    in_fahrenheit,
)

PHYSICS = {"rho_moulded": 80.0, "t_demold": 400.0, "p_max": 2.0, "T_core_max": 140.0}
USUAL = {"proc_packing_kg_per_m3": 80.0, "proc_RH_ambient": 0.5, "proc_mixing_eff": 0.95}


def inputs(**other: float) -> tuple[float, ...]:
    """A usual pour at 25 °C."""
    usual = {name: 25.0 if name.endswith("_C") else USUAL.get(name, 1.0) for name in INPUTS}
    return tuple((usual | other)[name] for name in INPUTS)


def fahrenheit(celsius: float) -> float:
    return 1.8 * celsius + 32.0


@pytest.mark.parametrize("target", TARGETS)
@given(share=st.floats(0.7, 1.4))
def test_what_physics_may_miss_teaches(target: str, share: float) -> None:
    measured = share * PHYSICS[target]
    assert contradiction(target, measured, PHYSICS[target], inputs()) == ""


WRONG = {
    "ten times": ("rho_moulded", 800.0, "density_against_mass"),
    "a tenth": ("rho_moulded", 8.0, "density_against_mass"),
    "core beside the foam": ("T_core_max", 18.0, "core_never_heated"),
    "core in °F": ("T_core_max", fahrenheit(138.0), "core_in_fahrenheit"),
    "minutes": ("t_demold", 400.0 / 60.0, "demold_in_minutes"),
    "psi": ("p_max", 2.1 * PSI_PER_BAR, "pressure_in_psi"),
    "psi above the air": ("p_max", 1.1 * PSI_PER_BAR, "pressure_in_psi"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_contradiction_is_named(name: str) -> None:
    target, measured, rule = WRONG[name]
    assert contradiction(target, measured, PHYSICS[target], inputs()) == rule


def test_the_bound_of_a_density() -> None:
    most = (1.0 + DENSITY_SHARE) * 80.0
    assert contradiction("rho_moulded", most - 0.1, 80.0, inputs()) == ""
    assert contradiction("rho_moulded", most + 0.1, 80.0, inputs()) == "density_against_mass"
    unknown = inputs(proc_packing_kg_per_m3=math.nan)
    assert contradiction("rho_moulded", 800.0, 80.0, unknown) == "", "nothing to hold it against"


@given(at=st.floats(15.0, 60.0), off=st.floats(-3.0, 3.0))
def test_an_input_in_fahrenheit(at: float, off: float) -> None:
    usual = [inputs(proc_T_polyol_in_C=at)] * FEWEST_INPUTS
    now = inputs(proc_T_polyol_in_C=fahrenheit(at + off))
    assert in_fahrenheit(now, usual)
    assert not in_fahrenheit(inputs(proc_T_polyol_in_C=at + off), usual)
    assert not in_fahrenheit(now, usual[1:]), "too few to know what is usual"
    assert not in_fahrenheit(inputs(proc_T_polyol_in_C=math.nan), usual)


def test_some_earlier_shots_in_fahrenheit_do_not_make_it_usual() -> None:
    good, odd = inputs(), inputs(proc_T_iso_in_C=fahrenheit(25.0))
    assert in_fahrenheit(odd, [good, good, good, odd, odd])
    assert not in_fahrenheit(good, [good, good, good, odd, odd])
