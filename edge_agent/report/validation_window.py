"""Sections on the demold window: size and practice, strength, measured panels, papers wanted."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_agent.report.content import Code, Section, Table, Text, Words
from edge_agent.report.shot_tables import end_words
from edge_agent.report.units import fixed
from edge_agent.report.validation_panels import free_rise, panel_of, shipped
from edge_agent.report.validation_runs import Published, load_published
from twin_core import InputError, simulate
from twin_core.physics import mechanics
from twin_core.results.opening import opened_at
from twin_core.shipped_files import configs_folder
from twin_core.window_interval import window_interval

SYSTEM = "WATER_CYCLOPENTANE"
DENSITY = 26.0 * 1.15
"""kg/m3 of the panels of the table of sizes: that of the prototype in decision 0021."""
THICKNESSES_MM = (20.0, 30.0, 55.0, 90.0)
OPENINGS_S = (120.0, 180.0, 240.0, 300.0, 420.0)
PRACTICE = {
    55.0: "opened after 2 to 7 min",
    90.0: "test boxes swell by millimetres when opened after 3 min",
}
"""What is said of practice: from memory, no source with numbers was found; nothing is fitted."""
MEASURED = "measured_window_*.csv"
COMPARED = {
    "swell_mm": "swell, mm",
    "p_max_bar": "peak pressure, bar",
    "T_core_max_C": "peak temperature, °C",
    "t_demold_min_s": "earliest opening, s",
}
"""Columns of a measured file that are compared."""
PAPERS = (
    ("post-expansion and pressure against demold time", "US 2016/0168348 (Dow)"),
    ("post-expansion and pressure against demold time", "RU 2641129 (Covestro)"),
    ("inner pressure and demold time", "Sujaraj 2017 (Jönköping)"),
    ("demold time of rigid and integral-skin foams", "US 5444101 (ICI); US 6713521 (Bayer)"),
    ("swell of rigid foams after the mold", "US 5547998, 5523334, 5525641 and EP 0858477 (BASF)"),
    ("structural foams, RIM", "Modesti and Adriani"),
    ("PMDI in molds of 25 to 85 °C", "Jackovich"),
    ("temperature and density in the thickness", "Shen and others 2014, doi 10.1002/pen.23694"),
    ("gas, density and modulus", "Li, Cao and Zhang 2006, doi 10.1007/s11426-006-2007-8"),
)  # fmt: skip
"""What would validate the window, and who has measured it; no numbers were found in stored text."""


def size_section() -> Section:
    """Opening and swell of the cyclopentane panel, with what is unsure, beside practice."""
    packing = DENSITY / free_rise(SYSTEM)
    rows: list[tuple[Words, ...]] = []
    swells: list[tuple[Words, ...]] = []
    for d in THICKNESSES_MM:
        result = simulate(panel_of(SYSTEM, d, packing))
        interval = window_interval(result)
        t = result.t_demold_min_s
        assert interval is not None
        assert t is not None
        high = interval.t_min_high_s
        until = "no window" if high is None else f"{high:.0f}"
        rows.append(
            (
                fixed(d, 0), fixed(t, 0), f"{interval.t_min_low_s:.0f} to {until}",
                end_words(result.demold_ends["earliest"]),
                f"{result.swell_at_min['swell_mm']:.2f}",
                f"{interval.swell_low_mm:.2f} to {interval.swell_high_mm:.2f}",
                PRACTICE.get(d, "nothing was found"),
            )
        )  # fmt: skip
        at = [opened_at(result, time) for time in OPENINGS_S]
        swells.append(
            (fixed(d, 0), *(f"{o.swell_mm:.2f} ({100.0 * o.swell_ratio:.1f} %)" for o in at))
        )
    columns = "thickness, mm|opens, s|interval, s|decided by|swell then, mm|interval, mm|practice"
    later = "|".join(f"opened at {t:.0f} s" for t in OPENINGS_S)
    assumed = len(shipped()[SYSTEM].assumed())
    return Section(
        "Size, reported and not tuned: opening and swell of a panel",
        (
            Text(
                f"{SYSTEM}, {DENSITY:.1f} kg/m3, walls at 40 °C, default limits. {assumed} of its "
                "numbers are assumed. The interval is a range, not a probability: each number that "
                "nobody measured is varied alone, and the ways are added like independent ones. "
                "Practice is told from memory."
            ),
            Table.of(columns, rows, "thickness, mm|opens, s|swell then, mm"),
            Text("Swell in mm (and %) of the thickness, until the part is cold:"),
            Table.of(f"thickness, mm|{later}", swells, f"thickness, mm|{later}"),
            Text(
                "Swell has the size of practice. The opening comes later than practice where the "
                "skin decides: the published recipe has no catalyst for it, and its margin is "
                "assumed. Equations and practice disagree there, and nothing was fitted to close "
                "the gap."
            ),
        ),
    )


def strength_section() -> Section:
    """Strength against density, with the values of suppliers and the minima of specifications."""
    published = load_published("strength_density_rigid_pu.csv")
    m = shipped()["SYSTEM_R1"].mechanics
    low, high = published["density_min_kg_m3"], published["density_max_kg_m3"]
    rows: list[tuple[Words, ...]] = []
    for i, rho in enumerate(0.5 * (low + high)):
        ours = mechanics.strength(
            float(rho), 1.0, m.strength_solid.value, m.density_solid.value,
            m.strut_fraction.value, m.face_strength.value,
        ) / 1e3  # fmt: skip
        known, kind = float(published["comp_strength_kPa"][i]), published.words["kind"][i]
        rows.append(
            (fixed(float(rho), 1), kind, f"{known:.0f}", f"{ours:.0f}", f"{ours / known:.2f}",
             published.words["source"][i])
        )  # fmt: skip
    columns = "density, kg/m3|kind|published, kPa|ours, kPa|ratio|source"
    return Section(
        "Compared: strength and density",
        (
            Text(
                "Compressive strength, cold and fully cured, by (24) with the numbers of the rigid "
                "systems. Of the results the strength of the cell faces was fitted; minima are to "
                "be exceeded. No curve that rises meets both 152 kPa at 35 kg/m3 and the minimum "
                "of 170 kPa at 28 kg/m3: the minima were taken."
            ),
            Table.of(columns, rows, "density, kg/m3|published, kPa|ours, kPa|ratio"),
        ),
    )


def measured_section() -> Section:
    """Measured panels, as far as somebody has added them, and the papers that hold more."""
    rows: list[tuple[Words, ...]] = []
    for path in sorted((configs_folder() / "validation").glob(MEASURED)):
        published = load_published(path.name)
        rows += compared_rows(path.name, published)
    wanted: list[tuple[Words, ...]] = [(what, who) for what, who in PAPERS]
    blocks: list[Any] = [
        Text(
            (
                "Files ",
                Code(MEASURED.replace("*", "NAME")),
                " are compared here; ",
                Code("configs/validation/README.md"),
                " says their form. "
                + ("There are none." if not rows else "Nothing was fitted to them."),
            )
        )
    ]
    if rows:
        columns = "file|row|quantity|measured|simulated|difference, %"
        blocks.append(Table.of(columns, rows, "row|measured|simulated|difference, %"))
    blocks += [
        Text("Papers and patents that hold such numbers; whoever has them can add them:"),
        Table.of("quantity|where", wanted),
    ]
    return Section("Wanted: measured swell, pressure and demold time", tuple(blocks))


def compared_rows(name: str, published: Published) -> list[tuple[Words, ...]]:
    """Rows of a measured file beside their simulation.

    Raises:
        InputError: the file names no system of the catalogue, or lacks a column.
    """
    heads = dict(line.partition(": ")[::2] for line in published.head if ": " in line)
    system = heads.get("system", "")
    if system not in shipped():
        systems = ", ".join(shipped())
        raise InputError(f"{name}: a comment line '# system: ID' must name one of {systems}")
    needed = ("thickness_mm", "density_kg_m3", "wall_C")
    lacking = [column for column in needed if column not in published.columns]
    quantities = [column for column in COMPARED if column in published.columns]
    if "swell_mm" in quantities and "opened_s" not in published.columns:
        lacking.append("opened_s")
    if lacking or not quantities:
        words = ", ".join(lacking) or f"one of {', '.join(COMPARED)}"
        raise InputError(f"{name}: it lacks the column {words}")
    rows: list[tuple[Words, ...]] = []
    for i, (d, rho, wall) in enumerate(zip(*(published[c] for c in needed), strict=True)):
        result = simulate(panel_of(system, float(d), float(rho) / free_rise(system), float(wall)))
        for quantity in quantities:
            known = float(published[quantity][i])
            if np.isnan(known):
                continue
            if quantity == "swell_mm":
                ours = opened_at(result, float(published["opened_s"][i])).swell_mm
            elif quantity == "p_max_bar":
                ours = 1e-5 * result.p_max_Pa
            elif quantity == "T_core_max_C":
                ours = result.kpis.T_core_max_C
            else:
                ours = np.nan if result.t_demold_min_s is None else result.t_demold_min_s
            off = f"{100.0 * (ours / known - 1.0):+.0f}" if known else "-"
            rows.append(
                (Code(name), str(i + 1), COMPARED[quantity], f"{known:.4g}", f"{ours:.4g}", off)
            )
    return rows
