"""The shell commands of a page of the docs, in the order in which they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = {
    "./twin",
    "pur-mold-twin",
    "/opt/pur-mold-twin/bin/pur-mold-twin",
    "/opt/pur-mold-twin/bin/pip",
    "TWIN_EXTRAS=timescale,ml",
    "deploy/compose/make_secrets.py",
    *"cp docker install kubectl mosquitto_pub mosquitto_sub pip python python3 systemctl".split(),
}
"""First words of a command; a block that begins with one of them holds commands only."""


@dataclass(frozen=True)
class Command:
    """A command and where it stands."""

    page: str
    line: int
    text: str
    """Without its comment; a command over several lines is one."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def commands_of(path: Path) -> list[Command]:
    """Every command of a page, from indented and from fenced blocks.

    Raises:
        AssertionError: a block of commands holds a line that begins with no known program.
    """
    found = []
    for block in _blocks(path.read_text(encoding="utf-8").splitlines()):
        if block[0][1].split()[0] not in PROGRAMS:
            continue  # output, a configuration, a program
        for number, text in _joined(block):
            command = Command(path.name, number, re.sub(r"\s+#(\s.*)?$", "", text).strip())
            assert text.split()[0] in PROGRAMS, f"{command}: which program is this?"
            found.append(command)
    return found


def _blocks(lines: list[str]) -> Iterator[list[tuple[int, str]]]:
    block: list[tuple[int, str]] = []
    fenced = False
    for number, line in enumerate([*lines, ""], start=1):
        if line.startswith("```"):
            fenced = not fenced
        elif line.strip() and (fenced or line.startswith("    ")):
            block.append((number, line.strip()))
            continue
        if block:
            yield block
        block = []


def _joined(block: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    begun: tuple[int, str] | None = None
    for number, text in block:
        first, before = begun or (number, "")
        begun = None
        if text.endswith("\\"):
            begun = first, before + text[:-1]
        else:
            yield first, before + text
