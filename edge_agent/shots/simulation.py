"""Simulation of a shot, kept while the shot cures; it can be computed again any time."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.config.catalogue import Catalogue, SystemFacts
from edge_agent.logs import get_logger
from edge_agent.shots import scenario as stage
from edge_agent.shots.shot import Shot
from twin_core import SimulationResult, simulate_with_free_rise
from twin_core.errors import TwinError
from twin_core.scenario import Scenario


@dataclass(frozen=True)
class ShotSimulation:
    """A simulation of a shot, or why there is none."""

    inputs: str
    result: SimulationResult | None = None
    substituted: tuple[str, ...] = ()
    rho_free_rise: float | None = None
    facts: SystemFacts | None = None
    """Of its material system; None where it was not simulated."""
    reported: Scenario | None = None
    """The scenario without a parameter set: what people and sensors said."""
    problem: TwinError | None = None


def simulate_shot(
    shot: Shot, inputs: str, catalogue: Catalogue, horizon_s: float
) -> ShotSimulation:
    """Simulate a poured shot; what cannot be simulated is an answer, too."""
    try:
        reported, substituted = stage.prepare(shot, catalogue, horizon_s)
        scenario = catalogue.calibrated(reported)
        result, free_rise = simulate_with_free_rise(scenario)
    except TwinError as problem:
        get_logger().warning(
            "shot_not_simulated", shot_id=shot.shot_id, error=str(problem), hint=problem.hint
        )
        return ShotSimulation(inputs, problem=problem)
    facts = catalogue.facts_of(scenario.system.system_id, scenario.mold.mold_id)
    return ShotSimulation(inputs, result, tuple(substituted), free_rise, facts, reported=reported)
