"""How wrong the twin's physics is on virtual plants: the tables of docs/virtual-plant.md.

    python -m tests.support.how_wrong --preset harsh --seeds 1,2,3

Errors are root mean squares, relative to what is measured (density, safe time) or in its unit (peak
pressure, peak of the core). ``mean`` is the physics with a running mean of each mold's last errors,
of the results that have arrived when the shot is poured; ``floor`` is the truth without its scatter
from shot to shot. Records with a slip of the pen and shots in °F are left out, and counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from broker.messages import QualityRecord, TelemetryFrame
from edge_agent.virtual_plant import PRESETS, VirtualPlant, VirtualShot
from edge_agent.virtual_plant.sensors import IMPOSSIBLE
from twin_core import BatchResult, load_systems, simulate_many
from twin_core.plausible_ranges import CHANNELS
from twin_core.shipped_files import configs_folder
from twin_core.units import PA_PER_BAR

SPEED = 0.2
"""Share of the newest error in the running mean."""
RELATIVE = ("density", "safe time")


class Case(NamedTuple):
    """One measured result of a shot, beside the two simulations."""

    shot: VirtualShot
    known_at: datetime
    measured: float
    physics: float
    steady: float


def main() -> None:
    """Print a table, a line a plant."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--preset", choices=sorted(PRESETS), default="calm")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--shots", type=int, default=1200)
    arguments = parser.parse_args()
    names = ("density", "safe time", "pressure", "core")
    print("| seed | " + " | ".join(f"{n} | mean | floor" for n in names) + " | defects |")
    print("|---" * (2 + 3 * len(names)) + "|")
    for seed in map(int, arguments.seeds.split(",")):
        plant = plant_of(arguments.preset, seed, arguments.shots)
        shots = list(plant.shots())
        found = cases(plant, shots)
        cells = [cell for name in names for cell in row(name, found[name])]
        cells.append(f"{np.mean([bool(shot.defects) for shot in shots]):.0%}")
        print(f"| {seed} | " + " | ".join(cells) + " |", flush=True)


def plant_of(preset: str, seed: int, shots: int) -> VirtualPlant:
    """Plant of a preset with the systems of the catalogue that it pours."""
    systems = load_systems(configs_folder() / "systems")
    poured = [systems[system_id] for system_id in PRESETS[preset].systems]
    return VirtualPlant(seed, poured, preset=preset, shots=shots)


def cases(plant: VirtualPlant, shots: Sequence[VirtualShot]) -> dict[str, list[Case]]:
    """Results that count, by name."""
    physics, steady = simulate_many([shot.nominal for shot in shots]), plant.steady(shots)
    found: dict[str, list[Case]] = {"density": [], "safe time": [], "pressure": [], "core": []}
    for i, shot in enumerate(shots):
        if shot.mistakes.fahrenheit or i in physics.errors or i in steady.errors:
            continue
        for name, column, known_at, measured in results(shot):
            values = [_figure(result, column, i) for result in (physics, steady)]
            if not np.isnan(values).any():
                found[name].append(Case(shot, known_at, measured, *values))
    return found


def results(shot: VirtualShot) -> Iterable[tuple[str, str, datetime, float]]:
    """Name, column of the simulation, time of arrival and value of what is measured of a shot."""
    record = None if shot.quality is None else shot.quality.message
    if isinstance(record, QualityRecord) and shot.slip is None and shot.quality is not None:
        if record.rho_moulded_kg_per_m3 is not None:
            yield "density", "rho_moulded", shot.quality.ts, record.rho_moulded_kg_per_m3
        if record.t_demold_safe_s is not None:
            yield "safe time", "t_demold_min_s", shot.quality.ts, record.t_demold_safe_s
    frames = [t.message.sensors for t in shot.messages if isinstance(t.message, TelemetryFrame)]
    for name, signal, column in (
        ("pressure", "p_cavity_bar", "p_max_Pa"),
        ("core", "T_core_C", "T_core_max_C"),
    ):
        values = [frame[signal] for frame in frames if signal in frame]
        possible = [v for v in values if CHANNELS[signal].holds(v) and v != IMPOSSIBLE[signal]]
        if possible:
            yield name, column, shot.ended_at, max(possible)


def row(name: str, found: Sequence[Case]) -> list[str]:
    """Errors of physics, running mean and floor, as text."""
    measured = np.array([case.measured for case in found])
    physics, steady = (
        np.array([getattr(case, n) for case in found]) for n in ("physics", "steady")
    )
    scale = measured if name in RELATIVE else np.ones(len(found))
    errors = [
        (physics - measured) / scale,
        (physics * (1.0 + running(found)) - measured) / scale
        if name in RELATIVE
        else (physics + running(found, relative=False) - measured) / scale,
        (steady - measured) / scale,
    ]
    texts = {"pressure": "{:.3f} bar", "core": "{:.1f} K"}
    form = texts.get(name, "{:.1%}")
    return [form.format(float(np.sqrt(np.mean(one**2)))) for one in errors]


def running(found: Sequence[Case], *, relative: bool = True) -> np.ndarray:
    """Running mean of each mold's errors that have arrived when each shot is poured."""

    def error(case: Case) -> float:
        off = case.measured - case.physics
        return off / case.physics if relative else off

    arriving = sorted(found, key=lambda case: case.known_at)
    level: dict[str, float] = {}
    answers: dict[int, float] = {}
    place = 0
    for i in sorted(range(len(found)), key=lambda i: found[i].shot.poured_at):
        case = found[i]
        while place < len(arriving) and arriving[place].known_at <= case.shot.poured_at:
            new = arriving[place]
            before = level.get(new.shot.mold_id, error(new))
            level[new.shot.mold_id] = before + SPEED * (error(new) - before)
            place += 1
        answers[i] = level.get(case.shot.mold_id, 0.0)
    return np.array([answers[i] for i in range(len(found))])


def _figure(result: BatchResult, column: str, i: int) -> float:
    value = float(result[column][i])
    return value / PA_PER_BAR if column == "p_max_Pa" else value


if __name__ == "__main__":
    main()
