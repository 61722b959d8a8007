"""``calibrate --rise-test``: read laboratory rise tests, fit, print, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from edge_agent.calibration.output import Output, progress
from edge_agent.calibration.rise_text import print_rise, rise_panels
from edge_agent.calibration.weights import weights_of
from edge_agent.logged_shots.rise_file import RiseFile, load_rise_tests
from twin_core.calibration.rise_fit import RiseFit, fit_rise_tests, usual_paths
from twin_core.calibration.rise_test import LIQUID, RiseTest
from twin_core.errors import InputError
from twin_core.materials import MaterialSystem
from twin_core.shipped_files import configs_folder
from twin_core.system_versions import file_of, load_sheets, load_systems

WRONG_LIQUID = (0.3, 3.0)
"""Density at the pour over that of the liquid, beyond which nobody can have poured so."""
GOOD = 2.0
"""Error of a test after the fit that counts as met: 4 K, 10 % of the density."""


def rise_tests(
    files: Sequence[Path],
    system_id: str | None,
    systems: Path | None,
    paths: Sequence[str],
    weight: Sequence[str],
    held_out: str | None,
    output: Output,
) -> bool:
    """Fit a system to rise tests; whether it follows them, and what was held out is no worse.

    Args:
        files: YAML files, tables with one beside them, folders.
        held_out: ``test_id`` of a test that is only predicted.

    Raises:
        InputError: a file is wrong, or the tests do not belong together.
    """
    weights = weights_of(weight)
    read = load_rise_tests(files, lambda words: progress(f"note: {words}"))
    place = systems or configs_folder() / "systems"
    system = _system(read, system_id, place)
    for test, _ in read:
        _check_liquid(test, system)
    tests = [test for test, _ in read if test.test_id != held_out]
    unseen = [test for test, _ in read if test.test_id == held_out]
    if held_out is not None and not (tests and unseen):
        listed = ", ".join(test.test_id for test, _ in read)
        raise InputError(
            f"--hold-out: no rise test {held_out!r} beside others (there are: {listed})"
        )
    names = ", ".join(test.test_id + " (simulated)" * test.simulated for test in tests)
    progress(f"fitting {system.system_id} to {names}")
    fit = fit_rise_tests(
        system,
        tests,
        list(paths) or usual_paths(system),
        f"pur-mold-twin calibrate --rise-test {names}",
        unseen,
        weights,
    )
    print_rise(fit, [*tests, *unseen])
    output.draw(rise_panels(fit))
    if fit.changes:
        origin = file_of(place, system.system_id)
        output.write_system(fit.system, place, origin)
    else:
        click.echo("no number of the system was fitted: no file written")
    return _good(fit)


def _system(
    read: Sequence[tuple[RiseTest, RiseFile]], system_id: str | None, place: Path
) -> MaterialSystem:
    said = {file.system_id: test.test_id for test, file in read if file.system_id is not None}
    if len(said) > 1:
        listed = ", ".join(f"{name} of {test}" for name, test in said.items())
        raise InputError(f"--rise-test: tests of several systems: {listed}: fit each by itself")
    wanted = system_id or next(iter(said), None)
    if wanted is None:
        raise InputError("--rise-test: no test says its system_id: give --system ID")
    if said and wanted not in said:
        progress(f"note: the tests say system_id {next(iter(said))}; {wanted} is fitted")
    known, sheets = load_systems(place), load_sheets(place)
    if wanted in sheets:
        raise sheets[wanted].refusal()
    if wanted not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise InputError(f"--system: no system {wanted!r} in {place} (there are: {listed})")
    return known[wanted]


def _check_liquid(test: RiseTest, system: MaterialSystem) -> None:
    """Refuse, or tell of, a height at the pour that is none of the liquid."""
    ratio = test.start_ratio(system)
    if ratio is None or LIQUID[0] <= ratio <= LIQUID[1]:
        return
    t, rho = test.series["height_mm"][0], ratio * system.liquid.density.value
    if t[0] > 2.0:
        return  # the log begins when the foam has begun
    words = (
        f"{test.place}: at the pour {test.mass_kg:g} kg stand {test.series['height_mm'][1][0]:.4g} "
        f"mm high, which is {rho:.4g} kg/m3; the liquid has "
        f"{system.liquid.density.value:.4g}: check mass_kg, cup, t_poured_s and whether the height "
        "counts from the floor of the cup"
    )
    if not WRONG_LIQUID[0] <= ratio <= WRONG_LIQUID[1]:
        raise InputError(words)
    progress(f"note: {words}")


def _good(fit: RiseFit) -> bool:
    """Say what is not good, as errors; whether there was none."""
    errors = []
    if not fit.converged:
        errors.append(f"the fit did not converge: {fit.message}")
    for test in fit.tests:
        if test.error(True) > GOOD and not test.held_out:
            errors.append(
                f"{test.run.name}: the model does not follow it: {test.error(True):.3g} sigma "
                f"(2 K, 5 % of the density) after the fit, allowed {GOOD:g}"
            )
        if test.held_out and not test.error(True) <= test.error(False):
            errors.append(f"{test.run.name}, held out, is worse after the fit: do not use it")
    for words in errors:
        progress(f"error: {words}")
    return not errors
