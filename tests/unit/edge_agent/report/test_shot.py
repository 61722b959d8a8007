"""The report of a shot: everything that was asked for is on it, with the numbers of the result."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge_agent.logged_shots.bundle import load_bundle
from edge_agent.report.content import Code, Page, SideBySide, Table, Words
from edge_agent.report.drawing import png, svg
from edge_agent.report.files import page_text
from edge_agent.report.measured import measured
from edge_agent.report.parameter_sources import sources_tables
from edge_agent.report.shot import shot_page
from edge_agent.report.shot_plots import events, layer_plots, time_plots
from edge_agent.report.units import fixed, shown, unit_of
from tests.support.scenarios import CONFIGS, SCENARIO_FILES, catalogue, run
from twin_core import InputError, Process, Quality, SimulationResult
from twin_core.physics.rheology import GELLED_PA_S
from twin_core.results.window_result import WindowEnd

R11 = "baser_khakhar_1994_r11"
BUNDLE = CONFIGS / "bundles" / R11
TITLES = [
    "Over time",
    "Inputs",
    "Key figures",
    "Demold window",
    "Risks",
    "Diagnostics",
    "Audit of mass and energy",
    "What the run stands on",
    "Versions",
]


def plain(words: Words) -> str:
    parts = words if isinstance(words, tuple) else (words,)
    return "".join(part if isinstance(part, str) else part.words for part in parts)


def tables(page: Page, title: str) -> list[Table]:
    (section,) = [section for section in page.sections if section.title == title]
    found = []
    for block in section.blocks:
        found.extend(block.tables if isinstance(block, SideBySide) else [block])
    return [block for block in found if isinstance(block, Table)]


def cells(page: Page, title: str) -> dict[str, list[str]]:
    """First column -> the others, of all tables of a section."""
    rows = [[plain(cell) for cell in row] for t in tables(page, title) for row in t.rows]
    return {row[0]: row[1:] for row in rows}


def with_fields(result: SimulationResult, **fields: Any) -> SimulationResult:
    """The result as a later model gives it: with more fields."""
    changed = copy.copy(result)
    object.__setattr__(changed, "__class__", type("Later", (SimulationResult,), fields))
    return changed


@pytest.mark.parametrize("file", SCENARIO_FILES, ids=lambda file: file.stem)
def test_every_section_is_there(file: Path) -> None:
    page = shot_page(run(file.stem))
    assert [s.title for s in page.sections if s.title != "Through the thickness"] == TITLES
    assert len(page.plots()) >= 5
    assert "All values are simulated." in plain(page.lead[1].words)  # type: ignore[union-attr]


def test_the_numbers_are_those_of_the_result() -> None:
    result = run("use_case_1")
    page = shot_page(result)
    figures = cells(page, "Key figures")
    assert figures["best time to open"][0] == f"{result.t_demold_opt_s:.1f}"
    assert figures["peak core temperature"][0] == f"{result.kpis.T_core_max_C:.1f}"
    assert figures["moulded density"] == [f"{result.rho_moulded:.1f}", "kg/m3", "rho_moulded"]
    window = cells(page, "Demold window")
    assert window["earliest"] == [
        f"{result.t_demold_min_s:.1f}",
        "s",
        "hardness (proxy): 40 Shore A, proxy",
    ]
    assert window["latest"][2] == "the longest cycle anybody would wait: 1800 s"
    assert set(result.demold_margins) < set(window)
    risks = cells(page, "Risks")
    assert risks["all together: 1 - product(1 - risk)"] == [f"{result.defect_risk:.3f}"]
    assert set(result.risks) < set(risks)
    found = cells(page, "Diagnostics")
    assert found["INDEX_MISMATCH"][1].startswith("declared_ratio 1.05, from_masses_ratio 1.2")
    audit = cells(page, "Audit of mass and energy")
    assert audit["heat released"][0] == f"{result.audit.heat_released_J / 1e3:.3f}"
    assert len(audit) == len(dataclasses.fields(result.audit))
    versions = cells(page, "Versions")
    assert versions["physics hash"] == [result.physics_hash]
    assert versions["parameters hash"] == [result.scenario.system.parameters_hash()]


def test_all_inputs_with_their_units() -> None:
    rows = cells(shot_page(run("panel_packed")), "Inputs")
    assert set(Process.model_fields) | set(Quality.model_fields) < set(rows)
    assert rows["m_iso_kg"] == ["0.53", "kg"]
    assert rows["h_ambient_W_per_m2_K"] == ["10", "W/m2/K"]
    assert rows["vents.area_per_vent_m2"] == ["1e-05", "m2"]
    assert rows["open"] == ["no", ""]
    assert rows["H_24h_min_shore"] == ["-", ""]


@pytest.mark.parametrize("system", catalogue().values(), ids=lambda system: system.system_id)
def test_every_parameter_stands_once_under_its_source(system: Any) -> None:
    assumed, known = sources_tables(system)
    named = [
        part.words
        for table in (assumed, known)
        for row in table.rows
        for part in row[-1]
        if isinstance(part, Code)
    ]
    assert sorted(named) == sorted(path for path, _ in system.parameters())
    first = [part.words for row in assumed.rows for part in row[-1] if isinstance(part, Code)]
    assert sorted(first) == sorted(system.assumed())
    sources = [(row[0], row[1]) for row in known.rows]
    assert len(sources) == len(set(sources))
    assert "assumed" not in {kind for _, kind in sources}


def test_no_window_and_no_diagnostics() -> None:
    result = dataclasses.replace(run("panel_packed"), diagnostics=[])
    assert tables(shot_page(result), "Diagnostics") == []
    none = dataclasses.replace(
        result,
        t_demold_min_s=None,
        t_demold_opt_s=None,
        t_demold_max_s=None,
        H_demold_shore=None,
        demold_binding={"earliest": "hardness", "latest": None},
        demold_ends={"earliest": WindowEnd("hardness", 25.0, "Shore A", None, 24), "latest": None},
        demold_margins={},
    )
    page = shot_page(none)
    assert "misses by most: hardness (proxy): 25 Shore A" in page_text(page, ".html")
    assert cells(page, "Key figures")["best time to open"][0] == "-"
    assert page.plots()[0].span is None


# --- plots -------------------------------------------------------------------------------------


def test_window_and_events_are_in_every_plot_over_time() -> None:
    result = run("panel_packed")
    plots = time_plots(result, None)
    assert [plot.name for plot in plots] == [
        *("temperatures", "cure", "density", "pressures", "hardness")
    ]
    for plot in plots:
        assert plot.span == (result.t_demold_min_s, result.t_demold_max_s)
        assert plot.best == result.t_demold_opt_s
        assert plot.marks == events(result)
        assert all("simulated" in curve.label for curve in plot.curves)
    names = {words for words, _ in events(result)}
    assert names == {"cream", "gel", "rise", "tack-free", "mold full", "vents closed"}


def test_the_plots_are_the_same_bytes_every_time() -> None:
    for plot in time_plots(run("panel_packed"), None)[:2]:
        assert svg(plot) == svg(plot)
        assert png(plot) == png(plot)
    text = svg(plot).decode()
    assert "<dc:date>" not in text
    assert png(plot).startswith(b"\x89PNG")
    assert b"tEXt" not in png(plot)  # neither program nor date


def test_viscosity_is_drawn_until_the_foam_gels() -> None:
    result = run("panel_packed")
    plot = time_plots(result, None)[1]
    assert plot.title == "Cure and viscosity"
    assert [curve.label for curve in plot.curves] == [
        "degree of cure, simulated",
        "viscosity, simulated",
    ]
    assert max(plot.curves[1].y) < GELLED_PA_S
    assert svg(plot)
    gelled = with_fields(result, viscosity_Pa_s=np.full_like(result.alpha, GELLED_PA_S))
    assert len(time_plots(gelled, None)[1].curves) == 1


def test_layers_are_drawn_when_the_result_has_them() -> None:
    result = run("panel_packed")
    shape = np.linspace(0.8, 1.0, 5)[None, :]
    layers = SimpleNamespace(
        x_ratio=np.linspace(0.1, 0.9, 5),
        T_K=result.T_core_K[:, None] * shape,
        alpha=result.alpha[:, None] * shape,
        rho_kg_per_m3=result.rho_kg_per_m3[:, None] / shape,
    )
    assert layer_plots(with_fields(result, layers=None)) == ()
    full = with_fields(result, layers=layers)
    plots = layer_plots(full)
    assert [plot.name for plot in plots] == ["layers_T", "layers_alpha", "layers_rho"]
    assert all(svg(plot) for plot in plots)
    words = [curve.label.partition(",")[0] for curve in plots[0].curves]
    assert sorted(words) == ["best time", "end", "gel", "hottest core"]
    assert plots[0].curves[-1].label == "end, 900 s"
    coldest = time_plots(full, None)[0].curves[2]
    assert coldest.label == "coldest layer, simulated"
    assert coldest.y == pytest.approx(0.8 * result.T_core_K - 273.15)
    assert "Through the thickness" in [section.title for section in shot_page(full).sections]


# --- measured ----------------------------------------------------------------------------------


def test_a_measured_log_is_compared_and_labelled() -> None:
    result = run(R11)
    log = measured(load_bundle(BUNDLE), result)
    page = shot_page(result, log)
    (row,) = tables(page, "Measured and simulated")[0].rows
    words = [plain(cell) for cell in row]
    assert words[0] == "T_core_C"
    assert words[2] == "37"
    error = np.interp(log.series[0].time_s, result.time_s, result.T_core_K) - 273.15
    rmse = np.sqrt(np.mean((error - log.series[0].value) ** 2))
    assert words[3] == f"{rmse:.3g} K"
    assert words[4] == "139.1 °C at 389 s"
    points = page.plots()[0].curves[-1]
    assert (points.label, points.kind) == ("core temperature, measured", "points")
    assert "of the log BK1994-R11-L0155 are measured" in page_text(page, ".md")


def logged(tmp_path: Path, meta: str = "", **files: str) -> Path:
    (tmp_path / "meta.yaml").write_text(f"shot_id: shot-1\nsystem_id: SYSTEM_R1\n{meta}")
    (tmp_path / "process.yaml").write_text("m_polyol: 0.5\nm_iso: 0.53\nT_polyol_in_C: 25\n")
    for name, text in files.items():
        suffix = "yaml" if name == "qc" else "csv"
        (tmp_path / f"{name}.{suffix}").write_text(text)
    return tmp_path


def test_pressure_quality_and_differences_of_a_log(tmp_path: Path) -> None:
    folder = logged(
        tmp_path,
        "simulated: true\nmold_id: OTHER\n",
        sensors_pressure="time_s,p_total_bar\n10,1.0\n100,1.2\n200,1.1\n",
        qc="rho_moulded: 80.0\nH_24h: 60\n",
    )
    result = run("panel_packed")
    log = measured(load_bundle(folder), result)
    text = page_text(shot_page(result, log), ".html")
    assert log.kind == "logged, simulated"
    assert "cavity pressure, logged, simulated" in [
        c.label for c in time_plots(result, log)[3].curves
    ]
    assert "peak logged, simulated" in text
    assert "mold_id: OTHER in the log, PANEL_500x500x50 simulated." in log.notes
    assert "T_polyol_C: 25 in the log, 23 simulated." in log.notes
    assert log.quality == (("rho_moulded", 80.0), ("H_24h", 60.0))
    assert f'<td class="number">80.0</td><td class="number">{result.rho_moulded:.1f}' in text


def test_what_is_wrong_with_the_data_of_a_log_is_said_in_words(tmp_path: Path) -> None:
    text = "time_s,T_core_C\n10,25\n20,3276.7\n30,40\n100,60\n"
    log = measured(load_bundle(logged(tmp_path, sensors_core_temp=text)), run("panel_packed"))
    page = page_text(shot_page(run("panel_packed"), log), ".md")
    assert log.notes == ("T_polyol_C: 25 in the log, 23 simulated.",)
    assert any("3276.7" in line for line in log.data_quality), log.data_quality
    assert "T_mold_C: not in the log; 40 of the scenario was simulated." in log.data_quality
    assert "cavity pressure: not in the log." in log.data_quality
    assert all(line in page for line in log.data_quality if "_" not in line)
    bare = page_text(shot_page(run("use_case_1"), measured(load_bundle(BUNDLE), run(R11))), ".md")
    assert "Quality of the data of the log:" in bare


def test_a_log_without_curves_is_an_error(tmp_path: Path) -> None:
    folder = logged(tmp_path)
    with pytest.raises(InputError, match="no T_core_C or p_cavity_bar in it: nothing to compare"):
        measured(load_bundle(folder), run("panel_packed"))


def test_a_log_after_the_end_of_the_run_is_not_compared(tmp_path: Path) -> None:
    folder = logged(tmp_path, sensors_core_temp="time_s,T_core_C\n3500,50\n6000,40\n")
    log = measured(load_bundle(folder), run("panel_packed"))
    assert log.series[0].comparison is None
    assert "fewer than two points" in page_text(shot_page(run("panel_packed"), log), ".md")


# --- words -------------------------------------------------------------------------------------


def test_units_and_numbers_as_words() -> None:
    assert [unit_of(name) for name in ("rho_kg_per_m3", "h_W_per_m2_K", "T_C", "open", "m_kg")] == [
        *("kg/m3", "W/m2/K", "°C", "", "kg")
    ]
    assert [shown(value) for value in (None, "", True, 0.1 + 0.2, 3, "x")] == [
        *("-", "-", "yes", "0.3", "3", "x")
    ]
    assert [fixed(value) for value in (None, 1.25, -0.01, -1.25)] == ["-", "1.2", "0.0", "-1.2"]
