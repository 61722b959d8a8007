"""The plots of a simulated shot, with measured points where there are any."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_agent.report.measured import Measured
from edge_agent.report.plot import Curve, Limit, Plot
from twin_core import SimulationResult
from twin_core.arrays import Array
from twin_core.physics.rheology import GELLED_PA_S
from twin_core.units import PA_PER_BAR, ZERO_CELSIUS_K

TIME = "time from the end of injection, s (start stretched)"
NEAR_LIMIT = 2.0
"""A pressure limit is drawn when it is below this many times the peak; else it would squash it."""
NEGLIGIBLE = 1e-6


def events(result: SimulationResult) -> tuple[tuple[str, float], ...]:
    """Words and time [s] of what happened in the run."""
    k = result.kpis
    found = (
        ("cream", k.t_cream_s),
        ("mold full", k.t_mold_full_s),
        ("vents closed", result.vent_closure_time_s),
        ("gel", k.t_gel_s),
        ("tack-free", k.t_tack_free_s),
        ("rise", k.t_rise_s),
    )
    return tuple((words, t) for words, t in found if t is not None)


def time_plots(result: SimulationResult, measured: Measured | None) -> tuple[Plot, ...]:
    """Temperatures, cure, density, pressures and hardness over time."""
    return (
        _temperatures(result, measured),
        _cure(result),
        _density(result),
        _pressures(result, measured),
        _hardness(result),
    )


def _plot(result: SimulationResult, **fields: Any) -> Plot:
    """A plot over the time of the run, with window and events."""
    opens, closes = result.t_demold_min_s, result.t_demold_max_s
    return Plot(
        x_label=TIME,
        x_scale="early",
        span=None if opens is None or closes is None else (opens, closes),
        best=result.t_demold_opt_s,
        marks=events(result),
        **fields,
    )


def _points(measured: Measured | None, sensor: str) -> tuple[Curve, ...]:
    series = measured.of(sensor) if measured else None
    if series is None:
        return ()
    label = f"{series.words}, {series.kind}"
    return (Curve(label, series.time_s, series.value, kind="points"),)


def _temperatures(result: SimulationResult, measured: Measured | None) -> Plot:
    t, layers, q = result.time_s, result.layers, result.scenario.quality
    curves = [
        Curve("core, simulated", t, result.T_core_K - ZERO_CELSIUS_K, 1),
        Curve("mold, simulated", t, result.T_mold_K - ZERO_CELSIUS_K, 0),
    ]
    if layers is not None:
        coldest = np.min(layers.T_K, axis=1) - ZERO_CELSIUS_K
        curves.append(Curve("coldest layer, simulated", t, coldest, 4, "dashed"))
    limits: tuple[Limit, ...] = ()
    if q.core_temp_max_C is not None and q.core_temp_max_C < NEAR_LIMIT * result.kpis.T_core_max_C:
        limits = (Limit("highest core temperature allowed", q.core_temp_max_C),)
    return _plot(
        result,
        name="temperatures",
        title="Temperatures",
        caption="Core of the foam and mold.",
        y_label="temperature, °C",
        curves=(*curves, *_points(measured, "T_core_C")),
        limits=limits,
    )


def _cure(result: SimulationResult) -> Plot:
    curves = [Curve("degree of cure, simulated", result.time_s, result.alpha, 2)]
    caption = "Degree of cure: the share of the scarcer reactive groups that has reacted."
    liquid = result.viscosity_Pa_s < GELLED_PA_S
    if liquid.any():
        t, viscosity = result.time_s[liquid], result.viscosity_Pa_s[liquid]
        curves.append(Curve("viscosity, simulated", t, viscosity, 3, "dashed", True))
        caption += " The viscosity ends where the foam stops flowing."
    return _plot(
        result,
        name="cure",
        title="Cure and viscosity" if len(curves) > 1 else "Cure",
        caption=caption,
        y_label="degree of cure, 0..1",
        y_label_right="viscosity, Pa s",
        y_scale_right="log",
        curves=tuple(curves),
        limits=(Limit("needed to open", result.scenario.quality.alpha_demold_min),),
        zero_based=True,
    )


def _density(result: SimulationResult) -> Plot:
    curves = [Curve("density, simulated", result.time_s, result.rho_kg_per_m3, 0)]
    q, caption = result.scenario.quality, "Foam mass over foam volume; the scale is logarithmic."
    if not result.scenario.mold.open:
        filled = Curve("filled, simulated", result.time_s, result.fill_ratio, 4, "dashed", True)
        curves.append(filled)
    bounds = (
        ("lowest density allowed", q.rho_moulded_min_kg_per_m3),
        ("highest density allowed", q.rho_moulded_max_kg_per_m3),
    )
    return _plot(
        result,
        name="density",
        title="Density" if result.scenario.mold.open else "Density and filling",
        caption=caption,
        y_label="density, kg/m3",
        y_scale="log",
        y_label_right="share of the cavity filled",
        curves=tuple(curves),
        limits=tuple(Limit(words, value) for words, value in bounds if value is not None),
    )


def _pressures(result: SimulationResult, measured: Measured | None) -> Plot:
    t, total = result.time_s, result.p_total_Pa
    curves = [Curve("total, simulated", t, total / PA_PER_BAR, 6)]
    agent = result.scenario.system.blowing_agent
    for label, pressure, colour in (
        ("air", result.p_air_Pa, 5),
        ("CO2", result.p_CO2_Pa, 1),
        (agent.agent if agent else "blowing agent", result.p_pentane_Pa, 2),
    ):
        if pressure.max() > NEGLIGIBLE * total.max():
            curves.append(Curve(f"{label}, simulated", t, pressure / PA_PER_BAR, colour))
    if result.vent_eff.max() > 0 and not result.scenario.mold.open:
        curves.append(Curve("vents open, simulated", t, result.vent_eff, 3, "dotted", True))
    allowed = result.scenario.quality.p_max_allowable_bar
    near = allowed * PA_PER_BAR < NEAR_LIMIT * result.p_max_Pa
    return _plot(
        result,
        name="pressures",
        title="Pressures and vents",
        caption="Absolute. The gases' shares add up to the total.",
        y_label="pressure, bar",
        y_label_right="open share of the vents",
        curves=(*curves, *_points(measured, "p_cavity_bar")),
        limits=(Limit("highest pressure allowed", allowed),) if near else (),
        zero_based=True,
    )


def _hardness(result: SimulationResult) -> Plot:
    needed = result.scenario.quality.H_demold_min_shore
    return _plot(
        result,
        name="hardness",
        title="Hardness",
        caption="A proxy from stiffness: nothing ties the Shore value of a foam to its cure.",
        y_label=f"hardness, Shore {result.shore_scale} (proxy)",
        curves=(Curve("hardness, simulated", result.time_s, result.hardness_shore, 0),),
        limits=(Limit("needed to open", needed),) if needed else (),
        zero_based=True,
    )


def release_plot(result: SimulationResult) -> Plot:
    """Swell and shrink of the part against the time at which it is opened."""
    curve, q = result.release, result.scenario.quality
    assert curve is not None
    thickness_mm = 1e3 * result.scenario.mold.slab_thickness_m()
    allowed = min(q.swell_max_mm, q.swell_max * thickness_mm)
    return Plot(
        name="release",
        title="Swell and shrink against the opening time",
        caption="Largest change of the thickness from the opening until the part is cold.",
        x_label="opened at, s after the end of injection",
        x_scale="early",
        y_label="mm",
        curves=(
            Curve("swell, simulated", curve.opened_s, curve.swell_mm, 0),
            Curve("shrink, simulated", curve.opened_s, curve.shrink_mm, 1),
        ),
        limits=(Limit("largest swell allowed", allowed),),
        zero_based=True,
    )


def layer_plots(result: SimulationResult) -> tuple[Plot, ...]:
    """Profiles through the thickness at telling moments; none for a run without layers."""
    layers = result.layers
    if layers is None:
        return ()
    x = np.asarray(layers.x_ratio, dtype=np.float64)
    moments = _moments(result)
    return tuple(
        Plot(
            name=f"layers_{name}",
            title=title,
            caption="Through the thickness of the part, at telling moments.",
            x_label="place through the thickness, 0..1",
            y_label=label,
            curves=tuple(
                Curve(f"{words}, {result.time_s[i]:.0f} s", x, values[i], colour)
                for colour, (words, i) in enumerate(moments)
            ),
        )
        for name, title, label, values in (
            ("T", "Temperature of the layers", "temperature, °C", layers.T_K - ZERO_CELSIUS_K),
            ("alpha", "Cure of the layers", "degree of cure, 0..1", layers.alpha),
            ("rho", "Density of the layers", "density, kg/m3", layers.rho_kg_per_m3),
        )
    )


def _moments(result: SimulationResult) -> list[tuple[str, int]]:
    """Words and row of the output: gel, hottest core, best time, end; each row once."""
    found: dict[int, str] = {}
    k, last = result.kpis, float(result.time_s[-1])
    for words, t in (
        ("gel", k.t_gel_s),
        ("hottest core", k.t_T_core_max_s),
        ("best time", result.t_demold_opt_s),
        ("end", last),
    ):
        if t is not None:
            found.setdefault(_nearest(result.time_s, t), words)
    return [(words, i) for i, words in sorted(found.items())]


def _nearest(times: Array, t: float) -> int:
    return int(np.argmin(np.abs(times - t)))
