"""Laboratory rise test: a cup, with height, temperature, pressure and dielectric signal over time.

The density follows from the height, the mass in the cup and its shape.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from twin_core.arrays import Array
from twin_core.calibration.observation import Kind, MeasuredRun, Observation
from twin_core.calibration.unknown import OFFSET_LIMIT_S
from twin_core.errors import InputError
from twin_core.materials import MaterialSystem
from twin_core.mold import Mold
from twin_core.plausible_ranges import RANGES
from twin_core.scenario import Process, Quality, Scenario, SimulationOptions

READINGS = 20.0
"""A series counts like so many readings within its sigma, however often it was logged (assumed):
its errors are those of the model more than of the sensor."""
MOST = 2000
"""Readings of a series that are fitted; of more, neighbours are averaged."""
SPACING_S = 0.5
DIAMETER_MM = Field(default=None, gt=5, le=2000)
HEIGHT_MM = Field(default=None, gt=5, le=5000)
LIQUID = (0.6, 1.5)
"""Density at the pour over that of the liquid: beyond it height, mass and cup do not fit together.
Air that is stirred in makes it lighter, a rim that is not filled heavier (assumed)."""


class Cup(BaseModel):
    """Inside of a cup: a cylinder, a box, or a cone that is wider above.

    Foam above the rim of a cone is taken as wide as the rim.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    diameter_mm: float | None = DIAMETER_MM
    length_mm: float | None = DIAMETER_MM
    width_mm: float | None = DIAMETER_MM
    bottom_diameter_mm: float | None = DIAMETER_MM
    top_diameter_mm: float | None = DIAMETER_MM
    height_mm: float | None = HEIGHT_MM

    @model_validator(mode="after")
    def _one_shape(self) -> Cup:
        shapes = (
            {"diameter_mm"},
            {"length_mm", "width_mm"},
            {"bottom_diameter_mm", "top_diameter_mm", "height_mm"},
        )
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if given not in shapes:
            listed = "; or ".join(", ".join(sorted(shape)) for shape in shapes)
            said = ", ".join(sorted(given)) or "nothing"
            raise ValueError(f"{said}: give the inside of one shape: {listed}")
        return self

    def volume_m3(self, height_mm: Array) -> Array:
        """Volume up to a height over the floor [m3]."""
        h = np.asarray(height_mm, dtype=np.float64)
        if self.diameter_mm is not None:
            return np.asarray(1e-9 * math.pi / 4.0 * self.diameter_mm**2 * h)
        if self.length_mm is not None and self.width_mm is not None:
            return np.asarray(1e-9 * self.length_mm * self.width_mm * h)
        assert self.bottom_diameter_mm is not None
        assert self.top_diameter_mm is not None
        assert self.height_mm is not None
        d0, d1 = self.bottom_diameter_mm, self.top_diameter_mm
        inside = np.minimum(h, self.height_mm)
        d = d0 + (d1 - d0) * inside / self.height_mm
        cone = math.pi / 12.0 * inside * (d0**2 + d0 * d + d**2)
        return np.asarray(1e-9 * (cone + math.pi / 4.0 * d1**2 * (h - inside)))


Series = tuple[Array, Array]
"""Times from the pour [s] and values."""


