"""Heat conduction in the foam."""

from __future__ import annotations

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
