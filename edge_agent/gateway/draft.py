"""Draft of a mapping as YAML, with a comment wherever a person has to decide."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_agent.config.gateway_settings import CHANNELS_MAX, GatewaySettings
from edge_agent.config.gateway_sources import Source
from edge_agent.gateway.proposal import SURE, Proposed, best
from edge_agent.gateway.tag_words import READINGS
from edge_agent.links.tag_source import FoundTag
from twin_core.yaml_text import dump_yaml

TODO = "TODO"
_MASSES = ("m_polyol_kg", "m_iso_kg")
_IN_RECIPE = ("T_polyol_C", "T_iso_C", "T_mold_C", "T_ambient_C", "RH_ambient_pct")
_SENSORS = tuple(dict.fromkeys(role.name for role in READINGS if role.name not in _MASSES))
_SECRETS: dict[str, Any] = {"password": True, "session_secret": True}
_NOT_TAKEN_OVER: dict[str, Any] = {"sources": True, "stations": True, "broker": _SECRETS}
_ADDRESS = {
    "opcua": "url: opc.tcp://192.168.0.10:4840",
    "modbus": "host: 192.168.0.10",
    "mqtt": "time_path: ''",
    "sparkplug": "group: plant1",
    "folder": "path: var/logger",
}


@dataclass
class DraftSource:
    """A source of a draft."""

    name: str
    kind: str
    items: list[Proposed]
    settings: Source | None = None
    """Its settings, where it is configured already."""


@dataclass
class Draft:
    """A draft, line by line, and what is open."""

    lines: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    """What a person has to decide, in the order of the lines."""

    def add(self, line: str, *open_: str, note: str = "") -> None:
        """Add a line, with what is open about it behind it."""
        self.open += open_
        comment = "; ".join(filter(None, [note, *(f"{TODO} {words}" for words in open_)]))
        comment = "".join(one if one.isprintable() else " " for one in comment)
        self.lines.append(f"{line}  # {comment}" if comment else line)

    @property
    def text(self) -> str:
        """The YAML."""
        return "\n".join(self.lines) + "\n"


def draft(
    sources: list[DraftSource], *, site: str, press: str, settings: GatewaySettings | None = None
) -> Draft:
    """Draft a mapping from what machines offer.

    Args:
        sources: with what each tag may be for.
        site: of the plant.
        press: of the only station.
        settings: of the file whose sources they are; what it sets beside these is taken over,
            its site, too. Secrets are not.
    """
    all_items = [(source, one) for source in sources for one in source.items]
    used = {id(one) for _, one in all_items if one.role is not None}
    found = Draft()
    found.add("# A draft: look at each line, above all at those with TODO; then")
    found.add("# `pur-mold-twin gateway check` says what is wrong, `gateway watch` shows values.")
    if settings is None:
        found.add(f"site: {site}")
    else:
        given = settings.model_dump(mode="json", exclude_unset=True, exclude=_NOT_TAKEN_OVER)
        found.lines += dump_yaml(given, allow_unicode=True).splitlines()
    found.add("sources:")
    for source in sources:
        _source(found, source, used)
    found.add("stations:")
    found.add(f"  {press}:")
    found.add(f"    press: {press}")
    _mold(found, sources)
    _sensors(found, sources)
    _others(found, sources)
    _shots(found, sources)
    return found


def _source(found: Draft, source: DraftSource, used: set[int]) -> None:
    found.add(f"  {source.name}:")
    found.add(f"    kind: {source.kind}")
    if source.settings is None:
        found.add(f"    {_ADDRESS[source.kind]}", "the address of the machine")
        if source.kind == "folder":
            found.add("    time_column: time", "the column of the time")
        if source.kind == "sparkplug":
            found.add("    edge_node: line3", "the edge node of the machine")
    else:
        given = source.settings.model_dump(
            mode="json",
            exclude_unset=True,
            exclude={"kind": True, "tags": True, "password": True, "broker": _SECRETS},
        )
        lines = dump_yaml(given, allow_unicode=True).splitlines() if given else []
        found.lines += [f"    {line}" for line in lines]
    found.add("    tags:")
    for one in source.items:
        if id(one) in used:
            found.add(f"      {one.tag}: {_address(source, one)}", note=_about(one.found))
    rest = [one for one in source.items if id(one) not in used]
    if not len(source.items) - len(rest):
        found.add("      {}", "no name says what a tag is for: choose some of those below")
    if rest:
        found.add("      # not recognized:")
    for one in rest:
        found.add(f"      # {one.tag}: {_address(source, one)}  {_about(one.found)}".rstrip())


def _about(found: FoundTag) -> str:
    """Type, unit and present value, in a comment."""
    words = " ".join(
        filter(None, (found.data_type, found.unit, found.value and f"= {found.value}"))
    )
    printable = "".join(one if one.isprintable() else " " for one in words)
    return " ".join(printable.split())[:60]


def _address(source: DraftSource, one: Proposed) -> str:
    address = one.found.address
    configured = source.settings.tags.get(one.found.name) if source.settings is not None else None
    if source.kind == "modbus":
        if configured is not None:
            fields: Mapping[str, Any] = configured.model_dump(mode="json", exclude_unset=True)
        else:
            table, _, number = address.partition(":")
            fields = {"table": table, "address": int(number) if number.isdigit() else 0}
            if table in {"holding", "input"}:
                fields["type"] = one.found.data_type
    elif source.kind == "mqtt":
        topic, _, path = address.partition(" ")
        fields = {"topic": topic, "path": path} if path else {"topic": topic}
    elif source.kind == "sparkplug":
        device, separator, metric = address.partition("//")
        fields = {"device": device} if device and separator else {}
        fields["metric"] = metric if separator else address
    else:
        fields = {"node" if source.kind == "opcua" else "column": address}
    return "{" + ", ".join(f"{name}: {_scalar(value)}" for name, value in fields.items()) + "}"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and not value.isprintable():
        return '"' + "".join(map(_escaped, value)) + '"'
    if isinstance(value, str):
        plain = value.replace("_", "").isalnum() and not value.isdigit() and value.isascii()
        return (
            value if plain and value.lower() not in _WORDS else "'" + value.replace("'", "''") + "'"
        )
    return json.dumps(value)


def _escaped(character: str) -> str:
    """A character of a text in double quotes."""
    if character.isprintable():
        return f"\\{character}" if character in {'"', "\\"} else character
    return f"\\U{ord(character):08x}"


_WORDS = {"true", "false", "null", "yes", "no", "on", "off"}


def _best(sources: list[DraftSource], name: str) -> list[tuple[str, Proposed]]:
    """References to the tags that may be something, the surest first."""
    items = [one for source in sources for one in source.items]
    of = {id(one): source.name for source in sources for one in source.items}
    return [(f"{of[id(one)]}.{one.tag}", one) for one in best(items, name)]


def _channel(tag: str, one: Proposed) -> str:
    return f"{{tag: {tag}, unit: {_scalar(one.unit)}}}" if one.unit else tag


def _mold(found: Draft, sources: list[DraftSource]) -> None:
    for tag, _ in _best(sources, "mold")[:1]:
        found.add(
            f"    mold: {{tag: {tag}, prefix: M-}}",
            'the names of the molds in the twin: names: {"1": PANEL_A}',
        )
        return
    found.add("    mold: MOLD-1", "the name of the mold in the twin, or the tag that tells it")


def _sensors(found: Draft, sources: list[DraftSource]) -> None:
    lines: list[tuple[str, Proposed]] = []
    for name in _SENSORS:
        number = 0
        for tag, one in _best(sources, name):
            if one.is_set_point:
                continue
            number += 1
            numbered = name if number == 1 else f"{name}.{number}"
            lines.append((f"      {numbered}: {_channel(tag, one)}", one))
    found.add("    sensors:" if lines else "    sensors: {}")
    if len(lines) > CHANNELS_MAX:
        words = f"{len(lines) - CHANNELS_MAX} more may be sensors: a station has {CHANNELS_MAX}"
        found.add("      #", words)
    for line, one in lines[:CHANNELS_MAX]:
        open_ = [*one.open]
        if ".2:" in line:
            open_.append("several may be this: the twin uses the one without a number")
        found.add(line, *open_, note=one.sure)


def _others(found: Draft, sources: list[DraftSource]) -> None:
    points = [
        (tag, one) for name in _SENSORS for tag, one in _best(sources, name) if one.is_set_point
    ]
    if points:
        found.add("    metrics:")
    for tag, one in points[:CHANNELS_MAX]:
        found.add(f"      {one.tag}: {tag}", note="a set point")
    modes = _best(sources, "mode")
    if modes:
        found.add("    status:")
    for tag, one in modes[:CHANNELS_MAX]:
        found.add(f"      {one.tag}: {tag}", note=one.sure)


def _shots(found: Draft, sources: list[DraftSource]) -> None:
    pours = _best(sources, "poured")
    masses = {name: _best(sources, name)[:1] for name in _MASSES}
    lacking = [name for name, tags in masses.items() if not tags]
    if not pours or lacking:
        what = ["a tag that says that it is poured"] if not pours else []
        what += [f"a tag, or a number, for {name}" for name in lacking]
        found.add("    # shots:", f"shots need {' and '.join(what)}: docs/gateway.md")
        found.open.append("without shots the press has to send its events itself")
        return
    found.add("    shots:")
    for tag, one in _best(sources, "id")[:1]:
        bits = {"UInt16": 65_535, "uint16": 65_535, "Int16": 32_767, "int16": 32_767}
        overflow = bits.get(one.found.data_type)
        more = f", overflow: {overflow}" if overflow else ""
        found.add(f"      id: {{tag: {tag}{more}}}", note=one.sure)
    pour = pours[0][0]
    starts = _best(sources, "started")
    start = starts[0][0] if starts else pour
    found.add(f"      started: {{tag: {start}, when: rises}}", "is this where a shot begins?")
    found.add(
        f"      poured: {{tag: {pour}, when: falls, after: started}}",
        "must be the end of the injection",
    )
    for tag, _ in _best(sources, "demolded")[:1]:
        found.add(
            f"      demolded: {{tag: {tag}, when: rises, after: poured, not_before_s: 30}}",
            "is the mold opened then?",
        )
    for tag, _ in _best(sources, "aborted")[:1]:
        found.add(
            f"      aborted: {{tag: {tag}, when: rises, after: started}}",
            "does it end a shot?",
        )
    found.add("      system_id: SYSTEM_R1", "the material system: `pur-mold-twin list systems`")
    for name in ("order_id", "lot_polyol", "lot_isocyanate"):
        for tag, one in _best(sources, name)[:1]:
            found.add(f"      {name}: {{tag: {tag}}}", note=one.sure)
    found.add("      recipe:")
    for line, open_, note in _recipe(sources, masses):
        found.add(line, *open_, note=note)


def _recipe(
    sources: list[DraftSource], masses: Mapping[str, list[tuple[str, Proposed]]]
) -> Iterator[tuple[str, list[str], str]]:
    for name, tags in masses.items():
        for tag, one in tags:
            yield f"        {name}: {_channel(tag, one)}", one.open, one.sure
    for name in _IN_RECIPE:
        for tag, one in sorted(_best(sources, name), key=lambda found: not found[1].is_set_point)[
            :1
        ]:
            sure = one.sure if one.sure != SURE or not one.is_set_point else "a set point"
            yield f"        {name}: {_channel(tag, one)}", [], sure
