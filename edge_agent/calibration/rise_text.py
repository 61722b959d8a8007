"""Text that ``calibrate --rise-test`` prints, and the curves it draws."""

from __future__ import annotations

from collections.abc import Sequence

import click

from edge_agent.calibration.text import (
    Curve,
    Panel,
    number,
    print_estimates,
    print_rates,
    say,
    table,
)
from twin_core.calibration.observation import Agreement
from twin_core.calibration.rise_fit import RiseFit, TestFit
from twin_core.calibration.rise_test import RiseTest
from twin_core.calibration.rise_times import BY_HAND_ONLY, CurveTime, curve_times

UNITS = {"T_core_C": "K", "rho_kg_per_m3": "kg/m3", "p_total_bar": "bar"}
"""Of a difference."""


def print_rise(fit: RiseFit, tests: Sequence[RiseTest]) -> None:
    """Estimates, what is not fitted, agreement of each test, times.

    Args:
        tests: those of ``fit.tests``, in the same order.
    """
    fitted = [test for test in fit.tests if not test.held_out]
    warm = [test.T_start_C for test in tests]
    span = f"{min(warm):.3g} to {max(warm):.3g} C" if max(warm) > min(warm) else f"{warm[0]:.3g} C"
    click.echo(f"{fit.system.system_id}: fit to {len(fitted)} rise tests, mixed at {span}")
    print_estimates(fit.estimates)
    print_rates({e.path for e in fit.estimates}, fit.changes)
    for one in fit.not_fitted:
        say("not fitted", f"{one.path}: {one.why}")
    click.echo("")
    rows = [
        _agreement_row(test, before, after)
        for test in fit.tests
        for before, after in zip(test.before, test.after, strict=True)
    ]
    head = ("test", "series", "RMSE before", "after", "largest before", "after", "unit")
    table(head, rows)
    click.echo("")
    _print_times(fit, tests)
    for warning in fit.warnings:
        say("warning", warning)
    made = [test.test_id for test in tests if test.simulated]
    if made:
        say("note", f"{', '.join(made)}: simulated, not measured: no press is like them")
    for test in fit.held_out:
        better = test.error(True) < test.error(False)
        say(
            "held out",
            f"{test.run.name}: {test.error(False):.3g} sigma before, {test.error(True):.3g} after: "
            f"{'better' if better else 'no better'}",
        )


def _agreement_row(test: TestFit, before: Agreement, after: Agreement) -> tuple[str, ...]:
    return (
        test.run.name, before.kind, number(before.rmse, 3), number(after.rmse, 3),
        number(before.largest, 3), number(after.largest, 3), UNITS[before.kind],
    )  # fmt: skip


def _print_times(fit: RiseFit, tests: Sequence[RiseTest]) -> None:
    rows, used = [], dict[str, CurveTime]()
    for test, found in zip(tests, fit.tests, strict=True):
        read = curve_times(test)
        by_hand = dict(test.by_hand_s)
        for what, t in read:
            used[f"{what.name} by {what.series}"] = what
            hand = by_hand.pop(what.name, None)
            rows.append(_time_row(test, found, what, hand, t))
        for name, hand in by_hand.items():
            rows.append(_time_row(test, found, name, hand, None))
            if name == BY_HAND_ONLY.name:
                used[name] = BY_HAND_ONLY
    if not rows:
        return
    table(("test", "time, s", "curve of", "by hand", "read", "model before", "after"), rows)
    for label, what in used.items():
        say(label, f"{what.definition}; the model: {what.model}")


def _time_row(
    test: RiseTest, found: TestFit, what: CurveTime | str, hand: float | None, t: float | None
) -> tuple[str, ...]:
    name, series = (what, "") if isinstance(what, str) else (what.name, what.series)
    return (
        test.test_id, name, series or "-", number(hand, 3), number(t, 3),
        number(found.model_before.get(name), 3), number(found.model_after.get(name), 3),
    )  # fmt: skip


def rise_panels(fit: RiseFit) -> list[Panel]:
    """Each series of each test: measured, before and after."""
    return [
        Panel(
            f"{test.run.name}: {o.kind}" + (" (held out)" if test.held_out else ""),
            [
                Curve("measured", o.t_s, o.values, points=True),
                Curve("before", o.t_s, before),
                Curve("after", o.t_s, after),
            ],
            [],
        )
        for test in fit.tests
        for o, before, after in zip(
            test.run.observations, test.simulated_before, test.simulated_after, strict=True
        )
    ]
