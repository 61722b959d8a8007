"""Parts of a mold's page that change while its shot cures: curves and alerts."""

from __future__ import annotations

import math

from broker.messages import LiveAlert
from edge_agent.web.live.state import LiveState, MoldKey
from edge_agent.web.pages.drawing import Chart, Points, chart

QUANTITIES = {"T_core_C": "°C", "p_cavity_bar": "bar"}
"""Curves of a shot, each with its unit."""


def charts_of(live: LiveState, key: MoldKey) -> dict[str, tuple[Chart, str]]:
    """Charts of this shot by quantity, each with its unit."""
    found = live.molds[key]
    p, curves = found.prediction, found.curves
    bands, marks, x_max = [], [], None
    if p is not None and p.t_demold_min_s is not None and p.t_demold_opt_s is not None:
        latest = p.t_demold_max_s or p.t_demold_min_s
        x_max = min(latest, 1.5 * p.t_demold_opt_s)
        bands = [("window", p.t_demold_min_s, min(latest, x_max))]
        marks = [("best", p.t_demold_opt_s)]
    end_s = x_max or math.inf
    drawn = {}
    for name, unit in QUANTITIES.items():
        points: dict[str, Points] = {}
        if name in curves.predicted:
            points["simulated"] = [(t_s, y) for t_s, y in curves.predicted[name] if t_s <= end_s]
        elif name in curves.simulated:
            points["simulated"] = curves.simulated[name].points
        if name in curves.measured:
            points["measured"] = curves.measured[name].points
        made = chart(points, x_max=x_max, bands=bands, marks=marks)
        if made is not None:
            drawn[name] = made, unit
    if curves.swell_mm:
        points = {"measured": [(t_s, y) for t_s, y in curves.swell_mm if t_s <= end_s]}
        made = chart(points, x_max=x_max, bands=bands, marks=marks, y_zero=True)
        if made is not None:
            drawn["swell_mm"] = made, "mm"
    return drawn


def alerts_of(live: LiveState, key: MoldKey) -> list[LiveAlert]:
    """Open alerts of this mold and of its press as a whole."""
    press = live.presses.get(key.address)
    if press is None or press.alerts is None:
        return []
    return [alert for alert in press.alerts.open if alert.mold_id in (None, key.mold_id)]
