"""Uses of tags in a station: where in the mapping, and as what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from edge_agent.config.gateway_settings import ChannelFrom, Condition, Shots, Station, TextFrom
from edge_agent.mapping.problem import Place

Wants = Literal["number", "state", "text", "truth", "limit", "any"]


@dataclass(frozen=True, slots=True)
class Use:
    """Use of a tag."""

    tag: str
    """``plc.mold_temperature``."""
    place: Place
    """Where it stands in the mapping."""
    wants: Wants
    """What its value must be: of a reading, a state, a text, or a condition on a truth value, on a
    limit, or on any value."""
    name: str
    """For what, in words: ``T_mold_C``, ``poured``, ``mold``."""
    is_reading: bool = False
    """It is sent in frames."""


def uses_of(station: Station, here: Place) -> Iterator[Use]:
    """Uses of tags in a station.

    Args:
        station: the station.
        here: its place in the mapping.
    """
    for part, channels in (("sensors", station.sensors), ("metrics", station.metrics)):
        for name, given in channels.items():
            yield _number(given, (*here, part, name), name, is_reading=True)
    for name, tag in station.status.items():
        yield Use(tag, (*here, "status", name), "state", name, is_reading=True)
    yield from _text(station.mold, (*here, "mold"), "mold")
    if station.shots is not None:
        yield from _of_shots(station.shots, (*here, "shots"))


def tags_of_shots(station: Station) -> set[str]:
    """Tags that the events of a station's shots are read from."""
    return {use.tag for use in uses_of(station, ()) if not use.is_reading}


def _of_shots(shots: Shots, here: Place) -> Iterator[Use]:
    if shots.id.tag is not None:
        yield Use(shots.id.tag, (*here, "id", "tag"), "any", "shot id")
    for event in ("started", "poured", "demolded", "aborted"):
        trigger = getattr(shots, event)
        if trigger is None:
            continue
        yield _condition(trigger, (*here, event), event)
        for number, condition in enumerate(trigger.while_):
            yield _condition(condition, (*here, event, "while", number), f"{event} while")
    for name, given in shots.recipe.items():
        if not isinstance(given, int | float):
            yield _number(given, (*here, "recipe", name), f"recipe {name}")
    yield from _text(shots.system_id, (*here, "system_id"), "system")
    for name in ("order_id", "lot_polyol", "lot_isocyanate", "lot_additives"):
        yield from _text(getattr(shots, name), (*here, name), name)


def _number(given: ChannelFrom | str, place: Place, name: str, is_reading: bool = False) -> Use:
    if isinstance(given, ChannelFrom):
        return Use(given.tag, (*place, "tag"), "number", name, is_reading)
    return Use(given, place, "number", name, is_reading)


def _condition(condition: Condition, place: Place, name: str) -> Use:
    wants: Wants = "any"
    if condition.when in {"rises", "falls"}:
        wants = "truth"
    elif condition.when in {"above", "below"}:
        wants = "limit"
    return Use(condition.tag, (*place, "tag"), wants, name)


def _text(given: TextFrom | str | None, place: Place, name: str) -> Iterator[Use]:
    if isinstance(given, TextFrom):
        yield Use(given.tag, (*place, "tag"), "text", name)
