"""``pur-mold-twin check``: the settings in force, and everything that is wrong with them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import config_option

if TYPE_CHECKING:
    from edge_agent.config.effective import Setting
    from edge_agent.doctor.configuration import Checked

EXAMPLE = """\b
Examples:
  pur-mold-twin check -c /etc/pur-mold-twin/agent.yaml
  TWIN_BROKER__PORT=8883 pur-mold-twin check --changed
  pur-mold-twin check --output json

Later origins count: default, the file, sites/SITE.yaml beside it, the environment.
Ends with 0 when an agent can start with it, 2 when something is wrong.
"""


@click.command("check", epilog=EXAMPLE)
@config_option
@click.option("--changed", is_flag=True, help="Print only settings that are not the default.")
@click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="What to print.",
)  # fmt: skip
def command(config: Path, changed: bool, output: str) -> None:
    """Print each setting with its value and origin, and ALL problems.

    Certificates, secrets, systems and molds are read; nothing is connected to (see
    `pur-mold-twin doctor`). Secrets are not shown. Run it as the user of the agent.
    """
    from edge_agent.doctor.configuration import check_configuration

    checked = check_configuration(config)
    shown = [one for one in checked.effective if one.origin != "default" or not changed]
    if output == "json":
        click.echo(_as_json(checked, shown))
    else:
        _print(checked, shown, config)
    sys.exit(2 if checked.problems else 0)


def _as_json(checked: Checked, shown: list[Setting]) -> str:
    settings = [vars(one) for one in shown]
    return json.dumps({"problems": checked.problems, "settings": settings}, indent=2)


def _print(checked: Checked, shown: list[Setting], config: Path) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    if shown:
        table = Table(box=box.SIMPLE, pad_edge=False)
        for name in ("setting", "value", "origin"):
            table.add_column(name, overflow="fold", ratio=None)
        files = {str(file): str(number) for number, file in enumerate(checked.files, start=1)}
        for one in shown:
            table.add_row(one.field, one.value, _short_origin(one.origin, files))
        Console(highlight=False, markup=False).print(table)
        for file, number in files.items():
            click.echo(f"file {number}: {file}")
    for problem in checked.problems:
        click.echo(f"problem: {problem}")
    if checked.hint:
        click.echo(f"  → {checked.hint}")
    count = len(checked.problems)
    words = {0: "nothing is wrong", 1: "1 problem"}.get(count, f"{count} problems")
    click.echo(f"{config}: {words}")


def _short_origin(origin: str, files: dict[str, str]) -> str:
    if origin in files:
        return f"file {files[origin]}"
    return origin.removeprefix("environment: ")
