"""Which way the demold window goes: 100 random panels of the closed-mold systems, both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.panels import SYSTEMS, panel_of, random_panels
from tests.support.scenarios import catalogue
from twin_core import Scenario, simulate, simulate_many
from twin_core.batch import BatchResult
from twin_core.results.demold_window import CURVE
from twin_core.results.opening import opened_at

STRENGTH_USE = CURVE.index("strength_use")
PANELS = random_panels(100, seed=13)
NOISE = 0.01
"""Relative, of a time: the window is looked for on a grid of one per cent."""
EASY: dict[str, Any] = {
    "alpha_demold_min": 0.05, "gel_margin": 0.0, "shrink_max": 0.9, "shrink_max_mm": 900.0,
    "p_max_allowable_bar": 60.0,
}  # fmt: skip
IN_MM: dict[str, Any] = EASY | {"swell_max": 0.9, "swell_max_mm": 0.3}


def shots(change: dict[str, Any], quality: dict[str, Any]) -> list[Scenario]:
    return [panel_of(**(panel | change_of(panel, change)), **quality) for panel in PANELS]


def change_of(panel: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Factors for numbers of a panel, sums for the wall."""
    found = {}
    for name, by in change.items():
        found[name] = panel[name] + by if name == "wall_C" else panel[name] * by
    return found


def both(change: dict[str, Any], quality: dict[str, Any]) -> tuple[BatchResult, BatchResult]:
    ran = simulate_many([*shots({}, quality), *shots(change, quality)])
    assert not ran.errors
    half = len(PANELS)

    def part(rows: slice) -> BatchResult:
        figures = {name: values[rows] for name, values in ran.figures.items()}
        words = {name: values[rows] for name, values in ran.words.items()}
        return BatchResult(figures, words, {}, ran.time_s, {}, ran.release[rows])

    return part(slice(0, half)), part(slice(half, None))


def never_earlier(
    base: BatchResult, changed: BatchResult, binding: str | None
) -> list[tuple[str, float, float]]:
    """Panels that open earlier, of those where ``binding`` decides both."""
    found = []
    for i, panel in enumerate(PANELS):
        one, other = base["t_demold_min_s"][i], changed["t_demold_min_s"][i]
        if binding is not None and {
            str(base["binding_earliest"][i]), str(changed["binding_earliest"][i])
        } != {binding}:  # fmt: skip
            continue
        if np.isnan(one):
            one = np.inf
        if np.isnan(other):
            other = np.inf
        if other < one * (1.0 - NOISE):
            found.append((f"{panel}", one, other))
    return found


def counted(base: BatchResult, changed: BatchResult, binding: str) -> int:
    pairs = zip(base["binding_earliest"], changed["binding_earliest"], strict=True)
    return sum(str(a) == str(b) == binding for a, b in pairs)


@pytest.mark.parametrize("change", [{"thickness_mm": 1.3}, {"packing": 1.1}], ids=str)
def test_where_swell_decides_more_is_never_earlier(change: dict[str, Any]) -> None:
    base, more = both(change, IN_MM)
    assert not never_earlier(base, more, "swell")
    assert counted(base, more, "swell") > 20


STRICTER: list[dict[str, Any]] = [
    {"alpha_demold_min": 0.98}, {"gel_margin": 0.3}, {"swell_max_mm": 0.2}, {"swell_max": 0.004},
    {"shrink_max_mm": 0.1}, {"shrink_max": 0.002}, {"p_max_allowable_bar": 1.1},
    {"T_wall_max_C": 45.0}, {"H_demold_min_shore": 30.0},
]  # fmt: skip


@pytest.fixture(scope="module")
def lax() -> BatchResult:
    return simulate_many(shots({}, {}))


@pytest.mark.parametrize("strict", STRICTER, ids=lambda limit: next(iter(limit)))
def test_a_stricter_limit_is_never_earlier(strict: dict[str, Any], lax: BatchResult) -> None:
    """One limit at a time, on each of the 100 panels."""
    hard = simulate_many(shots({}, strict))
    early, late = (np.nan_to_num(ran["t_demold_min_s"], nan=np.inf) for ran in (lax, hard))
    assert np.all(late >= early * 0.999)
    assert np.any(late > early * 1.01)  # it does decide somewhere


def test_a_hotter_wall_makes_skin_and_cure_come_sooner() -> None:
    base, hot = both({"wall_C": 8.0}, EASY | {"alpha_demold_min": 0.97})
    assert np.all(hot["t_tack_free_s"] <= base["t_tack_free_s"])
    assert not never_earlier(hot, base, "cure")
    assert not never_earlier(hot, base, "skin")


def test_swell_falls_with_the_time_of_opening(lax: BatchResult) -> None:
    """From when the foam holds its own pressure: before, no part comes out of a mold."""
    for i, curve in enumerate(lax.release):
        known = curve[~np.isnan(curve[:, 0])]
        swell = known[known[:, STRENGTH_USE] <= 1.0, 1]
        assert len(swell) > 2, PANELS[i]
        assert np.all(np.diff(swell) <= 1e-3 * swell[:-1] + 1e-6), PANELS[i]


@pytest.mark.parametrize("system_id", SYSTEMS)
def test_a_thick_part_swells_more(system_id: str) -> None:
    """90 mm beside 50 mm, in mm, whenever it is opened; packing and wall as they come."""
    for packing, wall_C in ((1.1, 35.0), (1.3, 45.0), (1.5, 60.0)):
        thin, thick = (simulate(panel_of(system_id, d, packing, wall_C)) for d in (50.0, 90.0))
        assert thin.release is not None
        for t in thin.release.opened_s[1::2]:
            more, less = (opened_at(part, float(t)).swell_mm for part in (thick, thin))
            assert more >= 0.999 * less - 1e-4, (packing, wall_C, t)


def test_all_systems_are_among_the_panels() -> None:
    assert {panel["system_id"] for panel in PANELS} == set(SYSTEMS)
    assert set(catalogue()) - set(SYSTEMS) == {"R11_BASER_KHAKHAR_1994"}  # of an open cup
