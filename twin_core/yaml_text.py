"""YAML text as plain data, within bounds: no text makes a program hang, fill the memory or crash.

A few lines of aliases stand for more values than fit into any memory, and two hundred kilobytes of
brackets overflow the stack of the parser. So the text is walked through once before it is built.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

BYTES_MAX = 1_000_000
VALUES_MAX = 30_000
"""Keys and values, those that aliases repeat counted each time. A catalogue of thousand molds
has a third of it."""
DEPTH_MAX = 50
MERGE = "tag:yaml.org,2002:merge"
"""Of the key ``<<``, which takes over the fields of another mapping."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where PyYAML came with it: ten times faster."""


def parse_yaml(text: str) -> Any:
    """The one document in a text.

    Raises:
        ValueError: it is no YAML, holds a key twice, or is out of bounds; the message names the
            line.
    """
    try:
        _check_bounds(text)
        return yaml.load(text, _NoDuplicates)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f"line {mark.line + 1}: "
        problem = error.problem or error.context or "not YAML"
        context = f", {error.context}" if error.problem and error.context else ""
        raise ValueError(f"{where}{problem}{context}") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from None


def _check_bounds(text: str) -> None:
    if tag := re.search(r"^%TAG", text, re.MULTILINE):  # thousands of them take the parser hours
        line = text.count("\n", 0, tag.start()) + 1
        raise ValueError(f"line {line}: %TAG is not taken here: write plain values")
    count = 0
    sizes: dict[str, int] = {}
    """Values under each anchor that is complete."""
    open_: list[tuple[str | None, int]] = []
    """Anchor of each list or mapping around, and ``count`` before it."""
    for event in yaml.parse(text, _Loader):
        line = event.start_mark.line + 1  # type: ignore[union-attr]
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise ValueError(f"line {line}: *{event.anchor} stands for nothing before it")
            count += sizes[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor is not None:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        if len(open_) > DEPTH_MAX:
            raise ValueError(f"line {line}: nested deeper than {DEPTH_MAX} levels")
        if count > VALUES_MAX:
            raise ValueError(
                f"line {line}: more than {VALUES_MAX} keys and values, what aliases (*name) repeat "
                "counted each time: split the file, or write out what is needed"
            )


class _NoDuplicates(_Loader):  # type: ignore[misc]
    """A key that stands twice is an error, not the last one wins."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, (str, int)) and key in seen:
                line = key_node.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: {key!r} stands twice")
            seen.add(key if isinstance(key, (str, int)) else id(key_node))
        return dict(super().construct_mapping(node, deep))
