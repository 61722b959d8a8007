"""A page as one HTML file that loads nothing: inline style, pictures as data URIs, no script."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

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

STYLE = Path(__file__).with_name("style.css")


def html(page: Page, address: Callable[[Plot], str]) -> str:
    """The page; ``address`` gives the picture of a plot, as a data URI."""
    body = [f"<h1>{escape(page.title)}</h1>", *(_block(block, address) for block in page.lead)]
    for section in page.sections:
        blocks = "\n".join(_block(block, address) for block in section.blocks)
        body.append(f"<section>\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>")
    return HEAD.format(
        title=escape(page.title),
        style=STYLE.read_text(encoding="utf-8"),
        body="\n".join(body),
    )


HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""  # noqa: E501


def inline(words: Words) -> str:
    """Words, names and links inside a line."""
    if isinstance(words, tuple):
        return "".join(_inline(part) for part in words)
    return _inline(words)


def _inline(part: Inline) -> str:
    if isinstance(part, Code):
        return f"<code>{escape(part.words)}</code>"
    if isinstance(part, Link):
        return f'<a href="{escape(part.target)}">{escape(part.words)}</a>'
    return escape(part)


def _block(block: Block, address: Callable[[Plot], str]) -> str:
    if isinstance(block, Text):
        return f"<p>{inline(block.words)}</p>"
    if isinstance(block, Items):
        return "<ul>\n" + "\n".join(f"<li>{inline(i)}</li>" for i in block.items) + "\n</ul>"
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, SideBySide):
        tables = "\n".join(_table(table) for table in block.tables)
        return f'<div class="beside">\n{tables}\n</div>'
    if isinstance(block, Cards):
        return _cards(block)
    assert isinstance(block, Plots)
    figures = "\n".join(_figure(plot, address) for plot in block.plots)
    return f'<div class="plots">\n{figures}\n</div>'


def _figure(plot: Plot, address: Callable[[Plot], str]) -> str:
    title, caption = escape(plot.title), escape(plot.caption)
    return (
        f"<figure>\n<figcaption><b>{title}.</b> {caption}</figcaption>\n"
        f'<img src="{escape(address(plot))}" alt="{title}: {caption}">\n</figure>'
    )


def _cards(block: Cards) -> str:
    cards = "\n".join(
        f'<div class="card {card.tone}"><span>{escape(card.label)}</span>'
        f"<strong>{escape(card.value)}</strong><small>{escape(card.note)}</small></div>"
        for card in block.cards
    )
    return f'<div class="cards">\n{cards}\n</div>'


def _table(table: Table) -> str:
    classes = [' class="number"' if name in table.numeric else "" for name in table.columns]
    head = "".join(
        f"<th{kind}>{escape(name)}</th>" for name, kind in zip(table.columns, classes, strict=True)
    )
    rows = "\n".join(
        "<tr>"
        + "".join(f"<td{kind}>{inline(c)}</td>" for c, kind in zip(row, classes, strict=True))
        + "</tr>"
        for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>\n" if table.caption else ""
    return f'<div class="table"><table>\n{caption}<tr>{head}</tr>\n{rows}\n</table></div>'
