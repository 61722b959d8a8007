"""Places in foreign JSON, and segments of topics: ``zones[0].value``, ``$topic[1]``.

place  = "" | "$topic[" number "]" | step { step }
step   = name | "." name | "[" number "]" | '["' text '"]'
name   = letters, digits, "_" and "-"; other names are written ["Mold Temp. 1"]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

STEPS_MAX = 32
_SHOWN = 60
_TOPIC = re.compile(r"\$topic\[([0-9]{1,3})\]")
_STEP = re.compile(r'(?:(\.?)([\w-]+)|\[([0-9]{1,6})\]|\["((?:[^"\\]|\\["\\])*)"\])')


class NotThere(ValueError):
    """A document does not have the place; the message says where it ends."""


@dataclass(frozen=True, slots=True)
class JsonPlace:
    """A value within a document; without steps the document itself."""

    steps: tuple[str | int, ...]

    def find(self, document: object) -> object:
        """The value there.

        Raises:
            NotThere: there is none.
        """
        for at, step in enumerate(self.steps):
            if isinstance(step, int):
                if not isinstance(document, list):
                    raise NotThere(f"{self._words(at)} is {kind_of(document)}, no array")
                if step >= len(document):
                    raise NotThere(f"{self._words(at)} has {len(document)} entries, no [{step}]")
                document = document[step]
            else:
                if not isinstance(document, dict):
                    raise NotThere(f"{self._words(at)} is {kind_of(document)}, no object")
                if step not in document:
                    names = ", ".join(list(document)[:5])[:_SHOWN]
                    raise NotThere(f"{self._words(at)} has no {step[:_SHOWN]!r} (it has {names})")
                document = document[step]
        return document

    def _words(self, count: int) -> str:
        return path_text(self.steps[:count]) or "the message"


@dataclass(frozen=True, slots=True)
class TopicSegment:
    """A level of the topic, from 0."""

    level: int


Place = JsonPlace | TopicSegment


def parse_place(text: str) -> Place:
    """The place that a text names.

    Raises:
        ValueError: it is none; the message shows where it ends.
    """
    if found := _TOPIC.fullmatch(text):
        return TopicSegment(int(found[1]))
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or (found[2] is not None and (found[1] == ".") is not bool(steps)):
            shown = f"{text[:at][-_SHOWN:]}▸{text[at : at + _SHOWN]}"
            raise ValueError(
                f'{shown!r} is no place: write zones[0].value, ["Mold Temp"] or $topic[1]'
            )
        if found[3] is not None:
            steps.append(int(found[3]))
        else:
            steps.append(found[2] or re.sub(r"\\(.)", r"\1", found[4]))
        at = found.end()
    if len(steps) > STEPS_MAX:
        raise ValueError(f"has {len(steps)} steps, more than {STEPS_MAX}")
    return JsonPlace(tuple(steps))


def path_text(steps: Sequence[str | int]) -> str:
    """The text of a place, as ``parse_place`` reads it."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[\w-]+", step):
            text += f".{step}" if text else step
        else:
            quoted = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{quoted}"]'
    return text


def kind_of(value: object) -> str:
    """The kind of a JSON value, with its article."""
    kinds = {bool: "true or false", str: "a text", list: "an array", dict: "an object"}
    return "null" if value is None else kinds.get(type(value), "a number")


def check_filter(text: str) -> str:
    """A topic filter of MQTT 5.0 section 4.7, unchanged.

    Raises:
        ValueError: it is none.
    """
    levels = text.split("/")
    for at, level in enumerate(levels):
        if ("+" in level and level != "+") or ("#" in level and level != "#"):
            raise ValueError(f"{text[:_SHOWN]!r}: + and # stand for whole levels: a/+/b, a/#")
        if level == "#" and at < len(levels) - 1:
            raise ValueError(f"{text[:_SHOWN]!r}: # stands at the end only: a/#")
    if "\0" in text or text.startswith("$share/"):
        raise ValueError(f"{text[:_SHOWN]!r}: no U+0000, and no shared subscription")
    return text
