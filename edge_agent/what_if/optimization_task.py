"""Tasks of an optimisation as documents: a scenario and how it is to be optimised.

The names of the first generation are taken, too: ``optimizer_config`` with ``samples``, ``seed``,
``t_cycle_max`` and ``bounds`` of two values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_agent.config.catalogue import Catalogue
from edge_agent.what_if.documents import scenario_of_document, set_for
from twin_core.calibration.parameter_set import calibrated
from twin_core.checked_yaml import parse
from twin_core.errors import InputError
from twin_core.optimization.prepare import changed, prepared
from twin_core.optimization.quality_bounds import bounds_of_quality
from twin_core.optimization.task import OptimizationTask
from twin_core.optimization.variables import SETTINGS, setting_name, usual_bounds
from twin_core.scenario import Scenario
from twin_core.shipped_files import configs_folder

CONFIG = "optimizer_config"
"""Field with everything that is not of the scenario."""
HISTORY = "history"
"""Field of it: whether scatter and today's opening are measured in the history."""
OF_THE_PLANT = ("parameter_set", "memory_factor", "memory_source")
"""Fields of a task that nobody asks for: the plant's catalogue and history have them."""
CANDIDATES_MAX, DRAWS_MAX, CONFIRM_DRAWS_MAX = 5_000, 1_024, 20_000
"""Of one job: it would run for days."""


def task_of_document(document: Mapping[str, Any], catalogue: Catalogue) -> OptimizationTask:
    """The task that a document describes, checked as far as that goes without a simulation.

    Args:
        document: a scenario as for ``scenario_of_document``, and perhaps ``optimizer_config``.
        catalogue: systems, molds and quality limits of the plant.

    Raises:
        InputError: each line names a wrong field.
    """
    content = dict(document)
    config = content.pop(CONFIG, None)
    config = {} if config is None else config
    if not isinstance(config, Mapping):
        raise InputError(f"scenario: {CONFIG}: must be an object with samples, goals, bounds …")
    config = dict(config)
    asks_history(config)
    config.pop(HISTORY, None)
    for name in OF_THE_PLANT:
        if name in config:
            raise InputError(f"{CONFIG}: {name}: is taken from the plant: leave it out")
    scenario = scenario_of_document(content, catalogue)
    used = set_for(document, scenario, catalogue)
    calibrated(scenario, used)
    content = _with_usual_bounds(_of_today(config), scenario)
    preset = document.get("quality")
    if not content.get("variables") and isinstance(preset, str):
        content |= bounds_of_quality(configs_folder() / "quality" / f"{preset}.yaml")
    task = parse(OptimizationTask, {**content, "scenario": scenario, "parameter_set": used}, CONFIG)
    for name, value, most in (
        ("candidates", task.candidates, CANDIDATES_MAX),
        ("draws", task.draws, DRAWS_MAX),
        ("confirm_draws", task.confirm_draws, CONFIRM_DRAWS_MAX),
    ):
        if value > most:
            raise InputError(f"{CONFIG}: {name}: {value} are too many for a job: at most {most}")
    if scenario.mold.open:
        raise InputError("scenario: mold: an open cup has nothing to open: choose a closed mold")
    for count in range(len(task.changes) + 1):
        prepared(task, *changed(task, count), task.draws)
    return task


def asks_history(config: Mapping[str, Any] | None) -> bool:
    """Whether scatter and today's opening are to be measured in the history.

    Raises:
        InputError: it is neither true nor false.
    """
    asked = (config or {}).get(HISTORY)
    if asked not in (None, True, False):
        raise InputError(f"{CONFIG}: {HISTORY}: {asked!r} must be true or false")
    return bool(asked)


def _of_today(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a task, from those of the first generation where they are given."""
    found = dict(config)
    if "scenario" in found:
        raise InputError(f"{CONFIG}: scenario: it stands beside, not in {CONFIG}")
    for name in ("t_cycle_max", "t_cycle_max_s"):
        if name in found:
            limits = found.get("constraints")
            limits = {} if limits is None else limits
            if not isinstance(limits, Mapping):
                raise InputError(f"{CONFIG}: constraints: must be an object")
            found["constraints"] = {**limits, "t_cycle_max_s": found.pop(name)}
    if "bounds" in found:
        if "variables" in found:
            raise InputError(f"{CONFIG}: bounds: is the older name of variables: give only one")
        found["variables"] = found.pop("bounds")
    return found


def _with_usual_bounds(config: dict[str, Any], scenario: Scenario) -> dict[str, Any]:
    """Bounds that are null, or an end of them, are the usual ones around the value of today."""
    variables = config.get("variables")
    if not isinstance(variables, Mapping):
        return config
    found = {}
    for name, given in variables.items():
        one = {} if given is None else given
        if isinstance(one, Mapping) and (one.get("low") is None or one.get("high") is None):
            known = _usual(scenario, str(name))
            known = _not_below_step(str(name), known, one.get("step"))
            one = {**known, **{key: value for key, value in one.items() if value is not None}}
        found[name] = one
    return config | {"variables": found}


def _not_below_step(name: str, known: dict[str, Any], step: object) -> dict[str, Any]:
    """Usual bounds that are nearer than a step are a step wider at either end."""
    wide = known["high"] - known["low"]
    if isinstance(step, bool) or not isinstance(step, (int, float)) or not 0.0 < wide < step:
        return known
    about = SETTINGS[setting_name(name)]
    low, high = max(known["low"] - step, about.least), min(known["high"] + step, about.most)
    return known | {"low": low, "high": high}


def _usual(scenario: Scenario, name: str) -> dict[str, Any]:
    try:
        return usual_bounds(scenario, setting_name(name)).model_dump()
    except KeyError:
        words = f"{CONFIG}: variables: {name}: this scenario has no such setting: give its bounds"
        raise InputError(words) from None
    except ValueError as error:
        raise InputError(f"{CONFIG}: variables: {error}") from None
