"""Disturbances that nobody sees: AR(1) from shot to shot, of a press and of a mold; heavy tails."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_agent.virtual_plant.harsh_sizes import Harsh
from edge_agent.virtual_plant.schedule import Slot
from twin_core.arrays import Array

TAIL_END = 8.0
"""Nothing is further out, in standard deviations: it would not be poured."""


def ar1(rng: np.random.Generator, count: int, memory: float, sigma: float) -> Array:
    """A stationary AR(1) series with this standard deviation."""
    fresh = rng.standard_normal(count) * sigma
    found = np.empty(count)
    share = np.sqrt(1.0 - memory**2)
    last = 0.0
    for i in range(count):
        last = memory * last + share * fresh[i] if i else float(fresh[i])
        found[i] = last
    return found


def student(rng: np.random.Generator, count: int, freedom: float) -> Array:
    """Numbers of Student's t, scaled to a standard deviation of 1.

    Args:
        freedom: degrees of freedom, above 2.
    """
    scale = np.sqrt((freedom - 2.0) / freedom)
    found: Array = np.clip(rng.standard_t(freedom, count) * scale, -TAIL_END, TAIL_END)
    return found


def draw_disturbances(
    seed: int, slots: Sequence[Slot], presses: int, molds_per_press: int, sizes: Harsh
) -> dict[str, Array]:
    """Disturbances by name, for each slot of a plant, in the plant's order of time."""
    of_press = {
        "gain": sizes.ar_gain_sigma,
        "T_component_C": sizes.ar_T_component_sigma_C,
        "mixing": sizes.ar_mixing_sigma,
    }
    of_mold = {
        "T_mold_C": sizes.ar_T_mold_sigma_C,
        "tempering": sizes.ar_tempering_sigma,
        "density": sizes.ar_density_sigma,
        "rate": sizes.ar_rate_sigma,
        "pressure": sizes.ar_pressure_sigma,
    }
    mold = np.array([slot.mold for slot in slots])
    found: dict[str, Array] = {}
    groups = (
        (of_press, mold // molds_per_press, presses),
        (of_mold, mold, presses * molds_per_press),
    )
    for number, (sigmas, group, count) in enumerate(groups):
        for place, (name, sigma) in enumerate(sigmas.items()):
            found[name] = np.zeros(len(slots))
            for one in range(count):
                rng = np.random.default_rng([seed, 12, number, place, one])
                mine = np.flatnonzero(group == one)
                found[name][mine] = ar1(rng, len(mine), sizes.ar_memory, sigma)
    return found
