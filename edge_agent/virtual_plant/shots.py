"""A chunk of shots: what is reported, the truth in 1D, what sensors and laboratory say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from broker.messages import Recipe
from broker.topics import PressAddress
from edge_agent.shots.timed_messages import TimedMessage
from edge_agent.virtual_plant import laboratory as lab
from edge_agent.virtual_plant import sensors
from edge_agent.virtual_plant.assumed_sizes import Assumed
from edge_agent.virtual_plant.climate import Air
from edge_agent.virtual_plant.harsh_sizes import Harsh
from edge_agent.virtual_plant.mistakes import NONE, Mistakes, Slip, as_shown, sent
from edge_agent.virtual_plant.molds import MoldInUse
from edge_agent.virtual_plant.truth_layer import Causes
from edge_agent.virtual_plant.virtual_press import shot_messages
from twin_core import BatchResult, MaterialSystem, Process, Scenario
from twin_core.arrays import Array
from twin_core.checked_yaml import parse
from twin_core.units import PA_PER_BAR, ZERO_CELSIUS_K, bar

SHOWN = ("T_polyol_C", "T_iso_C", "T_mold_C", "T_ambient_C", "RH_ambient_pct")
"""What a press reads before the pour."""


@dataclass(frozen=True)
class Pour:
    """A shot before its foam is simulated."""

    number: int
    shot_id: str
    press: PressAddress
    mold: MoldInUse
    system: MaterialSystem
    poured_at: datetime
    reported: Process
    """What the machine has poured, as far as it is measured: also what does not reach the twin."""
    shown: dict[str, float]
    """Readings at the start."""
    recipe: Recipe
    nominal: Scenario
    """What the twin simulates: reported values, nominal mold and material."""
    foam: Scenario
    """The truth, with what differs from shot to shot."""
    steady: Scenario
    """The truth without what differs from shot to shot: the most that could ever be learnt."""
    T_core_offset_C: float
    T_mold_offset_C: float
    """Of the thermometers, true minus reported."""
    cycle_s: float
    usual: lab.Usual
    causes: Causes | None = None
    """Of the truth beside the 1D model; None: there is none."""
    steady_causes: Causes | None = None
    mistakes: Mistakes = NONE


@dataclass(frozen=True)
class VirtualShot:
    """One shot of a virtual plant: what everybody sees of it, and what is really true."""

    press: PressAddress
    shot_id: str
    mold_id: str
    system_id: str
    poured_at: datetime
    reported: Process
    """What the press says it has poured."""
    opened_s: float
    """From the end of injection."""
    messages: list[TimedMessage]
    """Of the press, in order of time; all labelled simulated."""
    quality: TimedMessage | None
    """The record of the laboratory and when it arrives, hours later; None: it has none."""
    true: lab.TrueResult
    """Hidden."""
    defects: tuple[str, ...]
    """Hidden, as far as no record tells them."""
    faults: list[sensors.Fault]
    """Hidden."""
    foam: Scenario
    """Hidden: what was simulated as the truth, in 1D."""
    steady: Scenario
    """Hidden: the same without what differs from shot to shot."""
    nominal: Scenario
    """What the twin simulates: reported values, nominal mold and material."""
    causes: Causes | None = None
    """Hidden: the same for the foam as for the steady truth, but for scatter in the foam."""
    steady_causes: Causes | None = None
    """Hidden."""
    mistakes: Mistakes = NONE
    """Hidden."""
    slip: Slip | None = None
    """Hidden: of whoever typed the quality record."""

    @property
    def ended_at(self) -> datetime:
        """Time at which the mold was opened."""
        return self.poured_at + timedelta(seconds=self.opened_s)


class Reported(NamedTuple):
    """Report of one pour as it reaches the twin."""

    shown: dict[str, float]
    recipe: Recipe
    nominal: Scenario


def report(rng: np.random.Generator, nominal: Process, air: Air, a: Assumed) -> Process:
    """Report of a press on one pour; tanks and molds follow the hall a little.

    Raises:
        InputError: it is outside what can be simulated.
    """
    z = rng.standard_normal(5).tolist()
    hall = air.T_C - a.T_hall_mean_C
    tank = a.T_component_hall_share * hall
    assert nominal.T_mold_C is not None
    values = {
        "m_polyol_kg": round(nominal.m_polyol_kg * (1.0 + a.metering_sigma * z[0]), 5),
        "m_iso_kg": round(nominal.m_iso_kg * (1.0 + a.metering_sigma * z[1]), 5),
        "T_polyol_C": round(nominal.T_polyol_C + tank + a.T_component_sigma_C * z[2], 2),
        "T_iso_C": round(nominal.T_iso_C + tank + a.T_component_sigma_C * z[3], 2),
        "T_mold_C": round(
            nominal.T_mold_C + a.T_mold_hall_share * hall + a.T_mold_sigma_C * z[4], 2
        ),
        "T_ambient_C": round(air.T_C, 2),
        "RH_ambient_pct": round(air.RH_pct, 1),
    }
    return parse(Process, values, "reported process")


def reported_shot(shot_id: str, system: MaterialSystem, used: MoldInUse, told: Process) -> Reported:
    """A report that arrives as it is: readings, recipe, and what the twin makes of them."""
    shown = {name: getattr(told, name) for name in SHOWN}
    recipe = Recipe(m_polyol_kg=told.m_polyol_kg, m_iso_kg=told.m_iso_kg, **shown)
    nominal = Scenario(scenario_id=shot_id, system=system, process=told, mold=used.mold)
    return Reported(shown, recipe, nominal)


def observe(
    pours: Sequence[Pour],
    result: BatchResult,
    seed: int,
    a: Assumed,
    harsh: Harsh | None = None,
    start: datetime | None = None,
) -> list[VirtualShot]:
    """The shots whose truth could be simulated, in order.

    Args:
        result: of the truth.
        harsh: sizes of a harsh plant; None: it is calm.
        start: of the plant, where it is harsh.
    """
    signals = _felt(pours, result, a)
    shots = []
    freedom = None if harsh is None else harsh.tail_freedom
    for i, pour in enumerate(pours):
        if i in result.errors:
            continue
        rng = np.random.default_rng([seed, 5, pour.number])
        true = _true(result, i)
        opened_s = _opened(rng, pour.cycle_s, a)
        faults = sensors.draw_faults(rng, opened_s, a)
        own = {name: values[i] for name, values in signals.items()}
        frames = sensors.readings(rng, result.time_s, own, opened_s, faults, a)
        chance = lab.chances(true, pour.usual, opened_s, pour.foam.process.mixing_eff)
        defects = lab.draw_defects(rng, chance)
        mold_id, system_id = pour.mold.mold.mold_id, pour.system.system_id
        ended_at = pour.poured_at + timedelta(seconds=opened_s)
        record = lab.draw_record(
            rng, pour.shot_id, mold_id, ended_at, true, chance, defects, a, freedom
        )
        quality, slip = None if record is None else TimedMessage(record.ts, record), None
        if record is not None and harsh is not None and start is not None:
            quality, slip = sent(rng, record, start, harsh)
        shots.append(
            VirtualShot(
                press=pour.press,
                shot_id=pour.shot_id,
                mold_id=mold_id,
                system_id=system_id,
                poured_at=pour.poured_at,
                reported=pour.reported,
                opened_s=opened_s,
                messages=shot_messages(
                    pour.shot_id,
                    mold_id,
                    system_id,
                    pour.recipe,
                    pour.poured_at,
                    pour.shown,
                    as_shown(frames, pour.mistakes),
                    opened_s,
                ),
                quality=quality,
                true=true,
                defects=defects,
                faults=faults,
                foam=pour.foam,
                steady=pour.steady,
                nominal=pour.nominal,
                causes=pour.causes,
                steady_causes=pour.steady_causes,
                mistakes=pour.mistakes,
                slip=slip,
            )
        )
    return shots


def _opened(rng: np.random.Generator, cycle_s: float, a: Assumed) -> float:
    """Time at which the operator opens: by the clock, and now and then in haste."""
    scatter, hasty, share = rng.standard_normal(), rng.uniform(), rng.uniform(0.6, 0.9)
    opened = cycle_s * (1.0 + a.cycle_sigma * scatter)
    return round(float(opened * share if hasty < a.hasty_share else opened), 1)


def _true(result: BatchResult, i: int) -> lab.TrueResult:
    def number(name: str) -> float:
        return float(result.figures[name][i])

    def or_none(name: str) -> float | None:
        return None if np.isnan(result.figures[name][i]) else number(name)

    return lab.TrueResult(
        rho_moulded_kg_per_m3=number("rho_moulded"),
        p_max_bar=bar(number("p_max_Pa")),
        T_core_max_C=number("T_core_max_C"),
        t_demold_min_s=or_none("t_demold_min_s"),
        H_demold_shore=or_none("H_demold_shore"),
        fill_ratio=number("fill_ratio"),
        water_from_rh_ratio=water_ratio(result, i),
    )


def water_ratio(result: BatchResult, i: int) -> float:
    """Water from humidity over the water of the recipe; 0 where the recipe has none."""
    recipe = float(result.figures["water_from_polyol_kg"][i])
    return float(result.figures["water_from_rh_kg"][i]) / recipe if recipe > 0.0 else 0.0


def _felt(pours: Sequence[Pour], result: BatchResult, a: Assumed) -> dict[str, Array]:
    """Values at the sensors, (shots, times): offset and lag, no noise yet."""
    core = np.array([pour.T_core_offset_C for pour in pours])[:, None]
    wall = np.array([pour.T_mold_offset_C for pour in pours])[:, None]
    t = result.time_s
    T_core = result.profiles["T_core_K"] - ZERO_CELSIUS_K
    T_mold = result.profiles["T_mold_K"] - ZERO_CELSIUS_K
    p = result.profiles["p_total_Pa"] / PA_PER_BAR
    first = T_mold[:, 0]  # the probe stands in the empty mold
    return {
        "T_core_C": sensors.lagged(t, T_core, a.T_core_lag_s, first) - core,
        "T_mold_C": sensors.lagged(t, T_mold, a.T_mold_lag_s, first) - wall,
        "p_cavity_bar": sensors.lagged(t, p, a.p_lag_s, p[:, 0]),
    }
