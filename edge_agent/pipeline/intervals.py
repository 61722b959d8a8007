"""How sure the demold window of a recipe is, computed beside its shots and kept for the next ones.

It takes some 17 simulations, and no prediction waits for it: the first of a recipe go out without.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Hashable

from broker.messages import WindowInterval
from edge_agent.logs import get_logger
from twin_core import Scenario, SimulationResult
from twin_core.errors import TwinError
from twin_core.window_interval import WindowInterval as Computed
from twin_core.window_interval import window_interval

ALIKE_RATIO, ALIKE_K = 0.05, 5.0
"""Pours whose masses and temperatures differ by less share an interval."""
KEPT = 256


class Intervals:
    """Intervals by recipe; one is computed at a time, in a thread of its own."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Computed] = {}
        self._task: asyncio.Task[None] | None = None

    def of(self, result: SimulationResult, parameters_hash: str) -> WindowInterval | None:
        """The interval of a shot, if that of its recipe is known; else it is looked for.

        Args:
            result: of its simulation.
            parameters_hash: of its material system.
        """
        t_min = result.t_demold_min_s
        if t_min is None:
            return None
        key = recipe_of(result.scenario, parameters_hash)
        known = self._known.get(key)
        if known is None:
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._compute(key, result))
            return None
        return on_the_wire(known, t_min)

    async def computed(self) -> None:
        """Wait until nothing is being computed."""
        if self._task is not None:
            await self._task

    async def _compute(self, key: Hashable, result: SimulationResult) -> None:
        try:
            found = await asyncio.to_thread(window_interval, result, 1)
        except TwinError as problem:
            get_logger().warning("interval_not_computed", error=str(problem), hint=problem.hint)
            return
        if found is not None:
            if len(self._known) >= KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = found


def on_the_wire(interval: Computed, t_min: float) -> WindowInterval:
    """The interval around the earliest time of another shot of the recipe."""
    moved, high = t_min - interval.t_min_s, interval.t_min_high_s
    return WindowInterval(
        t_demold_min_low_s=max(interval.t_min_low_s + moved, 0.0),
        t_demold_min_high_s=None if high is None else high + moved,
        swell_low_mm=interval.swell_low_mm,
        swell_high_mm=interval.swell_high_mm,
        varied_count=len(interval.effects),
    )


def recipe_of(scenario: Scenario, parameters_hash: str) -> Hashable:
    """Shots with an equal one have an interval in common."""
    p = scenario.process
    warmth = (p.T_polyol_C, p.T_iso_C, p.T_mold_C or 0.0, p.T_ambient_C)
    return (
        parameters_hash,
        scenario.mold.model_dump_json(),
        scenario.quality.model_dump_json(),
        *(round(math.log(max(m, 1e-9)) / ALIKE_RATIO) for m in (p.m_polyol_kg, p.m_iso_kg)),
        *(round(T / ALIKE_K) for T in warmth),
    )
