"""Shots in-process and as Ray tasks: equal to the last bit?

python -m tests.support.ray_run

Needs the extra ``ray``, which is no part of the environment of ``./twin``.
"""

from __future__ import annotations

import sys
from functools import partial
from time import perf_counter

from edge_agent.learning import physics_columns as simulated
from edge_agent.learning.parallel import have_ray, in_parallel
from edge_agent.learning.physics_columns import simulate_columns
from tests.support.feature_sets import feature_set
from tests.support.scenarios import panel
from twin_core.extras import how_to_install
from twin_core.learning.training.fit import TrainConfig
from twin_core.learning.training.train import train

SHOTS = 200
by_ray = partial(in_parallel, ray=True)


def main() -> int:
    """0 when they are equal, 1 when not, 2 without Ray."""
    if not have_ray():
        print(f"Ray is not installed: {how_to_install('ray')}", file=sys.stderr)
        return 2
    simulated.SHOTS_AT_ONCE = SHOTS // 4
    scenarios = [panel(1.0 + 0.3 * number / SHOTS) for number in range(SHOTS)]
    here = simulate_columns(scenarios, ray=False)
    start = perf_counter()
    there = simulate_columns(scenarios, ray=True)
    print(f"{SHOTS} shots as Ray tasks in {perf_counter() - start:.1f} s, equal: {here == there}")
    columns, config = feature_set(400, 4), TrainConfig(learners=["ridge", "boosting"])
    same = train(columns, config).content == train(columns, config, each=by_ray).content
    print(f"the same model from both: {same}")
    return 0 if here == there and same else 1


if __name__ == "__main__":
    raise SystemExit(main())
