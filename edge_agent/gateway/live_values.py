"""Values of tags beside what the mapping makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from edge_agent.config.gateway_settings import (
    ChannelFrom,
    Condition,
    GatewaySettings,
    Station,
    TextFrom,
)
from edge_agent.gateway.channels import Channel, channel, channels_of
from edge_agent.gateway.conditions import holds, in_words, value_text
from edge_agent.gateway.looking_on import Seen
from edge_agent.gateway.texts import NoText, named_id, reference_of, text_from
from edge_agent.gateway.uses import Use, uses_of
from edge_agent.links.tag_source import Sample, Value
from edge_agent.mapping.problem import Place

_IDS = {"mold", "system"}


@dataclass(frozen=True, slots=True)
class LiveValue:
    """A tag, its value, and what becomes of it in one place of the mapping."""

    tag: str
    place: Place
    station: str
    name: str
    """What it is used for: ``T_mold_C``, ``poured``; empty where it is not used."""
    raw: str
    """Value as the machine has it."""
    quality: str
    """``good``, or why there is no value."""
    age_s: float | None
    becomes: str
    """What is sent, or what is wrong with it."""
    is_wrong: bool


def live_values(settings: GatewaySettings, seen: dict[str, Seen], now: datetime) -> list[LiveValue]:
    """Every use of a tag with its value, station by station; then tags that are not used.

    Args:
        settings: those of the gateway.
        seen: its sources.
        now: for the age of values.
    """
    found: list[LiveValue] = []
    used: set[str] = set()
    for name, station in settings.stations.items():
        converted = _channels(station)
        for use in uses_of(station, ("stations", name)):
            used.add(use.tag)
            found.append(_of_use(use, name, station, converted, seen, now))
    for source, of in settings.sources.items():
        for tag in of.tags:
            if f"{source}.{tag}" not in used:
                use = Use(f"{source}.{tag}", ("sources", source, "tags", tag), "any", "")
                found.append(_of_use(use, "", None, {}, seen, now))
    return found


def _channels(station: Station) -> dict[str, Channel]:
    found = {one.name: one for one in channels_of(station)}
    if station.shots is not None:
        for name, given in station.shots.recipe.items():
            if isinstance(given, ChannelFrom | str):
                found[f"recipe {name}"] = channel(name, "sensors", given)
    return found


def _of_use(
    use: Use,
    name: str,
    station: Station | None,
    converted: dict[str, Channel],
    seen: dict[str, Seen],
    now: datetime,
) -> LiveValue:
    source, _, tag = use.tag.partition(".")
    sample = seen[source].samples.get(tag)
    quality = _quality(seen[source], sample)
    if sample is None or sample.value is None:
        return LiveValue(
            use.tag, use.place, name, use.name, "", quality, _age_s(sample, now), "",
            is_wrong=True,
        )  # fmt: skip
    words, is_wrong = _becomes(use, station, converted, sample.value)
    return LiveValue(
        use.tag, use.place, name, use.name, value_text(sample.value), quality,
        _age_s(sample, now), words, is_wrong,
    )  # fmt: skip


def _quality(seen: Seen, sample: Sample | None) -> str:
    if seen.error:
        return "no link"
    if sample is None:
        return "nothing came"
    return sample.fault or ("time of arrival" if sample.of_arrival else "good")


def _age_s(sample: Sample | None, now: datetime) -> float | None:
    return None if sample is None else (now - sample.ts).total_seconds()


def _becomes(
    use: Use, station: Station | None, converted: dict[str, Channel], value: Value
) -> tuple[str, bool]:
    """What becomes of a value, and whether that is wrong."""
    if use.name in converted:
        found = converted[use.name].reading(value)
        wrong = isinstance(found, dict)
        return (found["words"] if isinstance(found, dict) else value_text(found)), wrong
    if station is None or not use.name:
        return "", False
    if use.wants == "text":
        return _text(use, station, value)
    return _condition(next(_conditions(use, station), None), value)


def _condition(condition: Condition | None, value: Value) -> tuple[str, bool]:
    if condition is None or condition.when == "changes":
        return ("" if condition is None else in_words(condition)), False
    found = holds(condition, value)
    words = {None: f"{value_text(value)} cannot be compared", True: "yes", False: "no"}[found]
    return f"{in_words(condition)}: {words}", found is None


def _text(use: Use, station: Station, value: Value) -> tuple[str, bool]:
    of_shots = {} if station.shots is None else dict(station.shots)
    given = station.mold if use.name == "mold" else of_shots.get(str(use.place[-2]))
    if not isinstance(given, TextFrom):
        return "", False
    try:
        if use.name in _IDS:
            return named_id(given, value), False
        return reference_of(text_from(given, value)), False
    except NoText as error:
        return str(error), True


def _conditions(use: Use, station: Station) -> Iterator[Condition]:
    """The condition at the place of a use: of an event, or of its ``while``."""
    if station.shots is None or len(use.place) < 4:
        return
    trigger = getattr(station.shots, str(use.place[3]), None)
    if isinstance(trigger, Condition):
        inside = use.place[4:]
        if inside[:1] == ("while",):
            yield trigger.while_[int(inside[1])]  # type: ignore[attr-defined]
        else:
            yield trigger
