"""Sensor names carry units; the well-known ones have a meaning."""

from __future__ import annotations

import pytest

from broker import WELL_KNOWN_SENSORS
from broker.sensors import UNIT_OF_SUFFIX, base_name, has_unit, sensor_unit

DESIGNED = [
    "T_polyol_C",
    "T_iso_C",
    "T_mold_C",
    "T_core_C",
    "T_ambient_C",
    "RH_ambient_pct",
    "p_cavity_bar",
    "m_polyol_kg",
    "m_iso_kg",
    "m_additives_kg",
    "p_mix_bar",
    "power_W",
]


@pytest.mark.parametrize("name", WELL_KNOWN_SENSORS)
def test_well_known_sensors_are_sensors(name: str) -> None:
    sensor = WELL_KNOWN_SENSORS[name]
    assert sensor.name == name
    assert has_unit(name)
    assert sensor.unit == sensor_unit(name) in UNIT_OF_SUFFIX.values()


def test_the_designed_names_are_known() -> None:
    assert set(DESIGNED) <= set(WELL_KNOWN_SENSORS)


def test_numbered_sensors_are_of_the_same_kind() -> None:
    assert base_name("T_mold_C.12") == "T_mold_C"
    assert base_name("T_mold_C.12") in WELL_KNOWN_SENSORS


@pytest.mark.parametrize(
    ("name", "unit"),
    [("flow_kg_per_s", "kg/s"), ("t_s", "s"), ("p_Pa", "Pa"), ("I_A.1", "A"), ("x_fraction", "1")],
)
def test_the_longest_suffix_is_the_unit(name: str, unit: str) -> None:
    assert sensor_unit(name) == unit


@pytest.mark.parametrize("name", ["T", "T_mold", "_C", "T_mold_c", "T_mold_C.x", "T_mold_C\n"])
def test_names_without_a_unit(name: str) -> None:
    assert not has_unit(name)


def test_asking_for_a_unit_that_is_not_there_names_the_units() -> None:
    with pytest.raises(ValueError, match="_kg_per_s"):
        sensor_unit("T_mold")
