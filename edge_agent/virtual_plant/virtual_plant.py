"""A plant of virtual presses: shots in order of time, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

import numpy as np

from broker.topics import PressAddress
from edge_agent.virtual_plant import laboratory as lab
from edge_agent.virtual_plant.assumed_sizes import ASSUMED, Assumed
from edge_agent.virtual_plant.change import Change, combined
from edge_agent.virtual_plant.climate import P_MEAN_BAR
from edge_agent.virtual_plant.foam import (
    draw_scatter,
    true_mold,
    true_process,
    true_scenario,
    true_system,
)
from edge_agent.virtual_plant.hidden_truth import PlantTruth, draw_truth
from edge_agent.virtual_plant.molds import draw_molds
from edge_agent.virtual_plant.schedule import Slot, draw_slots, midnight
from edge_agent.virtual_plant.shots import Pour, VirtualShot, observe, report, water_ratio
from twin_core import MaterialSystem, Scenario, simulate_many
from twin_core.errors import InputError
from twin_core.units import bar

START = datetime(2025, 1, 6, tzinfo=UTC)
CHUNK = 256
"""Shots simulated at once: some 20 MB of profiles."""
CYCLE_STEP_S = 10.0
CYCLE_UNKNOWN_S = 600.0
"""Cycle of a mold whose usual shot has no safe time at all."""
VENTS_USUALLY_OPEN = 0.8


class VirtualPlant:
    """Presses ``press1`` … with their molds, materials and weather, and a hidden truth.

    Attributes:
        presses: their addresses.
        molds: by mold_id, what the papers say of it; the twin may know them.
        changes: what goes wrong at a known time.
        truth: hidden; for tests and for measuring what was learnt.
        skipped: shots that could not be simulated, by shot_id, with the reason.
    """

    def __init__(
        self,
        seed: int,
        system: MaterialSystem,
        *,
        presses: int = 5,
        molds_per_press: int = 2,
        shots: int = 5000,
        start: datetime = START,
        days: float = 365.0,
        site: str = "virtual",
        changes: Sequence[Change] = (),
        assumed: Assumed = ASSUMED,
    ) -> None:
        """Draw the plant.

        Args:
            start: its midnight is when day 0 begins.

        Raises:
            InputError: the system cannot be poured into these molds, the days are too short, or a
                change names a press that is not there.
        """
        if min(presses, molds_per_press, shots) < 1 or days <= 0:
            raise InputError("presses, molds, shots and days must be above 0")
        self.seed, self.system, self.site = seed, system, site
        self.start, self.days = midnight(start), days
        self._assumed, self.changes = assumed, tuple(changes)
        self.presses = [_address(site, f"press{i + 1}") for i in range(presses)]
        for change in changes:
            if change.press not in {None, *(address.press for address in self.presses)}:
                raise InputError(f"change: there is no {change.press!r} in {presses} presses")
        self._per_press, count = molds_per_press, presses * molds_per_press
        self._slots = draw_slots(seed, shots, count, self.start, days)
        in_use = draw_molds(seed, presses, molds_per_press, system)
        self.molds = {one.mold.mold_id: one for one in in_use}
        self._molds = in_use
        self.truth: PlantTruth = draw_truth(seed, presses, count, self.start, days, assumed)
        self.skipped: dict[str, str] = {}
        self._usual, self._cycle_s = self._learn_the_usual()

    def __len__(self) -> int:
        """Shots to be made, those included that will be skipped."""
        return len(self._slots)

    def shots(self, chunk: int = CHUNK) -> Iterator[VirtualShot]:
        """All shots in order of time; what cannot be simulated is left out and noted."""
        self.skipped.clear()
        slots = iter(self._slots)
        while some := list(islice(slots, chunk)):
            pours = list(self._pours(some))
            if not pours:
                continue
            result = simulate_many([pour.foam for pour in pours], profiles=True)
            for i, reason in result.errors.items():
                self.skipped[pours[i].shot_id] = reason
            yield from observe(pours, result, self.system, self.seed, self._assumed)

    def _pours(self, slots: list[Slot]) -> Iterator[Pour]:
        for slot in slots:
            try:
                yield self._pour(slot)
            except InputError as error:
                self.skipped[self._shot_id(slot)] = str(error)

    def _shot_id(self, slot: Slot) -> str:
        return f"V{self.seed}-{slot.number:06d}"

    def _day(self, moment: datetime) -> float:
        return (moment - self.start).total_seconds() / 86_400.0

    def _pour(self, slot: Slot) -> Pour:
        """Simulate a shot: what is reported of it, and the foam that is really in the mold."""
        rng = np.random.default_rng([self.seed, 4, slot.number])
        used, day = self._molds[slot.mold], self._day(slot.poured_at)
        air = self.truth.climate.at(slot.poured_at)
        change = combined(self.changes, used.press, slot.poured_at)
        reported = report(rng, used.nominal, air, self._assumed)
        press = self.truth.presses[slot.mold // self._per_press]
        mold, lot = self.truth.molds[slot.mold], self.truth.lot_on(day)
        system = true_system(
            self.system,
            lot.gelling_factor * change.gelling_factor,
            lot.water_rate_factor * change.water_rate_factor,
            lot.water_factor * change.water_factor,
        )
        cavity = true_mold(used.mold, mold, mold.vents_open_fraction(day), air.p_bar, change)
        shot_id = self._shot_id(slot)
        scatter = draw_scatter(rng, self._assumed)
        steady = true_process(reported, press, mold, day, change)
        process = true_process(reported, press, mold, day, change, scatter)
        return Pour(
            number=slot.number,
            shot_id=shot_id,
            press=self.presses[slot.mold // self._per_press],
            mold=used,
            poured_at=slot.poured_at,
            reported=reported,
            foam=true_scenario(shot_id, system, process, cavity),
            steady=true_scenario(shot_id, system, steady, cavity),
            T_core_offset_C=mold.T_core_offset_C,
            T_mold_offset_C=mold.T_mold_offset_C + change.T_mold_offset_C,
            cycle_s=self._cycle_s[slot.mold],
            usual=self._usual[slot.mold],
        )

    def _learn_the_usual(self) -> tuple[list[lab.Usual], list[float]]:
        """Learn the usual shot and cycle time of each mold, as its operators have over years."""
        scenarios: list[Scenario] = []
        middle = self.days / 2.0
        for i, used in enumerate(self._molds):
            mold = self.truth.molds[i]
            none = combined((), used.press, self.start)
            press = self.truth.presses[i // self._per_press]
            process = true_process(used.nominal, press, mold, middle, none)
            cavity = true_mold(used.mold, mold, VENTS_USUALLY_OPEN, P_MEAN_BAR, none)
            scenarios.append(true_scenario(used.mold.mold_id, self.system, process, cavity))
        result = simulate_many(scenarios)
        usual, cycles = [], []
        for i, used in enumerate(self._molds):
            if i in result.errors:
                raise InputError(f"{used.mold.mold_id}: {result.errors[i]}")
            usual.append(
                lab.Usual(
                    rho_design_kg_per_m3=used.rho_design_kg_per_m3,
                    T_core_max_C=float(result["T_core_max_C"][i]),
                    p_max_bar=bar(float(result["p_max_Pa"][i])),
                    water_from_rh_ratio=water_ratio(result, i),
                )
            )
            safe = float(result["t_demold_min_s"][i])
            cycle = CYCLE_UNKNOWN_S
            if not math.isnan(safe):
                margin = self.truth.molds[i].cycle_margin_ratio
                cycle = CYCLE_STEP_S * math.ceil(margin * safe / CYCLE_STEP_S)
            cycles.append(cycle)
        return usual, cycles

    def with_changes(self, *changes: Change) -> VirtualPlant:
        """Copy of the plant, with changes at known times."""
        return VirtualPlant(
            self.seed,
            self.system,
            presses=len(self.presses),
            molds_per_press=self._per_press,
            shots=len(self._slots),
            start=self.start,
            days=self.days,
            site=self.site,
            changes=(*self.changes, *changes),
            assumed=self._assumed,
        )


def _address(site: str, press: str) -> PressAddress:
    try:
        return PressAddress(site, press)
    except ValueError as error:
        raise InputError(str(error)) from None
