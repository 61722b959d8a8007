"""simulate: a shot -> what the physics says of it, kept while the shot cures."""

from __future__ import annotations

import asyncio
from collections.abc import Container

from edge_agent.config.catalogue import Catalogue
from edge_agent.monitoring.metrics import Metrics
from edge_agent.shots import scenario
from edge_agent.shots.shot import Shot
from edge_agent.shots.simulation import ShotSimulation, simulate_shot


class Simulations:
    """The simulations of open shots; each can be computed again at any time."""

    def __init__(self, catalogue: Catalogue, horizon_s: float, metrics: Metrics) -> None:
        self._metrics = metrics
        self.compiled = False
        """Set when the model is compiled: until then a simulation takes seconds."""
        self.renew(catalogue, horizon_s)

    def renew(self, catalogue: Catalogue, horizon_s: float) -> None:
        """Go on with other materials and molds: every open shot is simulated again."""
        self._catalogue, self._horizon_s = catalogue, horizon_s
        self._known: dict[str, ShotSimulation] = {}

    def renew_sets(self, catalogue: Catalogue) -> None:
        """Go on with other parameter sets; ``forget`` the shots of molds whose set has changed."""
        self._catalogue = catalogue

    async def of(self, shot: Shot) -> tuple[ShotSimulation, bool]:
        """The simulation of a shot as it is now; true when it was made just now.

        It is made at once: it is bounded, and when cores are busy a thread costs more. Before the
        model is compiled it would hold up everything for seconds: then in a thread.
        """
        inputs = scenario.inputs_of(shot)
        known = self._known.get(shot.shot_key)
        if known is not None and known.inputs == inputs:
            return known, False
        arguments = shot, inputs, self._catalogue, self._horizon_s
        with self._metrics.stage_seconds.labels("simulate").time():
            if self.compiled:
                made = simulate_shot(*arguments)
            else:
                made = await asyncio.to_thread(simulate_shot, *arguments)
        self._known[shot.shot_key] = made
        return made, True

    def of_now(self, shot: Shot) -> bool:
        """True if there is one that was made from what is known of the shot now."""
        known = self._known.get(shot.shot_key)
        return known is not None and known.inputs == scenario.inputs_of(shot)

    def keep(self, shots: Container[str]) -> None:
        """Forget all others: another agent has their shots, or they are over."""
        for key in [key for key in self._known if key not in shots]:
            del self._known[key]

    def forget(self, shot: Shot) -> None:
        """The shot has ended, or is to be simulated again."""
        self._known.pop(shot.shot_key, None)
