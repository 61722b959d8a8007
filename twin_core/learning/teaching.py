"""What must not teach: measurements that contradict what was poured, or are in another unit.

A value that is impossible is missing before it comes here (``plausible_ranges``). These are
possible, and wrong all the same: a slip of the pen, a sensor that was switched to °F for a shift.
The ratios and differences are assumed; each is far beyond what physics misses.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from twin_core.learning.columns import INPUTS
from twin_core.learning.memory import median_of

DENSITY_SHARE = 0.5
"""A density is further from metered mass by cavity volume than flash and gas can explain."""
FALL_K = 5.0
"""A peak of the core lies so far below the components: the sensor sits elsewhere."""
FAR_K, NEAR_K = 40.0, 25.0
"""A core so far from the physics that is near it when read as °F."""
INPUT_FAR_K, INPUT_NEAR_K = 20.0, 8.0
"""The same of an input beside the usual ones of its mold."""
MINUTES_SHARE, MINUTES_NEAR = 0.1, 1.7
"""A time so short beside the physics that is within this factor when read as minutes."""
FEWEST_INPUTS = 3
PSI_PER_BAR = 14.5038
PSI_NEAR = 0.35

_PACKING = INPUTS.index("proc_packing_kg_per_m3")
_LIQUIDS = (INPUTS.index("proc_T_polyol_in_C"), INPUTS.index("proc_T_iso_in_C"))
_TEMPERATURES = tuple(number for number, name in enumerate(INPUTS) if name.endswith("_C"))


def celsius_of(fahrenheit: float) -> float:
    """°C of °F."""
    return (fahrenheit - 32.0) / 1.8


def contradiction(target: str, measured: float, physics: float, inputs: Sequence[float]) -> str:
    """The rule that a measurement breaks, or "": see ``edge_agent.learning.checks``.

    Args:
        target: of ``columns.TARGETS``.
        measured, physics: in its unit.
        inputs: how the shot was poured, see ``columns.INPUTS``.
    """
    packing = inputs[_PACKING]
    if target == "rho_moulded" and packing > 0.0 and abs(measured / packing - 1.0) > DENSITY_SHARE:
        return "density_against_mass"
    if target == "T_core_max":
        warmest = max(inputs[number] for number in _LIQUIDS)
        if measured < warmest - FALL_K:
            return "core_never_heated"
        is_far = abs(measured - physics) > FAR_K
        if is_far and abs(celsius_of(measured) - physics) < NEAR_K:
            return "core_in_fahrenheit"
    if target == "t_demold" and physics > 0.0:
        in_seconds = 60.0 * measured / physics
        if measured < MINUTES_SHARE * physics and 1 / MINUTES_NEAR < in_seconds < MINUTES_NEAR:
            return "demold_in_minutes"
    if target == "p_max" and 0.0 < 3.0 * physics < measured:
        in_bar = measured / PSI_PER_BAR
        if min(abs(bar / physics - 1.0) for bar in (in_bar, in_bar + 1.0)) < PSI_NEAR:
            return "pressure_in_psi"
    return ""


def in_fahrenheit(inputs: Sequence[float], usual: Collection[Sequence[float]]) -> bool:
    """True if a temperature at the pour is far from those of earlier pours, and near in °F.

    Args:
        inputs: of the shot.
        usual: of earlier shots of its mold.
    """
    if len(usual) < FEWEST_INPUTS:
        return False
    for number in _TEMPERATURES:
        values = [one[number] for one in usual if not math.isnan(one[number])]
        if len(values) < FEWEST_INPUTS or math.isnan(inputs[number]):
            continue
        middle = median_of(np.array(values))
        is_far = abs(inputs[number] - middle) > INPUT_FAR_K
        if is_far and abs(celsius_of(inputs[number]) - middle) < INPUT_NEAR_K:
            return True
    return False
