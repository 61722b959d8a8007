"""YAML 1.2 text as plain data, within bounds: no text hangs, crashes or fills the memory.

Numbers are those of YAML 1.2, where 045 is 45, 1e3 is 1000, and yes and no are texts; PyYAML alone
reads 045 as 37 and 1:30 as 90. What older readers take for another number (1_000) is refused.

A few lines of aliases stand for more values than fit into any memory, and two hundred kilobytes of
brackets overflow the stack of the parser. So the text is walked through once before it is built.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import yaml

BYTES_MAX = 1_000_000
VALUES_MAX = 30_000
"""Keys and values, those that aliases repeat counted each time. A catalogue of thousand molds
has a third of it."""
DEPTH_MAX = 50
DIGITS_MAX = 4300
"""Of an integer; Python reads no longer one."""
MERGE = "tag:yaml.org,2002:merge"
"""Of the key ``<<``, which takes over the fields of another mapping."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where PyYAML came with it: ten times faster."""


def parse_yaml(text: str, values_max: int = VALUES_MAX) -> Any:
    """The one document in a text.

    Args:
        text: the YAML.
        values_max: how many keys and values it may have.

    Raises:
        ValueError: it is no YAML, holds a key twice, or is out of bounds; the message names the
            line.
    """
    try:
        _check_bounds(text, values_max)
        return yaml.load(text, _Reader)
    except yaml.reader.ReaderError as error:
        found = yaml.reader.Reader.NON_PRINTABLE.search(text)
        where = "" if found is None else f"line {text.count(chr(10), 0, found.start()) + 1}: "
        what = "a character" if found is None else f"the character U+{ord(found[0]):04X}"
        raise ValueError(
            f"{where}{what} is none of a text: remove it, or write it in double quotes as "
            f'"\\x{error.character:02x}"'
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f"line {mark.line + 1}: "
        problem = error.problem or error.context or "not YAML"
        context = f", {error.context}" if error.problem and error.context else ""
        raise ValueError(f"{where}{problem}{context}") from None
    except (KeyError, AttributeError):  # of PyYAML, over !!bool x
        raise ValueError("a value does not fit its tag (!!…): leave the tag out") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from None


def _check_bounds(text: str, values_max: int) -> None:
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
        if count > values_max:
            raise ValueError(
                f"line {line}: more than {values_max} keys and values, what aliases (*name) repeat "
                "counted each time: leave out what is not needed"
            )


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """Line of each key, and of each item of a list, by the keys and numbers that lead to it.

    Args:
        text: one that ``parse_yaml`` takes.
    """
    found: dict[tuple[str, ...], int] = {}
    try:
        root = yaml.compose(text, _Reader)
    except yaml.YAMLError:
        return found
    if root is not None:
        _note_lines(root, (), found)
    return found


def _note_lines(node: yaml.Node, place: tuple[str, ...], found: dict[tuple[str, ...], int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag == MERGE:
                for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    _note_lines(part, place, found)
                continue
            here = (*place, str(key.value))
            found[here] = key.start_mark.line + 1
            _note_lines(value, here, found)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            here = (*place, str(number))
            found[here] = item.start_mark.line + 1
            _note_lines(item, here, found)


def dump_yaml(content: Any, **options: Any) -> str:
    """Plain data as YAML text that this and older readers read alike."""
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, **options))


_INT = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_SPACED = re.compile(r"[-+]?(?:0x[0-9a-fA-F_]+|(?:0b)?[0-9][0-9_]*(?:\.[0-9_]*)?)")
_TAG = "tag:yaml.org,2002:"
_QUOTED = {"'", '"', "|", ">"}
_FIRST = list("-+.0123456789tTfF")
"""Characters that a number or a flag begins with."""


class _Reader(_Loader):  # type: ignore[misc]
    """YAML 1.2 scalars; a key that stands twice is an error, not the last one wins."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[Any]]] = {
        first: [item for item in forms if item[0] in {MERGE, _TAG + "null", _TAG + "timestamp"}]
        for first, forms in _Loader.yaml_implicit_resolvers.items()
    }

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

    def construct_yaml_str(self, node: yaml.ScalarNode) -> str:
        text = str(self.construct_scalar(node))
        if "_" in text and node.style not in _QUOTED and _SPACED.fullmatch(text):
            line = node.start_mark.line + 1
            raise yaml.YAMLError(
                f"line {line}: {text} is a number for some readers and a text for others: write "
                f"{text.replace('_', '')}, or put it in quotes"
            )
        return text

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        text = str(self.construct_scalar(node))
        if "_" in text:
            raise ValueError(f"invalid literal for int: {text}: write it without _")
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        try:
            return int(text[2:] if base != 10 else text, base)
        except ValueError:
            if len(text) < DIGITS_MAX:
                raise
        line = node.start_mark.line + 1
        raise yaml.YAMLError(f"line {line}: a number of {len(text)} digits: put a text in quotes")

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        text = str(self.construct_scalar(node))
        if not _FLOAT.match(text):
            raise ValueError(f"invalid literal for float: {text}")
        return float(text.replace(".", "", 1) if text[-1] in "fFnN" else text)


class _Dumper(yaml.SafeDumper):
    """Quotes texts that YAML 1.2 takes for numbers: 12e5."""


for _name, _form in (("int", _INT), ("float", _FLOAT), ("bool", _BOOL)):
    _Reader.add_implicit_resolver(_TAG + _name, _form, _FIRST)
    _Dumper.add_implicit_resolver(_TAG + _name, _form, _FIRST)
for _name in ("str", "int", "float"):
    _Reader.add_constructor(_TAG + _name, getattr(_Reader, f"construct_yaml_{_name}"))
