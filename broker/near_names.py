"""Names that are nearly known: British spelling, case, older names, another unit, a slip.

They are reported with the name that is meant, never read as it: nobody knows what a sender that
misspells one name does with the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from broker.sensors import WELL_KNOWN_SENSORS, base_name
from broker.units import conversion

_SPELLINGS = [
    ("mould", "mold"),
    ("isocyanate", "iso"),
    ("isocyanat", "iso"),
    ("celsius", "c"),
    ("deg_c", "c"),
    ("degc", "c"),
    ("deg", "c"),
    ("percent", "pct"),
    ("temperature", "t"),
    ("temp", "t"),
    ("pressure", "p"),
    ("humidity", "rh"),
    ("ambience", "ambient"),
    ("kgm3", "kg_per_m3"),
    ("kg_m3", "kg_per_m3"),
]
"""What a sender writes and what the names of this contract have."""

_UNITS = frozenset(
    "c k f bar mbar pa kpa mpa hpa psi pct fraction ratio kg g lb s ms w kw n kn rpm mm cm".split()
)
"""Words at the end of a name that say a unit, listed or not."""

_SYNONYMS = {
    "timestamp": "ts",
    "time": "ts",
    "datetime": "ts",
    "sequence": "seq",
    "seq_no": "seq",
    "device": "device_id",
    "shot": "shot_id",
    "mold": "mold_id",
    "mould": "mold_id",
    "system": "system_id",
    "order": "order_id",
    "readings": "sensors",
    "values": "sensors",
    "state": "event",
    "quantity": "quantity_count",
}
"""Other words for fields of messages."""

_OLDER = {
    "T_mold_init_C": "T_mold_C",
    "T_polyol_in_C": "T_polyol_C",
    "T_iso_in_C": "T_iso_C",
    "RH_pct": "RH_ambient_pct",
    "humidity_pct": "RH_ambient_pct",
}
_FIRST = re.compile(r"([A-Za-z_]+?)_?0*1(_[A-Za-z]+)")
"""The first of several sensors, numbered before the unit: T_mold1_C, T_mold_01_C."""
ABBREVIATION = 3
"""Letters that an abbreviated word has at least: T_amb_C."""

SLIP_LENGTH = 5
"""Letters that a name has, without its unit, before one slip of the pen is looked for."""


def meant(name: str, known: Iterable[str]) -> str | None:
    """The one of the known names that `name` nearly is; None when it is one, or like several."""
    known = frozenset(known)
    if name in known:
        return None
    other = _SYNONYMS.get(name.lower())
    return other if other in known else _meant(name, known)


@lru_cache(maxsize=4096)
def meant_sensor(name: str) -> str | None:
    """The well-known sensor that `name` nearly is, with its number; None for other names."""
    base = base_name(name)
    if base in WELL_KNOWN_SENSORS or conversion(name) is not None:
        return None
    first = _FIRST.fullmatch(base)
    if first and first[1] + first[2] in WELL_KNOWN_SENSORS:
        return first[1] + first[2]
    found = _OLDER.get(base) or _meant(base, frozenset(WELL_KNOWN_SENSORS))
    return None if found is None else found + name[len(base) :]


def meant_in(names: Iterable[str], known: Iterable[str]) -> Mapping[str, str]:
    """Those of `names` that are nearly a known one, and which."""
    known = frozenset(known)
    return {name: found for name in names if (found := meant(name, known)) is not None}


@lru_cache(maxsize=4096)
def _meant(name: str, known: frozenset[str]) -> str | None:
    if len(name) > 64:
        return None
    for alike in (_spelled_alike, _in_another_order, _of_another_unit, _with_a_slip, _abbreviated):
        found = [one for one in sorted(known) if alike(_words(name), _words(one))]
        if found:
            return found[0] if len(found) == 1 else None
    return None


@lru_cache(maxsize=8192)
def _words(name: str) -> tuple[str, ...]:
    """Words of a name in small letters and this contract's spelling: tMould_C is t mold c."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name).lower()
    for other, ours in _SPELLINGS:
        text = text.replace(other, ours)
    return tuple(word for word in re.split(r"[^a-z0-9]+", text) if word)


def _spelled_alike(name: tuple[str, ...], known: tuple[str, ...]) -> bool:
    return "".join(name) == "".join(known)


def _in_another_order(name: tuple[str, ...], known: tuple[str, ...]) -> bool:
    """cavity_pressure_bar, mold_temp_C."""
    return sorted(name) == sorted(known)


def _abbreviated(name: tuple[str, ...], known: tuple[str, ...]) -> bool:
    """Some words are the beginning of those of the known name: T_amb_C, p_cav_bar."""
    return len(name) == len(known) and all(
        one == other or (len(one) >= ABBREVIATION and one.isalpha() and other.startswith(one))
        for one, other in zip(name, known, strict=True)
    )


def _of_another_unit(name: tuple[str, ...], known: tuple[str, ...]) -> bool:
    """The same but for the unit at the end, which may be missing."""
    stem = "".join(_without_unit(known))
    if "".join(known) == stem or len(stem) < 3:
        return False
    return "".join(name) == stem or "".join(_without_unit(name)) == stem


def _with_a_slip(name: tuple[str, ...], known: tuple[str, ...]) -> bool:
    """One letter too much, too few, or two exchanged; digits are never a slip."""
    one, other = "".join(name), "".join(known)
    if len("".join(_without_unit(known))) < SLIP_LENGTH or abs(len(one) - len(other)) > 1:
        return False
    if [c for c in one if c.isdigit()] != [c for c in other if c.isdigit()]:
        return False
    if len(one) == len(other):
        at = [i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b]
        return (
            len(at) == 2
            and at[1] == at[0] + 1
            and one[at[0]] == other[at[1]]
            and (one[at[1]] == other[at[0]])
        )
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return any(longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer)))


def _without_unit(words: tuple[str, ...]) -> tuple[str, ...]:
    """Without a unit at the end: two words for rates (kg per s)."""
    if len(words) > 3 and words[-2] == "per":
        return words[:-3]
    return words[:-1] if len(words) > 1 and words[-1] in _UNITS else words
