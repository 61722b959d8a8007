"""Words for the result of a check of drift, and for what to do."""

from __future__ import annotations

from math import isnan

from twin_core.learning.drift_charts import MoldChart
from twin_core.learning.drift_result import About, Column, DriftResult, Kind, Level, Test

ADVICE = {
    Kind.DATA: (
        "check the sensor, its cable and what writes the column, first of all: what is missing "
        "makes everything below doubtful; neither retrain nor recalibrate on it"
    ),
    Kind.PHYSICS: (
        "measured and simulated no longer differ as they did. Check the sensor against another "
        "one; where it is right, look for a new batch or a changed mold, and recalibrate the "
        "physics (pur-mold-twin calibrate)"
    ),
    Kind.MODEL: "the learned correction is wrong more often: retrain it with the newest shots",
    Kind.RESULTS: (
        "the parts have changed. Look at the process first; retrain only once the cause is known"
    ),
    Kind.INPUTS: (
        "tell those who run the press; was it intended (another recipe, season, material)? If it "
        "stays, retrain, for the model has not learned such shots"
    ),
}
"""What to do about each kind, in the order in which to do it."""


BLIND = 3.0
"""Standard deviations: a column in which only more is found is named."""
MOST_NAMED = 5
"""Molds named in a sentence."""


def verdict(result: DriftResult) -> str:
    """The first sentence of a report."""
    moved, columns = len(result.moved), len(result.columns)
    if result.level is Level.OK:
        return f"OK: nothing moved that matters; {columns} columns of {result.rows_now} shots."
    kinds = ", ".join(result.kinds)
    return f"{result.level.name}: {kinds}; {moved} of {columns} columns in {result.rows_now} shots."


def advice(result: DriftResult) -> list[str]:
    """Advice, most urgent first."""
    return [f"{kind.capitalize()}: {ADVICE[kind]}." for kind in result.kinds]


def rate_words(result: DriftResult) -> str:
    """The false-alarm rate, and what it is about."""
    o = result.options
    return (
        f"Of checks without drift at most {o.warn_rate:.1%} alarm and at most {o.alert_rate:.1%} "
        f"say ALERT: p-values of {result.tests} tests adjusted by Holm, and an effect of at least "
        f"{o.warn_threshold:g} (WARNING) or {o.alert_threshold:g} (ALERT) on the scale of PSI."
    )


def limit_words(result: DriftResult) -> str:
    """What this check could have found, and what limits it."""
    found = sorted(c.detectable for c in result.columns if not isnan(c.detectable))
    if not found:
        return "No column has a level to test."
    words = (
        f"It finds a shift of the level in 9 of 10 cases from {found[0]:.2g} standard deviations "
        f"on (the steadiest column), {found[len(found) // 2]:.2g} (half of them)."
    )
    blind = [c.name for c in result.columns if c.detectable > BLIND]
    if blind:
        names = ", ".join(blind[:MOST_NAMED]) + (", …" if blind[MOST_NAMED:] else "")
        words += (
            f" Of {len(blind)} columns it finds only a shift above {BLIND:g}, for they wander too "
            f"much or follow a season that the baseline does not have: {names}."
        )
    if result.blocks:
        words += (
            f" The shots are spread over weeks: the levels of {result.blocks} parts of the "
            "baseline say how much lots and season move a window, and few parts say it badly. A "
            "longer baseline finds smaller shifts."
        )
    return words


def chart_words(result: DriftResult) -> list[str]:
    """What the control charts say, and how often they would say so without cause."""
    if not result.charts:
        return []
    some = result.charts[0]
    molds = sorted({chart.mold for chart in result.alarms})
    names = ", ".join(name or "all shots" for name in molds[:MOST_NAMED])
    names += ", …" if molds[MOST_NAMED:] else ""
    first = f"{len(result.alarms)} of {len(result.charts)} control charts passed their limit"
    design = (
        f"Average run length without change: at least {some.arl:,.0f} values. Chart of "
        f"{some.column}: a shift by 0.5, 1 or 2 standard deviations is seen after "
        f"{_lengths(some)} values of a mold on average (phi {some.chart.phi:.2f}, k "
        f"{some.chart.allowance:g}, h {some.chart.limit:.1f}). The charts do not change the "
        "verdict."
    )
    return [f"{first}: {names}." if molds else f"{first}.", design]


def _lengths(chart: MoldChart) -> str:
    lengths = (chart.arl_of(shift) for shift in (0.5, 1.0, 2.0))
    return ", ".join(f"{length:,.0f}" for length in lengths)


def column_words(column: Column) -> str:
    """Words on how a column moved, from what to what."""
    parts = [_test_words(test, column) for test in column.tests if test.level > Level.OK]
    return "; ".join(parts) if parts else "no change that matters"


def _test_words(test: Test, column: Column) -> str:
    before, now = f"{test.before:.4g}", f"{test.now:.4g}"
    if test.about is About.MISSING:
        return f"missing in {test.before:.1%} of shots, now {test.now:.1%}"
    if test.about is About.RATE:
        return f"rate {test.before:.2%}, now {test.now:.2%}"
    if test.about is About.BIAS:
        return f"mean error {before}, now {now}"
    if test.about is About.SCATTER:
        return f"scatter of the error {before}, now {now} (mean absolute deviation)"
    if test.about is About.LEVEL or abs(column.shift) ** 2 >= test.effect / 4.0:
        return f"mean {before}, now {now} ({_sigma(column.shift)}{_explained(column)})"
    sds = f"{column.sd_before:.4g}, now {column.sd_now:.4g}"
    return f"shape of the distribution; standard deviation {sds}"


def _sigma(shift: float) -> str:
    if isnan(shift) or abs(shift) >= 99.0:
        return "it was constant"
    return f"{shift:+.2f} standard deviations"


def _explained(column: Column) -> str:
    share = column.explained / column.sd_before if column.sd_before > 0.0 else 0.0
    return f", of which weather and season explain {share:+.2f}" if abs(share) >= 0.05 else ""
