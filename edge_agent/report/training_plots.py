"""Plots of a trained model: parity, residuals over time, coverage, importance, defects."""

from __future__ import annotations

import numpy as np

from edge_agent.report.plot import Curve, Plot
from edge_agent.report.units import unit_of
from twin_core.arrays import Array
from twin_core.learning.columns import TARGETS
from twin_core.learning.training.adapting import adapted
from twin_core.learning.training.curves import RiskCurves
from twin_core.learning.training.fit import Fitted, answers_of
from twin_core.learning.training.scores import Score
from twin_core.learning.training.table import FeatureSet, Rows

MOST_POINTS = 140
"""Shots that are drawn, evenly chosen; more would hide each other."""
MOST_FEATURES = 20
RUNNING = 40
"""Shots of a running mean."""


def target_plots(
    name: str,
    table: FeatureSet,
    fitted: Fitted,
    judged: Rows,
    grown: dict[str, float],
    coverage: float,
) -> tuple[Plot, ...]:
    """Plots of one target, on shots that ``fitted`` did not learn from."""
    residual = table.residual(name)
    rows = judged & ~np.isnan(residual)
    if rows.sum() < 2:
        return ()
    shots = table.rows(rows)
    predicted = adapted(name, table, answers_of(fitted, name, table), coverage).residual[rows]
    target = TARGETS[name]
    physics = shots[target.physics].astype(float)
    measured = shots[target.measured].astype(float)
    model = physics * np.exp(predicted) if target.relative else physics + predicted
    return (
        _parity(name, measured, physics, model),
        _over_time(name, shots, residual[rows], predicted),
        *([_importance(name, grown)] if len(grown) > 1 else []),  # the memory alone is one
    )


def coverage_plot(name: str, score: Score, coverage: float) -> Plot:
    """Share of shots inside their interval, mold by mold, in order."""
    shares = np.sort(list(score.coverage_by_mold.values()))
    at = np.arange(1.0, len(shares) + 1.0)
    return Plot(
        name=f"coverage_{name}",
        title=f"{name}: coverage of the intervals",
        caption="Share of shots inside their interval on each mold, by models that had not seen "
        "its press.",
        x_label="molds, in order",
        y_label="share of shots inside",
        curves=(
            Curve("mold", at, shares, 0, "points"),
            Curve("asked", at, np.full(len(at), coverage), 1, "dashed"),
            Curve("overall", at, np.full(len(at), score.coverage), 2, "dotted"),
        ),
    )


def risk_plots(curves: RiskCurves) -> tuple[Plot, ...]:
    """ROC, precision over recall, and calibration of one kind of defect."""
    line = np.array([0.0, 1.0])
    where = "On presses that the models had not seen."
    base = np.full(2, curves.base_share)
    return (
        Plot(
            name=f"roc_{curves.name}",
            title=f"{curves.name}: ROC",
            caption=f"Area {curves.roc_auc:.3f}. {where}",
            x_label="false alarm rate",
            y_label="hit rate",
            curves=(Curve("model", *curves.roc), Curve("chance", line, line, 1, "dashed")),
        ),
        Plot(
            name=f"pr_{curves.name}",
            title=f"{curves.name}: precision and recall",
            caption=f"Average precision {curves.average_precision:.3f}. {where}",
            x_label="recall",
            y_label="precision",
            curves=(
                Curve("model", *curves.precision_recall),
                Curve("chance", line, base, 1, "dashed"),
            ),
        ),
        Plot(
            name=f"calibration_{curves.name}",
            title=f"{curves.name}: calibration",
            caption=f"Brier score {curves.brier:.4f}. Bins of as many shots each. {where}",
            x_label="probability",
            y_label="share with the defect",
            curves=(
                Curve("model", *curves.calibration, 0, "points"),
                Curve("perfect", *_diagonal(curves.calibration), 1, "dashed"),
            ),
        ),
    )


def _diagonal(points: tuple[Array, Array]) -> tuple[Array, Array]:
    line = np.array([0.0, max(points[0].max(), points[1].max())])
    return line, line


def _parity(name: str, measured: Array, physics: Array, model: Array) -> Plot:
    some = np.unique(np.linspace(0, len(measured) - 1, MOST_POINTS).astype(int))
    line = np.array([measured.min(), measured.max()])
    order = some[np.argsort(measured[some])]
    unit = unit_of(TARGETS[name].quantity)
    return Plot(
        name=f"parity_{name}",
        title=f"{name}: model and physics against the measurement",
        caption="Shots of the test: molds and times that were not learned from.",
        x_label=f"measured, {unit}",
        y_label=f"expected, {unit}",
        curves=(
            Curve("model", measured[some], model[some], 0, "points"),
            Curve("physics alone", measured[order], physics[order], 1, "dotted"),
            Curve("equal", line, line, 2, "dashed"),
        ),
    )


def _over_time(name: str, shots: FeatureSet, residual: Array, predicted: Array) -> Plot:
    days = (shots.time_s - shots.time_s[0]) / 86_400.0
    width = min(RUNNING, len(days))
    window = np.ones(width) / width

    def running(values: Array) -> Array:
        return np.convolve(values, window, "valid")

    at = running(days)
    return Plot(
        name=f"residuals_{name}",
        title=f"{name}: residuals over time",
        caption=f"Running means over {width} shots of the test; "
        + ("ln(measured / expected)." if TARGETS[name].relative else "measured - expected."),
        x_label="days since the first of them",
        y_label="residual",
        curves=(
            Curve("of the physics", at, running(residual), 1, "dashed"),
            Curve("of the model", at, running(residual - predicted), 0),
            Curve("none", at, np.zeros(len(at)), 2, "dotted"),
        ),
    )


def _importance(name: str, grown: dict[str, float]) -> Plot:
    first = list(grown.items())[:MOST_FEATURES]
    at = np.arange(1.0, len(first) + 1.0)
    return Plot(
        name=f"importance_{name}",
        title=f"{name}: what the model looks at",
        caption="Growth of the error when a feature is shuffled: "
        + ", ".join(f"{i}. {feature} {value:.1%}" for i, (feature, value) in enumerate(first, 1)),
        x_label="features, in order",
        y_label="growth of the error",
        curves=(Curve("growth", at, np.array([value for _, value in first]), 0, "points"),),
        y_scale="log",
    )
