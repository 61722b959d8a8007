"""Foreign MQTT messages become samples: places in their JSON, and segments of their topics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import NoReturn

from edge_agent.config.gateway_sources import MqttSource
from edge_agent.config.json_path import JsonPlace, NotThere, Place, kind_of, parse_place
from edge_agent.links.foreign_filters import (
    matches,
    number_of,
    subscription_of,
    subscriptions,
)
from edge_agent.links.foreign_times import read_time
from edge_agent.links.publish_packet import Incoming
from edge_agent.links.tag_source import Sample, Value

PAYLOAD_MAX = 1_000_000
"""Bytes of a message that is read; a larger one is the fault of its tags."""
TEXT_MAX = 1000
"""Characters of a text that is a value."""
TOPICS_KEPT = 10_000
_INT_MAX = 2**63 - 1
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class _Rule:
    """Where a tag stands, in which messages."""

    tag: str
    levels: tuple[str, ...]
    number: int
    """Of the subscription by which its messages come."""
    place: Place
    where: tuple[tuple[Place, str | int | float | bool], ...]


@dataclass(frozen=True, slots=True)
class _Text:
    """A payload that is no JSON, and why."""

    text: str | None
    """None: nor text."""
    problem: str


class MessageReader:
    """Reads messages by the tags of a source."""

    def __init__(self, settings: MqttSource) -> None:
        """Prepare the places of all tags."""
        topics = subscriptions(tag.topic for tag in settings.tags.values())
        self._rules = [
            _Rule(
                name,
                tuple(tag.topic.split("/")),
                number_of(subscription_of(tag.topic, topics)),
                parse_place(tag.path),
                tuple((parse_place(path), value) for path, value in tag.where.items()),
            )
            for name, tag in settings.tags.items()
        ]
        self._time = parse_place(settings.time_path) if settings.time_path else None
        self._time_unit = settings.time_unit
        self._by_topic: dict[str, list[_Rule]] = {}

    def read(self, message: Incoming, arrived: datetime, *, backlog: bool) -> Iterator[Sample]:
        """Samples of a message, one for each tag that it is about.

        Args:
            message: as it came.
            arrived: when.
            backlog: the broker kept it while we were away.
        """
        rules = self._rules_of(message.topic)
        if message.subscriptions:  # it comes once for each of them, or once for all
            rules = [rule for rule in rules if rule.number in message.subscriptions]
        if not rules:
            return
        levels = message.topic.split("/")
        document = parse_payload(message.payload)
        ts, problem = self._time_of(levels, document, arrived)
        of_arrival = self._time is None or bool(problem)
        for rule in rules:
            value, fault = None, problem
            try:
                if not all(_is(levels, document, place, want) for place, want in rule.where):
                    continue
                if not problem:
                    value = _value_of(_find(levels, document, rule.place))
            except NotThere as error:
                fault = str(error)
            yield Sample(
                rule.tag,
                ts,
                value,
                fault,
                of_arrival=of_arrival,
                historical=backlog or message.retained,
                unknown_age=message.retained and of_arrival,
            )

    def _rules_of(self, topic: str) -> list[_Rule]:
        rules = self._by_topic.get(topic)
        if rules is None:
            if len(self._by_topic) >= TOPICS_KEPT:
                self._by_topic.clear()
            levels = topic.split("/")
            rules = [rule for rule in self._rules if matches(rule.levels, levels)]
            self._by_topic[topic] = rules
        return rules

    def _time_of(
        self, levels: list[str], document: object, arrived: datetime
    ) -> tuple[datetime, str]:
        if self._time is None:
            return arrived, ""
        try:
            return read_time(_find(levels, document, self._time), self._time_unit), ""
        except ValueError as error:  # or NotThere, which is one
            return arrived, f"time_path: {error}"


def parse_payload(payload: bytes) -> object:
    """The JSON of a payload; a ``_Text`` that says why where it is none."""
    if len(payload) > PAYLOAD_MAX:
        return _Text(None, f"the message has {len(payload)} bytes, more than {PAYLOAD_MAX}")
    if not payload:
        return _Text(None, "the message is empty")
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _Text(None, f"the message is no JSON: {payload[:_SHOWN]!r} is no UTF-8")
    try:
        document: object = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        return _Text(None, "the message is no JSON that ends: arrays in arrays")
    except ValueError as error:
        return _Text(text, f"the message is no JSON: {error}")
    return document


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _find(levels: list[str], document: object, place: Place) -> object:
    if not isinstance(place, JsonPlace):
        if place.level >= len(levels):
            raise NotThere(f"the topic has {len(levels)} levels, no $topic[{place.level}]")
        return levels[place.level]
    if isinstance(document, _Text):
        if place.steps or document.text is None:
            raise NotThere(document.problem)
        return document.text
    return place.find(document)


def _is(levels: list[str], document: object, place: Place, wanted: object) -> bool:
    """Does a place hold what is wanted? What is not there does not; true is not 1."""
    if not isinstance(place, JsonPlace):
        return place.level < len(levels) and levels[place.level] == str(wanted)
    if isinstance(document, _Text):
        raise NotThere(document.problem)
    try:
        found = place.find(document)
    except NotThere:
        return False
    return isinstance(found, bool) is isinstance(wanted, bool) and found == wanted


def _value_of(found: object) -> Value:
    """A value that a sample can carry.

    Raises:
        NotThere: why it is none.
    """
    match found:
        case bool():
            return found
        case int() if abs(found) <= _INT_MAX:
            return found
        case float() if isfinite(found):
            return found
        case int() | float():
            raise NotThere("a number beyond 64 bits")
        case str() if len(found) <= TEXT_MAX and found.isprintable():
            return found
        case str():
            raise NotThere(
                f"{found[:_SHOWN]!r}: a text with line breaks, or longer than {TEXT_MAX}"
            )
        case _:
            raise NotThere(f"{kind_of(found)}, where a number or text should be")
