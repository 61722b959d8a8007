"""Shot of a production as a calibration takes it: what was reported, read and measured of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.scenario import Scenario

SENSORS = ("T_core_C", "p_cavity_bar", "T_mold_C")
"""Series that are fitted."""
RESULTS = {
    "rho_moulded_kg_per_m3": "kg/m3",
    "t_demold_safe_s": "s",
    "H_demold_shore": "Shore",
}
"""Results of the laboratory that are used, with their units. Density and safe time are fitted;
all are predicted of held-out shots."""


@dataclass(frozen=True)
class ProductionShot:
    """One shot of a history.

    Attributes:
        name: key of the shot.
        poured_at: seconds since any epoch, the same for all shots.
        scenario: as reported, with the system and the mold as their files say.
        series: by sensor (``SENSORS``), rows of (seconds since the pour, value as read).
        results: of the laboratory, by name (``RESULTS``).
        lot: of the material, where it is known: shots of a lot are not independent.
        simulated: a simulation made it.
    """

    name: str
    poured_at: float
    scenario: Scenario
    series: Mapping[str, Array] = field(default_factory=dict)
    results: Mapping[str, float] = field(default_factory=dict)
    lot: str | None = None
    simulated: bool = False

    @property
    def mold_id(self) -> str:
        """Mold that it was poured into."""
        return self.scenario.mold.mold_id

    def __post_init__(self) -> None:
        for sensor, rows in self.series.items():
            if np.ndim(rows) != 2 or np.shape(rows)[1] != 2:
                raise InputError(
                    f"{self.name}: {sensor}: has shape {np.shape(rows)}, must be rows of (seconds "
                    "since the pour, value)"
                )


def in_order(shots: Sequence[ProductionShot]) -> list[ProductionShot]:
    """The shots by the time of their pour.

    Raises:
        InputError: there are none, a name comes twice, they are of several systems, or one was
            poured into an open cup.
    """
    if not shots:
        raise InputError("calibration on production: there are no shots")
    names, first = set[str](), shots[0].scenario.system
    known = first.parameters_hash()
    for shot in shots:
        if shot.name in names:
            raise InputError(f"{shot.name}: comes twice; each shot counts once")
        names.add(shot.name)
        system = shot.scenario.system
        if system is not first and system.parameters_hash() != known:
            raise InputError(
                f"{shot.name}: poured with {system.system_id} version {system.version}, the first "
                f"shot with {first.system_id} version {first.version}: calibrate each alone"
            )
        if shot.scenario.mold.open:
            raise InputError(f"{shot.name}: {shot.mold_id} is an open cup; use a rise test")
    return sorted(shots, key=lambda shot: (shot.poured_at, shot.name))