@dataclass(frozen=True)
class RiseTest:
    """What was poured into a cup, and what was read of it.

    Attributes:
        test_id: for people.
        place: the file, for errors.
        process: the mix: masses, temperatures.
        cup: its inside; None where no height was logged.
        mass_kg: foam in the cup.
        series: by name: ``height_mm``, ``T_core_C``, ``p_rise_Pa`` (above the air),
            ``dielectric``.
        by_hand_s: times that a person read, by ``t_cream_s``, ``t_gel_s`` (string test),
            ``t_rise_s``, ``t_tack_free_s``.
        p_ambient_bar: pressure of the air.
        simulated: a simulation made it.
    """

    test_id: str
    place: str
    process: Process
    cup: Cup | None
    mass_kg: float
    series: Mapping[str, Series]
    by_hand_s: Mapping[str, float] = field(default_factory=dict)
    p_ambient_bar: float = 1.01325
    simulated: bool = False

    @property
    def T_start_C(self) -> float:
        """Temperature of the mix at the pour [C]."""
        p = self.process
        total = p.m_polyol_kg + p.m_iso_kg
        return (p.m_polyol_kg * p.T_polyol_C + p.m_iso_kg * p.T_iso_C) / total

    @property
    def end_s(self) -> float:
        """Last reading [s]."""
        return max(float(t[-1]) for t, _ in self.series.values())

    def volume(self) -> Series | None:
        """Volume of the foam over time [m3]; None where no height was logged."""
        if "height_mm" not in self.series or self.cup is None:
            return None
        t, height = self.series["height_mm"]
        return t, self.cup.volume_m3(height)

    def density(self) -> Series | None:
        """Density over time [kg/m3], mass over volume; None where no height was logged.

        Raises:
            InputError: mass, height and cup give what no foam has.
        """
        volume = self.volume()
        if volume is None:
            return None
        t, V = volume
        possible = RANGES["qc_rho_moulded"]
        with np.errstate(divide="ignore"):
            rho = self.mass_kg / V
        wrong = (rho < possible.low) | (rho > possible.high) | ~np.isfinite(rho)
        if wrong.any():
            i = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"{self.place}: {self.mass_kg:g} kg and a height of "
                f"{self.series['height_mm'][1][i]:.4g} mm at {t[i]:.4g} s give {rho[i]:.4g} kg/m3, "
                f"not {possible.low:g} to {possible.high:g}: check mass, cup, and whether the "
                "height counts from the floor of the cup (columns: scale and offset)"
            )
        return t, rho

    def scenario(self, system: MaterialSystem) -> Scenario:
        """The cup with a system."""
        end = self.end_s + OFFSET_LIMIT_S
        return Scenario(
            scenario_id=self.test_id,
            system=system,
            process=self.process,
            mold=Mold(mold_id="CUP", open=True, p_ambient_bar=self.p_ambient_bar),
            quality=Quality(t_cycle_max_s=end),
            simulation=SimulationOptions(t_end_s=end, dt_s=SPACING_S),
        )

    def run(self, system: MaterialSystem, weights: Mapping[str, float]) -> MeasuredRun:
        """What a fit compares: density, core temperature, gel time by hand.

        Args:
            weights: of a quantity, by its name; 1 where it is not named.

        Raises:
            InputError: there is neither, or the density is none of a foam.
        """
        kinds: dict[Kind, Series | None] = {
            "T_core_C": self.series.get("T_core_C"),
            "rho_kg_per_m3": self.density(),
        }
        observations = []
        for kind, series in kinds.items():
            if series is None or len(series[0]) < 2:
                continue
            t, values = _thinned(series)
            weight = weights.get(kind, 1.0) * READINGS / len(t)
            observations.append(Observation(kind, t, values, weight=weight))
        if not observations:
            raise InputError(
                f"{self.place}: neither a height nor a core temperature: nothing to fit to; map "
                "them under columns"
            )
        t_gel = self.by_hand_s.get("t_gel_s")
        return MeasuredRun(self.test_id, self.scenario(system), observations, t_gel)

    def start_ratio(self, system: MaterialSystem) -> float | None:
        """Density at the pour over that of the liquid; None where no height was logged."""
        found = self.density()
        if found is None:
            return None
        return float(np.median(found[1][:5])) / system.liquid.density.value


def _thinned(series: Series) -> Series:
    """Neighbours averaged so that at most ``MOST`` readings are left."""
    t, values = series
    each = math.ceil(len(t) / MOST)
    if each == 1:
        return series
    whole = len(t) // each * each
    return t[:whole].reshape(-1, each).mean(axis=1), values[:whole].reshape(-1, each).mean(axis=1)
