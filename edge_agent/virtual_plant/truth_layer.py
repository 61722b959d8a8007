"""The truth beside the 1D model: responses of the foam that the model does not have. ALL ASSUMED.

The 1D model is simulated from true values, and its result then changed by laws that are not in it:
squares, thresholds, powers, saturation, a reaction with another activation energy, and what came
before the shot. None of these laws is published or measured; they only are unlike the model, so
that no other numbers in the model could stand for them. Sizes: ``harsh_sizes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from edge_agent.virtual_plant.harsh_sizes import Harsh
from twin_core import BatchResult
from twin_core.arrays import Array
from twin_core.units import PA_PER_BAR, ZERO_CELSIUS_K

GAS_J_PER_MOL_K = 8.314
AGE_SHOTS = 300.0
"""Within so many shots the core's loss with a mold's age saturates."""
INDEX_WIDTH = 0.05
STEP_K = 5.0
STEP_PCT = 10.0
FOULING_POWER, OVERFLOW_POWER = 1.7, 1.5
HARDNESS_POWER = 1.5
"""Hardness follows density by this power."""


@dataclass(frozen=True)
class Causes:
    """True causes of one shot that the layer responds to."""

    T_mix_C: float
    """Components."""
    T_mix_recipe_C: float
    T_mold_C: float
    """At the thermometer, as it really is."""
    T_set_C: float
    RH_pct: float
    p_ambient_bar: float
    index_off_ratio: float
    """True over recipe's ratio of isocyanate to polyol, minus 1."""
    break_h: float = 0.0
    """From the pour before in this mold, less the usual spacing."""
    fouled_fraction: float = 0.0
    """Of the vent area."""
    skin_share: float = 0.0
    """Time since the mold was cleaned, over the longest time between two cleanings."""
    age_shots: float = 0.0
    """Shots of the mold since it was new."""
    density_ratio: float = 0.0
    """Of no known cause, relative; so are the next two."""
    rate_ratio: float = 0.0
    pressure_ratio: float = 0.0
    sensitivity_ratio: float = 1.0
    """How much this mold follows."""
    activation_J_per_mol: float = 0.0
    """Of the system, minus that of the model."""


def with_layer(result: BatchResult, causes: Sequence[Causes], sizes: Harsh) -> BatchResult:
    """Result of the truth: that of the 1D model, changed.

    Args:
        result: of the 1D model; its profiles are changed too, where it has them.
        causes: of its shots.
    """
    c = _columns(causes)
    k = c["sensitivity_ratio"]
    pause = 1.0 - np.exp(-c["break_h"] / sizes.break_hours)
    off_K = c["T_mold_C"] - c["T_set_C"] - sizes.break_K * pause
    rate = np.exp(_log_rate(c, off_K, sizes))

    ambient = c["p_ambient_bar"] * PA_PER_BAR
    stiff = (1.0 + k * sizes.pressure_fouling * c["fouled_fraction"] ** FOULING_POWER) * np.exp(
        c["pressure_ratio"]
    )
    yields = sizes.pressure_yield_bar * PA_PER_BAR

    def pressed(p_Pa: Array, ambient_Pa: Array, stiffness: Array) -> Array:
        gauge = np.maximum(p_Pa - ambient_Pa, 0.0) * stiffness
        return np.minimum(p_Pa, ambient_Pa) + yields * (1.0 - np.exp(-gauge / yields))

    p_max = pressed(result.figures["p_max_Pa"], ambient, stiff)
    density = _density_factor(c, off_K, (p_max - ambient) / PA_PER_BAR, sizes)
    heat = (
        1.0
        - k * sizes.core_heat * np.tanh(np.abs(c["index_off_ratio"]) / INDEX_WIDTH)
        - sizes.core_wear * (1.0 - np.exp(-c["age_shots"] / AGE_SHOTS))
    )
    delay = (1.0 + k * sizes.rate_skin * np.sqrt(c["skin_share"])) * (
        1.0 + k * sizes.rate_break * pause
    )
    figures = dict(result.figures)
    figures["p_max_Pa"] = p_max
    figures["rho_moulded"] = result.figures["rho_moulded"] * density
    figures["t_demold_min_s"] = result.figures["t_demold_min_s"] * delay / rate
    figures["H_demold_shore"] = np.minimum(
        100.0, result.figures["H_demold_shore"] * density**HARDNESS_POWER
    )
    figures["T_core_max_C"] = c["T_mix_C"] + (result.figures["T_core_max_C"] - c["T_mix_C"]) * heat
    profiles = dict(result.profiles)
    if profiles:
        t = result.time_s
        core, p = (_sooner(t, profiles[name], rate) for name in ("T_core_K", "p_total_Pa"))
        first = core[:, :1]
        profiles["T_core_K"] = first + (core - first) * heat[:, None]
        profiles["p_total_Pa"] = pressed(p, ambient[:, None], stiff[:, None])
    return replace(result, figures=figures, profiles=profiles)


def _log_rate(c: dict[str, Array], off_K: Array, sizes: Harsh) -> Array:
    """Logarithm of the true speed over that of the model."""
    energy = c["activation_J_per_mol"] / GAS_J_PER_MOL_K

    def warmer(T_C: Array, T_ref_C: Array) -> Array:
        return 1.0 / (T_ref_C + ZERO_CELSIUS_K) - 1.0 / (T_C + ZERO_CELSIUS_K)

    x = c["index_off_ratio"]
    return (
        energy * warmer(c["T_mix_C"], c["T_mix_recipe_C"])
        + energy * warmer(c["T_set_C"] + off_K, c["T_set_C"])
        - c["sensitivity_ratio"] * (sizes.rate_index * np.abs(x) + 5.0 * x**2)
        + c["rate_ratio"]
    )


def _density_factor(c: dict[str, Array], off_K: Array, gauge_bar: Array, sizes: Harsh) -> Array:
    """True density over that of the model."""
    damp = np.maximum(0.0, c["RH_pct"] - sizes.damp_threshold_pct) / STEP_PCT
    cold = np.maximum(0.0, -off_K) / STEP_K
    over = np.maximum(0.0, gauge_bar / sizes.overflow_bar - 1.0)
    loss = (
        sizes.density_heat * (off_K / STEP_K) ** 2
        + damp * (sizes.density_damp + sizes.density_damp_cold * cold)
        + sizes.density_overflow * over**OVERFLOW_POWER
    )
    return np.clip(1.0 - c["sensitivity_ratio"] * loss + c["density_ratio"], 0.5, 1.2)


def _sooner(time_s: Array, values: Array, rate: Array) -> Array:
    """Profiles (shots, times) of a reaction that runs ``rate`` times as fast."""
    return np.stack(
        [np.interp(time_s * r, time_s, row) for r, row in zip(rate, values, strict=True)]
    )


def _columns(causes: Sequence[Causes]) -> dict[str, Array]:
    return {
        item.name: np.array([getattr(one, item.name) for one in causes], float)
        for item in fields(Causes)
    }
