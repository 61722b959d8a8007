"""Heat conduction in the foam and from the foam to the mold."""

from __future__ import annotations

import math

from twin_core.compiled import compiled


@compiled
def foam_conductivity(density: float) -> float:
    """Conductivity of a n-pentane blown rigid foam [W/m/K] from its density [kg/m3].

    8.7006e-8 rho^2 + 8.4674e-5 rho + 0.0116 above 48 kg/m3, 9.3738e-6 rho^2 - 7.3511e-4 rho
    + 0.02956 below: the correlation in PUFoam (Karimi, Droghetti, Marchisio, Comput. Phys. Commun.
    217 (2017) 138). Used for every system until a system gives its own.
    """
    if density > 48.0:
        return (8.7006e-8 * density + 8.4674e-5) * density + 0.0116
    return (9.3738e-6 * density - 7.3511e-4) * density + 0.02956


@compiled
def wall_heat_flow(
    conductivity: float, thickness: float, area: float, wetted: float, T: float, T_mold: float
) -> float:
    """Heat from a slab of foam at mean temperature ``T`` to its walls [W].

    q = (pi^2/4) k/(thickness/2) area wetted (T - T_mold): the first mode of the slab (Carslaw and
    Jaeger 1959). ``area`` is the whole cavity surface, ``wetted`` the covered share 0..1.
    """
    return 0.25 * math.pi**2 * conductivity / (0.5 * thickness) * area * wetted * (T - T_mold)
