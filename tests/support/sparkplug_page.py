"""The page docs/sparkplug-conformance.md, generated from the markers on tests.

python -m tests.support.sparkplug_page docs/sparkplug-conformance.md
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

COMMAND = "python -m tests.support.sparkplug_page docs/sparkplug-conformance.md"
ROOT = Path(__file__).parents[2]
CONFORMANCE = ROOT / "tests" / "conformance"
MARKER = "sparkplug"
PREFIX = "tck-id-"
PARTS = {
    "intro": "Names of groups, edge nodes and devices",
    "principles": "Principles",
    "case": "Upper and lower case",
    "topic": "Namespace",
    "topics": "Topics, and what is in their messages",
    "message": "Sessions: connect, births, primary host",
    "operational": "Operation: commands, data, ends of sessions",
    "payloads": "Payloads",
    "components": "Components",
    "conformance": "Profiles",
    "host": "STATE of hosts",
}
"""Heading of the assertions whose id begins with a word."""
HEAD = f"""\
# Sparkplug 3.0: each assertion and its test

Generated from the markers on tests by `{COMMAND}`.

The specification numbers its assertions, {{count}} in all. {{tested}} concern an edge node: each
has a test that is run against the agent, its payloads or its topics. {{not_ours}} do not, and the
last table says why. None is open: the suite fails when one is in neither table, in both, or when
this page is not what the markers say. What the agent does with Sparkplug is in
[sparkplug](sparkplug.md).
"""


class Table(NamedTuple):
    """What is known of the assertions."""

    ids: list[str]
    """All of the specification, in its order."""
    tests: dict[str, list[str]]
    """``path::name`` of the tests of an id."""
    not_ours: dict[str, str]
    """Why an id does not concern the agent."""

    @property
    def open(self) -> list[str]:
        """Ids without a test and without a reason."""
        return [one for one in self.ids if one not in self.tests and one not in self.not_ours]


def gather() -> Table:
    """Read the list, the reasons and the markers of all tests."""
    ids = (CONFORMANCE / "sparkplug_assertions.txt").read_text(encoding="utf-8").split()
    tests: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if f"mark.{MARKER}" in text:
            for name, marked in marks(text):
                tests.setdefault(marked, []).append(f"{path.relative_to(ROOT).as_posix()}::{name}")
    reasons = {}
    for group in yaml.safe_load(
        (CONFORMANCE / "sparkplug_not_ours.yaml").read_text(encoding="utf-8")
    ):
        for one in group["ids"]:
            if one in reasons:
                raise ValueError(f"{one} is in the list of reasons twice")
            reasons[one] = " ".join(group["why"].split())
    return Table(ids, tests, reasons)


def marks(source: str) -> Iterator[tuple[str, str]]:
    """Names of the tests of a source and the ids that they are marked with.

    Raises:
        ValueError: a marker has something else than texts; the page is made without running it.
    """
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for one in node.decorator_list:
            if isinstance(one, ast.Call) and ast.unparse(one.func) == f"pytest.mark.{MARKER}":
                for argument in one.args:
                    if not isinstance(argument, ast.Constant) or one.keywords:
                        raise ValueError(f"{node.name}: the ids of {MARKER} stand there as texts")
                    yield node.name, argument.value


def render(table: Table) -> str:
    """The page."""
    tested = [one for one in table.ids if one in table.tests]
    head = HEAD.format(count=len(table.ids), tested=len(tested), not_ours=len(table.not_ours))
    lines = [head]
    for word, heading in PARTS.items():
        rows = [one for one in tested if _word(one) == word]
        if rows:
            lines += [f"## {heading}", "", "| assertion | tests |", "|---|---|"]
            lines += [f"| `{one}` | {_links(table.tests[one])} |" for one in rows]
            lines.append("")
    lines += ["## What does not concern an edge node", "", "| assertion | why |", "|---|---|"]
    lines += [f"| `{one}` | {table.not_ours[one]} |" for one in table.ids if one in table.not_ours]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the page; 2 if the command is not right, 1 if an assertion is open."""
    if len(arguments) != 1:
        print(f"usage: {COMMAND}", file=sys.stderr)
        return 2
    table = gather()
    Path(arguments[0]).write_text(render(table), encoding="utf-8")
    for one in table.open:
        print(f"open: {one}", file=sys.stderr)
    return 1 if table.open else 0


def _word(assertion: str) -> str:
    return assertion.removeprefix(PREFIX).partition("-")[0]


def _links(tests: list[str]) -> str:
    found = []
    for one in tests:
        path, _, name = one.partition("::")
        found.append(f"[`{name}`](../{path})")
    return ", ".join(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
