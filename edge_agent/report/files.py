"""Write a page into one file; the suffix of its name decides the form."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from edge_agent.report.as_html import html
from edge_agent.report.as_markdown import markdown
from edge_agent.report.content import Page
from edge_agent.report.drawing import need_matplotlib, png, svg
from edge_agent.report.plot import Plot
from twin_core import InputError

SUFFIXES = (".html", ".md")


def check_report_file(path: Path) -> None:
    """Say early what would go wrong when the report is written.

    Raises:
        InputError: the suffix says no known form.
        MissingExtra: matplotlib is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        forms = " or ".join(SUFFIXES)
        raise InputError(f"{path}: a report ends in {forms}, not {path.suffix!r}: rename it")
    need_matplotlib()


def page_text(page: Page, suffix: str) -> str:
    """The page as one self-contained text: pictures are inside it."""
    if suffix.lower() == ".html":
        return html(page, _svg_uri)
    return markdown(page, _png_uri)


def _svg_uri(plot: Plot) -> str:
    return "data:image/svg+xml;base64," + b64encode(svg(plot)).decode()


def _png_uri(plot: Plot) -> str:
    return "data:image/png;base64," + b64encode(png(plot)).decode()
