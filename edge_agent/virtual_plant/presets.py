"""Presets of a virtual plant: ``calm``, and ``harsh``, which is as bad as a shop floor can be."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.virtual_plant.assumed_sizes import ASSUMED, Assumed
from edge_agent.virtual_plant.harsh_sizes import HARSH, HARSH_ASSUMED, SYSTEMS, Harsh


@dataclass(frozen=True)
class Preset:
    """Sizes of a plant."""

    name: str
    assumed: Assumed
    harsh: Harsh | None
    """None: nothing of what only a harsh plant has."""
    systems: tuple[str, ...]
    """Material systems of the catalogue that are poured."""


PRESETS = {
    "calm": Preset("calm", ASSUMED, None, ("SYSTEM_R1",)),
    "harsh": Preset("harsh", HARSH_ASSUMED, HARSH, SYSTEMS),
}
CALM, HARSH_PRESET = PRESETS["calm"], PRESETS["harsh"]
