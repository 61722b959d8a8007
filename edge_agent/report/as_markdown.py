"""A page as Markdown (GitHub's: tables)."""

from __future__ import annotations

import re
from collections.abc import Callable

from edge_agent.report.content import (
    Block,
    Cards,
    Code,
    Inline,
    Items,
    Link,
    Page,
    Plots,
    SideBySide,
    Table,
    Text,
    Words,
)
from edge_agent.report.plot import Plot

SPECIAL = re.compile(r"[\\`*#\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
AT_START = re.compile(r"^(\s*\d*)([>+=.)-])")
"""What would make a paragraph a list, a quotation or a rule."""


def markdown(page: Page, address: Callable[[Plot], str]) -> str:
    """The page; ``address`` says where the picture of a plot is (a path, or a data URI)."""
    parts = [f"# {inline(page.title)}", *(_block(block, address) for block in page.lead)]
    for section in page.sections:
        parts.append(f"## {inline(section.title)}")
        parts.extend(_block(block, address) for block in section.blocks)
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(words: str) -> str:
    """Words that Markdown shows as they are, on one line."""
    flat = " ".join(words.replace("&", "&amp;").replace("<", "&lt;").split())
    keep = words[:1].isspace() * " ", words[-1:].isspace() * " "  # beside a name or a link
    return keep[0] + SPECIAL.sub(lambda found: "\\" + found[0], flat) + keep[1]


def inline(words: Words) -> str:
    """Words, names and links inside a line."""
    if isinstance(words, tuple):
        return "".join(_inline(part) for part in words)
    return _inline(words)


def _inline(part: Inline) -> str:
    if isinstance(part, Code):
        flat = " ".join(part.words.split())
        fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", flat)), default=0))
        edge = " " if "`" in flat else ""
        return f"{fence}{edge}{flat}{edge}{fence}"
    if isinstance(part, Link):
        return f"[{escape(part.words)}]({part.target})"
    return escape(part)


def _block(block: Block, address: Callable[[Plot], str]) -> str:
    if isinstance(block, Text):
        return AT_START.sub(r"\1\\\2", inline(block.words))
    if isinstance(block, Items):
        return "\n".join("- " + AT_START.sub(r"\1\\\2", inline(item)) for item in block.items)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, SideBySide):
        return "\n\n".join(_table(table) for table in block.tables)
    if isinstance(block, Cards):
        rows = [(card.label, card.value, card.note) for card in block.cards]
        return _table(Table.of("at a glance|value|", rows))
    assert isinstance(block, Plots)
    return "\n\n".join(
        f"**{escape(plot.title)}.** {escape(plot.caption)}\n\n"
        f"![{escape(plot.title)}]({address(plot)})"
        for plot in block.plots
    )


def _table(table: Table) -> str:
    lines = [_line([escape(name) for name in table.columns])]
    lines.append(_line(["---:" if name in table.numeric else "---" for name in table.columns]))
    lines.extend(_line([_cell(cell) for cell in row]) for row in table.rows)
    caption = f"{escape(table.caption)}\n\n" if table.caption else ""
    return caption + "\n".join(lines)


def _cell(words: Words) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", inline(words))  # a bar in a name, too, ends a cell


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cell.strip() for cell in cells)} |"
