"""The plant of an ``optimize``: its catalogue with calibrations, and its history."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from edge_agent.cli.common import history_at
from edge_agent.config.catalogue import Catalogue, load_catalogue
from edge_agent.config.settings import HistorySettings, ShotSettings, load_settings
from edge_agent.history.read import HistoryReader, open_reader
from edge_agent.what_if.last_recipe import last_scenario
from edge_agent.what_if.plant_facts import facts_in, of_catalogue, without_plant
from edge_agent.what_if.plant_scatter import scatter_in
from twin_core.errors import InputError
from twin_core.scenario import Scenario

T = TypeVar("T")


@dataclass(frozen=True)
class Plant:
    """What a configuration of an agent names."""

    catalogue: Catalogue
    history: HistorySettings
    shots: ShotSettings

    def last_scenario(self, mold_id: str) -> Scenario:
        """The newest shot of a mold that can be simulated.

        Raises:
            InputError: there is no such mold, or no such shot.
            StoreError: the history cannot be read.
        """
        if mold_id not in self.catalogue.molds:
            known = ", ".join(sorted(self.catalogue.molds))
            raise InputError(f"--mold {mold_id}: is not in the catalogue (known: {known})")
        return asked(
            self.history, lambda reader: last_scenario(reader, mold_id, self.catalogue, self.shots)
        )

    def fields(self, content: Mapping[str, Any], *, scatter: bool) -> dict[str, Any]:
        """Fields of a task: calibration and memory, and perhaps scatter and today's opening.

        What is not used though it is there is said on stderr.

        Args:
            content: of the task so far, with its ``scenario``; what it has stays.
            scatter: measure it in the history.

        Raises:
            InputError: the task has a parameter set of its own.
        """
        if "parameter_set" in content:
            raise InputError("parameter_set: the task has one, and --config another: give one")
        scenario: Scenario = content["scenario"]
        mold_id, system_id = scenario.mold.mold_id, scenario.system.system_id
        used = self.catalogue.parameter_sets.get((mold_id, system_id))
        why = of_catalogue(scenario, self.catalogue)
        if why:
            what = "what was learned" if used is None else f"calibration {used.set_id}"
            click.echo(f"note: {what} does not count: {why}", err=True)
            facts = without_plant(why, scatter=scatter)
            return {name: value for name, value in facts.items() if name not in content}
        facts = asyncio.run(facts_in(self.history, scenario, used, scatter=scatter))
        return {"parameter_set": used} | {
            name: value for name, value in facts.items() if name not in content
        }


def plant_of(config: Path, history: str | None) -> Plant:
    """The plant of a configuration, perhaps with another history.

    Raises:
        SettingsError, InputError: configuration or catalogue are wrong.
    """
    settings = load_settings(config)
    where = settings.history if history is None else history_at(history)
    return Plant(load_catalogue(settings), where, settings.shots)


def measured(where: str, scenario: Scenario, mold_id: str | None) -> dict[str, Any]:
    """Scatter and today's opening of a mold, as fields of a task.

    Args:
        where: the history.
        scenario: whose material system counts.
        mold_id: in the history; None: that of the scenario.

    Raises:
        StoreError: the history cannot be read.
        InputError: it has too few shots of the mold.
    """
    try:
        found = asked(history_at(where), lambda reader: scatter_in(reader, scenario, mold_id))
    except InputError as error:
        words = str(error) if str(error).startswith("--history") else f"--history {error}"
        raise InputError(words, hint="give another history, or --scatter") from None
    own = scenario.mold.mold_id
    if mold_id not in (None, own):
        click.echo(
            f"note: the shots are of mold {mold_id}, the scenario of {own}: their scatter counts, "
            "when they are opened does not",
            err=True,
        )
    return found


def asked(settings: HistorySettings, ask: Callable[[HistoryReader], Awaitable[T]]) -> T:
    """The answer of a history to a question."""

    async def run() -> T:
        reader = open_reader(settings)
        try:
            return await ask(reader)
        finally:
            await reader.close()

    return asyncio.run(run())
