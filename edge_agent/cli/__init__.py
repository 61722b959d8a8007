"""``pur-mold-twin``: each command is a module of this package, imported when it is called."""

from __future__ import annotations

import importlib
import select
from typing import Any

import click

from edge_agent.cli.verbose import add_verbose, verbose_option

COMMANDS = {
    "advice": "Advice to presses as it stands, and what came of it.",
    "agent": "Run the agent beside the press.",
    "broker": "Set up a Mosquitto with certificates and access rules.",
    "build-features": "Join shots, telemetry, simulation and quality into a table to learn from.",
    "calibrate": "Fit a material to its data sheet or to measurements.",
    "check": "The settings in force with their origin, and all that is wrong with them.",
    "compare-shot": "A logged shot beside simulations, before and after a calibration.",
    "check-drift": "Do the shots of now still look like those before?",
    "demo": "Broker, agent and a virtual press on this machine, with a live table.",
    "doctor": "Are broker, database, disk, clock and models as an agent needs them?",
    "gateway": "Let presses in that speak OPC UA, Modbus, Sparkplug, other MQTT or CSV files.",
    "history": "Print what is stored of a shot, or the shots of a mold.",
    "import-logs": "Import shots from databases, CSV, Parquet, REST, with a mapping of columns.",
    "list": "Systems, molds and scenarios, and what each lacks.",
    "models": "Which learned model corrects the physics: list, promote, go back, shadow.",
    "optimize": "Find settings with a shorter cycle that hold in the scatter of production.",
    "parameter-sets": "Which calibration on production each mold uses: list, promote, go back.",
    "record": "Write what travels on topics into a JSON-lines file.",
    "replay": "Publish a logged shot, or a recording, as a press would.",
    "run-sim": "Simulate one scenario.",
    "spool": "Look into the spool of an agent: status, export, verify.",
    "sweep": "Simulate many variations of a shot: distributions and sensitivities.",
    "systems": "Which version of a material system is in use: list, show, promote, go back.",
    "train-ml": "Learn corrections of the physics from a feature set.",
    "validate": "Compare the model with published runs, and write the page.",
    "virtual-plant": "Make thousands of simulated shots with a hidden truth, into a history.",
    "web": "Serve pages for people at the press, and REST for programs.",
}
"""Every command with its line in --help."""


class _Lazy(click.Group):
    """Imports a command when it is called: --help answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"edge_agent.cli.{cmd_name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)
        _prepare(command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; of what nobody foresaw a line is said, not a page.

        ``agent`` and ``gateway`` are left out: nobody can run that night again to see where it
        was.
        """
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if ctx.invoked_subcommand in {"agent", "gateway"} or _reader_left(error):
                raise
            from edge_agent.cli.common import fault

            fault(error)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


def _reader_left(error: Exception) -> bool:
    """Whether nobody reads what is printed any more, as after ``… | head``: click ends quietly."""
    if not isinstance(error, BrokenPipeError):
        return False
    printed = select.poll()
    printed.register(1, 0)
    return any(event & select.POLLERR for _, event in printed.poll(0))


def _prepare(command: click.Command) -> None:
    """Give a command, and those below it, ``--verbose``, an example in one line, and whole words.

    In the list of commands click cuts the first sentence where the line ends.
    """
    add_verbose(command)
    kind, colon, example = (command.epilog or "").partition("Example: ")
    if colon and not kind:
        command.epilog = f"\b\nExample:\n  {example}"
    for below in getattr(command, "commands", {}).values():
        below.short_help = " ".join((below.help or "").partition("\n\n")[0].split())
        _prepare(below)


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[verbose_option()],
    epilog="\b\nExample:\n  pur-mold-twin run-sim -s rigid_panel",
)
@click.version_option(package_name="pur-mold-twin", prog_name="pur-mold-twin")
def main() -> None:
    """Digital twin beside the polyurethane press: when can this mold be opened?"""
