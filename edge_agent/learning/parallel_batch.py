"""Simulation of a batch on all cores, or cut into Ray tasks where Ray is installed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_agent.learning.parallel import have_ray, in_parallel
from twin_core.batch import BatchResult
from twin_core.calibration.production_model import simulate_shots
from twin_core.scenario import Scenario

SHOTS_AT_ONCE = 50
"""Shots of one task: some tenths of a second of one core."""


def simulate_batch(
    scenarios: Sequence[Scenario], window: bool, *, ray: bool | None = None
) -> BatchResult:
    """Simulate as ``twin_core.calibration.production_model.Simulate`` asks for.

    Args:
        scenarios: with the same ``quality.t_cycle_max_s``.
        window: with the demold window.
        ray: cut into tasks; None: where Ray is installed.
    """
    if not (have_ray() if ray is None else ray):
        return simulate_shots(scenarios, window)
    return joined(list(in_parallel(chunk, chunks_of(scenarios, window), ray=True)))


def chunks_of(scenarios: Sequence[Scenario], window: bool) -> list[tuple[Sequence[Scenario], bool]]:
    """Pieces of a batch, each for one task."""
    starts = range(0, len(scenarios), SHOTS_AT_ONCE)
    return [(list(scenarios[start : start + SHOTS_AT_ONCE]), window) for start in starts]


def chunk(task: tuple[Sequence[Scenario], bool], workers: int | None) -> BatchResult:
    """One task; nothing but numbers and words comes back, so it can be far away."""
    return simulate_shots(*task, workers)


def joined(parts: Sequence[BatchResult]) -> BatchResult:
    """One result of those of pieces, in their order."""
    first, errors, offset = parts[0], dict[int, str](), 0
    for part in parts:
        errors |= {offset + number: words for number, words in part.errors.items()}
        offset += len(part)

    def of_all(which: str) -> dict[str, np.ndarray]:
        names = getattr(first, which)
        return {
            name: np.concatenate([getattr(part, which)[name] for part in parts]) for name in names
        }

    return BatchResult(
        figures=of_all("figures"),
        words=of_all("words"),
        errors=errors,
        time_s=first.time_s,
        profiles=of_all("profiles"),
        release=np.concatenate([part.release for part in parts]),
    )
