"""One shot as it is simulated: the recipe, the mold, the system, the quality asked for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from twin_core.materials import MaterialSystem
from twin_core.mold import Mold

MOST_LAYERS = 64
MOST_TIMES = 1_000_000
"""Output times of one run; more would only fill the memory."""

Temperature = Annotated[float, Field(ge=-50, le=250)]
Density = Annotated[float, Field(gt=0, le=5e3)]
Mass = Annotated[float, Field(gt=0, le=1e4)]


def _field(name: str, *first_generation: str, default: Any = ...) -> Any:
    """A field that is also accepted under its first-generation names."""
    return Field(default=default, validation_alias=AliasChoices(name, *first_generation))


class Process(BaseModel):
    """What was metered and how warm it was.

    The names of the first generation (``m_polyol, T_polyol_in_C, T_mold_init_C, RH_ambient`` …)
    are accepted beside these; ``RH_ambient`` is a fraction, ``RH_ambient_pct`` per cent.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True
    )

    m_polyol_kg: Mass = _field("m_polyol_kg", "m_polyol")
    m_iso_kg: Mass = _field("m_iso_kg", "m_iso")
    m_additives_kg: Annotated[float, Field(ge=0, le=1e4)] = _field(
        "m_additives_kg", "m_additives", default=0.0
    )
    """Inert liquids: they take heat and volume, and do not react."""
    T_polyol_C: Temperature = _field("T_polyol_C", "T_polyol_in_C")
    T_iso_C: Temperature = _field("T_iso_C", "T_iso_in_C")
    T_mold_C: Temperature | None = _field("T_mold_C", "T_mold_init_C", default=None)
    """Mold at the pour; left out: ambient."""
    T_mold_2_C: Temperature | None = None
    """Second half of the mold at the pour; left out: as ``T_mold_C``."""
    t_mold_open_s: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    """How long the mold stood open before the pour: moisture settles on a cold one."""
    T_ambient_C: Temperature = 23.0
    RH_ambient_pct: Annotated[float, Field(ge=0, le=100)] = 50.0
    mixing_eff: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Mixed fraction of the stream. The rest never meets its partner: it keeps mass and heat, and
    does not react, so rates and final cure fall with it."""
    nco_oh_index: Annotated[float, Field(gt=0, le=10)] | None = None
    """Declared index as a fraction (1.05, not 105); compared with the one from the masses."""
    blowing_agent_pct: Annotated[float, Field(ge=0, lt=60)] | None = _field(
        "blowing_agent_pct", "pentane_pct", default=None
    )
    """Overrides the system: per cent of the polyol blend (components) or of the rest (mixture)."""

    @model_validator(mode="before")
    @classmethod
    def _humidity_fraction(cls, raw: object) -> object:
        if isinstance(raw, dict) and "RH_ambient" in raw:
            if "RH_ambient_pct" in raw:
                raise ValueError("RH_ambient and RH_ambient_pct are both given: keep one")
            fraction = raw["RH_ambient"]
            if not isinstance(fraction, (int, float)) or not 0 <= fraction <= 1:
                raise ValueError(
                    f"RH_ambient is a fraction 0..1, not {fraction!r}: "
                    "write RH_ambient_pct for per cent"
                )
            raw = {k: v for k, v in raw.items() if k != "RH_ambient"}
            raw["RH_ambient_pct"] = 100.0 * fraction
        return raw


class Quality(BaseModel):
    """What the part must reach; a criterion left out is not applied."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    alpha_demold_min: Annotated[float, Field(gt=0, le=1)] = 0.75
    H_demold_min_shore: Annotated[float, Field(ge=0, lt=100)] | None = None
    H_24h_min_shore: Annotated[float, Field(ge=0, lt=100)] | None = None
    rho_moulded_min_kg_per_m3: Density | None = _field(
        "rho_moulded_min_kg_per_m3", "rho_moulded_min", default=None
    )
    rho_moulded_max_kg_per_m3: Density | None = _field(
        "rho_moulded_max_kg_per_m3", "rho_moulded_max", default=None
    )
    p_max_allowable_bar: Annotated[float, Field(gt=0)] = 6.0
    """Absolute."""
    core_temp_max_C: Annotated[float, Field(gt=0, le=500)] | None = None
    defect_risk_max: Annotated[float, Field(ge=0, le=1)] = 0.1
    gel_margin: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the OH that can still react at gel which every layer must have reacted (assumed)."""
    swell_max: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Largest growth of the thickness after the opening, until the part is cold; 1 to 2 per cent is
    customary (assumed)."""
    swell_max_mm: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """The same in mm; the stricter one decides (assumed)."""
    shrink_max: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Largest shrinking of the thickness after the opening (assumed)."""
    shrink_max_mm: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """The same in mm (assumed)."""
    T_wall_max_C: Annotated[float, Field(gt=0, le=500)] | None = None
    """Hottest outer layer at opening, so that the skin holds."""
    T_wall_min_C: Annotated[float, Field(ge=-50, le=500)] | None = None
    """Coldest wall at opening: on a colder one the foam stays stuck."""
    T_part_min_C: Annotated[float, Field(ge=-50, le=500)] | None = None
    """Mean temperature of the part at opening: below it the part is too cold to trim."""
    t_cycle_max_s: Annotated[float, Field(gt=0, le=86_400)] = 1800.0
    """Longest time anybody would wait: the demold window ends there, and key figures are taken up
    to it, whatever ``t_end_s`` the output has."""

    @model_validator(mode="after")
    def _density_range(self) -> Quality:
        low, high = self.rho_moulded_min_kg_per_m3, self.rho_moulded_max_kg_per_m3
        if low is not None and high is not None and low > high:
            raise ValueError(
                f"rho_moulded_min_kg_per_m3 is {low:g}, above rho_moulded_max_kg_per_m3 {high:g}: "
                "no density could pass"
            )
        return self


def _dimension(raw: object) -> object:
    return "1d" if raw == "1d_experimental" else raw  # the name of the first generation


class SimulationOptions(BaseModel):
    """How to compute."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    backend: str = "manual"
    dimension: Annotated[Literal["0d", "1d"], BeforeValidator(_dimension)] = "1d"
    """``0d``: one layer, a quick look that does not tell skin from core. A cup always has one."""
    layers: Annotated[int, Field(ge=2, le=MOST_LAYERS)] = 24
    """Of the 1D model, graded to the walls. Between walls that are alike half of them are computed,
    if their number is even."""
    t_end_s: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    """End of the output."""
    dt_s: Annotated[float, Field(gt=0, le=60)] = 0.5
    """Spacing of the output; the solver chooses its own steps."""
    rtol: Annotated[float, Field(ge=1e-12, le=1e-3)] = 1e-7
    max_evaluations: Annotated[int, Field(ge=100)] = 50_000
    """Budget of evaluations of the model; a run that needs more ends in an error, never hangs."""

    @model_validator(mode="after")
    def _not_too_many(self) -> SimulationOptions:
        if self.t_end_s / self.dt_s > MOST_TIMES:
            raise ValueError(
                f"dt_s: {self.t_end_s:g} s at {self.dt_s:g} s are more than {MOST_TIMES} times: "
                "raise dt_s"
            )
        return self


class Scenario(BaseModel):
    """Everything one simulation needs; the content of a scenario file once its system is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario_id: str = "scenario"
    description: str = ""
    source: str = ""
    system: MaterialSystem
    process: Process
    mold: Mold
    quality: Quality = Quality()
    simulation: SimulationOptions = SimulationOptions()
