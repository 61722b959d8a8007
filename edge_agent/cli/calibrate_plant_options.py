"""Options of ``calibrate --production`` and ``--due``."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from edge_agent.cli.values import Age, Moment, Number

F = TypeVar("F", bound=Callable[..., object])
File = click.Path(path_type=Path)
AGE_MAX = timedelta(days=180)

OPTIONS = (
    click.option(
        "--production", is_flag=True,
        help="Fit a system and its molds to shots of production: a new parameter set.",
    ),
    click.option("--due", is_flag=True, help="Say which molds need a calibration, and why."),
    click.option(
        "--history", metavar="FILE|URL", help="Shots of this history. [default: of --config]"
    ),
    click.option("--bundles", type=File, help="Shots of a folder of log bundles."),
    click.option("--config", type=File, help="Agent's YAML: history, catalogue, sets."),
    click.option("--molds", type=File, help="Folder of molds. [default: as build-features]"),
    click.option("--sets", type=File, help="Folder of parameter sets. [default: catalogue]"),
    click.option("--since", type=Moment(), help="Poured then or later: 2026-05-01, 90d back."),
    click.option("--until", type=Moment(), help="Poured before."),
    click.option("--mold", "mold_id", help="Only this mold."),
    click.option("--press", help="Only this press."),
    click.option("--lot", help="Only with this lot of polyol, isocyanate or additives."),
    click.option(
        "--status", type=click.Choice(["OK", "MARGINAL", "FAIL"]),
        help="Only of this quality: predicted of a history, reported of bundles.",
    ),
    click.option(
        "--shots-max", type=click.IntRange(1, 100_000), default=500, show_default=True,
        help="At most so many shots, the newest, evenly over the molds.",
    ),
    click.option(
        "--held-out", type=Number(0, 1, min_open=True, max_open=True), default=0.25,
        show_default=True, help="Share of the shots, the newest, that only judge.",
    ),
    click.option("--fix", multiple=True, help="Number to leave as it is; repeat."),
    click.option(
        "--age-max", type=Age(), default=AGE_MAX, show_default="180d",
        help="With --due: how old the newest shot of a set may be.",
    ),
    click.option(
        "--output", type=click.Choice(["table", "json"]), default="table", show_default=True,
        help="With --production or --due: what to print.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class PlantOptions:
    """Options of both; those of ``OPTIONS`` by their names."""

    production: bool
    due: bool
    history: str | None
    bundles: Path | None
    config: Path | None
    molds: Path | None
    sets: Path | None
    since: datetime | None
    until: datetime | None
    mold_id: str | None
    press: str | None
    lot: str | None
    status: str | None
    shots_max: int
    held_out: float
    fix: tuple[str, ...]
    age_max: timedelta
    output: str

    @property
    def asked(self) -> bool:
        """True if the command is about the shots of a plant."""
        return self.production or self.due


def plant_options(function: F) -> F:
    """``OPTIONS``, as one argument ``plant``."""
    names = PlantOptions.__dataclass_fields__

    @functools.wraps(function)
    def with_plant(**options: Any) -> object:
        return function(plant=PlantOptions(**{n: options.pop(n) for n in names}), **options)

    decorated: Any = with_plant
    for option in reversed(OPTIONS):
        decorated = option(decorated)
    return cast("F", decorated)


def check_plant(plant: PlantOptions, others: dict[str, object]) -> None:
    """Refuse options that do not go together.

    Args:
        others: values of the options of other fits, by name; those that are given count.

    Raises:
        InputError: some do not.
    """
    from twin_core.errors import InputError

    given = [name for name in _given() if name in PlantOptions.__dataclass_fields__]
    if not plant.asked:
        if given:
            raise InputError(f"{_option(given[0])}: goes with --production or --due")
        return
    if plant.production and plant.due:
        raise InputError("--production and --due: give one of them")
    wrong = next((name for name, value in others.items() if value), None)
    if wrong is not None:
        raise InputError(f"{_option(wrong)}: is of another fit: leave it out")
    if plant.due:
        of_fit = ("bundles", "since", "until", "lot", "status", "shots_max", "held_out", "fix")
        wrong = next((name for name in of_fit if name in given), None)
    elif "age_max" in given:
        wrong = "age_max"
    if wrong is not None:
        raise InputError(f"{_option(wrong)}: not with {'--due' if plant.due else '--production'}")
    if plant.history is not None and plant.bundles is not None:
        raise InputError("--history and --bundles: give one of them")
    if plant.history is None and plant.bundles is None and plant.config is None:
        raise InputError("where are the shots? Give --history FILE|URL, --config FILE" + (
            " or --bundles FOLDER" if plant.production else ""
        ))  # fmt: skip
    if plant.since is not None and plant.until is not None and plant.since >= plant.until:
        raise InputError(f"--since {plant.since:%Y-%m-%d} is not before --until")


def check_systems(path: Path | None, *, is_of_plant: bool) -> None:
    """Refuse an agent's configuration in place of systems: elsewhere -c is --config.

    Args:
        path: that is given as systems.
        is_of_plant: --config can be given.

    Raises:
        InputError: it is one.
    """
    from twin_core.checked_yaml import mapping_in
    from twin_core.errors import InputError
    from twin_core.plain_files import read_text
    from twin_core.yaml_text import BYTES_MAX

    if path is None or not path.is_file():
        return
    try:
        keys = mapping_in(read_text(path, BYTES_MAX), path).keys()
    except InputError:
        return  # whoever reads systems says what is wrong
    if "system_id" in keys or not keys & {"agent_id", "presses", "broker", "catalogue", "spool"}:
        return
    way_out = (
        f"write --config {path}" if is_of_plant else "--config goes with --production or --due"
    )
    raise InputError(
        f"{path}: is the configuration of an agent; here -c is --systems, a file or folder of "
        f"systems: {way_out}"
    )


def command_line() -> str:
    """The command as typed; passwords in addresses are left out."""
    from edge_agent.config.database_address import without_password

    ctx = click.get_current_context()
    words = ["pur-mold-twin", "calibrate"]
    for name in _given():
        value = ctx.params[name]
        if value is True:
            words.append(_option(name))
            continue
        for one in value if isinstance(value, tuple) else (value,):
            text = one.isoformat() if isinstance(one, datetime) else str(one)
            words += [_option(name), without_password(text) if "://" in text else text]
    return shlex.join(words)


def _given() -> list[str]:
    """Names of the options that were typed."""
    ctx = click.get_current_context()
    typed = click.core.ParameterSource.COMMANDLINE
    return [name for name in ctx.params if ctx.get_parameter_source(name) == typed]


def _option(name: str) -> str:
    ctx = click.get_current_context()
    return next(one.opts[-1] for one in ctx.command.params if one.name == name)
