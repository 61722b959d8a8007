"""Isothermal bulk cure with a blocked isocyanate: chemistry, measured series, simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from twin_core.arrays import Array
from twin_core.parameters import In, Parameter
from twin_core.physics.blocked import hydroxyl
from twin_core.physics.kinetics import arrhenius
from twin_core.units import kelvin


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Unblocking(_Part):
    """Blocked isocyanate to free: r1 = A exp(-E/RT) (1 + by_urethane U) B."""

    A: Annotated[Parameter, In("1/s", gt=0)]
    E: Annotated[Parameter, In("J/mol", gt=0, le=3e5)]
    by_urethane: Annotated[Parameter, In("m3/mol", ge=0)]


class BulkGelling(_Part):
    """Free isocyanate with hydroxyl: r2 = A exp(-E/RT) (1 + by_urethane U) N O."""

    A: Annotated[Parameter, In("m3/mol/s", gt=0)]
    E: Annotated[Parameter, In("J/mol", gt=0, le=3e5)]
    by_urethane: Annotated[Parameter, In("m3/mol", ge=0)]


class CureSeriesFile(_Part):
    """A measured series: its file, and what was in the mixture [mol/l] at 0 s."""

    file: str
    T_C: Annotated[float, Field(ge=-50, le=300)]
    blocked_mol_per_l: Annotated[float, Field(ge=0)]
    free_mol_per_l: Annotated[float, Field(ge=0)]
    OH_mol_per_l: Annotated[float, Field(gt=0)]


class CureChemistry(_Part):
    """One chemistry with one set of numbers for all temperatures and mixtures."""

    cure_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    version: Annotated[int, Field(ge=1)]
    description: str
    source: str
    unblocking: Unblocking
    gelling: BulkGelling
    series: list[CureSeriesFile]
    priors: dict[str, Parameter] = {}
    """By path: value and spread (one sigma) that are known before the series, such as energies."""

    @model_validator(mode="after")
    def _priors_are_of_numbers(self) -> CureChemistry:
        for path, prior in self.priors.items():
            part, _, name = path.partition(".")
            own = getattr(getattr(self, part, None), name, None)
            if not isinstance(own, Parameter):
                raise ValueError(f"priors.{path}: there is no such number")
            if prior.unit != own.unit:
                raise ValueError(f"priors.{path}: unit is {prior.unit!r}, must be {own.unit!r}")
            if not prior.spread or prior.value <= 0.0:
                raise ValueError(f"priors.{path}: give a positive value and its spread (one sigma)")
        return self


@dataclass(frozen=True)
class CureSeries:
    """A measured series in memory: hydroxyl [mol/l] over time [s] at one temperature."""

    given: CureSeriesFile
    t_s: Array
    OH_mol_per_l: Array

    def error(self, chemistry: CureChemistry) -> Array:
        """Simulated minus measured hydroxyl, as a share of that at the start."""
        simulated = cure(chemistry, self.given, self.t_s)
        return np.asarray((simulated - self.OH_mol_per_l) / self.given.OH_mol_per_l)

    def rmse(self, chemistry: CureChemistry) -> float:
        """Root mean square of ``error``."""
        return float(np.sqrt(np.mean(self.error(chemistry) ** 2)))


def cure(chemistry: CureChemistry, mixture: CureSeriesFile, t_s: Array) -> Array:
    """Hydroxyl [mol/l] at ascending times [s]."""
    T = kelvin(mixture.T_C)
    u, g = chemistry.unblocking, chemistry.gelling
    y0 = 1e3 * np.array([mixture.blocked_mol_per_l, mixture.free_mol_per_l, mixture.OH_mol_per_l])
    k_unblock, k_gel = arrhenius(u.A.value, u.E.value, T), arrhenius(g.A.value, g.E.value, T)
    return 1e-3 * hydroxyl(t_s, y0, k_unblock, k_gel, u.by_urethane.value, g.by_urethane.value)
