"""How a shot lies in memory: the state vector, the parameters, what is observed, the events.

State (SI): for each layer OH, water, CO2 in the cells, blowing agent in the cells [mol] and its
temperature [K]; then the two mold halves [K], the stress of the network [Pa], the headspace air
[mol] and the heat given to the mold [J]. A layer keeps its mass. Its amounts are those of the whole
shot if all foam were like it, so every layer has the same equations, and one layer is the 0D model.

NCO, dissolved CO2, liquid agent and vented air follow from the state by stoichiometry: these
balances hold by construction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twin_core.arrays import Array
from twin_core.compiled import compiled
from twin_core.scenario import MOST_LAYERS

OH, W, CO2, BA, T = range(5)
LAYER_STATES = 5
WALL_1, WALL_2, STRESS, AIR, Q_WALL = range(5)
"""Behind the layers."""
TAIL_STATES = 5

EVENTS = ("cream", "gel", "mold_full", "vent_closed")
CREAM, GEL, FULL, CLOSED = range(4)
CREAM_EXPANSION = 1.05
"""Foam volume over initial volume at cream time (visible rise)."""

OBSERVABLES = tuple(
    "P V_foam rho vent_eff X X_min alpha alpha_min T_core "
    "T_mold T_wall rho_core rho_skin p_air p_CO2 p_agent n_CO2 P_cells".split()
)
"""Columns of an observed run, SI. Shared: pressure of the cavity, foam volume, density, free share
of the vents. Means and least of the layers: OH conversion X and degree of cure alpha. Middle layer:
T_core and rho_core. Mold: mean of both halves. T_wall: the hotter of the two outer layers.
rho_skin: mean over the outer five per cent of the mass on each side. Then the shares of the gases
in the pressure, the CO2 in the cells, and the pressure in the cells: that of the cavity and what
the network bears."""
P_, V_, RHO_, VENT_, X_, X_MIN_, ALPHA_, ALPHA_MIN_, T_CORE_ = range(9)
T_MOLD_, T_WALL_, RHO_CORE_, RHO_SKIN_, P_AIR_, P_CO2_, P_AGENT_, N_CO2_ = range(9, 17)
P_CELLS_ = 17
SKIN_SHARE = 0.05
"""Outer share of the mass, per side, that counts as skin; a fixed one, so that finer layers do not
change what is meant."""

_NUMBERS = """
    A1 E1 A1_auto E1_auto order_auto order_left dH1 A2 E2 dH2
    n_OH0 n_NCO0 n_W0 n_BA0 mixed X_gel gel_width
    glass_w glass_beta glass_C1 glass_C2 glass_T0 glass_T1 glass_shape
    t_nucleation retention
    m_liquid rho_liquid c_liquid n_nuclei V_foam0 henry k_CO2 c_CO2
    k_agent M_agent rho_agent c_agent_l c_agent_g latent s_a s_b s_c s_d
    E_solid rho_solid strut_fraction poisson cure_exponent Tg_uncured Tg_cured rubbery_share
    relaxation_shift glass_width alpha_gel alpha_stop
    is_open P_ambient V_mold T_air n_air0 vent_area vent_discharge vent_open
    area thickness sides wall_factor cup_loss C_mold UA_ambient T_ambient UA_heater
    T_heater_1 T_heater_2
"""
LAWS = ("gelling_law", "solubility_law")
PARAMETERS = np.dtype(
    [
        *((name, np.int64) for name in LAWS),
        *((name, np.float64) for name in _NUMBERS.split()),
        ("share", np.float64, (MOST_LAYERS,)),
    ]
)
NUMBERS = tuple(name for name in PARAMETERS.names or () if name != "share")
"""Parameters of the right-hand side: ``NUMBERS`` (``LAWS`` are whole) and ``share``, mass shares of
the layers from wall to wall. ``alpha_gel, vent_open`` are the mode of the shot; ``alpha_gel`` is 1
before gel: there is no network. ``sides``:
2 where walls alike make a symmetric part, and the layers are one half of it; else 1."""


@compiled
def middle(n: int, p: Any) -> int:
    """Number of the layer in the middle of the part."""
    if p.sides > 1.0:
        return n - 1
    return n // 2


@compiled
def layer_count(states: int) -> int:
    """Layers of a state vector of this length."""
    return (states - TAIL_STATES) // LAYER_STATES


def layered(y: Array) -> Array:
    """View of states (…, states) as (…, layers, LAYER_STATES)."""
    n = (y.shape[-1] - TAIL_STATES) // LAYER_STATES
    return y[..., : n * LAYER_STATES].reshape(*y.shape[:-1], n, LAYER_STATES)


def tail(y: Array) -> Array:
    """View of states (…, states) as what stands behind the layers, (…, 5)."""
    return y[..., y.shape[-1] - TAIL_STATES :]
