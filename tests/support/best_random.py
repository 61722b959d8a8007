"""The best of 10,000 random candidates on four scenarios, stored: what a search has to reach.

    nice python -m tests.support.best_random rigid_panel

writes the scenario's entry of ``best_random.json``: ten minutes on two cores that are free. A
candidate is given up when, on the draws that it was simulated with, it can no longer be the best:
so the best is exact, and most of the 320,000 shots are not simulated. The entry goes with a
fingerprint of the physics; with that of another it is not compared.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twin_core import PHYSICS_HASH
from twin_core.files import load_scenario
from twin_core.optimization.draws import deviations, usual_scatter
from twin_core.optimization.evaluation import Evaluator
from twin_core.optimization.prepare import prepared
from twin_core.optimization.random_search import FEASIBLE, random_search, random_shares
from twin_core.optimization.task import OptimizationTask
from twin_core.optimization.variables import today

FILE = Path(__file__).with_name("best_random.json")
COUNT, DRAWS, SEED = 10_000, 32, 1
BATCH, ROUNDS = 64, (2, 3, 5, 8, 12, 18, 25)
"""Candidates at once; numbers of draws, the hardest first, after which they are compared."""
PART = 500
"""Candidates after which the entry is kept: a program that was ended goes on from there."""
TEMPERATURES = {
    "T_polyol_C": {"low": 20, "high": 30},
    "T_iso_C": {"low": 20, "high": 30},
    "T_mold_C": {"low": 35, "high": 55},
}
CASES: dict[str, dict[str, Any]] = {
    "rigid_panel": {
        "nco_oh_index": {"low": 1.05, "high": 1.15},
        "m_total_kg": {"low": 0.50, "high": 0.56},
    },
    "refrigerator_wall": {
        "nco_oh_index": {"low": 1.05, "high": 1.18},
        "m_total_kg": {"low": 1.12, "high": 1.26},
    },
    "thick_block": {
        "nco_oh_index": {"low": 1.05, "high": 1.15},
        "m_total_kg": {"low": 1.00, "high": 1.12},
    },
    "integral_skin": {
        "nco_oh_index": {"low": 0.95, "high": 1.05},
        "m_total_kg": {"low": 0.85, "high": 1.05},
    },
}
"""Panel, refrigerator wall, thick block, integral skin: what may change beside temperatures."""


def case(name: str, **given: Any) -> OptimizationTask:
    """The task of a scenario."""
    content = {
        "scenario": load_scenario(name),
        "variables": TEMPERATURES | CASES[name],
        "draws": DRAWS,
        "seed": SEED,
    }
    return OptimizationTask.model_validate(content | given)


def stored(name: str) -> dict[str, Any] | None:
    """The entry of a scenario; None where nobody made it."""
    entry = json.loads(FILE.read_text(encoding="utf-8")).get(name) if FILE.exists() else None
    return None if entry is None else dict(entry)


def made(name: str, keep: Callable[[dict[str, Any]], None]) -> None:
    """Find the best of a scenario's random candidates; goes on from an entry that is not whole.

    A candidate is given up as soon as it cannot be feasible, or not be the best.

    Args:
        keep: given the entry after each ``PART`` candidates.
    """
    task, began = case(name), time.monotonic()
    bounds, rules = prepared(task, dict(task.variables), {}, DRAWS)
    scatter = usual_scatter(task.scenario)
    rows = deviations(scatter, DRAWS, SEED, even=True)
    evaluator = Evaluator(
        task, bounds, rules, list(scatter), rows, tell=lambda: None, cancelled=lambda: False
    )
    evaluator.begin(today(task.scenario))
    evaluator.rounds = ROUNDS
    entry = {
        "variables": TEMPERATURES | CASES[name],
        "draws": DRAWS,
        "seed": SEED,
        "physics": PHYSICS_HASH,
    }
    best, done, shots = None, 0, 0
    known = stored(name)
    if known is not None and entry.items() <= known.items():
        done, shots = known["candidates"], known["shots"]
        if known["settings"] is not None:
            best = evaluator.look(
                [(tuple(known["settings"][name] for name in bounds), 0.0)], "random", full=True
            )[0]
    shares = random_shares(COUNT, evaluator.dimensions, SEED)
    for at in range(done, COUNT, PART):
        part = shares[at : at + PART]
        best = random_search(evaluator, part, best, batch=BATCH, first=FEASIBLE)
        t = None if best is None else best.score.values[0]
        found = None if best is None else dict(zip(bounds, best.values, strict=True))
        keep(
            entry
            | {"t_open_s": t, "settings": found, "candidates": at + len(part)}
            | {"shots": shots + evaluator.simulated}
        )
        spent = time.monotonic() - began
        print(f"{name}: {at + len(part)} of {COUNT}, {evaluator.simulated} shots, {spent:.0f} s, "
              f"{t} s", file=sys.stderr, flush=True)  # fmt: skip


def main(names: list[str]) -> None:
    """Make the entries of scenarios, or of all."""
    for name in names or CASES:

        def keep(entry: dict[str, Any], name: str = name) -> None:
            entries = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
            entries[name] = entry
            FILE.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n", encoding="utf-8")

        made(name, keep)


if __name__ == "__main__":
    main(sys.argv[1:])
