"""Write the bundle ``configs/bundles/simulated_panel``: a shot of the virtual press.

python -m tests.support.simulated_bundle configs/bundles/simulated_panel
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime
from pathlib import Path

import yaml

from broker.messages import ShotEvent, TelemetryFrame
from edge_agent.virtual_plant.virtual_press import Recipes, virtual_shot
from twin_core import Process, Scenario, load_mold, load_systems, simulate
from twin_core.shipped_files import configs_folder

POURED_AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
INPUTS = {
    "T_polyol_C": "T_polyol_in_C",
    "T_iso_C": "T_iso_in_C",
    "T_mold_C": "T_mold_init_C",
    "T_ambient_C": "T_ambient_C",
    "RH_ambient_pct": "RH_ambient_pct",
}
"""Input signals, and their names in ``process.yaml``."""


def write(folder: Path, seed: int = 7) -> None:
    """Make the shot and write its files; ``qc.yaml`` has what the foam came to, with an error."""
    rng = random.Random(seed)
    system = load_systems(configs_folder() / "systems")["SYSTEM_R1"]
    mold = load_mold(configs_folder() / "molds" / "PANEL_A.yaml")
    recipes = Recipes.of(system, mold)
    messages = virtual_shot(recipes, recipes.nominal(), "S-1", "PANEL_A", POURED_AT, rng)
    frames = [m.message for m in messages if isinstance(m.message, TelemetryFrame)]
    pour, end = (
        m.message
        for m in messages
        if isinstance(m.message, ShotEvent) and m.message.event[0] in "pd"
    )
    assert pour.recipe is not None
    warm, masses = frames[0].sensors, pour.recipe.model_dump(exclude_none=True)
    process = Process.model_validate({k: masses[k] for k in ("m_polyol_kg", "m_iso_kg")} | warm)
    foam = simulate(Scenario(system=system, process=process, mold=mold))
    assert foam.t_demold_min_s is not None
    assert foam.kpis.H_24h_shore is not None
    quality = {
        "rho_moulded": round(foam.kpis.rho_moulded_kg_per_m3 * rng.gauss(1.0, 0.01), 1),
        "H_24h": round(foam.kpis.H_24h_shore + rng.gauss(0.0, 1.0), 1),
        "t_demold_safe_s": round(foam.t_demold_min_s * rng.gauss(1.0, 0.03)),
        "defects": [],
        "defect_risk_operator": 0.1,
    }
    folder.mkdir(parents=True, exist_ok=True)
    note = "# Made by the virtual press of the product: see README.md.\n"
    documents = {
        "meta.yaml": {
            "shot_id": "SIMULATED-PANEL-1",
            "system_id": "SYSTEM_R1",
            "mold_id": "PANEL_A",
            "operator": "none",
            "line_id": "virtual",
            "timestamp_start": POURED_AT,
            "simulated": True,
        },
        "process.yaml": {
            "m_polyol": round(pour.recipe.m_polyol_kg, 4),
            "m_iso": round(pour.recipe.m_iso_kg, 4),
            **{INPUTS[name]: value for name, value in warm.items()},
            "t_demold_actual_s": round((end.ts - pour.ts).total_seconds(), 1),
        },
        "qc.yaml": quality,
    }
    for name, content in documents.items():
        (folder / name).write_text(note + yaml.safe_dump(content, sort_keys=False))
    for name, sensor, column in (
        ("sensors_core_temp.csv", "T_core_C", "T_core_C"),
        ("sensors_pressure.csv", "p_cavity_bar", "p_total_bar"),
    ):
        rows = [f"{(f.ts - POURED_AT).total_seconds():g},{f.sensors[sensor]}" for f in frames[1:]]
        (folder / name).write_text("\n".join([f"time_s,{column}", *rows]) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
