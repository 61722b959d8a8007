"""``pur-mold-twin doctor``: is everything that an agent stands on as it must be?"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import config_option

if TYPE_CHECKING:
    from edge_agent.doctor.checkup import Finding

WIDTH = 80
EXAMPLE = """\b
Examples:
  pur-mold-twin doctor -c /etc/pur-mold-twin/agent.yaml
  pur-mold-twin doctor --output json

Run it as the user of the agent, with its certificate; an agent may run meanwhile. It publishes one
empty message per press (…/twin/doctor), writes and removes one small file beside the spool, and
changes nothing else. Ends with 0 when there is no problem, else with 1.
"""


@click.command("doctor", epilog=EXAMPLE)
@config_option
@click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="What to print.",
)  # fmt: skip
def command(config: Path, output: str) -> None:
    """Look at broker, rights, database, disk, spool, clock, models and ports.

    Each line is ok, a warning (it works, or it is not known) or a problem, with the way out.
    Every check has a time limit.
    """
    from edge_agent.doctor.all_checks import examine

    found = []
    for finding in examine(config):
        found.append(finding)
        if output == "table":
            click.echo(_lines(finding))
    problems = sum(finding.status == "problem" for finding in found)
    if output == "json":
        findings = [vars(finding) for finding in found]
        click.echo(json.dumps({"ok": not problems, "findings": findings}, indent=2))
    else:
        warnings = sum(finding.status == "warning" for finding in found)
        click.echo(f"problems: {problems}, warnings: {warnings}")
    sys.exit(1 if problems else 0)


def _lines(finding: Finding) -> str:
    """A finding in lines of 80 columns."""
    head, indent = f"{finding.status:8} {finding.subject:13} ", " " * 23
    text = textwrap.fill(
        " ".join(finding.words.split()), WIDTH, initial_indent=head, subsequent_indent=indent
    )
    if finding.way_out and finding.status != "ok":
        way_out = f"→ {finding.way_out}"
        text += "\n" + textwrap.fill(
            way_out, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  "
        )
    return text
