"""Feature sets with a known truth: quick to make, where the virtual plant would be slow.

Made of random numbers, not of shots: for tests of training and of drift only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twin_core.learning.columns import COLUMNS, DEFECTS, RECENT, TARGETS
from twin_core.plausible_ranges import RANGES

NOISE = 0.01
LEVEL_NOISE = 0.003
"""Of the running level of a mold: as a mean of ten results has it."""


def feature_set(
    shots: int = 800,
    presses: int = 4,
    seed: int = 0,
    shift: float = 0.0,
    system: str = "SYSTEM_R1",
    slope: float = 0.004,
) -> dict[str, Any]:
    """Shots of presses, each off in its own way, and more so when the hall is warm.

    Residuals are ``offset of the press + slope per kelvin + noise``; of a quarter of the shots the
    laboratory says nothing.

    Args:
        shift: added to the temperature of the hall, K.
        slope: of the residuals over that temperature, per K.
    """
    rng = np.random.default_rng(seed)
    press = rng.integers(0, presses, shots)
    start = np.datetime64("2026-01-01T00:00:00", "us")
    poured_at = start + np.sort(rng.integers(0, 200 * 86_400, shots)) * np.timedelta64(10**6, "us")
    columns: dict[str, Any] = {
        "shot_id": np.array([f"s{i}" for i in range(shots)], object),
        "site": np.full(shots, "plant", object),
        "press": np.array([f"press{seed}-{i}" for i in press], object),
        "mold_id": np.array([f"M{i}" for i in press], object),
        "system_id": np.full(shots, system, object),
        "parameters_hash": np.full(shots, "0123456789abcdef", object),
        "poured_at": poured_at,
        "simulated": np.ones(shots),
    }
    numbers = {name: rng.normal(10.0, 1.0, shots) for name in COLUMNS}
    for name, possible in RANGES.items():
        if possible.high < 20.0:  # shares, and slopes of the pressure
            numbers[name] *= possible.high / 20.0
    warm = rng.normal(23.0, 3.0, shots) + shift
    numbers["proc_T_ambient_C"] = warm
    numbers["proc_packing_kg_per_m3"] = rng.normal(80.0, 2.0, shots)
    for name in TARGETS:
        numbers[f"dev_{name}_T_ambient_C"] = warm - 23.0
    offsets = rng.normal(0.0, 0.06, presses)
    physics = {"rho_moulded": 80.0, "t_demold": 400.0, "p_max": 2.0, "T_core_max": 140.0}
    for name, target in TARGETS.items():
        scale = 1.0 if target.relative else physics[name]
        residual = offsets[press] + slope * (warm - 23.0) + rng.normal(0.0, NOISE, shots)
        known = rng.random(shots) < 0.75
        before = offsets[press] + rng.normal(0.0, NOISE, shots)
        numbers[target.physics] = rng.normal(physics[name], 0.05 * physics[name], shots)
        measured = residual * scale + numbers[target.physics]
        if target.relative:
            measured = numbers[target.physics] * np.exp(residual)
        numbers[target.measured] = np.where(known, measured, np.nan)
        for count in RECENT:
            numbers[f"prev_{name}_mean{count}"] = before * scale
            numbers[f"press_{name}_mean{count}"] = before * scale
        level = offsets[press] + rng.normal(0.0, LEVEL_NOISE, shots)
        numbers[f"prev_{name}_last"] = before * scale
        numbers[f"prev_{name}_expected"] = numbers[f"prev_{name}_level"] = level * scale
        numbers[f"prev_{name}_lead"] = np.zeros(shots)
        numbers[f"prev_{name}_error"] = np.full(shots, 1.6 * NOISE * scale)
        for kind in ("news", "lately"):
            numbers[f"site_{name}_{kind}"] = rng.normal(0.0, LEVEL_NOISE, shots) * scale
        for scope in ("prev", "press"):
            numbers[f"{scope}_{name}_trend"] = rng.normal(0.0, LEVEL_NOISE, shots) * scale
            numbers[f"{scope}_{name}_count"] = 20.0 + np.arange(shots) % 21.0
    risk = 1.0 / (1.0 + np.exp(2.0 - 0.8 * (warm - 23.0)))
    numbers["qc_any_defect"] = (rng.random(shots) < risk).astype(float)
    for kind in DEFECTS:
        numbers[f"qc_defect_{kind}"] = np.where(kind == "void", numbers["qc_any_defect"], 0.0)
    return columns | numbers
