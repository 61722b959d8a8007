"""Weights of measured quantities, as options give them: ``rho_kg_per_m3=2``."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.logged_shots import measured_series as measurements
from twin_core.errors import InputError


def weights_of(given: Sequence[str]) -> dict[str, float]:
    """Weights by quantity.

    Raises:
        InputError: one is no positive number, or of no quantity.
    """
    found = {}
    for item in given:
        name, _, value = item.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise InputError(f"--weight {item}: write QUANTITY=NUMBER") from None
        if name not in measurements.QUANTITIES or not found[name] > 0.0:
            listed = ", ".join(measurements.QUANTITIES)
            raise InputError(f"--weight {item}: a positive number for one of {listed}")
    return found
