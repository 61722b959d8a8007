"""Proposal of a mapping: which field each foreign column may be, how sure that is, and why."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from statistics import median
from typing import Any

from broker.ids import is_identifier
from edge_agent.imports import cells
from edge_agent.imports.column_words import SENSORS, long_column, roles_of
from edge_agent.imports.fields import FIELDS, TIME_FIELDS, current_name, unit_of_field
from edge_agent.imports.guessed_columns import ask_for_systems, guess_shot_and_pour
from edge_agent.imports.proposed import GUESS, LIKELY, SURE, Proposal, Proposed, Rows
from edge_agent.imports.time_forms import has_no_zone, time_form
from edge_agent.mapping.units import UnknownUnit, conversion_between

_BRACKETS = re.compile(r"[\[(]([^\])]+)[\])]")
_SPLIT = re.compile(r"[_\s.]+")
_LIKELY_UNITS = {
    "°C": ((250.0, 420.0, "K"),),
    "kg": ((50.0, 1e6, "g"),),
    "bar": ((500.0, 60_000.0, "mbar"), (60_000.0, 1e8, "Pa")),
    "kg/m³": ((0.01, 2.0, "g/cm³"),),
    "%": ((0.0, 1.0, "1"),),
    "s": ((1.0, 25.0, "min"), (25_000.0, 1e7, "ms")),
}
"""By the unit of the field: medians that speak for another one."""


def propose(names: Sequence[str], rows: Rows, systems: Collection[str] | None = None) -> Proposal:
    """Say what the columns of a table may be.

    Args:
        names: of the columns.
        rows: some rows, as they are.
        systems: ids of the catalogue; None: not looked at.
    """
    found = Proposal([])
    of = {name: [row.get(name) for row in rows if _is_there(row.get(name))] for name in names}
    found.decimal = _decimal(of)
    long = _long_columns(names, of)
    taken: dict[str, Proposed] = {}
    for name in names:
        if name in long.values():
            continue
        one = _column(name, of[name], found)
        if one.field is not None and one.field in taken:
            other = taken[one.field]
            words = f"{one.field} may be {other.name} or {name}: {other.name} is taken"
            other.open.append(words)
            one.field, one.reasons = None, [words]
        elif one.field is not None:
            taken[one.field] = one
        found.columns.append(one)
    if systems is not None:
        ask_for_systems(found.of("system_id"), of, systems)
    if not long:
        guess_shot_and_pour(found, of, len(rows))
        for one in found.columns:
            if one.field is not None and one.field not in FIELDS:
                one.reasons.append(f"it may be {one.field}, which is a reading over time: series")
                one.field = None
    else:
        _as_long(found, long, of, rows, names)
    return found


def _is_there(cell: object) -> bool:
    return cell is not None and not (isinstance(cell, str) and not cell.strip())


def _decimal(of: Mapping[str, list[Any]]) -> str:
    texts = [cell for values in of.values() for cell in values if isinstance(cell, str)]
    commas = sum(bool(re.fullmatch(r"-?[0-9]+,[0-9]+", text.strip())) for text in texts)
    points = sum(bool(re.fullmatch(r"-?[0-9]+\.[0-9]+", text.strip())) for text in texts)
    return "," if commas > points else "."


def _column(name: str, values: list[Any], found: Proposal) -> Proposed:
    one = Proposed(name)
    exact = current_name(name)
    form = time_form(values)
    numbers = [] if form is not None else _numbers(values, found.decimal)
    kinds = {"time"} if form is not None else {"text", "number"} if numbers else {"text"}
    if not values:
        kinds = {"text", "number", "time"}
    if exact in FIELDS:
        one.field, one.sure, one.reasons = exact, SURE, ["is called as the field"]
    else:
        role = next(roles_of(name, kinds), None)
        if role is None:
            return one
        one.field, one.sure = role.name, LIKELY
        one.reasons = [f"its name says {' and '.join(sorted(role.needs))}"]
    _judge(one, values, numbers, form, found)
    return one


def _judge(
    one: Proposed, values: list[Any], numbers: list[float], form: str | None, found: Proposal
) -> None:
    assert one.field is not None
    unit = unit_of_field(one.field)
    if form is not None:
        found.take_times(form, has_no_zone(values, form))
    elif one.field in TIME_FIELDS and not values:
        one.open.append("no value to look at: is it a moment, and in which time_zone?")
    elif unit is not None:
        _judge_unit(one, numbers, unit)
    elif one.field == "mold_id" and numbers:
        one.options["prefix"] = "M-"
        one.open.append('the names of the molds in the twin: names: {"1": PANEL_A}')
    elif one.field in {"shot_id", "mold_id", "system_id", "press"}:
        wrong = next((text for text in map(str, values) if not is_identifier(text.strip())), None)
        if wrong is not None:
            one.open.append(f"{wrong[:30]!r} is no id: map it by names")


def _judge_unit(one: Proposed, numbers: list[float], unit: str) -> None:
    said = _unit_in(one.name, unit)
    if said is not None:
        one.sure = SURE
        one.reasons.append(f"its unit is {said}, by its name")
        if conversion_between(said, unit)(1.0) != 1.0 or conversion_between(said, unit)(0.0) != 0.0:
            one.unit = said
        return
    if not numbers:
        one.open.append(f"no value to look at: is it {unit}?")
        return
    middle = median(numbers)
    for low, high, other in _LIKELY_UNITS.get(unit, ()):
        if low <= abs(middle) <= high:
            one.unit, one.sure = other, GUESS
            one.reasons.append(f"values about {middle:g} speak for {other}")
            return
    one.reasons.append(f"values about {middle:g} fit {unit}")


def _unit_in(name: str, wanted: str) -> str | None:
    """The unit that ends a name, where it is of the right quantity."""
    bracket = _BRACKETS.search(name)
    words = _SPLIT.split(name.strip())
    ends = [bracket[1]] if bracket else ["/".join(words[-2:]), words[-1]] if words[1:] else []
    for word in ends:
        with suppress(UnknownUnit):
            conversion_between(word, wanted)
            return word
    return None


def _numbers(values: list[Any], mark: str) -> list[float]:
    """The numbers of a column, if most cells are."""
    found = []
    for value in values:
        with suppress(ValueError):
            number = cells.number(value, mark)
            if number is not None:
                found.append(number)
    return found if 2 * len(found) > len(values) else []


def _long_columns(names: Sequence[str], of: Mapping[str, list[Any]]) -> dict[str, str]:
    """Columns of the long form: signal, value, perhaps unit; empty for a wide table."""
    found: dict[str, str] = {}
    for name in names:
        what = long_column(name)
        if what is not None and what not in found:
            found[what] = name
    by_name = found.pop("name", None)
    if by_name is not None:
        found.setdefault("signal", by_name)
    if not {"signal", "value"} <= found.keys():
        return {}
    said = {str(one) for one in of[found["signal"]]}
    return found if 2 * len(said) <= len(of[found["signal"]]) else {}


def _as_long(
    found: Proposal,
    long: Mapping[str, str],
    of: Mapping[str, list[Any]],
    rows: Rows,
    names: Sequence[str],
) -> None:
    found.form, found.signal, found.value = "long", long["signal"], long["value"]
    shot = found.of("shot_id")
    found.time = found.of("poured_at") or next(
        (one for one in found.columns if one.field is None and _is_time(one.name)), None
    )
    if found.time is not None and found.time.field == "poured_at":
        found.time.field = None
    elif found.time is not None:
        unit = _unit_in(found.time.name, "s")
        found.time.unit = unit or "s"
        if unit is None:
            found.time.open.append("the unit of the times: nothing says it")
    by_signal: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_signal.setdefault(str(row.get(found.signal)).strip(), []).append(row)
    taken = set[str]()
    for name, of_signal in by_signal.items():
        values = [row.get(found.value) for row in of_signal if _is_there(row.get(found.value))]
        one = _signal(name, values, of_signal, long.get("unit"), found)
        shots = {row.get(shot.name) for row in of_signal} if shot is not None else {None}
        many = len(of_signal) > 2 * len(shots)
        if one.field is not None and (
            one.field in taken or many != (one.field in SENSORS and many)
        ):
            one.reasons.append("not used: several may be this, or it has readings over time")
            one.field = None
        if one.field is not None:
            taken.add(one.field)
        one.options["is_sensor"] = many
        found.signals.append(one)


def _is_time(name: str) -> bool:
    words = [word.casefold() for word in _SPLIT.split(name)]
    return any(
        word in {"t", "time", "zeit", "sekunde", "sec", "ms"} or "zeit" in word for word in words
    )


def _signal(
    name: str, values: list[Any], rows: Rows, unit_column: str | None, found: Proposal
) -> Proposed:
    one = _column(name, values, Proposal([], decimal=found.decimal))
    if unit_column is None or one.field is None:
        return one
    wanted = unit_of_field(one.field)
    said = next((str(row[unit_column]) for row in rows if _is_there(row.get(unit_column))), None)
    if wanted is not None and said is not None:
        try:
            factor = conversion_between(said, wanted)
        except UnknownUnit as error:
            one.open.append(str(error).partition(";")[0])
        else:
            one.sure = SURE
            one.reasons = [*one.reasons[:1], f"{unit_column} says {said}"]
            one.unit = said if (factor(0.0), factor(1.0)) != (0.0, 1.0) else ""
    return one
