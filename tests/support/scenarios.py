"""Scenarios for tests of the simulation core: the catalogue, a panel, random valid ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from twin_core import (
    MaterialSystem,
    Mold,
    Process,
    Scenario,
    SimulationOptions,
    SimulationResult,
    free_rise_density,
    load_mold,
    load_scenario,
    load_systems,
    simulate,
)

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
SCENARIO_FILES = sorted((CONFIGS / "scenarios").glob("*.yaml"))
SYSTEM_IDS = sorted(load_systems(CONFIGS / "systems"))


@cache
def catalogue() -> dict[str, MaterialSystem]:
    """The material systems of ``configs/systems``."""
    return load_systems(CONFIGS / "systems")


@cache
def scenario(name: str) -> Scenario:
    """A scenario of ``configs/scenarios`` by its file name without ending."""
    return load_scenario(CONFIGS / "scenarios" / f"{name}.yaml")


@cache
def run(name: str) -> SimulationResult:
    """The simulated scenario of ``configs/scenarios``; run once per test process."""
    return simulate(scenario(name))


def changed(base: Scenario, **parts: dict[str, Any]) -> Scenario:
    """A scenario with other fields: ``changed(s, process={"T_iso_C": 30})``, validated."""
    content: dict[str, Any] = {name: getattr(base, name) for name in Scenario.model_fields}
    for part, fields in parts.items():
        old = content[part]
        content[part] = type(old).model_validate(old.model_dump() | fields)
    return Scenario(**content)


def with_system(base: Scenario, **paths: float) -> Scenario:
    """A scenario with other material values, by dotted path with ``__`` for the dots."""
    data = base.system.model_dump()
    for path, value in paths.items():
        *parents, last = path.split("__")
        node = data
        for parent in parents:
            node = node[parent]
        node[last]["value"] = value
    return base.model_copy(update={"system": MaterialSystem.model_validate(data)})


def process(m_total_kg: float, index: float = 1.05, **fields: Any) -> Process:
    """A pour of SYSTEM_R1 at an isocyanate index; masses add up to ``m_total_kg``."""
    mix = catalogue()["SYSTEM_R1"].composition
    assert mix.basis == "components"
    per_polyol = mix.oh_number.value / 56.1 + 2.0 * mix.water_fraction.value / 0.018015
    iso_per_polyol = index * per_polyol * 0.04202 / (mix.nco_content.value / 100.0)
    m_polyol = m_total_kg / (1.0 + iso_per_polyol)
    base = {"T_polyol_C": 25.0, "T_iso_C": 25.0, "T_mold_C": 40.0, "T_ambient_C": 23.0}
    return Process.model_validate(
        {"m_polyol_kg": m_polyol, "m_iso_kg": m_total_kg - m_polyol, **base, **fields}
    )


def panel(packing: float, vent_area_mm2: float = 20.0, **fields: Any) -> Scenario:
    """SYSTEM_R1 in the 0.5 x 0.5 x 0.05 m panel, dosed to ``packing`` times its free-rise mass."""
    mold = load_mold(CONFIGS / "molds" / "PANEL_500x500x50.yaml")
    vents = {"count": 1 if vent_area_mm2 else 0, "area_per_vent_m2": vent_area_mm2 * 1e-6}
    mold = Mold.model_validate(mold.model_dump() | {"vents": vents})
    assert mold.cavity_volume_m3 is not None
    mass = packing * free_rise_of_r1() * mold.cavity_volume_m3
    return Scenario(
        scenario_id="panel",
        system=catalogue()["SYSTEM_R1"],
        process=process(mass, **fields),
        mold=mold,
    )


@cache
def free_rise_of_r1() -> float:
    """Free-rise density of SYSTEM_R1 in a cup, kg/m3."""
    cup = Mold(mold_id="cup", open=True)
    return free_rise_density(
        Scenario(system=catalogue()["SYSTEM_R1"], process=process(0.2), mold=cup)
    )


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Random valid shots: every system, open and closed, short and overpacked, hot and cold."""
    number = lambda low, high: draw(st.floats(low, high))  # noqa: E731
    system = catalogue()[draw(st.sampled_from(SYSTEM_IDS))]
    polyol, iso_ratio = number(0.01, 5.0), number(0.3, 2.5)
    additives = draw(st.sampled_from([0.0, 0.0, number(0.0, 0.2)])) * polyol
    total = polyol * (1.0 + iso_ratio) + additives
    if draw(st.booleans()):
        mold = Mold(open=True)
    else:
        density = number(15.0, 600.0)  # of the full cavity: from a very short shot to overpacked
        volume, thickness = total / density, number(0.005, 0.2)
        mold = Mold.model_validate(
            {
                "cavity_volume_m3": volume,
                "surface_area_m2": 2.0 * volume / thickness * number(1.0, 1.5),
                "thickness_m": thickness,
                "mass_kg": total * number(1.0, 100.0),
                "h_ambient_W_per_m2_K": number(0.0, 100.0),
                "p_ambient_bar": number(0.7, 1.1),
                "vents": {
                    "count": draw(st.integers(0, 8)),
                    "area_per_vent_m2": min(1e-2, volume * number(0.0, 0.02)),
                },
            }
        )
    return Scenario(
        system=system,
        mold=mold,
        process=Process.model_validate(
            {
                "m_polyol_kg": polyol,
                "m_iso_kg": polyol * iso_ratio,
                "m_additives_kg": additives,
                "T_polyol_C": number(10.0, 45.0),
                "T_iso_C": number(10.0, 45.0),
                "T_mold_C": number(10.0, 80.0),
                "T_ambient_C": number(5.0, 40.0),
                "RH_ambient_pct": number(0.0, 100.0),
                "mixing_eff": number(0.3, 1.0),
            }
        ),
        simulation=SimulationOptions(t_end_s=number(20.0, 900.0)),
    )


@cache
def cases() -> dict[str, Scenario]:
    """The shots that every backend is held to."""
    nominal = scenario("panel_packed")
    cold = {"T_polyol_C": 12.0, "T_iso_C": 12.0, "T_mold_C": 15.0, "T_ambient_C": 10.0}
    return {
        "nominal": nominal,
        "cold": changed(nominal, process=cold),
        "humid": changed(nominal, process={"RH_ambient_pct": 95.0, "T_ambient_C": 30.0}),
        "no vents": changed(nominal, mold={"vents": {"count": 0}}),
        "1D": changed(nominal, simulation={"dimension": "1d", "layers": 12}),
        "R-11 cup": scenario("baser_khakhar_1994_r11"),
        "pentane cup": changed(
            scenario("cup_25C_system_r1").model_copy(update={"system": catalogue()["SYSTEM_M1"]})
        ),
    }
