"""Imported shots beside the catalogue: masses that do not fit the mold, systems nobody knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edge_agent.config.catalogue import Catalogue
from edge_agent.imports.source import Problem
from edge_agent.logged_shots.bundle import Bundle

HEAVIEST, LIGHTEST = 1500.0, 3.0
"""Metered mass by the volume of the cavity [kg/m³]: liquids are no denser, no foam is lighter."""
RATIO_MAX = 3.0
"""Metered mass by the volume of the cavity, beside the density of the part or the other way round.
Flash, gas and a slip of the pen are less (``twin_core.learning.teaching``); units are more."""


class BesideCatalogue:
    """What shots say that cannot be so in molds and systems that are known."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._volumes: Mapping[str, float] = {
            name: mold.cavity_volume_m3
            for name, mold in catalogue.molds.items()
            if mold.cavity_volume_m3 is not None and not mold.open
        }
        self._systems = catalogue.systems.keys()
        self._sheets = catalogue.sheets.keys()
        self._told = set[str]()

    def problems(self, bundle: Bundle, where: str) -> Iterator[Problem]:
        """Problems of a shot; a system that is not known is told once.

        Args:
            bundle: the shot.
            where: table or file, and row.
        """
        shot_id, system_id = bundle.meta.shot_id, bundle.meta.system_id
        if system_id not in self._systems and system_id not in self._told:
            self._told.add(system_id)
            why = "has a data sheet alone" if system_id in self._sheets else "is not there"
            words = f"{system_id} {why} in the catalogue: its shots cannot be simulated"
            yield Problem("missing", where, "system_id", words, shot_id)
        volume = self._volumes.get(bundle.meta.mold_id)
        if volume is None:
            return
        recipe = bundle.recipe
        mass = recipe.m_polyol_kg + recipe.m_iso_kg + (recipe.m_additives_kg or 0.0)
        packing = mass / volume
        poured = f"{mass:.5g} kg in the cavity of {bundle.meta.mold_id} are {packing:.4g} kg/m³"
        if not LIGHTEST <= packing <= HEAVIEST:
            words = f"{poured}: are the masses in another unit?"
            yield Problem("implausible", where, "m_polyol_kg", words, shot_id)
            return
        measured = (bundle.quality or {}).get("rho_moulded_kg_per_m3")
        if measured and not 1.0 / RATIO_MAX <= measured / packing <= RATIO_MAX:
            words = f"{poured}, and the part has {measured:.4g}: is one in another unit?"
            yield Problem("contradictory", where, "rho_moulded_kg_per_m3", words, shot_id)
