"""The YAML of a gateway: read, checked as a whole, and every problem told with its line."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from broker.ids import is_identifier
from edge_agent.config.gateway_settings import GatewaySettings
from edge_agent.errors import SettingsError
from edge_agent.gateway.field_problems import SECRETS, field_problems, place_of
from edge_agent.gateway.mapping_checks import NOTHING, UNUSED, contradictions
from edge_agent.gateway.problem import Lines, Place, Problem, nearest
from twin_core.checked_yaml import mapping_in
from twin_core.errors import InputError
from twin_core.plain_files import read_text
from twin_core.yaml_text import key_lines

PASSWORD = "TWIN_GATEWAY_PASSWORD_"
"""Before the name of a source, in capitals: the variable that holds its password."""
_OF_BROKER = {"password": "TWIN_BROKER__PASSWORD", "session_secret": "TWIN_BROKER__SESSION_SECRET"}
BYTES_MAX, VALUES_MAX = 10_000_000, 300_000
"""Of a file, in bytes, and in keys and values: some sources of 5,000 tags with their stations."""
_ROUNDS_MAX = 30
_STAND_INS = {"site": "site", "press": "press", "mold": "mold", "system_id": "system"}
"""For needed ids that are wrong, so that the rest can be checked."""
_TAGS = {
    "opcua": {"node": "i=2258"},
    "modbus": {"address": 0},
    "mqtt": {"topic": "#"},
    "sparkplug": {"metric": "metric"},
    "folder": {"column": "time"},
}
"""By the kind of a source, for one that has no tags yet."""
_STATIONS = {"station": {"press": "press", "mold": "mold", "status": {}}}
"""For a file that has none yet."""


@dataclass(frozen=True)
class CheckedMapping:
    """A mapping that was looked at."""

    settings: GatewaySettings | None
    """None: it cannot be used."""
    problems: list[str] = field(default_factory=list)
    """Each with file, line, field, and the way out."""
    notes: list[str] = field(default_factory=list)
    """What is worth a look."""
    lines: Lines = field(default_factory=lambda: Lines(Path(), {}))
    hint: str = ""
    """Way out where the file cannot be read."""


def load_gateway(path: Path) -> GatewaySettings:
    """Settings of a gateway from its YAML; passwords come from the environment.

    Args:
        path: the file.

    Raises:
        SettingsError: one line per problem.
    """
    checked = check_mapping(path)
    if checked.settings is None or checked.problems:
        hint = checked.hint or f"pur-mold-twin gateway check --config {path} looks at all of it"
        raise SettingsError("\n".join(checked.problems), hint=hint)
    return checked.settings


def load_sources(path: Path) -> GatewaySettings:
    """The sources of a gateway's YAML that is not finished: it may lack stations, and tags.

    Args:
        path: the file.

    Returns:
        Settings without stations; a source without tags has none, one of foreign topics all topics.

    Raises:
        SettingsError: one line per problem; what is wrong with stations is none here.
    """
    try:
        text = read_text(path, BYTES_MAX)
        content = mapping_in(text, path, VALUES_MAX)
    except InputError as error:
        raise SettingsError(str(error), hint=error.hint) from None
    lines = Lines(path, key_lines(text))
    found = list(_secrets(content))
    environment = _passwords(content)
    without = set()
    for name, source in _mapping(content.get("sources")).items():
        if isinstance(source, dict) and not source.get("tags"):
            without.add(name)
            source["tags"] = {"tag": _TAGS.get(str(source.get("kind")), {})}
    content |= {"site": content.get("site", "plant1"), "stations": _STATIONS}
    settings, wrong = _usable(content, lines)
    problems = [*(lines.words(one) for one in (*found, *wrong)), *environment]
    if problems:
        raise SettingsError("\n".join(dict.fromkeys(problems)))
    sources = {
        name: source.model_copy(update={"tags": {}})
        if name in without and source.kind != "mqtt"
        else source
        for name, source in settings.sources.items()
    }
    return settings.model_copy(update={"sources": sources, "stations": {}})


def press_of(path: Path) -> str | None:
    """The press of the first station of a YAML that is not finished; None if there is none.

    Args:
        path: the file.

    Raises:
        InputError: it cannot be read.
    """
    for station in _mapping(
        mapping_in(read_text(path, BYTES_MAX), path, VALUES_MAX).get("stations")
    ).values():
        press = _mapping(station).get("press")
        return press if isinstance(press, str) and is_identifier(press) else None
    return None


def problems_of(path: Path) -> list[str]:
    """Everything that is wrong with a mapping, each with file, line, field, and the way out.

    Args:
        path: the file.
    """
    return check_mapping(path).problems


def check_mapping(path: Path) -> CheckedMapping:
    """Read a mapping as the gateway would, and go on after the first problem.

    Args:
        path: the file.
    """
    try:
        text = read_text(path, BYTES_MAX)
        content = mapping_in(text, path, VALUES_MAX)
    except InputError as error:
        return CheckedMapping(None, problems=str(error).splitlines(), hint=error.hint)
    lines = Lines(path, key_lines(text))
    found = list(_secrets(content))
    environment = list(_passwords(content))
    usable, wrong_fields = _usable(content, lines)
    settings = None if wrong_fields else usable
    found += wrong_fields
    found += contradictions(usable, _tags(content))
    wrong = [problem for problem in found if not problem.is_note]
    wrong.sort(key=lambda problem: lines.line(problem.place) or 0)
    if settings is None:
        found = [one for one in found if one.words not in {UNUSED, NOTHING}]  # for what was wrong
    return CheckedMapping(
        settings if not wrong else None,
        list(dict.fromkeys([*(lines.words(one) for one in wrong), *environment])),
        list(dict.fromkeys(lines.words(one) for one in found if one.is_note)),
        lines,
    )


def _secrets(content: Mapping[str, Any]) -> list[Problem]:
    """Secrets that stand in the file."""
    sections: dict[Place, Any] = {("broker",): content.get("broker")}
    for name, source in _mapping(content.get("sources")).items():
        sections["sources", name] = source
        sections["sources", name, "broker"] = _mapping(source).get("broker")
    found = []
    for place, section in sections.items():
        for secret in sorted(SECRETS & _mapping(section).keys()):
            variable = _OF_BROKER[secret] if place == ("broker",) else _variable(str(place[1]))
            words = f"not in this file: use {secret}_file, or the variable {variable}"
            found.append(Problem((*place, secret), words))
    return found


def _variable(source: str) -> str:
    return PASSWORD + source.upper()


def _passwords(content: dict[str, Any]) -> list[str]:
    """Put passwords of the environment in; words about those that nothing asks for."""
    broker = content.get("broker", {})
    if isinstance(broker, dict):
        given = {name: os.environ[one] for name, one in _OF_BROKER.items() if one in os.environ}
        if given:
            content["broker"] = {**broker, **given}
    sources = _mapping(content.get("sources"))
    variables = {_variable(str(name)): name for name in sources}
    problems = []
    for variable in sorted(os.environ):
        if not variable.startswith(PASSWORD):
            continue
        name = variables.get(variable)
        if name is None:
            short = variable.removeprefix(PASSWORD)
            problems.append(
                f"environment: {variable}: there is no source {short.lower()}: "
                f"{nearest(short, map(str, sources))}"
            )
            continue
        source = sources[name]
        if isinstance(source, dict):
            inside = source.get("broker") if source.get("kind") in {"mqtt", "sparkplug"} else source
            if isinstance(inside, dict):
                inside["password"] = os.environ[variable]
    return problems


def _tags(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Tags of the file by source."""
    sources = _mapping(content.get("sources"))
    return {
        str(name): {str(tag): of for tag, of in _mapping(_mapping(source).get("tags")).items()}
        for name, source in sources.items()
    }


