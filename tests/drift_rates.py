"""How often ``check-drift`` alarms where nothing changed, and how often it finds what did.

    python -m tests.drift_rates numbers --checks 300
    python -m tests.drift_rates slow --checks 300
    python -m tests.drift_rates tables var/plant1.parquet var/plant2.parquet

``numbers`` draws tables of 30 columns: independent values, values that remember (AR(1)), seasons.
``slow`` draws few weeks, four parts of a baseline, with levels that last for 60 shots.
``tables`` takes feature sets in which nothing was changed: each check compares a first part of one
with a later window. The figures of docs/drift.md come from here.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge_agent.drift.windows import windows
from edge_agent.learning.tables import Columns, read_table
from tests.support.drifting import Table, series, slow, table
from tests.support.drifting import windows as drawn
from twin_core.learning.drift import check
from twin_core.learning.drift_result import DriftResult, Level

BASELINES, WINDOW = (400, 700, 1_000, 1_400), 200
NAMED = ("qc_rho_moulded", "proc_T_mold_init_C", "delta_T_core_max_C", "delta_p_max_bar")
QUIET = (
    (1_000, 200, 0.0), (300, 200, 0.0), (300, 60, 0.0), (300, 100, 0.6), (300, 200, 0.9),
    (1_000, 200, 0.9), (1_000, 200, 0.98), (5_000, 200, 0.9),
)  # fmt: skip
SHIFTED = (
    (1_000, 200, 0.0, 1.0), (1_000, 100, 0.0, 1.0), (1_000, 50, 0.0, 1.0), (1_000, 200, 0.0, 0.5),
    (1_000, 200, 0.5, 1.0), (1_000, 200, 0.7, 1.0), (1_000, 200, 0.9, 1.0), (1_000, 200, 0.9, 2.0),
    (1_000, 1_000, 0.9, 1.0), (1_000, 500, 0.9, 2.0),
)  # fmt: skip


def shifted(seed: int, before: int, now: int, columns: int, phi: float, by: float) -> DriftResult:
    """Check of tables of which the first column moved."""
    tables = drawn(seed, before, now, columns, phi)
    tables[1]["proc_x0"] = tables[1]["proc_x0"] + by
    return check(*tables)


def seasonal(seed: int, columns: int = 30) -> Iterator[tuple[Table, Table]]:
    """Windows of 200 after 1,000 shots: columns with a season of 2,500 and noise that remembers."""
    rng = np.random.default_rng(seed)
    rows = np.arange(2_400)
    phase, size = rng.uniform(0.0, 2.0 * np.pi, columns), rng.uniform(0.0, 2.0, columns)
    season = size * np.sin(2.0 * np.pi * rows[:, None] / 2_500.0 + phase)
    values = season + series(rng, len(rows), columns, 0.3)
    for start in range(1_000, len(rows), WINDOW):
        yield table(values[:1_000]), table(values[start : start + WINDOW])


def splits(shots: Columns) -> Iterator[tuple[int, int, DriftResult]]:
    """Checks of one feature set: first part, begin of the window, result."""
    rows = len(next(iter(shots.values())))
    for before in BASELINES:
        for start in range(before, rows - WINDOW + 1, WINDOW):
            baseline = {name: values[:before] for name, values in shots.items()}
            now = {name: values[start : start + WINDOW] for name, values in shots.items()}
            found = windows(baseline, now, ("baseline", "window"))
            yield before, start, check(found.before, found.now, context=found.context)


def _numbers(checks: int) -> None:
    for before, now, phi in QUIET:
        found = [check(*drawn(seed, before, now, 30, phi)).level for seed in range(checks)]
        _say(f"{before} before, {now} now, {phi:g} of the one before", found)
    found = [check(*pair).level for seed in range(checks // 7) for pair in seasonal(seed)]
    _say("season, 1000 before, 200 now", found)
    for before, now, phi, by in SHIFTED:
        for columns in (30, 1):
            results = (shifted(s, before, now, columns, phi, by) for s in range(checks))
            one = [next(c.level for c in r.columns if c.name == "proc_x0") for r in results]
            _say(f"one of {columns} by {by:g}, {before} before, {now} now, {phi:g}", one)


def _slow(checks: int) -> None:
    for alike in (0.0, 0.5, 1.0):
        for by in (0.0, 3.0, 5.0, 10.0):
            found, of_blocks = [], 0
            for seed in range(checks):
                before, now = slow(seed, alike=alike)
                now["proc_x0"] = now["proc_x0"] + by
                result = check(before, now)
                of_blocks += result.blocks > 0
                one = next(c for c in result.columns if c.name == "proc_x0")
                found.append(one.level if by else result.level)
            _say(f"levels {alike:.0%} alike, step 2 in {of_blocks}, one of 30 by {by:g}", found)


def _tables(paths: list[Path]) -> None:
    per_baseline: dict[int, list[Level]] = {}
    least: dict[int, list[dict[str, float]]] = {}
    moved: Counter[str] = Counter()
    for path in paths:
        shots = read_table(path)
        order = np.argsort(shots["poured_at"], kind="stable")
        for before, start, result in splits({name: v[order] for name, v in shots.items()}):
            per_baseline.setdefault(before, []).append(result.level)
            least.setdefault(before, []).append(
                {c.name: c.detectable for c in result.columns if np.isfinite(c.detectable)}
            )
            if result.level:
                names = [f"{c.name} {c.shift:+.2f}" for c in result.moved]
                print(f"{path.name} {before} {start} blocks {result.blocks}: {', '.join(names)}")
                moved.update(c.name for c in result.moved)
    for before, levels in sorted(per_baseline.items()):
        _say(f"{before} shots before", levels)
        for name in ("all columns", *NAMED):
            found = [
                v for one in least[before] for n, v in one.items() if name in (n, "all columns")
            ]
            print(f"    {name}: half of the checks find {np.median(found):.2f} sd")
    print(*(f"{name} {count}" for name, count in moved.most_common(9)), sep="\n")


def _say(what: str, found: list[Level]) -> None:
    alarms, alerts = (sum(level >= least for level in found) for least in (1, 2))
    share = alarms / max(len(found), 1)
    print(f"{what}: {alarms} of {len(found)} ({share:.1%}), ALERT {alerts}", flush=True)


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    sub = parser.add_subparsers(dest="of", required=True)
    for name in ("numbers", "slow"):
        sub.add_parser(name).add_argument("--checks", type=int, default=300)
    sub.add_parser("tables").add_argument("paths", type=Path, nargs="+")
    options = parser.parse_args()
    if options.of == "numbers":
        _numbers(options.checks)
    elif options.of == "slow":
        _slow(options.checks)
    else:
        _tables(options.paths)


if __name__ == "__main__":
    main()
