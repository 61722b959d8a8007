"""The harsh side of a plant: parts of all sizes, minutes between shots, steps, mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from broker.messages import Recipe
from broker.topics import PressAddress
from edge_agent.config.catalogue import Catalogue
from edge_agent.shots.scenario import scenario_of
from edge_agent.virtual_plant.assumed_sizes import Assumed
from edge_agent.virtual_plant.disturbances import draw_disturbances
from edge_agent.virtual_plant.harsh_sizes import Harsh
from edge_agent.virtual_plant.harsh_truth import HarshTruth, draw_harsh_truth, draw_systems
from edge_agent.virtual_plant.hidden_truth import Lot, MoldTruth, PlantTruth, PressTruth
from edge_agent.virtual_plant.mistakes import NONE, Mistakes, draw_mistakes, shown_of
from edge_agent.virtual_plant.molds import MoldInUse, draw_parts
from edge_agent.virtual_plant.press_events import Done, draw_done
from edge_agent.virtual_plant.schedule import Busy, Slot
from edge_agent.virtual_plant.shots import SHOWN, Reported
from edge_agent.virtual_plant.truth_layer import Causes
from twin_core import MaterialSystem, Process, SimulationOptions
from twin_core.plausible_ranges import CHANNELS
from twin_core.scenario import Quality


@dataclass(frozen=True)
class Now:
    """Truth of one press and mold at a pour."""

    used: MoldInUse
    system: int
    """Number of the system that is poured."""
    press: PressTruth
    mold: MoldTruth
    lot: Lot
    vents_open_fraction: float


class HarshPlant:
    """Harsh side of a plant.

    Attributes:
        parts: of each mold, by the number of a system: what the papers say.
        truth: hidden steps; drawn once the days of the plant are known.
        done: hidden: everything that was done to the presses, told or not.
        mistakes: hidden, by the number of a slot.
    """

    def __init__(
        self,
        seed: int,
        systems: Sequence[MaterialSystem],
        presses: int,
        molds_per_press: int,
        sizes: Harsh,
    ) -> None:
        """Draw the parts.

        Raises:
            InputError: a system cannot be poured into these molds.
        """
        self._seed, self._systems, self.sizes = seed, tuple(systems), sizes
        self._presses, self._per_press = presses, molds_per_press
        count = presses * molds_per_press
        self.systems_of = draw_systems(seed, count, len(systems), sizes)
        self.parts = draw_parts(seed, presses, molds_per_press, systems, self.systems_of, sizes)
        ids = {system.system_id: system for system in systems}
        molds = [next(iter(part.values())).mold for part in self.parts]
        self._mold_ids = [mold.mold_id for mold in molds]
        self._catalogue = Catalogue(ids, {mold.mold_id: mold for mold in molds}, Quality(), {})

    def busy(self, least_s: Sequence[float], spacing_min: float | None) -> Busy:
        """Spacing of the shots of each mold.

        Args:
            least_s: of each mold, what a shot takes from pour to pour [s].
            spacing_min: of all molds [min]; None: each has its own.
        """
        s = self.sizes
        rng = np.random.default_rng([self._seed, 17])
        own = rng.uniform(s.spacing_min, s.spacing_max, size=len(least_s)).tolist()
        minutes = own if spacing_min is None else [spacing_min] * len(least_s)
        return Busy(
            spacing_s=tuple(map(max, [60.0 * one for one in minutes], least_s)),
            least_s=tuple(least_s),
            sigma=s.spacing_sigma,
            stop_share=s.stop_share,
            stop_hours_max=s.stop_hours_max,
            week_days=s.week_days,
        )

    def draw(
        self,
        averages: PlantTruth,
        slots: Sequence[Slot],
        busy: Busy,
        addresses: Sequence[PressAddress],
        start: datetime,
        days: float,
        assumed: Assumed,
    ) -> None:
        """Draw what steps, drifts and goes wrong."""
        names = [system.system_id for system in self._systems]
        self._averages, self._start = averages, start
        self.truth: HarshTruth = draw_harsh_truth(
            self._seed, averages, self._per_press, names, self.systems_of, days, assumed, self.sizes
        )
        self._disturbed = draw_disturbances(
            self._seed, slots, self._presses, self._per_press, self.sizes
        )
        self._before = _before(slots, busy)
        self.mistakes: dict[int, Mistakes] = draw_mistakes(
            self._seed, slots, self._presses, self._per_press, start, days, self.sizes
        )
        self.done: list[Done] = draw_done(
            self._seed, self.truth, names, addresses, self._mold_ids, start, days
        )

    def now(self, slot: Slot, day: float) -> Now:
        """Truth at a pour: averages, steps, and disturbances that nobody sees."""
        mold, press = slot.mold, slot.mold // self._per_press
        of = {name: float(values[slot.number - 1]) for name, values in self._disturbed.items()}
        system = self.truth.system_on(mold, day)
        lot, strength = self.truth.lot_on(self._systems[system].system_id, day)
        p = self.truth.press_on(press, self._averages.presses[press], day)
        m = self.truth.mold_on(press, mold, self._averages.molds[mold], day)
        gain = 1.0 + of["gain"]
        return Now(
            used=self.parts[mold][system],
            system=system,
            press=replace(
                p,
                polyol_gain=p.polyol_gain * gain,
                iso_gain=p.iso_gain * gain * strength,
                T_polyol_offset_C=p.T_polyol_offset_C + of["T_component_C"],
                T_iso_offset_C=p.T_iso_offset_C + of["T_component_C"],
                mixing_eff=p.mixing_eff + of["mixing"],
            ),
            mold=replace(
                m,
                T_mold_offset_C=m.T_mold_offset_C + of["T_mold_C"],
                tempering_factor=m.tempering_factor * max(0.3, 1.0 + of["tempering"]),
            ),
            lot=lot,
            vents_open_fraction=1.0 - self.truth.fouled_on(mold, day),
        )

    def reported(self, slot: Slot, shot_id: str, now: Now, measured: Process) -> Reported:
        """What of a pour reaches the twin: set points in the recipe, and the readings there are."""
        used, system_id = now.used, self._systems[now.system].system_id
        readings = {name: getattr(measured, name) for name in SHOWN}
        shown = shown_of(readings, self.mistakes.get(slot.number, NONE))
        recipe = Recipe(
            m_polyol_kg=measured.m_polyol_kg,
            m_iso_kg=measured.m_iso_kg,
            T_polyol_C=used.nominal.T_polyol_C,
            T_iso_C=used.nominal.T_iso_C,
            T_mold_C=used.nominal.T_mold_C,
        )
        possible = {name: value for name, value in shown.items() if CHANNELS[name].holds(value)}
        nominal, _ = scenario_of(
            shot_id, system_id, used.mold.mold_id, recipe, possible, self._catalogue, 600.0
        )
        as_batch = {"simulation": SimulationOptions()}
        return Reported(shown, recipe, nominal.model_copy(update=as_batch))

    def causes(
        self, slot: Slot, day: float, now: Now, true: Process, p_ambient_bar: float
    ) -> Causes:
        """Causes that the truth beside the 1D model responds to."""
        traits = self.truth.traits[slot.mold]
        nominal = now.used.nominal
        place = slot.number - 1
        made, break_h = self._before[place]
        assert true.T_mold_C is not None
        assert now.used.mold.T_set_C is not None
        mass = true.m_polyol_kg + true.m_iso_kg
        ratio = (true.m_iso_kg / true.m_polyol_kg) / (nominal.m_iso_kg / nominal.m_polyol_kg)
        mixed = true.m_polyol_kg * true.T_polyol_C + true.m_iso_kg * true.T_iso_C
        return Causes(
            T_mix_C=mixed / mass,
            T_mix_recipe_C=nominal.T_polyol_C,
            T_mold_C=true.T_mold_C,
            T_set_C=now.used.mold.T_set_C,
            RH_pct=true.RH_ambient_pct,
            p_ambient_bar=p_ambient_bar,
            index_off_ratio=ratio - 1.0,
            break_h=break_h,
            fouled_fraction=1.0 - now.vents_open_fraction,
            skin_share=self.truth.skin_on(slot.mold, day),
            age_shots=traits.age_shots + made,
            density_ratio=float(self._disturbed["density"][place]),
            rate_ratio=float(self._disturbed["rate"][place]),
            pressure_ratio=float(self._disturbed["pressure"][place]),
            sensitivity_ratio=traits.sensitivity_ratio,
            activation_J_per_mol=self.truth.activation_J_per_mol[
                self._systems[now.system].system_id
            ],
        )


def usual_causes(used: MoldInUse, p_ambient_bar: float) -> Causes:
    """Causes of a usual shot: nothing is off, and half of what builds up has built up."""
    nominal = used.nominal
    assert nominal.T_mold_C is not None
    return Causes(
        T_mix_C=nominal.T_polyol_C,
        T_mix_recipe_C=nominal.T_polyol_C,
        T_mold_C=nominal.T_mold_C,
        T_set_C=nominal.T_mold_C,
        RH_pct=nominal.RH_ambient_pct,
        p_ambient_bar=p_ambient_bar,
        index_off_ratio=0.0,
        fouled_fraction=0.2,
        skin_share=0.3,
        age_shots=300.0,
    )


FIRST_BREAK_H = 12.0
"""Of the first shot of a mold: it was cold."""


def _before(slots: Sequence[Slot], busy: Busy) -> list[tuple[int, float]]:
    """Of each slot: shots of its mold before it, and hours of break beyond the usual spacing."""
    made: dict[int, int] = {}
    last: dict[int, datetime] = {}
    found = []
    for slot in slots:
        before = last.get(slot.mold)
        break_h = FIRST_BREAK_H
        if before is not None:
            gap_s = (slot.poured_at - before).total_seconds()
            break_h = max(0.0, gap_s - busy.spacing_s[slot.mold]) / 3600.0
        found.append((made.get(slot.mold, 0), break_h))
        made[slot.mold] = made.get(slot.mold, 0) + 1
        last[slot.mold] = slot.poured_at
    return found
