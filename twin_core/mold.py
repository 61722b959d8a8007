"""The mold: cavity, thermal mass, heater and vents; or an open cup."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from twin_core.units import P_ATM_PA, PA_PER_BAR

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]


class Vents(BaseModel):
    """Vents of the cavity; they pass air only, and close when foam reaches them or at gel."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    count: Annotated[int, Field(ge=0, le=10_000)] = 2
    area_per_vent_m2: Annotated[float, Field(ge=0, le=1e-2)] = 5e-5
    discharge_coefficient: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Sharp-edged orifice; 0.6 is the usual value."""

    @property
    def area_m2(self) -> float:
        """Total area [m2]."""
        return self.count * self.area_per_vent_m2


class Mold(BaseModel):
    """A mold cavity with its thermal mass, or, with ``open: true``, a cup in free rise.

    An open cup needs no dimensions and loses no heat unless told so; a closed mold needs
    ``cavity_volume_m3``, ``surface_area_m2`` and ``mass_kg``. ``thickness_m`` defaults to that of a
    slab with this volume and surface.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mold_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] = "mold"
    description: str = ""
    open: bool = False
    cavity_volume_m3: Positive | None = None
    surface_area_m2: Positive | None = None
    thickness_m: Positive | None = None
    mass_kg: Positive | None = None
    cp_J_per_kg_K: Positive = 900.0
    h_ambient_W_per_m2_K: NonNegative = 40.0
    """Mold to ambient, per cavity surface; the first generation's default."""
    heater_W_per_K: NonNegative = 0.0
    """Conductance to the tempering medium at ``T_set_C``; 0 = mold without tempering."""
    T_set_C: Annotated[float, Field(ge=-20, le=200)] | None = None
    T_set_2_C: Annotated[float, Field(ge=-20, le=200)] | None = None
    """Of the second half; left out: as ``T_set_C``."""
    cup_loss_W_per_K_kg: NonNegative = 0.0
    """Heat that an open cup loses to the ambient, per kelvin and kg of foam."""
    p_ambient_bar: Annotated[float, Field(ge=0.5, le=1.2)] = P_ATM_PA / PA_PER_BAR
    vents: Vents = Vents()

    @model_validator(mode="after")
    def _complete(self) -> Mold:
        if not self.open:
            for name in ("cavity_volume_m3", "surface_area_m2", "mass_kg"):
                if getattr(self, name) is None:
                    raise ValueError(f"{name}: needed for a closed mold (or set open: true)")
        if self.heater_W_per_K > 0 and self.T_set_C is None:
            raise ValueError("T_set_C: needed beside heater_W_per_K")
        return self

    def slab_thickness_m(self) -> float:
        """Distance between the two large walls [m]; closed molds only."""
        assert self.cavity_volume_m3 is not None
        assert self.surface_area_m2 is not None
        return self.thickness_m or 2.0 * self.cavity_volume_m3 / self.surface_area_m2

    def as_open_cup(self) -> Mold:
        """The same place without the cavity: the free-rise reference of this mold."""
        return Mold(mold_id=self.mold_id, open=True, p_ambient_bar=self.p_ambient_bar)
