"""Remarks on a message that is read: what is in it, not used, and should be known to people.

A reading that was left out, a name that is nearly known, a recipe that names an input and gives no
value. None of them costs the message.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from broker.data_quality import CONTRADICTS, NAME_NOT_KNOWN, RECIPE_GAP
from broker.messages import (
    Message,
    Order,
    PressEvent,
    QualityRecord,
    Recipe,
    ShotEvent,
    TelemetryFrame,
)
from broker.messages.recipe import RECIPE_NAMES
from broker.near_names import meant_in, meant_sensor
from broker.sensors import WELL_KNOWN_SENSORS
from broker.units import conversion

RESULTS = (
    "rho_moulded_kg_per_m3",
    "rho_free_rise_kg_per_m3",
    "H_demold_shore",
    "H_24h_shore",
    "t_demold_safe_s",
    "defects",
    "defect_risk_operator",
)
"""Fields of a quality record that are results."""

_RESULT_WORDS = frozenset("rho density hardness shore defect defects".split())
"""Words of names that a result of a laboratory has, whatever else is in them."""

_WELL_KNOWN = frozenset(WELL_KNOWN_SENSORS)

_USED = frozenset(
    "T_polyol_C T_iso_C T_mold_C T_ambient_C RH_ambient_pct T_core_C p_cavity_bar".split()
)
"""Sensors that shots are predicted and judged by."""

REMARKS_LIMIT = 32
"""Remarks on one message; what is wrong with more channels is one fault."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a message that people should know."""

    code: str
    """Of `broker.data_quality`: a reason of `left_out`, or a flag."""
    field: str
    """Dotted path in the message: `sensors.T_mould_C`."""
    words: str


def remarks(message: Message) -> list[Remark]:
    """What there is to say about a message, at most `REMARKS_LIMIT` remarks."""
    if isinstance(message, TelemetryFrame):
        return _of_frame(message)
    found = [*_near(message)]
    if isinstance(message, QualityRecord):
        found += _no_results(message, bool(found))
        found += _left_out(message)
    if isinstance(message, PressEvent) and message.sensor is not None:
        for name, known in _near_sensors((message.sensor,)):
            found.append(_not_known("sensor", name, known))
    if isinstance(message, ShotEvent | Order):
        found += _left_out(message, "recipe.")
        if message.recipe is not None:
            found += _of_recipe(message.recipe, message.left_out)
    return found[:REMARKS_LIMIT]


def _of_frame(frame: TelemetryFrame) -> list[Remark]:
    found = _left_out(frame)
    if not _WELL_KNOWN.issuperset(frame.sensors):
        for name, known in _near_sensors(tuple(frame.sensors)):
            found.append(_not_known(f"sensors.{name}", name, known))
    if not _USED.isdisjoint(frame.metrics):
        found += _misplaced(frame, "metrics.", frame.metrics)
    if not _USED.isdisjoint(frame.status):
        found += _misplaced(frame, "status.", frame.status)
    if frame.model_extra:
        found += _near(frame)
        found += _misplaced(frame, "", frame.model_extra)
    return found[:REMARKS_LIMIT]


def _misplaced(frame: TelemetryFrame, where: str, names: Iterable[str]) -> Iterator[Remark]:
    """Readings that are not among the sensors; a set point beside its reading is none."""
    for name in _USED.intersection(names).difference(frame.sensors, frame.left_out):
        words = f"{where}{name}: is kept and not used there; a reading belongs into sensors"
        yield Remark(NAME_NOT_KNOWN, where + name, words)


def _left_out(
    message: TelemetryFrame | QualityRecord | ShotEvent | Order, where: str = ""
) -> list[Remark]:
    return [
        Remark(left.reason, where + name, f"{where}{name}: {left.words or left.reason}")
        for name, left in message.left_out.items()
    ]


@lru_cache(maxsize=1024)
def _near_sensors(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """A device sends the same names again and again."""
    return [(name, known) for name in names if (known := meant_sensor(name)) is not None]


def _of_recipe(recipe: Recipe, left_out: Container[str]) -> Iterator[Remark]:
    extras = recipe.model_extra or {}
    for name, near in meant_in(extras, [*Recipe.model_fields, *RECIPE_NAMES]).items():
        known = RECIPE_NAMES.get(near, near)
        other = conversion(name)
        if other is not None and other.name == known:
            words = f"recipe.{name}: {extras[name]} contradicts {known}, which counts"
            yield Remark(CONTRADICTS, f"recipe.{name}", words)
        else:
            yield _not_known(f"recipe.{name}", name, known)
    for name in Recipe.model_fields:
        if name in left_out:
            continue  # told with its own words
        if name in recipe.model_fields_set and getattr(recipe, name) is None:
            words = f"recipe.{name}: null, so the recipe does not say it; a reading is needed"
            yield Remark(RECIPE_GAP, f"recipe.{name}", words)


def _no_results(record: QualityRecord, told: bool) -> Iterator[Remark]:
    """Fields that are nobody's: results that nobody would see.

    Args:
        record: of the laboratory.
        told: a nearly known name in it was told.
    """
    extras = record.model_extra or {}
    if told or record.model_fields_set & set(RESULTS):  # it has results; these may be some, too
        near = meant_in(extras, QualityRecord.model_fields)
        extras = {n: v for n, v in extras.items() if _says_a_result(n) and n not in near}
    if extras:
        names = ", ".join(sorted(extras)[:5])[:200]
        words = f"{names}: not known and not used; results are {', '.join(RESULTS)}"
        yield Remark(NAME_NOT_KNOWN, "results", words)


def _says_a_result(name: str) -> bool:
    return not _RESULT_WORDS.isdisjoint(name.lower().split("_"))


def _near(message: Message) -> Iterator[Remark]:
    fields: Iterable[str] = type(message).model_fields
    for name, known in meant_in(message.model_extra or {}, fields).items():
        yield _not_known(name, name, known)


def _not_known(field: str, name: str, known: str) -> Remark:
    words = f"{field[:80]}: {name[:64]} is not known and not used; {known} is meant?"
    return Remark(NAME_NOT_KNOWN, field[:80], words)
