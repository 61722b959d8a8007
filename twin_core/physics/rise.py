"""How far a foam expands: gas against the network that forms, in a cup and in a mold.

One law: s' = K (ln V)'. The network bears a part s of the pressure in the cells, which grows with
every further expansion; K is its stiffness. Before gel K is 0 and the foam is a liquid. In the open
a foam expands by P/(P + K) of what a liquid one would. In a full mold V stays, and so does s.
"""

from __future__ import annotations

import math

from twin_core.compiled import compiled

STOP_WIDTH = 0.02
"""Degree of cure over which a network becomes e times as stiff where a rise stops; assumed, a small
part of what a foam reacts between gel and the end of its rise."""


@compiled
def bulk_modulus(E: float, poisson: float) -> float:
    """Stiffness against growth alike in all directions, K = E/(3 (1 - 2 nu)) [Pa]."""
    return E / (3.0 * (1.0 - 2.0 * poisson))


@compiled
def stop_stiffness(alpha: float, alpha_stop: float, P_ambient: float, K_glass: float) -> float:
    """Stiffness [Pa] of a network that stops the rise at the degree of cure ``alpha_stop``.

    There it is as stiff as the ambient pressure: the foam rises half as fast as a liquid one. It
    grows as exp((alpha - alpha_stop)/0.02) and ends at the stiffness of the glass, ``K_glass``.
    """
    return 1.0 / (math.exp((alpha_stop - alpha) / STOP_WIDTH) / P_ambient + 1.0 / K_glass)


@compiled
def rates(
    is_open: bool, swell: float, compliance: float, K_by_V: float, V_air: float, P_air: float,
    air_rate: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Rates of the pressure in the cells and of the stress [Pa/s], and both by ``swell`` [Pa/m3].

    V' = swell - compliance (P' + s'), s' = K_by_V V', and in a closed mold V' + V_air' = 0 with
    V_air' = air_rate - V_air/P_air P'; in an open cup P' = 0.

    Args:
        swell: rate of the foam's volume at constant pressure of the cells [m3/s].
        compliance: of the foam's volume to that pressure [m3/Pa].
        K_by_V: stiffness of the network over the foam's volume [Pa/m3].
        V_air, P_air: of the headspace; air_rate: rate of its volume at constant pressure [m3/s].
    """
    stiff = 1.0 + compliance * K_by_V
    if is_open:
        by_swell = K_by_V / stiff
        return swell * by_swell, swell * by_swell, by_swell, by_swell
    soft = V_air / P_air
    below = soft * stiff + compliance
    by_swell, stress_by_swell = (1.0 + soft * K_by_V) / below, K_by_V * soft / below
    P_rate = swell * by_swell + air_rate / below
    stress_rate = swell * stress_by_swell - K_by_V * compliance * air_rate / below
    return P_rate, stress_rate, by_swell, stress_by_swell
