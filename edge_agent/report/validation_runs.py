"""The runs behind the page on validation: published data, and the simulations beside them."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edge_agent.logged_shots.bundle import Bundle, load_bundle
from twin_core import (
    InputError,
    MaterialSystem,
    Mold,
    Process,
    Scenario,
    SimulationOptions,
    SimulationResult,
    free_rise_density,
    load_scenario,
    load_systems,
    simulate,
)
from twin_core.arrays import Array
from twin_core.log_files.series import BYTES_MAX
from twin_core.materials import Foaming
from twin_core.plain_files import read_text
from twin_core.shipped_files import configs_folder
from twin_core.units import M_H2O_KG_PER_MOL, M_NCO_KG_PER_MOL, MG_KOH_PER_MOL, celsius

R11 = "baser_khakhar_1994_r11"
R1_INDEX = 1.05
WORDS = ("kind", "source")
"""Columns of a published file that are text."""
RF1_OH_MOL_PER_M3, RF1_NCO_MOL_PER_M3, RF1_WATER_MOL_PER_M3 = 1922.5 + 2269.2, 5548.2, 671.0
"""Concentrations of the RF-1 recipe, as the head of its file gives them."""


@dataclass(frozen=True)
class Published:
    """A data file: its head (kind, source, recipe) and its columns."""

    head: tuple[str, ...]
    columns: dict[str, Array]
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Columns of text, ``WORDS``."""

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    def until(self, last: int) -> Published:
        """The first rows, up to and with row ``last``."""
        cut = {name: values[: last + 1] for name, values in self.columns.items()}
        return Published(self.head, cut, {k: v[: last + 1] for k, v in self.words.items()})


@dataclass(frozen=True)
class Peer:
    """A simulation by others and ours of the same recipe."""

    published: Published
    time_s: Array
    """Of the published run, from the start of its reaction."""
    alpha: Array
    """Degree of cure of the published run, by our definition."""
    result: SimulationResult


def load_published(name: str) -> Published:
    """A file of ``configs/validation``: comment lines, a header, numbers, ``WORDS``.

    Raises:
        InputError: the file is missing or not such a table.
    """
    path = configs_folder() / "validation" / name
    lines = read_text(path, BYTES_MAX).splitlines()
    try:
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
        columns = {
            key: np.array([float(row[key]) for row in rows]) for key in rows[0] if key not in WORDS
        }
        words = {key: tuple(row[key] for row in rows) for key in rows[0] if key in WORDS}
    except (csv.Error, ValueError, TypeError, IndexError) as error:
        raise InputError(f"{path}: cannot be read as a table of numbers: {error}") from None
    head = tuple(line[1:].strip() for line in lines if line.startswith("#"))
    return Published(head, columns, words)


def measured_r11() -> tuple[Bundle, SimulationResult]:
    """The measured R-11 cup and its simulation: published parameters, nothing fitted."""
    bundle = load_bundle(configs_folder() / "bundles" / R11)
    return bundle, simulate(load_scenario(configs_folder() / "scenarios" / f"{R11}.yaml"))


def pufoam() -> Peer:
    """PUFoam's cup, until its foam has filled the domain and stops reacting; means of its core."""
    published = load_published("peer_pufoam_cup_testcase.csv")
    reacting = np.flatnonzero(np.diff(published["XOH"]) > 0)
    published = published.until(int(reacting[-1]) + 1)
    system = _without_onset(_system("WATER_N_PENTANE"))
    result = simulate(_cup(system, 300.0, float(published["t_s"][-1]), p_bar=1.0))
    alpha = alpha_of(system, published["XOH_core"], published["XW_core"])
    return Peer(published, published["t_s"], alpha, result)


def pufoam_excess_K(peer: Peer) -> Array:
    """Its mass-averaged temperature less what its own conversions can heat it to [K].

    Adiabatic: heat of both reactions less the evaporation of the pentane that it counts as gas,
    over the heat capacity of the polymer.
    """
    s, p = peer.result.scenario.system, peer.published
    mix, water, agent = s.composition, s.water_reaction, s.blowing_agent
    assert mix.basis == "mixture"
    assert water is not None
    assert agent is not None
    heat = s.gelling.heat.value * mix.C_OH0.value * p["XOH"]
    heat = heat + water.heat.value * mix.C_W0.value * p["XW"]
    evaporated = agent.latent_heat.value * p["wBA_g"] / s.liquid.c_p.value
    adiabatic = p["T_massavg_K"][0] + heat / (s.liquid.density.value * s.liquid.c_p.value)
    return np.asarray(p["T_massavg_K"] - (adiabatic - evaporated))


