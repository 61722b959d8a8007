"""A plant of virtual presses: shots in order of time, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np

from broker.topics import PressAddress
from edge_agent.shots.timed_messages import TimedMessage
from edge_agent.virtual_plant.assumed_sizes import Assumed
from edge_agent.virtual_plant.change import Change, combined
from edge_agent.virtual_plant.foam import (
    draw_scatter,
    true_mold,
    true_process,
    true_scenario,
    true_system,
)
from edge_agent.virtual_plant.harsh_plant import HarshPlant, Now
from edge_agent.virtual_plant.harsh_sizes import Harsh
from edge_agent.virtual_plant.hidden_truth import PlantTruth, draw_truth
from edge_agent.virtual_plant.mistakes import NONE
from edge_agent.virtual_plant.molds import MoldInUse, draw_molds
from edge_agent.virtual_plant.presets import PRESETS
from edge_agent.virtual_plant.schedule import (
    Busy,
    Slot,
    days_at_most,
    draw_busy_slots,
    draw_slots,
    midnight,
)
from edge_agent.virtual_plant.shots import (
    Pour,
    VirtualShot,
    observe,
    report,
    reported_shot,
)
from edge_agent.virtual_plant.truth_layer import Causes, with_layer
from edge_agent.virtual_plant.usual_shots import learn_the_usual, shortest_spacing_s
from twin_core import BatchResult, MaterialSystem, simulate_many
from twin_core.errors import InputError

START = datetime(2025, 1, 6, tzinfo=UTC)
CHUNK = 256
"""Shots simulated at once: some 20 MB of profiles."""


class VirtualPlant:
    """Presses ``press1`` … with their molds, materials and weather, and a hidden truth.

    Attributes:
        presses: their addresses.
        systems: material systems that are poured; ``system`` is the first.
        molds: by mold_id, what the papers say of it; the twin may know them.
        changes: what goes wrong at a known time.
        truth: hidden; for tests and for measuring what was learnt.
        harsh: hidden side of a harsh plant; None in a calm one.
        skipped: shots that could not be simulated, by shot_id, with the reason.
    """

    def __init__(
        self,
        seed: int,
        system: MaterialSystem | Sequence[MaterialSystem],
        *,
        preset: str = "calm",
        presses: int = 5,
        molds_per_press: int = 2,
        shots: int = 5000,
        start: datetime = START,
        days: float | None = None,
        spacing_min: float | None = None,
        site: str = "virtual",
        changes: Sequence[Change] = (),
        assumed: Assumed | None = None,
        sizes: Harsh | None = None,
    ) -> None:
        """Draw the plant.

        Args:
            system: the material system; of a harsh plant, all of them.
            preset: ``calm`` or ``harsh``.
            start: its midnight is when day 0 begins.
            days: the shots are spread over so many; None: over 365 in a calm plant, and as many as
                it takes where shots are minutes apart.
            spacing_min: minutes from pour to pour of a mold; None: as the preset has it.
            assumed: sizes, in place of the preset's.
            sizes: of what only a harsh plant has, in place of the preset's.

        Raises:
            InputError: the preset is unknown, a system cannot be poured into these molds, the days
                or minutes are too short, or a change names a press that is not there.
        """
        if min(presses, molds_per_press, shots) < 1 or (days is not None and days <= 0):
            raise InputError("presses, molds, shots and days must be above 0")
        if preset not in PRESETS:
            raise InputError(f"preset {preset!r}: there is {', '.join(PRESETS)}")
        self._arguments = {
            "preset": preset, "presses": presses, "molds_per_press": molds_per_press,
            "shots": shots, "start": start, "days": days, "spacing_min": spacing_min, "site": site,
            "assumed": assumed, "sizes": sizes,
        }  # fmt: skip
        chosen = PRESETS[preset]
        self.seed, self.site, self.preset, self.spacing_min = seed, site, preset, spacing_min
        self.systems = (system,) if isinstance(system, MaterialSystem) else tuple(system)
        self.system = self.systems[0]
        if chosen.harsh is None and len(self.systems) > 1:
            raise InputError(f"a {preset} plant pours one system, not {len(self.systems)}")
        self.start, self.changes = midnight(start), tuple(changes)
        self.assumed = assumed or chosen.assumed
        self.presses = [_address(site, f"press{i + 1}") for i in range(presses)]
        for change in changes:
            if change.press not in {None, *(address.press for address in self.presses)}:
                raise InputError(f"change: there is no {change.press!r} in {presses} presses")
        self._per_press, count = molds_per_press, presses * molds_per_press
        self.harsh = None
        self._in_use: list[dict[int, MoldInUse]]
        if chosen.harsh is None:
            in_use = draw_molds(seed, presses, molds_per_press, self.system)
            self._in_use = [{0: one} for one in in_use]
        else:
            side = HarshPlant(seed, self.systems, presses, molds_per_press, sizes or chosen.harsh)
            self.harsh, self._in_use = side, side.parts
        self.molds = {
            one.mold.mold_id: one for one in (next(iter(part.values())) for part in self._in_use)
        }
        covered = 365.0 if days is None else days
        if days is None and (self.harsh is not None or spacing_min is not None):
            covered = days_at_most(math.ceil(shots / count), spacing_min)
        self.truth: PlantTruth = draw_truth(seed, presses, count, self.start, covered, self.assumed)
        self._usual = learn_the_usual(self._in_use, self.systems, self.truth, covered, self._true)
        busy = self._busy(spacing_min)
        if busy is None:
            self.days = covered
            self._slots = draw_slots(seed, shots, count, self.start, covered)
        else:
            self._slots = draw_busy_slots(seed, shots, busy, self.start, days)
            last = self._day(self._slots[-1].poured_at)
            self.days = float(math.ceil(last)) if days is None else days
        if self.harsh is not None:
            assert busy is not None
            self.harsh.draw(
                self.truth, self._slots, busy, self.presses, self.start, self.days, self.assumed
            )
        self.skipped: dict[str, str] = {}

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
            result = self._true(result, [pour.causes for pour in pours])
            sizes = None if self.harsh is None else self.harsh.sizes
            yield from observe(pours, result, self.seed, self.assumed, sizes, self.start)

    def events(self) -> list[tuple[PressAddress, TimedMessage]]:
        """Events that people report of a harsh plant, in the order in which they arrive."""
        done = [] if self.harsh is None else self.harsh.done
        told = [(one.press, one.told) for one in done if one.told is not None]
        return sorted(told, key=lambda pair: (pair[1].ts, pair[0].press))

    def steady(self, shots: Sequence[VirtualShot]) -> BatchResult:
        """Result of the truth without what differs from shot to shot: the most to be learnt."""
        result = simulate_many([shot.steady for shot in shots])
        return self._true(result, [shot.steady_causes for shot in shots])

    def _true(self, result: BatchResult, causes: Sequence[Causes | None]) -> BatchResult:
        if self.harsh is None:
            return result
        known = [one for one in causes if one is not None]
        return with_layer(result, known, self.harsh.sizes)

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
        shot_id, day = self._shot_id(slot), self._day(slot.poured_at)
        harsh, now = self.harsh, self._now(slot, day)
        air = self.truth.climate.at(slot.poured_at)
        change = combined(self.changes, now.used.press, slot.poured_at)
        reported = report(rng, now.used.nominal, air, self.assumed)
        press, mold, lot, system = now.press, now.mold, now.lot, self.systems[now.system]
        true_one = true_system(
            system,
            lot.gelling_factor * change.gelling_factor,
            lot.water_rate_factor * change.water_rate_factor,
            lot.water_factor * change.water_factor,
        )
        cavity = true_mold(now.used.mold, mold, now.vents_open_fraction, air.p_bar, change)
        scatter = draw_scatter(
            rng, self.assumed, None if harsh is None else harsh.sizes.tail_freedom
        )
        steady = true_process(reported, press, mold, day, change)
        process = true_process(reported, press, mold, day, change, scatter)
        usual = self._usual[slot.mold, now.system]
        if harsh is None:
            says = reported_shot(shot_id, system, now.used, reported)
            causes = steady_causes = None
        else:
            says = harsh.reported(slot, shot_id, now, reported)
            causes, steady_causes = (
                harsh.causes(slot, day, now, true, air.p_bar) for true in (process, steady)
            )
        return Pour(
            number=slot.number,
            shot_id=shot_id,
            press=self.presses[slot.mold // self._per_press],
            mold=now.used,
            system=system,
            poured_at=slot.poured_at,
            reported=reported,
            shown=says.shown,
            recipe=says.recipe,
            nominal=says.nominal,
            foam=true_scenario(shot_id, true_one, process, cavity),
            steady=true_scenario(shot_id, true_one, steady, cavity),
            T_core_offset_C=mold.T_core_offset_C,
            T_mold_offset_C=mold.T_mold_offset_C + change.T_mold_offset_C,
            cycle_s=usual.cycle_s,
            usual=usual.shot,
            causes=causes,
            steady_causes=steady_causes,
            mistakes=NONE if harsh is None else harsh.mistakes.get(slot.number, NONE),
        )

    def _now(self, slot: Slot, day: float) -> Now:
        """Truth of press and mold at a pour."""
        if self.harsh is not None:
            return self.harsh.now(slot, day)
        mold = self.truth.molds[slot.mold]
        return Now(
            used=self._in_use[slot.mold][0],
            system=0,
            press=self.truth.presses[slot.mold // self._per_press],
            mold=mold,
            lot=self.truth.lot_on(day),
            vents_open_fraction=mold.vents_open_fraction(day),
        )

    def _busy(self, spacing_min: float | None) -> Busy | None:
        """Minutes from pour to pour of each mold; None: shots are spread over the days.

        Raises:
            InputError: a mold takes longer than so many minutes.
        """
        if self.harsh is None and spacing_min is None:
            return None
        least_s = shortest_spacing_s(self._usual, len(self._in_use))
        if spacing_min is not None and 60.0 * spacing_min < max(least_s):
            raise InputError(
                f"{spacing_min:g} minutes from pour to pour: a mold takes {max(least_s) / 60.0:.0f}"
            )
        if self.harsh is not None:
            return self.harsh.busy(least_s, spacing_min)
        assert spacing_min is not None
        return Busy((60.0 * spacing_min,) * len(least_s), tuple(least_s))

    def with_changes(self, *changes: Change) -> VirtualPlant:
        """Copy of the plant, with changes at known times."""
        arguments: dict[str, Any] = self._arguments
        return VirtualPlant(self.seed, self.systems, **arguments, changes=(*self.changes, *changes))


def _address(site: str, press: str) -> PressAddress:
    try:
        return PressAddress(site, press)
    except ValueError as error:
        raise InputError(str(error)) from None
