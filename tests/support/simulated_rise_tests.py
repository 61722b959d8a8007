"""Write ``examples/rise_tests``: cups of our own model with noise, as an instrument exports them.

python -m tests.support.simulated_rise_tests examples/rise_tests

Nothing in them was measured. The model has neither the pressure of a foam against its cup nor a
dielectric signal: both are made up from its conversion. Gelling and water reaction of the system
that was simulated are others than in the catalogue (``TRUTH``), so that a calibration has something
to find.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from twin_core.arrays import Array
from twin_core.calibration.free_parameters import FreeParameter
from twin_core.data_sheet import iso_per_polyol
from twin_core.materials import Components, MaterialSystem
from twin_core.mold import Mold
from twin_core.scenario import Process, Quality, Scenario, SimulationOptions
from twin_core.shipped_files import configs_folder
from twin_core.system_versions import load_systems
from twin_core.trajectory import integrate

SYSTEM = "RIGID_PANEL"
TRUTH = {"gelling.A": 0.8, "gelling.E": 1.06, "water_reaction.A": 1.2}
"""Factors on the numbers of the catalogue; the rate at 25 °C stays when the energy is turned."""
CUP_LOSS_W_PER_K_KG = 0.2
TEMPERATURES_C = (15, 23, 31)
POLYOL_KG, IN_CUP = 0.15, 0.97
"""What was mixed, and the share of it that came into the cup."""
DIAMETER_MM = 150.0
POURED_S = 6.0
"""End of mixing on the clock of the instrument."""
END_S, EVERY_S = 240.0, 0.5
PROBE_MM = 40.0
NOISE = {"height_mm": 0.4, "T_core_C": 0.4, "p_Pa": 4.0, "dielectric": 1.5}
ROOM_C = 23.0


def true_system() -> MaterialSystem:
    """The system that is simulated."""
    system = load_systems(configs_folder() / "systems")[SYSTEM]
    for path, factor in TRUTH.items():
        system = FreeParameter(path).turn(system, factor)
    return system


def write(folder: Path) -> None:
    """Simulate the cups, and write a table and a YAML of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, T_C in enumerate(TEMPERATURES_C):
        name = f"rise_{T_C}C"
        process = _process(T_C)
        table = _table(process, np.random.default_rng(number))
        (folder / f"{name}.csv").write_text(table, encoding="utf-8", newline="\n")
        (folder / f"{name}.yaml").write_text(_yaml(name, process), encoding="utf-8", newline="\n")


def _process(T_C: float) -> Process:
    mix = true_system().composition
    assert isinstance(mix, Components)
    iso = round(POLYOL_KG * iso_per_polyol(mix, 1.10), 4)
    return Process(
        m_polyol_kg=POLYOL_KG, m_iso_kg=iso, T_polyol_C=T_C, T_iso_C=T_C, T_ambient_C=ROOM_C
    )


def _table(process: Process, rng: np.random.Generator) -> str:
    mold = Mold(mold_id="CUP", open=True, cup_loss_W_per_K_kg=CUP_LOSS_W_PER_K_KG)
    scenario = Scenario(
        system=true_system(),
        process=process,
        mold=mold,
        quality=Quality(t_cycle_max_s=END_S),
        simulation=SimulationOptions(t_end_s=END_S),
    )
    run = integrate(scenario)[1]
    clock = np.arange(0.0, END_S + POURED_S, EVERY_S)
    t = clock - POURED_S
    in_cup = IN_CUP * (process.m_polyol_kg + process.m_iso_kg)
    rho, T, X = (np.interp(t, run.t_s, y) for y in (run.rho_kg_per_m3, run.T_K - 273.15, run.X_OH))
    height = in_cup / rho / (1e-6 * np.pi / 4.0 * DIAMETER_MM**2) * 1e3
    height[t < 0.0] = 0.0
    T = np.where(height < PROBE_MM, ROOM_C, T)
    gelled = np.clip((X - run.setup.X_gel) / (1.0 - run.setup.X_gel), 0.0, 1.0)
    values = {
        "height_mm": height,
        "T_core_C": T,
        "p_Pa": 900.0 * np.sqrt(gelled),
        "dielectric": 30.0 + 220.0 * (1.0 - X) ** 1.5,
    }
    noisy: dict[str, Array] = {
        name: y + NOISE[name] * rng.normal(size=len(t)) for name, y in values.items()
    }
    noisy["height_mm"] = np.maximum(noisy["height_mm"], 0.0)
    lines = [
        "SIMULIERT, nicht gemessen: eigenes Modell mit Rauschen (tests/support)",
        f"Probe;{SYSTEM}",
        "Zeit [s];Steighöhe [mm];Kerntemperatur [°C];Druck [mbar];DMP [-]",
    ]
    for i, at in enumerate(clock):
        cells = (
            f"{at:.1f}",
            f"{noisy['height_mm'][i]:.1f}",
            f"{noisy['T_core_C'][i]:.1f}",
            f"{noisy['p_Pa'][i] / 100.0:.2f}",
            f"{noisy['dielectric'][i]:.1f}",
        )
        lines.append(";".join(cells).replace(".", ","))
    return "\n".join(lines) + "\n"


def _yaml(name: str, process: Process) -> str:
    mixed = process.m_polyol_kg + process.m_iso_kg
    return f"""\
# Simulated, not measured: python -m tests.support.simulated_rise_tests examples/rise_tests
simulated: true
source: our own model with other numbers than in the catalogue, and noise
test_id: {name}
system_id: {SYSTEM}
data: {name}.csv
process:
  m_polyol_kg: {process.m_polyol_kg:g}
  m_iso_kg: {process.m_iso_kg:g}
  T_polyol_C: {process.T_polyol_C:g}
  T_iso_C: {process.T_iso_C:g}
  T_ambient_C: {process.T_ambient_C:g}
mass_kg: {IN_CUP * mixed:.4g}
cup:
  diameter_mm: {DIAMETER_MM:g}
t_poured_s: {POURED_S:g}
core_probe_height_mm: {PROBE_MM:g}
"""


if __name__ == "__main__":
    write(Path(sys.argv[1]))
