"""The page on validation: every result on it is computed, none is typed."""

from __future__ import annotations

import numpy as np

from edge_agent.report.content import (
    Block,
    Code,
    Link,
    Page,
    Plots,
    Section,
    Table,
    Text,
    Words,
)
from edge_agent.report.curve_comparison import best_shift, rms, steepest_slope
from edge_agent.report.measured import measured
from edge_agent.report.plot import Curve, Plot
from edge_agent.report.validation_directions import directions_section
from edge_agent.report.validation_peers import TIME, pufoam_section, rf1_section, said_of_itself
from edge_agent.report.validation_runs import (
    R1_INDEX,
    R11,
    densities,
    measured_r11,
)
from edge_agent.report.validation_window import measured_section, size_section, strength_section
from twin_core.units import ZERO_CELSIUS_K, kelvin


def validation_page() -> Page:
    """Page of what is validated, what is only verified, and how far published runs are.

    Raises:
        InputError: a file of the catalogue is missing or wrong.
    """
    lead: tuple[Block, ...] = (
        Text(
            (
                "Made by ",
                Code("pur-mold-twin validate --out docs/validation.md"),
                "; do not edit. Validated means compared with a measurement. Verified means that "
                "the equations are solved as they stand. Nothing was fitted for this page.",
            )
        ),
    )
    sections = (
        _standing(),
        _r11(),
        _density(),
        pufoam_section(),
        rf1_section(),
        directions_section(),
        size_section(),
        strength_section(),
        measured_section(),
    )
    return Page("Validation", lead, sections)


def _standing() -> Section:
    rows: list[tuple[Words, ...]] = [
        ("core temperature of an R-11 cup", "validated", "one measured run, below"),
        (
            "free-rise density of water-blown foam",
            "compared with an industry correlation",
            "below; its points are not published",
        ),
        ("conversion and temperature with water and pentane", "compared with peers", "below"),
        (
            "mass and energy",
            "verified",
            Code("tests/physics/test_conservation.py"),
        ),
        (
            "pressure in a closed mold, vents, filling",
            "verified",
            Code("tests/physics/test_directions.py"),
        ),
        ("solution of the equations", "verified", Code("tests/physics/test_measured_run.py")),
        ("gel, rise and tack-free times", "not validated", "no measured run gives them"),
        ("strength", "compared with suppliers", "one factor fitted to them, below"),
        ("stiffness, hardness", "not validated", "literature laws; hardness is a proxy"),
        (
            "part after the opening: balances, another solver",
            "verified",
            Code("tests/physics/test_release.py"),
        ),
        (
            "directions of the demold window",
            "verified",
            "table below",
        ),
        ("demold window, swell and shrink", "not validated", "no published measurement found"),
        ("moisture from humid air", "not validated", "no published measurement found"),
    ]
    return Section(
        "What is validated",
        (
            Table.of("part of the model|standing|by", rows),
            Text("Verified: balances close, limits and directions are right, solvers agree. That "
                 "does not show that the equations are right for your part."),
        ),
    )  # fmt: skip


