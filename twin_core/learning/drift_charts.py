"""Control charts of residuals, mold by mold: a mold that changed alone is lost among the others.

Each residual of each mold has a CUSUM (``control_chart``). Its level is the mean of the mold in the
baseline, its scatter and memory (phi) are those of all molds together; it takes what is new in each
value. A mold that the baseline does not have starts its chart itself.

The limit is that of one alarm in a hundred checks of as many shots, all charts together. Where lots
of material or a season moved the baseline itself, its own charts went further than that; then the
limit is their largest sum, and a quarter more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array
from twin_core.learning.autocorrelation import autoregression_of
from twin_core.learning.control_chart import (
    Chart,
    ChartState,
    average_run_length,
    chart_for,
    known,
    run,
)

CHECKS = 100.0
"""One of so many alarms where nothing changed."""
LONGEST_ARL = 1e6
FEWEST_OF_A_MOLD = 8
"""Values of a mold in the baseline, else its chart starts itself."""
FEWEST_VALUES = 40
"""Values of all molds in the baseline, else there are no charts of a residual."""
MOST_ROWS = 4_000
"""The newest rows of a baseline that its own charts go through."""
LATEST_PHI = 0.95
MARGIN = 1.25
"""Of the limit above the largest sum in the baseline."""


@dataclass(frozen=True)
class MoldChart:
    """Chart of one residual of one mold through the current shots."""

    column: str
    mold: str
    chart: Chart
    """Design, of all molds of the residual."""
    design_limit: float
    """Limit before the baseline's own charts raised it."""
    rows: NDArray[np.intp]
    """Rows of the current table that have a value."""
    path: Array
    """Larger sum after each, negative below the level; standard deviations."""
    side: str | None = None
    """``up`` or ``down``: where it passed the limit."""
    since: int | None = None
    """Row where that sum was last zero."""

    @property
    def arl(self) -> float:
        """Average run length where nothing changed, of the limit as designed; values."""
        return average_run_length(replace(self.chart, limit=self.design_limit))

    def arl_of(self, shift: float) -> float:
        """Average run length of a shift, standard deviations, with the limit as it is."""
        return average_run_length(self.chart, shift)


def mold_charts(
    residuals: Iterable[tuple[str, Array, Array]],
    molds: tuple[NDArray[Any], NDArray[Any]],
) -> tuple[MoldChart, ...]:
    """Charts, those that passed their limit first.

    Args:
        residuals: name, baseline and current values in order of time; NaN for missing.
        molds: name of the mold of each row of both.
    """
    given = [one for one in residuals if int((~np.isnan(one[1])).sum()) >= FEWEST_VALUES]
    values = sum(int((~np.isnan(now)).sum()) for _, _, now in given)
    if not values:
        return ()
    arl = min(CHECKS * values, LONGEST_ARL)
    found = [chart for one in given for chart in _of_residual(*one, molds, arl)]
    return tuple(sorted(found, key=lambda one: (one.side is None, -float(np.abs(one.path).max()))))


def _of_residual(
    name: str, before: Array, now: Array, molds: tuple[NDArray[Any], NDArray[Any]], arl: float
) -> list[MoldChart]:
    parts = {str(mold): _given(before, molds[0] == mold)[1] for mold in np.unique(molds[0])}
    parts = {mold: part for mold, part in parts.items() if len(part) >= FEWEST_OF_A_MOLD}
    centred = [part - part.mean() for part in parts.values()]
    sd = _pooled_sd(centred)
    if sd <= 0.0:
        return []
    moving = [part for part in centred if np.ptp(part) > 0.0]
    phi = min(autoregression_of(*moving).phi, LATEST_PHI)
    chart = chart_for(arl, phi=phi)
    starts = {
        mold: known(float(part.mean()), sd, max(len(part) * (1.0 - phi) / (1.0 + phi), 3.0), chart)
        for mold, part in parts.items()
    }
    share = min(1.0, MOST_ROWS / len(before))
    widest = max(
        float(np.abs(run(chart, starts[mold], part[-max(int(len(part) * share), 1) :])[1]).max())
        for mold, part in parts.items()
    )
    raised = replace(chart, limit=max(chart.limit, MARGIN * widest))
    found = []
    for mold in np.unique(molds[1]):
        rows, values = _given(now, molds[1] == mold)
        if len(rows):
            start = starts.get(str(mold), ChartState())
            found.append(_chart(name, str(mold), raised, chart.limit, (rows, values), start))
    return found


def _given(values: Array, of_mold: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Array]:
    rows = np.flatnonzero(of_mold & ~np.isnan(values))
    return rows, values[rows]


def _pooled_sd(centred: list[Array]) -> float:
    """Scatter within molds, outliers drawn in."""
    if not centred:
        return 0.0
    whole = np.concatenate(centred)
    quartiles = np.quantile(whole, (0.25, 0.75))
    reach = 3.0 * float(quartiles[1] - quartiles[0])
    drawn_in = np.clip(whole, quartiles[0] - reach, quartiles[1] + reach) if reach > 0.0 else whole
    freedom = max(len(whole) - len(centred), 1)
    return float(np.sqrt((drawn_in**2).sum() / freedom))


def _chart(
    name: str,
    mold: str,
    chart: Chart,
    design_limit: float,
    shots: tuple[NDArray[np.intp], Array],
    state: ChartState,
) -> MoldChart:
    rows, values = shots
    path, side, since = [], None, None
    for at, value in enumerate(values):
        state, steps = run(chart, state, [value])
        path.extend(steps)
        if side is None and state.side(chart):
            side, since = state.side(chart), int(rows[max(at + 1 - state.run, 0)])
    return MoldChart(name, mold, chart, design_limit, rows, np.array(path), side, since)
