"""Tables and paragraphs on the terminal; without one, 80 columns wide."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Literal

import click

WIDTH = 80
_WHOLE = 10_000


def print_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Sequence[str] = (),
    folds: Sequence[str] = (),
    whole: bool = False,
) -> None:
    """Print columns with their heads above them.

    Args:
        right: heads of the columns that are aligned to the right.
        folds: heads of those that go on in a second line where the terminal is too narrow.
        whole: fold nothing where there is no terminal, so that a program finds it in one line.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False, collapse_padding=True, show_edge=False)
    for name in head:
        justify: Literal["left", "right"] = "right" if name in right else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name not in folds)
    for row in rows:
        table.add_row(*row)
    width = _WHOLE if whole and not sys.stdout.isatty() else None
    Console(highlight=False, markup=False, width=width).print(table)


def say(text: str, indent: str = "") -> None:
    """Print a paragraph, wrapped at blanks; what follows its first line is set in."""
    width = shutil.get_terminal_size((WIDTH, 24)).columns - 1
    click.echo(
        textwrap.fill(
            text,
            width,
            initial_indent=indent,
            subsequent_indent=f"{indent}    ",
            break_on_hyphens=False,
        )
    )
