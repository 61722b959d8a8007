"""Sensor names: each carries its unit, and the well-known ones their meaning.

A sensor name ends in its unit (`T_core_C`); several sensors of a kind are numbered behind a dot
(`T_mold_C.1`, `T_mold_C.2`), and the twin uses the one without a number. A reading that is
impossible is carried by this contract: one wild sensor must not lose a frame. The agent has the
ranges, and leaves it out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

UNIT_OF_SUFFIX: Mapping[str, str] = MappingProxyType(
    {
        "_C": "°C",
        "_K": "K",
        "_pct": "%",
        "_bar": "bar",
        "_Pa": "Pa",
        "_kg": "kg",
        "_kg_per_s": "kg/s",
        "_W": "W",
        "_rpm": "1/min",
        "_s": "s",
        "_mm": "mm",
        "_N": "N",
        "_V": "V",
        "_A": "A",
        "_Hz": "Hz",
        "_ratio": "1",
        "_fraction": "1",
    }
)
"""The units a sensor name may end in."""

_SUFFIXES = sorted(UNIT_OF_SUFFIX, key=len, reverse=True)

SENSOR_PATTERN = r"^[A-Za-z][A-Za-z0-9_]*(" + "|".join(_SUFFIXES) + r")(\.[0-9]+)?$"
"""A sensor name: letters, digits and `_`, its unit, and the number if there are several."""

_SENSOR_NAME = re.compile(SENSOR_PATTERN.strip("^$"))


@dataclass(frozen=True, slots=True)
class Sensor:
    """A well-known sensor: name, unit and meaning."""

    name: str
    unit: str
    meaning: str


def _sensor(name: str, meaning: str) -> tuple[str, Sensor]:
    return name, Sensor(name, sensor_unit(name), meaning)


def base_name(name: str) -> str:
    """The name without the number of the sensor: `T_mold_C.1` is a `T_mold_C`."""
    return name.partition(".")[0]


@lru_cache(maxsize=1024)
def has_unit(name: str) -> bool:
    """True if `name` is a sensor name: letters, digits and `_`, ending in a known unit."""
    return _SENSOR_NAME.fullmatch(name) is not None


def sensor_unit(name: str) -> str:
    """The unit `name` carries, for example `°C`; raises ValueError when it carries none."""
    base = base_name(name)
    for suffix in _SUFFIXES:
        if base.endswith(suffix):
            return UNIT_OF_SUFFIX[suffix]
    raise ValueError(f"sensor name {name[:80]!r} ends in no unit: expected one of {SUFFIXES_TEXT}")


SUFFIXES_TEXT = " ".join(UNIT_OF_SUFFIX)

WELL_KNOWN_SENSORS: Mapping[str, Sensor] = MappingProxyType(
    dict(
        [
            _sensor("T_polyol_C", "polyol at the mixing head"),
            _sensor("T_iso_C", "isocyanate at the mixing head"),
            _sensor("T_mold_C", "mold wall"),
            _sensor("T_core_C", "core of the foam"),
            _sensor("T_ambient_C", "air beside the press"),
            _sensor("RH_ambient_pct", "relative humidity beside the press"),
            _sensor("p_cavity_bar", "cavity, absolute"),
            _sensor("p_polyol_bar", "polyol line at the mixing head, gauge"),
            _sensor("p_iso_bar", "isocyanate line at the mixing head, gauge"),
            _sensor("p_mix_bar", "mixing chamber, gauge"),
            _sensor("m_polyol_kg", "polyol poured into this shot"),
            _sensor("m_iso_kg", "isocyanate poured into this shot"),
            _sensor("m_additives_kg", "additives poured into this shot"),
            _sensor("flow_polyol_kg_per_s", "polyol flow while pouring"),
            _sensor("flow_iso_kg_per_s", "isocyanate flow while pouring"),
            _sensor("n_mixer_rpm", "stirrer of a low-pressure mixing head"),
            _sensor("power_W", "electrical power of the mixing head"),
            _sensor("vent_open_fraction", "open share of the vents"),
            _sensor("F_clamp_N", "clamping force of the press"),
            _sensor("lid_opening_mm", "opening of the mold"),
        ]
    )
)
"""The names the twin understands. Other names that carry a unit travel and are kept."""
