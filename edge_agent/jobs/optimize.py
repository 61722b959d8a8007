"""The job ``optimize``: the shortest safe cycle of a mold, or the choice between goals."""

from __future__ import annotations

import asyncio
import json

from pydantic_core import to_json

from edge_agent.config.catalogue import Catalogue, read_catalogue
from edge_agent.config.settings import CatalogueSettings, HistorySettings
from edge_agent.jobs.job_work import Document, JobWork
from edge_agent.what_if.optimization_task import CONFIG, asks_history, task_of_document
from edge_agent.what_if.plant_facts import facts_in, of_catalogue, with_facts, without_plant
from edge_agent.what_if.process import compile_apart
from twin_core.optimization.result import OptimizationResult, Progress
from twin_core.optimization.run import optimize
from twin_core.optimization.task import OptimizationTask
from twin_core.optimization.words import basis_words, binding_words, gain_words, way_words
from twin_core.scenario import Quality


def run(work: JobWork) -> Document:
    """Optimise what was asked, with the plant's catalogue.

    Raises:
        InputError: the task is wrong, or today's shot cannot be simulated.
    """
    settings = work.settings
    folders = CatalogueSettings.model_validate(settings["catalogue"])
    by_mold = {
        mold_id: Quality.model_validate(one) for mold_id, one in settings["quality_by_mold"].items()
    }
    catalogue = read_catalogue(folders, Quality.model_validate(settings["quality"]), by_mold)
    task = with_plant(task_of_document(work.asked, catalogue), work, catalogue)
    compile_apart(folders.systems)

    def tell(now: Progress) -> None:
        best = None if now.best is None else _finite(dict(now.best))
        work.progress(now.done, now.of, best, now.phase)
        if now.done:  # before, there is nothing that could be of use
            work.partial(lambda: _document(now.partial()))

    found = optimize(task, progress=tell, cancelled=work.cancelled)
    return _document(found)


def with_plant(task: OptimizationTask, work: JobWork, catalogue: Catalogue) -> OptimizationTask:
    """The task with what the plant's history knows of its mold.

    What was learned counts for a mold and a system of the catalogue; scatter and today's opening
    where they are asked for and not stated. What does not count is said in the task.
    """
    if "history" not in work.settings:
        return task
    scatter = asks_history(work.asked.get(CONFIG))
    if why := of_catalogue(task.scenario, catalogue):
        return with_facts(task, without_plant(why, scatter=scatter))
    history = HistorySettings.model_validate(work.settings["history"])
    of_task = task.scenario, task.parameter_set
    return with_facts(task, asyncio.run(facts_in(history, *of_task, scatter=scatter)))


def _document(found: OptimizationResult) -> Document:
    """The result, and what it says in words: gain, why not shorter, what is in the way."""
    words = {
        "basis": list(basis_words(found)),
        "gain": list(gain_words(found)),
        "why_not_shorter": list(binding_words(found)),
        "in_the_way": list(way_words(found)),
    }
    return found.as_dict() | {"words": words}


def _finite(document: Document) -> Document:
    """The document with null for what is no finite number."""
    found: Document = json.loads(to_json(document, inf_nan_mode="null"))
    return found
