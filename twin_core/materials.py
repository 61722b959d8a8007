"""A material system: what is poured, how it reacts, what blows it, and how it carries load.

Every number is a ``Parameter`` with unit, kind and source. A system is one YAML file in
``configs/systems/``; nothing about a material is written in code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from twin_core.parameters import In, Parameter, walk_parameters


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Optional(_Part):
    """A part that a file may leave empty."""

    @model_validator(mode="before")
    @classmethod
    def _empty_is_allowed(cls, raw: object) -> object:
        return {} if raw is None else raw


def _assumed(value: float, unit: str, source: str) -> Parameter:
    """Number of every system that does not give its own."""
    return Parameter(value=value, unit=unit, kind="assumed", source=source)


class Components(_Part):
    """Polyol blend and isocyanate as a data sheet gives them; index follows from the masses."""

    basis: Literal["components"]
    oh_number: Annotated[Parameter, In("mgKOH/g", gt=0, le=2000)]
    polyol_functionality: Annotated[Parameter, In("1", gt=1, le=12)]
    water_fraction: Annotated[Parameter, In("kg/kg", ge=0, le=0.2)]
    """Water per kg of polyol blend, included in the metered polyol."""
    blowing_agent_fraction: Annotated[Parameter, In("kg/kg", ge=0, lt=0.6)]
    """Physical blowing agent per kg of polyol blend, included in the metered polyol."""
    nco_content: Annotated[Parameter, In("%", gt=0, le=50)]
    iso_functionality: Annotated[Parameter, In("1", gt=1, le=6)]


class Mixture(_Part):
    """A mixture as kinetic papers give it: concentrations per volume of polymer."""

    basis: Literal["mixture"]
    C_OH0: Annotated[Parameter, In("mol/m3", gt=0, le=3e4)]
    C_NCO0: Annotated[Parameter, In("mol/m3", gt=0, le=3e4)]
    C_W0: Annotated[Parameter, In("mol/m3", ge=0, le=3e4)]
    blowing_agent_per_polymer: Annotated[Parameter, In("kg/kg", ge=0, lt=1)]
    """L0: physical blowing agent per kg of everything else."""


class Liquid(_Part):
    """The reacting liquid without blowing agent."""

    density: Annotated[Parameter, In("kg/m3", gt=500, le=2500)]
    c_p: Annotated[Parameter, In("J/kg/K", gt=500, le=5000)]
    entrained_air_fraction: Annotated[Parameter, In("m3/m3", gt=0, le=0.2)]
    """Air stirred in on mixing, per volume of liquid: the nuclei of the cells."""


class Gelling(_Part):
    """Isocyanate with hydroxyl: r1 = A exp(-E/RT) f(X) n_OH n_NCO / V_liquid."""

    law: Literal["second_order", "baser_khakhar"]
    """``baser_khakhar`` multiplies by the published f(X) of the R-11 kinetics, else f = 1."""
    A: Annotated[Parameter, In("m3/mol/s", gt=0)]
    E: Annotated[Parameter, In("J/mol", ge=0, le=2e5)]
    heat: Annotated[Parameter, In("J/mol", ge=0, le=3e5)]
    """Heat released per mol of urethane."""


class KamalGelling(_Part):
    """Autocatalytic: r1 = n_OH (k1 + k2 X^m) (1 - X)^(n-1), faded out with the NCO."""

    law: Literal["kamal"]
    A: Annotated[Parameter, In("1/s", ge=0)]
    E: Annotated[Parameter, In("J/mol", ge=0, le=2e5)]
    A_auto: Annotated[Parameter, In("1/s", ge=0)]
    E_auto: Annotated[Parameter, In("J/mol", ge=0, le=2e5)]
    order_auto: Annotated[Parameter, In("1", ge=0, le=5)]
    """m, of the conversion reached."""
    order_left: Annotated[Parameter, In("1", ge=1, le=5)]
    """n, of what is left."""
    heat: Annotated[Parameter, In("J/mol", ge=0, le=3e5)]
    """Released per mol of urethane."""


class Vitrification(_Part):
    """Both reactions slow down as the glass temperature passes that of the foam.

    (1 + w a_T)^-beta with a_T after Williams, Landel and Ferry and Tg after DiBenedetto.
    """

    w: Annotated[Parameter, In("1", gt=0)]
    beta: Annotated[Parameter, In("1", gt=0, le=5)]
    C1: Annotated[Parameter, In("1", gt=0, le=100)]
    C2: Annotated[Parameter, In("K", gt=0, le=500)]
    T_glass_uncured: Annotated[Parameter, In("K", gt=100, le=600)]
    T_glass_cured: Annotated[Parameter, In("K", gt=100, le=700)]
    shape: Annotated[Parameter, In("1", gt=0, le=5)]


class WaterReaction(_Part):
    """Isocyanate with water: r2 = A exp(-E/RT) n_W, stopped smoothly when the NCO is used up."""

    A: Annotated[Parameter, In("1/s", gt=0)]
    E: Annotated[Parameter, In("J/mol", ge=0, le=2e5)]
    heat: Annotated[Parameter, In("J/mol", ge=0, le=3e5)]
    """Heat released per mol of water."""


class CarbonDioxide(_Part):
    """Solubility and transfer of the CO2 that the water makes."""

    henry: Annotated[Parameter, In("mol/m3/Pa", ge=0, le=1e-2)]
    k_transfer: Annotated[Parameter, In("1/s", gt=0, le=100)]
    c_p: Annotated[Parameter, In("J/kg/K", gt=0, le=3000)]


class GaussSolubility(_Part):
    """w*(T) = base + height exp(-(T - centre)^2 / (2 width^2)) at 1 atm [kg/kg polymer]."""

    law: Literal["gauss"]
    base: Annotated[Parameter, In("kg/kg", ge=0)]
    height: Annotated[Parameter, In("kg/kg", gt=0)]
    centre: Annotated[Parameter, In("K", gt=0)]
    width: Annotated[Parameter, In("K", gt=0)]


class LineSolubility(_Part):
    """Mole fraction x = x0 - (T - T0)/slope, clipped to [0, x0]; w* = x/(1-x) M_agent/M_polymer."""

    law: Literal["line"]
    x0: Annotated[Parameter, In("mol/mol", gt=0, lt=1)]
    T0: Annotated[Parameter, In("K", gt=0)]
    slope: Annotated[Parameter, In("K", gt=0)]
    M_polymer: Annotated[Parameter, In("kg/mol", gt=0)]


class RaoultSolubility(_Part):
    """w* = M_agent/(M_polymer activity) p/p_sat, log10(p_sat/bar) = A - B/(T + C) (Antoine)."""

    law: Literal["raoult"]
    A: Annotated[Parameter, In("1", gt=0)]
    B: Annotated[Parameter, In("K", gt=0)]
    C: Annotated[Parameter, In("K")]
    activity: Annotated[Parameter, In("1", gt=0, le=100)]
    """Activity coefficient of the agent in the polymer, dilute."""
    M_polymer: Annotated[Parameter, In("kg/mol", gt=0)]


class BlowingAgent(_Part):
    """A physical blowing agent."""

    agent: str
    M: Annotated[Parameter, In("kg/mol", gt=0.01, le=0.5)]
    liquid_density: Annotated[Parameter, In("kg/m3", gt=300, le=3000)]
    latent_heat: Annotated[Parameter, In("J/kg", ge=0, le=1e6)]
    c_p_liquid: Annotated[Parameter, In("J/kg/K", gt=0, le=5000)]
    c_p_gas: Annotated[Parameter, In("J/kg/K", gt=0, le=5000)]
    k_transfer: Annotated[Parameter, In("1/s", gt=0, le=100)]
    solubility: Annotated[
        GaussSolubility | LineSolubility | RaoultSolubility, Field(discriminator="law")
    ]


class Gel(_Optional):
    """Gel point and what follows from it."""

    conversion: Annotated[Parameter, In("1", gt=0, lt=1)] | None = None
    """OH conversion at gel; left out: from the functionalities (Flory, Stockmayer)."""
    transfer_decay_width: Annotated[Parameter, In("1", gt=0, le=1)] | None = None
    """How far before gel the agent ceases to leave solution: half at two widths, 0.02 at gel.
    Left out: it goes on."""
    stop_conversion: Annotated[Parameter, In("1", gt=0, lt=1)] | None = None
    """Degree of cure where the rise stops: the network is then as stiff as the air. It counts the
    groups that run out first, so that it holds at any index. Left out: ``mechanics`` decides."""
    tack_free_margin: Annotated[Parameter, In("1", gt=0, lt=1)] = _assumed(
        0.2, "1", "by definition and finger; the sheets at hand give 0.43 and 0.44"
    )
    """Share of the OH that can still react at gel which has reacted at the surface when it no
    longer sticks."""
    surface_warmth: Annotated[Parameter, In("1", ge=0, le=1)] = _assumed(
        0.5, "1", "a half space that cools by 5 to 10 W/m2/K keeps 0.3 to 0.6 after 100 s"
    )
    """Of a cup: warmth of the surface over the air as a share of that of the core."""


class Foaming(_Optional):
    """How the cells begin, and how much gas comes into them."""

    nucleation_time: Annotated[Parameter, In("s", gt=0, le=600)] | None = None
    """Cells appear around this time; left out: at once."""
    gas_retention: Annotated[Parameter, In("1", gt=0, le=1)] | None = None
    """Share of CO2 and agent that comes into the cells, in a cup and in a mold; the rest stays
    dissolved in the polymer for good. Left out: all of it can come."""


class Rheology(_Part):
    """Viscosity of the reacting liquid, A exp(E/RT) (X_gel/(X_gel - X))^(a + b X)."""

    A: Annotated[Parameter, In("Pa.s", gt=0)]
    E: Annotated[Parameter, In("J/mol", ge=0, le=2e5)]
    a: Annotated[Parameter, In("1", ge=-20, le=20)]
    b: Annotated[Parameter, In("1", ge=-20, le=20)]


class Mechanics(_Part):
    """Cell-wall properties for Gibson-Ashby, the network past gel, and the hardness proxy."""

    E_solid: Annotated[Parameter, In("Pa", gt=0)]
    strength_solid: Annotated[Parameter, In("Pa", gt=0)]
    density_solid: Annotated[Parameter, In("kg/m3", gt=500, le=2500)]
    strut_fraction: Annotated[Parameter, In("1", ge=0, le=1)]
    poisson: Annotated[Parameter, In("1", ge=0, lt=0.5)]
    cure_exponent: Annotated[Parameter, In("1", gt=0, le=10)]
    T_glass_uncured: Annotated[Parameter, In("K", gt=100, le=600)]
    T_glass_cured: Annotated[Parameter, In("K", gt=100, le=700)]
    hardness_scale: Annotated[Parameter, In("1", gt=0, le=1e3)]
    """Product factor of the Shore proxy; 1 until it is fitted to the product."""
    shore: Literal["A", "D"] = "A"
    """Scale of the product's Shore values. The proxy is a relation for Shore A; on the D scale
    ``hardness_scale`` has to be fitted."""
    face_strength: Annotated[Parameter, In("1", ge=0, le=1)] = Parameter(
        value=0.31,
        unit="1",
        kind="fitted",
        source="compressive strengths of rigid foams as suppliers give them, docs/validation.md",
    )
    """Share of the stress of its cell faces that a foam bears before they fold."""
    rubbery_share: Annotated[Parameter, In("1", gt=0, le=1)] = _assumed(
        0.01,
        "1",
        "3 rho R T/M_c with 600 g/mol between junctions is 18 MPa, a hundredth of E_solid",
    )
    """Stiffness above the glass transition relative to below."""
    rubbery_strength_share: Annotated[Parameter, In("1", gt=0, le=1)] = _assumed(
        0.2, "1", "a foam of so tight a rubber tears at a strain of some 30 per cent"
    )
    relaxation_shift: Annotated[Parameter, In("K", ge=0, le=100)] = _assumed(
        25.0, "K", "two to three decades of time between a modulus of seconds and one of minutes"
    )
    """How much lower the glass transition lies for a load that lasts minutes."""
    glass_width: Annotated[Parameter, In("K", gt=0, le=100)] = _assumed(
        15.0,
        "K",
        "half width of the step of the modulus; cross-linked PU goes over some 30 to 60 K",
    )


SHEET = {
    **dict.fromkeys(("t_cream_s", "t_gel_s", "t_rise_s", "t_tack_free_s"), In("s", gt=0, le=3600)),
    "rho_free_rise_kg_per_m3": In("kg/m3", gt=0, le=2500),
    "T_components_C": In("°C", ge=-50, le=250),
    "nco_oh_index": In("1", gt=0, le=10),
    "iso_per_polyol": In("kg/kg", gt=0, le=100),
}
"""Entries of a sheet's cup test that calculations read; others are kept as they are."""


