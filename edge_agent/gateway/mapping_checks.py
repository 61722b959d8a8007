"""Problems of a mapping although every field is right for itself: names, units, ranges, order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from broker.ids import ID_LIMIT, identifier_fault, is_identifier
from broker.messages.bad_set_points import SET_POINTS
from broker.messages.recipe import MASSES
from broker.near_names import meant_sensor
from edge_agent.config.gateway_settings import (
    ChannelFrom,
    GatewaySettings,
    Shots,
    Station,
    TextFrom,
)
from edge_agent.config.gateway_sources import ModbusSource, OpcUaSource, SparkplugSource
from edge_agent.gateway.channels import Part, channel
from edge_agent.gateway.problem import Place, Problem, nearest
from edge_agent.gateway.units import UnknownUnit
from edge_agent.gateway.uses import Use, uses_of
from edge_agent.links.opcua_node_ids import node_problems
from twin_core.plausible_ranges import range_of

EVENTS = ("started", "poured", "demolded", "aborted")
UNUSED = "is not used"
NOTHING = "neither readings nor shots: it would send nothing"
SUFFIX_LENGTH = 7
"""Characters that the outbox adds to the name of a device."""


def contradictions(
    settings: GatewaySettings, known: Mapping[str, Mapping[str, Any]]
) -> Iterator[Problem]:
    """Problems and notes of a mapping.

    Args:
        settings: those sources and stations whose fields are right.
        known: all tags of the file by source, of sources with a wrong field, too.
    """
    used: set[str] = set()
    devices: dict[tuple[str, str], str] = {}
    molds: dict[tuple[str, str], str] = {}
    tags = {f"{source}.{tag}" for source, names in known.items() for tag in names}
    for name, station in settings.stations.items():
        here: Place = ("stations", name)
        uses = list(uses_of(station, here))
        used |= {use.tag for use in uses}
        yield from _references(uses, known)
        yield from _types(uses, settings)
        yield from _devices(name, station, [use for use in uses if use.tag in tags], devices)
        yield from _channels(station, here)
        yield from _ids_of(station.mold, (*here, "mold"))
        if isinstance(station.mold, str):
            other = molds.setdefault((station.press, station.mold), name)
            if other != name:
                yield Problem(
                    (*here, "mold"),
                    f"{station.mold} of press {station.press} is the mold of station {other}, too",
                )
        if station.shots is not None:
            yield from _shots(station.shots, (*here, "shots"))
        elif not (station.sensors or station.metrics or station.status):
            yield Problem(here, NOTHING)
    for source, of in settings.sources.items():
        if isinstance(of, OpcUaSource):
            for tag, words in node_problems(of).items():
                yield Problem(("sources", source, "tags", tag, "node"), words)
        elif isinstance(of, SparkplugSource):
            yield from _own_node(source, of, settings)
    for source, names in known.items():
        for tag in names:
            if f"{source}.{tag}" not in used:
                yield Problem(("sources", source, "tags", tag), UNUSED, is_note=True)


def _own_node(name: str, source: SparkplugSource, settings: GatewaySettings) -> Iterator[Problem]:
    """An edge node that is the twin of one of the stations; others of ours their birth tells."""
    presses = {station.press for station in settings.stations.values()}
    if source.group == settings.site and source.edge_node in presses:
        yield Problem(
            ("sources", name, "edge_node"),
            f"{source.group}/{source.edge_node} is the edge node of the twin of this press: what "
            "it says is no reading of a machine",
        )


def _references(uses: list[Use], known: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    for use in uses:
        source, _, tag = use.tag.partition(".")
        if source not in known:
            yield Problem(use.place, f"{use.tag}: there is no source {source}: "
                          f"{nearest(source, known)}")  # fmt: skip
        elif tag not in known[source]:
            yield Problem(use.place, f"{use.tag}: source {source} has no tag {tag}: "
                          f"{nearest(tag, known[source])}")  # fmt: skip


def _types(uses: list[Use], settings: GatewaySettings) -> Iterator[Problem]:
    """Tags of a known type that cannot be what they are used for."""
    for use in uses:
        source, _, name = use.tag.partition(".")
        of = settings.sources.get(source)
        tag = of.tags.get(name) if isinstance(of, ModbusSource) else None
        if tag is None:
            continue
        is_bool = tag.bit is not None or tag.table in {"coil", "discrete"} or tag.type == "bool"
        kind = "true or false" if is_bool else "a text" if tag.type == "text" else ""
        if kind and use.wants == "number":
            yield Problem(use.place, f"{use.tag} is {kind}, and a number belongs here")
        if tag.type == "text" and use.wants in {"truth", "limit"}:
            yield Problem(use.place, f"{use.tag} is a text, and a number or truth value belongs "
                          "here; for a text there are equals and changes")  # fmt: skip


def _devices(
    name: str, station: Station, uses: list[Use], devices: dict[tuple[str, str], str]
) -> Iterator[Problem]:
    device = station.device or name
    sources = list(dict.fromkeys(use.tag.partition(".")[0] for use in uses if use.is_reading))
    found = [device, *(f"{device}-{source}" for source in sources if len(sources) > 1)]
    for one in found:
        other = devices.setdefault((station.press, one), name)
        if other != name:
            place: Place = ("stations", name, *(["device"] if station.device else []))
            yield Problem(place, f"station {other} of press {station.press} has the device {one}, "
                          "too: give one of them another device")  # fmt: skip
            break
    longest = max(found, key=len)
    if len(longest) > ID_LIMIT - SUFFIX_LENGTH:
        yield Problem(("stations", name), f"its device {longest} has {len(longest)} characters, "
                      f"more than {ID_LIMIT - SUFFIX_LENGTH}: give a shorter device")  # fmt: skip
    if len(sources) > 1:
        words = f"its readings are of {len(sources)} sources, each with its own clock"
        names = ", ".join(found[1:])
        yield Problem(("stations", name), f"{words}, so they are sent as {names}", is_note=True)


def _channels(station: Station, here: Place) -> Iterator[Problem]:
    parts: list[tuple[Part, Mapping[str, ChannelFrom | str]]] = [
        ("sensors", station.sensors),
        ("metrics", station.metrics),
    ]
    seen: dict[str, str] = {}
    for part, channels in (*parts, ("status", station.status)):
        for name in channels:
            if name in seen:
                yield Problem((*here, part, name), f"is in {seen[name]}, too: a name stands once")
            seen[name] = part
    for part, channels in parts:
        for name, given in channels.items():
            yield from _channel(name, part, given, (*here, part, name))
    for name in station.sensors:
        if (meant := meant_sensor(name)) is not None:
            yield Problem((*here, "sensors", name), f"is sent under this name, which the twin does "
                          f"not use: is {meant} meant?", is_note=True)  # fmt: skip


def _channel(name: str, part: Part, given: ChannelFrom | str, place: Place) -> Iterator[Problem]:
    if not isinstance(given, ChannelFrom):
        return
    try:
        channel(name, part, given)
    except UnknownUnit as error:
        yield Problem((*place, "unit"), str(error))
    if given.range is None:
        return
    found, (low, high) = range_of(name), given.range
    possible = f"{found.low:g} to {found.high:g} ({found.reason})"
    if high < found.low or low > found.high:
        yield Problem((*place, "range"), f"{low:g} to {high:g} is outside of what is possible, "
                      f"{possible}: is it in the unit of {name}?")  # fmt: skip
    elif low < found.low or high > found.high:
        yield Problem((*place, "range"), f"{low:g} to {high:g} is wider than what is possible, "
                      f"{possible}, which counts", is_note=True)  # fmt: skip


def _shots(shots: Shots, here: Place) -> Iterator[Problem]:
    for event in EVENTS:
        trigger = getattr(shots, event)
        if trigger is None:
            continue
        place = (*here, event)
        if trigger.after == event or (event == "started" and trigger.after is not None):
            words = f"{event} cannot count after {trigger.after} of the same shot"
            yield Problem((*place, "after"), words)
        elif event == "poured" and trigger.after == "poured":
            yield Problem((*place, "after"), "the pour cannot count after itself")
        elif trigger.after is not None and getattr(shots, trigger.after) is None:
            yield Problem((*place, "after"), f"there is no trigger {trigger.after}: add it, or "
                          "leave after away")  # fmt: skip
        if trigger.not_before_s and trigger.after is None:
            yield Problem((*place, "not_before_s"), "counts from the event in after: add after")
        for number, condition in enumerate(trigger.while_):
            if condition.when == "changes":
                yield Problem((*place, "while", number, "when"), "a change does not last: use "
                              "rises (is true, not 0), falls, equals, above or below")  # fmt: skip
    if shots.demolded is None:
        yield Problem(here, "has no trigger demolded: a shot is open until the next pour, and "
                      "when a mold was opened is not learned", is_note=True)  # fmt: skip
    if shots.id.overflow is not None and shots.id.tag is None:
        yield Problem((*here, "id", "overflow"), "is of a counter: add tag, or leave it away")
    yield from _recipe(shots, here)


def _recipe(shots: Shots, here: Place) -> Iterator[Problem]:
    for name, given in shots.recipe.items():
        place = (*here, "recipe", name)
        if isinstance(given, ChannelFrom):
            yield from _channel(name, "sensors", given, place)
        elif not isinstance(given, str):
            found = range_of(name)
            fault = SET_POINTS[name].fault(given) if name in SET_POINTS else None
            if fault is not None:
                yield Problem(place, fault["words"])
            elif name in MASSES and not found.low <= given <= found.high:
                yield Problem(place, f"{given:g} kg: {found.low:g} to {found.high:g} is possible")
            elif name in MASSES[:2] and given == 0:
                yield Problem(place, "0 kg: more than 0 is possible")
    yield from _ids_of(shots.system_id, (*here, "system_id"))


def _ids_of(given: TextFrom | str, place: Place) -> Iterator[Problem]:
    """What a tag is to be named as, and cannot: ids of molds and systems."""
    if not isinstance(given, TextFrom):
        return
    for value, text in given.names.items():
        if not is_identifier(text):
            words = f"{text[:64]!r} is no id, for {given.tag}: {identifier_fault(text)}"
            yield Problem((*place, "names", value), words)
    if given.prefix and not is_identifier(given.prefix):
        words = f"{given.prefix!r} begins no id, for {given.tag}: {identifier_fault(given.prefix)}"
        yield Problem((*place, "prefix"), words)
    if given.names and given.prefix:
        yield Problem((*place, "prefix"), "does not count beside names", is_note=True)
