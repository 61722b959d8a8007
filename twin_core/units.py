"""Conversions between the units at the boundary and SI, and the physical constants.

Nothing else in the project holds 273.15 or the gas constant.
"""

from __future__ import annotations

R_J_PER_MOL_K = 8.314462618  # CODATA 2018, exact by definition of the SI
P_ATM_PA = 101_325.0  # standard atmosphere
ZERO_CELSIUS_K = 273.15
PA_PER_BAR = 1e5
MG_KOH_PER_MOL = 56_100.0  # mg KOH per mol OH, definition of the OH number (ISO 14900)
M_NCO_KG_PER_MOL = 0.04202  # molar mass of the NCO group
M_H2O_KG_PER_MOL = 0.018015
M_CO2_KG_PER_MOL = 0.04401
M_AIR_KG_PER_MOL = 0.028965


def kelvin(celsius: float) -> float:
    """Absolute temperature [K] from degrees Celsius."""
    return celsius + ZERO_CELSIUS_K


def celsius(kelvin: float) -> float:
    """Degrees Celsius from absolute temperature [K]."""
    return kelvin - ZERO_CELSIUS_K


def bar(pascal: float) -> float:
    """Pressure [bar] from pressure [Pa]."""
    return pascal / PA_PER_BAR


def pascal(bar: float) -> float:
    """Pressure [Pa] from pressure [bar]."""
    return bar * PA_PER_BAR