def modena_rf1() -> Peer:
    """MoDeNa's catalyst-resolved RF-1 kinetics, and our laws on the same concentrations.

    Ours are Winkler's second-order law and water reaction, those of ``WATER_N_PENTANE``, without
    blowing agent.
    """
    published = load_published("peer_modena_rf1_adiabatic.csv")
    system = _rf1_system()
    t = published["t_s"] - published["t_s"][0]
    result = simulate(_cup(system, float(published["T_K"][0]), float(t[-1]), p_bar=1.01325))
    alpha = alpha_of(system, published["X_OH"], published["X_W"])
    return Peer(published, t, alpha, result)


def densities() -> tuple[Published, Array]:
    """The industry correlation, and the free-rise density [kg/m3] of SYSTEM_R1 at its water."""
    published = load_published("waterblown_density_correlation.csv")
    base = _system("SYSTEM_R1")
    found = [free_rise_density(_water_blown(base, pct / 100.0)) for pct in published["water_pct"]]
    return published, np.array(found)


def alpha_of(system: MaterialSystem, X_OH: Array, X_W: Array) -> Array:
    """Degree of cure from the conversions of hydroxyl and water, as the model defines it.

    The conversion of the groups that run out first: isocyanate below index 1, else hydroxyl and
    (twice) water.
    """
    mix = system.composition
    assert mix.basis == "mixture"
    n_OH, n_NCO, n_W = mix.C_OH0.value, mix.C_NCO0.value, mix.C_W0.value
    taken = n_OH * X_OH + 2.0 * n_W * X_W
    return taken / min(n_NCO, n_OH + 2.0 * n_W)


def _system(system_id: str) -> MaterialSystem:
    return load_systems(configs_folder() / "systems")[system_id]


def _changed(system: MaterialSystem, part: str, values: dict[str, float], source: str) -> Any:
    """Plain data of a system with other numbers in one of its parts."""
    data = system.model_dump()
    for name, value in values.items():
        data[part][name] |= {"value": value, "kind": "literature", "source": source}
    return data


def _rf1_system() -> MaterialSystem:
    numbers = {
        "C_OH0": RF1_OH_MOL_PER_M3,
        "C_NCO0": RF1_NCO_MOL_PER_M3,
        "C_W0": RF1_WATER_MOL_PER_M3,
        "blowing_agent_per_polymer": 0.0,
    }
    data = _changed(
        _without_onset(_system("WATER_N_PENTANE")), "composition", numbers, "MoDeNa, RF-1 recipe"
    )
    return MaterialSystem.model_validate(data | {"system_id": "RF1", "blowing_agent": None})


def _without_onset(system: MaterialSystem) -> MaterialSystem:
    """The recipe as it is published: its cells are there at once."""
    return system.model_copy(update={"foaming": Foaming()})


def _cup(system: MaterialSystem, T_K: float, t_end_s: float, p_bar: float) -> Scenario:
    """An adiabatic open cup; its size cancels, so the masses are nominal."""
    T_C = celsius(T_K)
    return Scenario(
        scenario_id=system.system_id,
        system=system,
        process=Process(m_polyol_kg=0.05, m_iso_kg=0.05, T_polyol_C=T_C, T_iso_C=T_C),
        mold=Mold(mold_id="CUP", open=True, p_ambient_bar=p_bar),
        simulation=SimulationOptions(t_end_s=t_end_s, dt_s=0.1),
    )


def _water_blown(base: MaterialSystem, water_of_foam: float) -> Scenario:
    """SYSTEM_R1 at index 1.05 with this share of water in the whole foam.

    With w the water per kg polyol, the isocyanate per kg polyol is a + b w; the share of the whole
    is w / (1 + a + b w), solved for w.
    """
    mix = base.composition
    assert mix.basis == "components"
    iso_per_mol = R1_INDEX * M_NCO_KG_PER_MOL / (mix.nco_content.value / 100.0)
    a = iso_per_mol * 1e3 * mix.oh_number.value / MG_KOH_PER_MOL
    b = iso_per_mol * 2.0 / M_H2O_KG_PER_MOL
    w = water_of_foam * (1.0 + a) / (1.0 - b * water_of_foam)
    source = "varied to compare with the density correlation"
    data = _changed(base, "composition", {"water_fraction": w}, source)
    return Scenario(
        scenario_id="water_blown",
        system=MaterialSystem.model_validate(data),
        process=Process(m_polyol_kg=0.1, m_iso_kg=0.1 * (a + b * w), T_polyol_C=25.0, T_iso_C=25.0),
        mold=Mold(mold_id="CUP", open=True),
    )