def _usable(content: Mapping[str, Any], lines: Lines) -> tuple[GatewaySettings, list[Problem]]:
    """Settings without the fields that are wrong, for further checks, and what is wrong with these.

    Some fields are looked at only when others are right, so this takes several rounds.
    """
    rest = copy.deepcopy(dict(content))
    found: list[Problem] = []
    removed: set[Place] = set()
    for _ in range(_ROUNDS_MAX):
        try:
            return GatewaySettings.model_validate(rest), found
        except ValidationError as error:
            for problem in field_problems(error, lines, GatewaySettings):
                around = problem.place
                if not any(gone[: len(around)] == around for gone in removed):
                    found.append(problem)
            places = {place_of(item, lines) for item in error.errors(include_url=False)}
        for place in sorted(places, key=len, reverse=True):
            stand_in = _STAND_INS.get(str(place[-1]) if place else "")
            if stand_in is not None and place not in removed:
                _put(rest, place, f"{stand_in}-{len(removed)}")
            else:
                _remove(rest, place)
            removed.add(place)
    return GatewaySettings.model_construct(site="site", sources={}, stations={}), found


def _put(content: Any, place: Place, value: str) -> None:
    for part in map(str, place[:-1]):
        inside = _mapping(content)
        content = next((inside[key] for key in inside if str(key) == part), None)
    if isinstance(content, dict):
        content[place[-1]] = value


def _remove(content: Any, place: Place) -> None:
    """Remove what stands at a place, or what is around it: a list, or what lacks it."""
    around: list[tuple[dict[Any, Any], Any]] = []
    for part in map(str, place):
        inside = _mapping(content)
        key = next((key for key in inside if str(key) == part), None)
        if key is None:
            break
        around.append((inside, key))
        content = inside[key]
    if around:
        inside, key = around[-1]
        del inside[key]


def _mapping(value: object) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}
