"""Options of ``optimize`` -> a task."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin_core.errors import InputError

if TYPE_CHECKING:
    from edge_agent.cli.optimize_plant import Plant
    from twin_core import Scenario
    from twin_core.optimization.task import OptimizationTask

_PLAIN = {
    "hours_per_year": "hours_per_year",
    "t_open_today": "t_open_today_s",
    "samples": "samples",
    "candidates": "candidates",
    "draws": "draws",
    "confirm_draws": "confirm_draws",
    "violations": "violations_allowed",
    "seed": "seed",
    "prefer_lower_pressure": "prefer_lower_pressure",
}


def parse_goals(goals: tuple[str, ...], prefer: str | None, knee: bool) -> dict[str, Any]:
    """Goals and weights as they stand in a task; without goals, weights go to those of the file.

    Raises:
        InputError: names the option and what it should look like.
    """
    found = dict[str, Any]()
    weights = {} if prefer is None else _numbers("--prefer", prefer.split(","))
    if goals:
        found["goals"] = list(goals)
    if weights or knee:
        found["prefer"] = weights
    return found


def task_of(
    options: Mapping[str, Any],
    goals: Mapping[str, Any],
    plant: Plant | None = None,
    scenario: Scenario | None = None,
) -> OptimizationTask:
    """The task that options and a file of a task say; options go before the file.

    Args:
        plant: whose calibration and history count.
        scenario: the shot as it is today; None: that of the options or the file.

    Raises:
        InputError: names the option, or file and field.
    """
    from edge_agent.cli.common import with_quality
    from twin_core.checked_yaml import parse, read_yaml
    from twin_core.optimization.task import OptimizationTask

    file: Path | None = options["task_file"]
    content = {} if file is None else read_yaml(file)
    where = "options" if file is None else str(file)
    own = content.pop("scenario", None)
    named = None if scenario is not None else options["scenario"] or own
    scenario = scenario or _scenario(options, named, file, plant)
    content["scenario"] = with_quality(scenario, options["quality"])
    _check_mold(options, scenario.mold.mold_id)
    if options["vary"]:
        content["variables"] = _bounds(options["vary"])
        content.pop("variables_source", None)
    elif not content.get("variables"):
        content |= _bounds_beside_quality(options["quality"], named)
    if plant is not None:
        is_measured = options["history"] is not None and not options["all_molds"]
        content |= plant.fields(content, scatter="scatter" not in content and not is_measured)
    if options["history"] is not None and not options["all_molds"]:
        from edge_agent.cli.optimize_plant import measured

        content |= measured(options["history"], scenario, options["mold_id"])
    if options["scatter"]:
        before = content.get("scatter_source") if "scatter" in content else None
        content["scatter_source"] = "stated" if before is None else f"{before}; some stated"
    for option, name in (("limit", "constraints"), ("scatter", "scatter"), ("price", "prices")):
        given = options["prices" if option == "price" else option]
        if given:
            content[name] = _mapping(content, name, where) | _numbers(f"--{option}", given)
    if options["t_cycle_max"] is not None:
        limits = _mapping(content, "constraints", where)
        content["constraints"] = limits | {"t_cycle_max_s": options["t_cycle_max"]}
    for option, name in _PLAIN.items():
        if options[option] is not None:
            content[name] = options[option]
    content |= goals
    if content.get("prefer") and not content.get("goals"):
        content["goals"] = list(content["prefer"])
    return parse(OptimizationTask, content, where)


def _scenario(
    options: Mapping[str, Any], named: object, file: Path | None, plant: Plant | None
) -> Scenario:
    """The scenario that is named in the options or the file, else the last shot of ``--mold``."""
    from twin_core.files import load_scenario

    if isinstance(named, (str, Path)):
        return load_scenario(named, options["systems"])
    if plant is not None and options["mold_id"] is not None:
        return plant.last_scenario(options["mold_id"])
    raise InputError(
        "optimize: which scenario? give --scenario FILE, or --config with --mold"
        + ("" if file is None else f", or its file or name in {file}: scenario")
    )


def _bounds_beside_quality(quality: Path | None, named: object) -> dict[str, Any]:
    """Bounds that stand beside the limits of ``--quality``, else of the scenario's file."""
    from twin_core.optimization.quality_bounds import bounds_of_quality, bounds_of_scenario

    found = {} if quality is None else bounds_of_quality(quality)
    if not found and isinstance(named, (str, Path)):
        found = bounds_of_scenario(Path(named))
    return found


def _check_mold(options: Mapping[str, Any], own: str) -> None:
    """The mold of the options is that of the scenario, but for shots of a history."""
    given = options["mold_id"]
    if options["history"] is None and given not in (None, own):
        raise InputError(
            f"--mold {given}: the scenario is of mold {own}: leave one of them out, or give the "
            "shots of the other mold with --history"
        )


def _mapping(content: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    found = content.get(name) or {}
    if not isinstance(found, dict):
        raise InputError(f"{where}: {name}: must hold names and numbers")
    return found


def _bounds(given: Iterable[str]) -> dict[str, Any]:
    found = dict[str, Any]()
    for option in given:
        name, _, text = option.partition("=")
        parts = text.split(":")
        try:
            numbers = [_finite(part) for part in parts]
        except ValueError:
            numbers = []
        if name in found:
            raise InputError(f"--vary {option}: {name} is given twice")
        if len(numbers) not in {2, 3} or not name:
            raise InputError(
                f"--vary {option}: write NAME=LOW:HIGH or NAME=LOW:HIGH:STEP, as T_mold_C=35:50"
            )
        found[name] = dict(zip(("low", "high", "step"), numbers, strict=False))
    return found


def _numbers(option: str, given: Iterable[str]) -> dict[str, float]:
    found = dict[str, float]()
    for pair in given:
        name, equals, text = pair.partition("=")
        try:
            value = _finite(text)
        except ValueError:
            value = math.nan
        if not equals or not name or math.isnan(value):
            raise InputError(f"{option} {pair}: write NAME=VALUE, as swell_mm=0.8")
        if name in found:
            raise InputError(f"{option} {pair}: {name} is given twice")
        found[name] = value
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value
