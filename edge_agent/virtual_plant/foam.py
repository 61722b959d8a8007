"""From what a press reports to the foam that is really in the mold, as a scenario in 1D."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from edge_agent.virtual_plant.assumed_sizes import Assumed
from edge_agent.virtual_plant.change import Change
from edge_agent.virtual_plant.disturbances import student
from edge_agent.virtual_plant.hidden_truth import MoldTruth, PressTruth
from twin_core import MaterialSystem, Mold, Process, Scenario, SimulationOptions
from twin_core.checked_yaml import parse
from twin_core.materials import Components, KamalGelling, Mixture
from twin_core.parameters import Parameter

IN_LAYERS = SimulationOptions(dimension="1d")


@dataclass(frozen=True)
class Scatter:
    """Scatter from shot to shot that no sensor shows; zeros: the steady truth."""

    polyol_ratio: float = 0.0
    iso_ratio: float = 0.0
    T_polyol_C: float = 0.0
    T_iso_C: float = 0.0
    T_mold_C: float = 0.0
    RH_pct: float = 0.0
    mixing: float = 0.0


def draw_scatter(rng: np.random.Generator, a: Assumed, freedom: float | None = None) -> Scatter:
    """Draw the scatter of one shot.

    Args:
        freedom: it is of Student's t with so many degrees of freedom; None: normal.
    """
    sigmas = (
        a.shot_mass_sigma,
        a.shot_mass_sigma,
        a.shot_T_component_sigma_C,
        a.shot_T_component_sigma_C,
        a.shot_T_mold_sigma_C,
        a.shot_RH_sigma_pct,
        a.shot_mixing_sigma,
    )
    count = len(sigmas)
    drawn = rng.standard_normal(count) if freedom is None else student(rng, count, freedom)
    return Scatter(*(drawn * sigmas).tolist())


def true_process(
    reported: Process,
    press: PressTruth,
    mold: MoldTruth,
    day: float,
    change: Change,
    scatter: Scatter = Scatter(),
) -> Process:
    """Process as it really was: masses and temperatures in the cavity.

    Raises:
        InputError: it is outside what can be simulated.
    """
    kept = 1.0 - mold.flash_fraction
    polyol = press.polyol_gain_on(day) * change.polyol_gain * (1.0 + scatter.polyol_ratio) * kept
    iso = press.iso_gain_on(day) * change.iso_gain * (1.0 + scatter.iso_ratio) * kept
    assert reported.T_mold_C is not None
    values = {
        "m_polyol_kg": reported.m_polyol_kg * polyol,
        "m_iso_kg": reported.m_iso_kg * iso,
        "T_polyol_C": reported.T_polyol_C
        + press.T_polyol_offset_C
        + change.T_polyol_offset_C
        + scatter.T_polyol_C,
        "T_iso_C": reported.T_iso_C
        + press.T_iso_offset_C
        + change.T_iso_offset_C
        + scatter.T_iso_C,
        "T_mold_C": reported.T_mold_C
        + mold.T_mold_offset_C
        + change.T_mold_offset_C
        + scatter.T_mold_C,
        "T_ambient_C": reported.T_ambient_C,
        "RH_ambient_pct": min(
            100.0,
            max(
                0.0,
                reported.RH_ambient_pct
                + press.RH_offset_pct
                + change.RH_offset_pct
                + scatter.RH_pct,
            ),
        ),
        "mixing_eff": min(
            1.0, max(0.5, (press.mixing_eff + scatter.mixing) * change.mixing_factor)
        ),
    }
    return parse(Process, values, "true process")


def true_mold(
    nominal: Mold,
    truth: MoldTruth,
    vents_open_fraction: float,
    p_ambient_bar: float,
    change: Change,
) -> Mold:
    """The mold as it is. Its tempering holds the wrong thermometer at the set point."""
    assert nominal.cavity_volume_m3 is not None
    assert nominal.T_set_C is not None
    area = nominal.vents.area_per_vent_m2 * vents_open_fraction
    return nominal.model_copy(
        update={
            "cavity_volume_m3": nominal.cavity_volume_m3 * truth.volume_factor,
            "thickness_m": nominal.slab_thickness_m() * truth.volume_factor,
            "heater_W_per_K": nominal.heater_W_per_K
            * truth.tempering_factor
            * change.tempering_factor,
            "T_set_C": nominal.T_set_C + truth.T_mold_offset_C + change.T_mold_offset_C,
            "p_ambient_bar": p_ambient_bar,
            "vents": nominal.vents.model_copy(update={"area_per_vent_m2": area}),
        }
    )


@lru_cache(maxsize=256)
def _true_system(
    system_key: _Same, gelling_factor: float, water_rate_factor: float, water_factor: float
) -> MaterialSystem:
    system = system_key.system
    gelling = system.gelling
    names = ("A", "A_auto") if isinstance(gelling, KamalGelling) else ("A",)
    update: dict[str, object] = {
        "gelling": gelling.model_copy(
            update={name: _times(getattr(gelling, name), gelling_factor) for name in names}
        )
    }
    if system.water_reaction is not None:
        rate = _times(system.water_reaction.A, water_rate_factor)
        update["water_reaction"] = system.water_reaction.model_copy(update={"A": rate})
    mix: Components | Mixture = system.composition
    name = "water_fraction" if isinstance(mix, Components) else "C_W0"
    water = _times(getattr(mix, name), water_factor)
    update["composition"] = mix.model_copy(update={name: water})
    return system.model_copy(update=update)


def true_system(
    system: MaterialSystem, gelling_factor: float, water_rate_factor: float, water_factor: float
) -> MaterialSystem:
    """The material of a lot: the nominal one with other reactivity and water."""
    return _true_system(_Same(system), gelling_factor, water_rate_factor, water_factor)


def true_scenario(shot_id: str, system: MaterialSystem, process: Process, mold: Mold) -> Scenario:
    """Scenario that is simulated as the truth: the 1D model."""
    return Scenario(
        scenario_id=shot_id, system=system, process=process, mold=mold, simulation=IN_LAYERS
    )


class _Same:
    """A system as a key: the same object, for its hash would walk all of it."""

    def __init__(self, system: MaterialSystem) -> None:
        self.system = system

    def __hash__(self) -> int:
        return id(self.system)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.system is self.system


def _times(parameter: Parameter, factor: float) -> Parameter:
    return parameter.model_copy(update={"value": parameter.value * factor})