def check_sheet(sheet: Mapping[str, Parameter]) -> None:
    """Raise a ValueError that names an entry of ``SHEET`` with a wrong unit or value."""
    for name in SHEET.keys() & sheet.keys():
        try:
            SHEET[name].check(sheet[name])
        except ValueError as error:
            raise ValueError(f"sheet.{name}: {error}") from None


class Undetermined(_Part):
    """A quantity that neither the data sheet nor anything else decides, with the numbers that go
    with each end of its range: the cup of the sheet stays as it is.
    """

    name: str
    """As it stands on a sheet (``nco_oh_index``), or the path of a number of the system."""
    unit: str
    value: float
    low: float
    high: float
    why: Annotated[str, Field(min_length=3)]
    at_low: dict[str, float]
    """Path and value of the numbers that are others at the low end."""
    at_high: dict[str, float]


class MaterialSystem(_Part):
    """One material system; see ``configs/systems/`` for examples with sources."""

    system_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    version: Annotated[int, Field(ge=1)]
    description: str
    composition: Annotated[Components | Mixture, Field(discriminator="basis")]
    liquid: Liquid
    gelling: Annotated[Gelling | KamalGelling, Field(discriminator="law")]
    vitrification: Vitrification | None = None
    water_reaction: WaterReaction | None = None
    carbon_dioxide: CarbonDioxide | None = None
    blowing_agent: BlowingAgent | None = None
    foaming: Foaming = Foaming()
    gel: Gel = Gel()
    rheology: Rheology | None = None
    """Left out: Castro and Macosko's polyurethane."""
    mechanics: Mechanics
    sheet: dict[str, Parameter] = {}
    """What the data sheet claims (times, densities): compared with, never fed into the model."""
    undetermined: list[Undetermined] = []
    """What the sheet leaves open; ``window_interval`` goes to both ends of each."""

    @model_validator(mode="after")
    def _consistent(self) -> MaterialSystem:
        check_sheet(self.sheet)
        mix = self.composition
        if isinstance(mix, Components):
            water, agent = mix.water_fraction.value, mix.blowing_agent_fraction.value
            where = "composition.water_fraction", "composition.blowing_agent_fraction"
        else:
            water, agent = mix.C_W0.value, mix.blowing_agent_per_polymer.value
            where = "composition.C_W0", "composition.blowing_agent_per_polymer"
            if self.gel.conversion is None:
                raise ValueError("gel.conversion: a mixture has no functionalities, so give it")
        if water > 0 and (self.water_reaction is None or self.carbon_dioxide is None):
            raise ValueError(f"{where[0]} is {water}: give water_reaction and carbon_dioxide")
        if agent > 0 and self.blowing_agent is None:
            raise ValueError(f"{where[1]} is {agent}: give blowing_agent")
        if water <= 0 and agent <= 0:
            raise ValueError(f"{where[0]} and {where[1]} are both 0: nothing would blow this foam")
        return self

    def with_numbers(self, values: Mapping[str, float]) -> MaterialSystem:
        """The system with other values by path; not validated. Optional numbers that are left out
        stay so.
        """
        system = self
        for path, value in values.items():
            part, _, name = path.partition(".")
            old = getattr(getattr(system, part), name)
            if old is not None:
                new = old.model_copy(update={"value": value})
                new_part = getattr(system, part).model_copy(update={name: new})
                system = system.model_copy(update={part: new_part})
        return system

    def parameters(self) -> list[tuple[str, Parameter]]:
        """All numbers that the model uses, as (path, parameter)."""
        return walk_parameters(self)

    def assumed(self) -> list[str]:
        """Paths of the parameters that nobody measured, published or fitted."""
        return [path for path, parameter in self.parameters() if parameter.kind == "assumed"]

    def parameters_hash(self) -> str:
        """First 16 hex digits of the SHA-256 over the values in use; part of every prediction."""
        values = self.model_dump(mode="json", exclude={"undetermined"})
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]
