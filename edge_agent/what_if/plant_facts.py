"""What a plant knows for an optimisation of one of its molds: calibration, memory, scatter."""

from __future__ import annotations

from typing import Any

from edge_agent.config.catalogue import Catalogue
from edge_agent.config.settings import HistorySettings
from edge_agent.history.read import HistoryReader, open_reader
from edge_agent.what_if.learned_opening import learned_in
from edge_agent.what_if.plant_scatter import scatter_in
from twin_core.calibration.parameter_set import ParameterSet
from twin_core.errors import InputError, TwinError
from twin_core.optimization.draws import ASSUMED
from twin_core.optimization.task import OptimizationTask
from twin_core.scenario import Scenario


def of_catalogue(scenario: Scenario, catalogue: Catalogue) -> str:
    """Why a parameter set of the catalogue is not for a scenario; empty: it is for it.

    The scenario's system and mold must be those of the catalogue, number by number.
    """
    mold_id, system_id = scenario.mold.mold_id, scenario.system.system_id
    if catalogue.molds.get(mold_id) != scenario.mold:
        return f"mold {mold_id} of the scenario is not as in the catalogue"
    system = catalogue.systems.get(system_id)
    if system is None or system.parameters_hash() != scenario.system.parameters_hash():
        return f"system {system_id} of the scenario is not as in the catalogue"
    return ""


def without_plant(why: str, *, scatter: bool) -> dict[str, Any]:
    """Fields of a task that nothing is known of: they say why.

    Args:
        why: as of ``of_catalogue``.
        scatter: it was to be measured.
    """
    found = {"memory_source": f"nothing of the plant counts: {why}"}
    return found | ({"scatter_source": f"{ASSUMED}; {why}"} if scatter else {})


async def facts_in(
    settings: HistorySettings,
    scenario: Scenario,
    parameter_set: ParameterSet | None,
    *,
    scatter: bool,
) -> dict[str, Any]:
    """Fields of a task that a history gives for a mold and a system of the plant.

    What it does not give is said in ``memory_source`` and ``scatter_source``.

    Args:
        parameter_set: that is simulated with.
        scatter: measure scatter and today's opening, too.
    """
    try:
        reader = open_reader(settings)
        try:
            return await facts_of_reader(reader, scenario, parameter_set, scatter=scatter)
        finally:
            await reader.close()
    except TwinError as error:
        found = {"memory_source": f"what was learned is not known: {error}"}
        return found | ({"scatter_source": f"{ASSUMED}; {error}"} if scatter else {})


async def facts_of_reader(
    reader: HistoryReader,
    scenario: Scenario,
    parameter_set: ParameterSet | None,
    *,
    scatter: bool,
) -> dict[str, Any]:
    """The same, of a history that is open.

    Raises:
        StoreError: the history cannot be read.
    """
    mold_id, system = scenario.mold.mold_id, scenario.system
    used = parameter_set or system
    learned = await learned_in(reader, mold_id, system.system_id, used.parameters_hash())
    found = learned.as_fields()
    if not scatter:
        return found
    try:
        return found | await scatter_in(reader, scenario)
    except InputError as error:
        return found | {"scatter_source": f"{ASSUMED}; {error}"}


def with_facts(task: OptimizationTask, facts: dict[str, Any]) -> OptimizationTask:
    """The task with the facts of its plant; what was stated stays."""
    stated = task.model_fields_set
    return task.model_copy(
        update={
            name: value
            for name, value in facts.items()
            if name not in stated and not (name == "scatter_source" and "scatter" in stated)
        }
    )
