"""Simulations by others beside ours, for the page on validation."""

from __future__ import annotations

import numpy as np

from edge_agent.report.content import Items, Plots, Section, Table, Text, Words
from edge_agent.report.curve_comparison import compare_curves
from edge_agent.report.plot import Curve, Plot
from edge_agent.report.validation_runs import (
    Peer,
    Published,
    modena_rf1,
    pufoam,
    pufoam_excess_K,
)
from twin_core.arrays import Array

TIME = "time, s"
CURE = "Degree of cure"
RISEN_KG_PER_M3 = 100.0
"""Density at which a foam has risen far enough to compare when."""


def pufoam_section() -> Section:
    """PUFoam's cup beside ours."""
    peer = pufoam()
    p, r = peer.published, peer.result
    T = p["T_core_mean_K"]
    excess = pufoam_excess_K(peer)
    rows = [
        _peer_row("temperature", peer, T, r.T_core_K, "K", 1),
        _peer_row("degree of cure", peer, peer.alpha, r.alpha, "", 3),
    ]
    reaches = [
        float(np.interp(-RISEN_KG_PER_M3, -density, t))
        for density, t in ((p["rho_core_mean"], peer.time_s), (r.rho_kg_per_m3, r.time_s))
    ]
    end = peer.time_s[-1]
    return Section(
        "Compared, not validated: PUFoam's cup with water and n-pentane",
        (
            said_of_itself(p, 3),
            Text(
                "A simulation by others, not a measurement. Ours: WATER_N_PENTANE, the same "
                "published kinetics, in an adiabatic open cup at 1 bar from 300 K. PUFoam's "
                "figures are means of its core (cells that are foam to more than 99 %), until it "
                f"fills the domain and stops reacting at {end:.0f} s. Its degree of cure is "
                "computed from its conversions."
            ),
            Text(
                "Its result is not energy consistent and no reference for accuracy: its "
                "mass-averaged temperature exceeds the adiabatic value of its own conversions by "
                f"up to {np.max(excess):.0f} K (at {peer.time_s[int(np.argmax(excess))]:.0f} s)."
            ),
            _peer_table("PUFoam", peer, rows),
            Text(
                f"The foam falls to {RISEN_KG_PER_M3:g} kg/m3 after {reaches[0]:.1f} s in PUFoam "
                f"and after {reaches[1]:.1f} s here."
            ),
            Plots(
                (
                    _peer_plot("pufoam_T", "Temperature", peer, T, r.T_core_K, "PUFoam", "K"),
                    _peer_plot("pufoam_alpha", CURE, peer, peer.alpha, r.alpha, "PUFoam", "0..1"),
                )
            ),
        ),
    )


def rf1_section() -> Section:
    """MoDeNa's RF-1 kinetics beside our laws."""
    peer = modena_rf1()
    p, r = peer.published, peer.result
    rows = [
        _peer_row("temperature", peer, p["T_K"], r.T_core_K, "K", 1),
        _peer_row("degree of cure", peer, peer.alpha, r.alpha, "", 3),
    ]
    half = [float(np.interp(0.5, curve, t)) for curve, t in (
        (peer.alpha, peer.time_s), (r.alpha, r.time_s)
    )]  # fmt: skip
    return Section(
        "A difference, not a validation: MoDeNa's RF-1 kinetics",
        (
            said_of_itself(p, 3),
            Text(
                "RF-1 resolves the catalyst and starts slowly; the model's laws (Winkler's, of "
                "WATER_N_PENTANE) do not. Both run here on the same concentrations, from 300 K, "
                "adiabatic, without blowing agent; they were made for different recipes. RF-1's "
                "time is counted from the start of its reaction. Its degree of cure is computed "
                "from its conversions of hydroxyl and water."
            ),
            _peer_table("RF-1", peer, rows),
            Text(
                f"Half of the groups have reacted after {half[0]:.0f} s in RF-1 and after "
                f"{half[1]:.0f} s here. Heats of reaction and concentrations are the same in both, "
                "so the end can agree where the way there does not."
            ),
            Plots(
                (
                    _peer_plot("rf1_T", "Temperature", peer, p["T_K"], r.T_core_K, "RF-1", "K"),
                    _peer_plot("rf1_alpha", CURE, peer, peer.alpha, r.alpha, "RF-1", "0..1"),
                )
            ),
        ),
    )


def _peer_row(
    what: str, peer: Peer, given: Array, simulated: Array, unit: str, digits: int
) -> tuple[Words, ...]:
    c = compare_curves(peer.time_s, given, peer.result.time_s, simulated)
    assert c is not None
    end = given[-1], float(np.interp(peer.time_s[-1], peer.result.time_s, simulated))
    values = (*end, c.rmse, c.largest)
    return (what, *(f"{value:.{digits}f}" for value in values), unit or "1")


def _peer_table(name: str, peer: Peer, rows: list[tuple[Words, ...]]) -> Table:
    end = f"at {peer.time_s[-1]:.0f} s"
    columns = f"quantity|{name} {end}|ours {end}|RMSE|largest difference|unit"
    return Table.of(columns, rows, columns.removeprefix("quantity|").removesuffix("|unit"))


def _peer_plot(
    name: str, title: str, peer: Peer, given: Array, simulated: Array, label: str, unit: str
) -> Plot:
    return Plot(
        name=f"validation_{name}",
        title=f"{title}, {label} and ours",
        caption="Both are simulated.",
        x_label=TIME,
        y_label=f"{title.lower()}, {unit}",
        curves=(
            Curve("ours, simulated", peer.result.time_s, simulated, 1),
            Curve(f"{label}, simulated", peer.time_s, given, 6, "dashed"),
        ),
    )


def said_of_itself(published: Published, lines: int) -> Items:
    """Words of the data file on itself."""
    return Items(published.head[:lines])