def _r11() -> Section:
    bundle, result = measured_r11()
    series = measured(bundle, result).of("T_core_C")
    assert series is not None
    c = series.comparison
    assert c is not None
    t, T = series.time_s, series.value
    t_sim, T_sim = result.time_s, result.T_core_K - ZERO_CELSIUS_K
    shift, left = best_shift(t, T, t_sim, T_sim)
    at_points = np.interp(t, t_sim, T_sim)
    slope, slope_sim = steepest_slope(t, T), steepest_slope(t, at_points)
    rows: list[tuple[Words, ...]] = [
        ("peak", _K(c.peak_given), _K(c.peak_simulated), f"{c.peak_difference:+.1f} K"),
        ("time of the peak", _s(c.t_peak_given_s), _s(c.t_peak_simulated_s), ""),
        (
            "steepest slope, at the measured times",
            f"{slope:.2f} K/s",
            f"{slope_sim:.2f} K/s",
            f"{100 * (slope_sim / slope - 1):+.0f} %",
        ),
        ("RMSE", "", "", f"{c.rmse:.1f} K"),
        ("mean difference", "", "", f"{c.bias:+.1f} K"),
        ("largest difference", "", "", f"{c.largest:.1f} K"),
        ("shift in time that fits best", "", "", f"{shift:+.1f} s"),
        ("RMSE after that shift", "", "", f"{left:.1f} K"),
    ]
    early = "early" if shift > 0 else "late"
    plot = Plot(
        name="validation_r11",
        title="R-11 cup, core temperature",
        caption="Measured, simulated, and simulated with the best shift in time.",
        x_label=TIME,
        y_label="core temperature, °C",
        curves=(
            Curve("simulated", t_sim, T_sim, 1),
            Curve(f"simulated, {shift:+.1f} s", t_sim + shift, T_sim, 1, "dotted"),
            Curve("measured", t, T, kind="points"),
        ),
    )
    return Section(
        "Validated: temperature of the R-11 cup",
        (
            Text(
                (
                    f"Measured: {c.points} points, S.A. Baser, D.V. Khakhar, Polym. Eng. Sci. 34 "
                    "(1994) 632-641, ",
                    Link("data", f"../configs/bundles/{R11}/README.md"),
                    ". Simulated: ",
                    Code(f"configs/scenarios/{R11}.yaml"),
                    ", published parameters.",
                )
            ),
            Table.of("core temperature|measured|simulated|difference", rows, "measured|simulated"
                     "|difference"),
            Text(
                f"The simulation runs {abs(shift):.1f} s {early}; the data do not say where their "
                "time begins. The model cup is adiabatic and does not cool; the measured one does."
            ),
            Plots((plot,)),
        ),
    )  # fmt: skip


def _density() -> Section:
    published, simulated = densities()
    water, given = published["water_pct"], published["rho_corr_kg_m3"]
    ceiling = published["rho_stoich_400K_kg_m3"]
    difference = 100.0 * (simulated / given - 1.0)
    rows = [
        (f"{w:.1f}", f"{g:.1f}", f"{s:.1f}", f"{d:+.1f}", f"{c:.1f}")
        for w, g, s, d, c in zip(water, given, simulated, difference, ceiling, strict=True)
    ]
    columns = "water, %|correlation, kg/m3|simulated, kg/m3|difference, %|stoichiometry, kg/m3"
    plot = Plot(
        name="validation_density",
        title="Free-rise density and water",
        caption="Industry correlation and simulation, logarithmic scales.",
        x_label="water in the foam, % by mass",
        y_label="free-rise density, kg/m3",
        x_scale="log",
        y_scale="log",
        curves=(
            Curve("simulated", water, simulated, 1),
            Curve("industry correlation", water, given, 6, "dashed"),
            Curve("all CO2 as gas at 400 K", water, ceiling, 5, "dotted"),
        ),
    )
    return Section(
        "Compared: free-rise density of water-blown foam",
        (
            said_of_itself(published, 2),
            Text(
                "The publisher fitted the correlation to measurements and does not give them, nor "
                "what the water is a per cent of; here it is taken of the whole foam. Simulated: "
                f"SYSTEM_R1 with its water varied, index {R1_INDEX:g}, an adiabatic cup at 25 °C. "
                "Last column: all water turned to CO2, all of it gas at 400 K."
            ),
            Table.of(columns, rows, columns),
            Text(
                f"Mean of the absolute differences: {np.mean(np.abs(difference)):.1f} %; root mean "
                f"square: {rms(difference):.1f} %; largest: {np.max(np.abs(difference)):.1f} %."
            ),
            Plots((plot,)),
        ),
    )


def _K(T_C: float) -> str:
    return f"{kelvin(T_C):.1f} K ({T_C:.1f} °C)"


def _s(t: float) -> str:
    return f"{t:.0f} s"
