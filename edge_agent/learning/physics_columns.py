"""The physics of many logged shots: the agent's scenarios, simulated in chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edge_agent.learning.parallel import in_parallel
from twin_core import simulate_many
from twin_core.learning.features import Row, physics_columns_of_batch
from twin_core.scenario import Scenario

SHOTS_AT_ONCE = 1_000
"""Shots of one chunk: some seconds of one core, little to send."""


def simulate_columns(
    scenarios: Sequence[Scenario],
    progress: Callable[[int, int], None] = lambda done, total: None,
    ray: bool | None = None,
) -> list[Row | str]:
    """``sim_`` columns of every scenario, or why it could not be simulated.

    Args:
        progress: called with (shots done, shots in all).
        ray: see ``in_parallel``.
    """
    chunks = [
        list(scenarios[start : start + SHOTS_AT_ONCE])
        for start in range(0, len(scenarios), SHOTS_AT_ONCE)
    ]

    def report(done: int, _total: int) -> None:
        progress(min(done * SHOTS_AT_ONCE, len(scenarios)), len(scenarios))

    return [row for rows in in_parallel(chunk_columns, chunks, report, ray) for row in rows]


def chunk_columns(scenarios: Sequence[Scenario], workers: int | None) -> list[Row | str]:
    """Columns of one chunk; nothing but numbers and words comes back, so it can be far away."""
    rtol = min(scenario.simulation.rtol for scenario in scenarios)  # as at the press
    batch = simulate_many(scenarios, rtol=rtol, workers=workers)
    columns = physics_columns_of_batch(batch)
    names = list(columns)
    table = np.column_stack([columns[name] for name in names])
    rows: list[Row | str] = [
        batch.errors[number] if number in batch.errors else dict(zip(names, values, strict=True))
        for number, values in enumerate(table.tolist())
    ]
    return rows
