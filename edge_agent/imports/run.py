"""Run of an import: from a source into bundles or a history, in batches, with a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Protocol, TextIO

from edge_agent.errors import StoreError, disk_hint
from edge_agent.imports.open_source import shots_of
from edge_agent.imports.report import Report
from edge_agent.imports.settings import Datasource
from edge_agent.imports.source import Problem, ProcessLogSource
from edge_agent.imports.state import ImportState, content_of, name_of
from edge_agent.imports.taken import Taken
from edge_agent.logged_shots.bundle import Bundle
from edge_agent.shots.shot_query import ShotQuery

BATCH = 100
"""Shots that are written, and noted as done, together."""


class Target(Protocol):
    """Where imported shots go."""

    words: str
    needs_time: bool
    """A shot without the time of its pour has no place there."""
    sensors: frozenset[str] | None
    """Sensors that it keeps; None: all."""

    async def put(self, bundles: Iterable[tuple[Bundle, bool]]) -> Taken:
        """Take shots, each with whether it was taken before, with other content.

        Raises:
            StoreError: it does not take them.
        """
        ...

    async def close(self) -> None:
        """Release it."""
        ...


async def import_shots(
    settings: Datasource,
    source: ProcessLogSource,
    query: ShotQuery,
    target: Target,
    state: ImportState,
    problems_path: Path,
    check: Callable[[Bundle, str], Iterable[Problem]],
    unused: Iterable[str] = (),
    progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Import the shots of a source that fit a question.

    Args:
        settings: of the source.
        source: where they come from, and checked.
        query: filters and page.
        target: where they go.
        state: shots that it knows are passed over.
        problems_path: file that gets a JSON line for each problem.
        check: gives more problems of a shot, which is imported all the same.
        unused: what the check of the source has said.
        progress: called now and then with how many shots were read.

    Raises:
        InputError, StoreError: source, target or state cannot be used.
    """
    try:
        problems_path.parent.mkdir(parents=True, exist_ok=True)
        file = problems_path.open("w", encoding="utf-8")
    except OSError as error:
        words = f"{problems_path}: cannot be written: {error.strerror or error}"
        raise StoreError(words, hint=disk_hint(error)) from error
    with file:
        run = _Run(target, state, Report(target.words, problems_file=str(problems_path)), file)
        run.report.unused = list(unused)
        async with aclosing(shots_of(settings, source, query)) as shots:
            async for found in shots:
                run.report.take(found, file)
                if found.bundle is not None:
                    for problem in check(found.bundle, found.where):
                        run.report.tell(problem, file)
                    run.add(found.bundle, found.where)
                if len(run.batch) >= BATCH:
                    await run.put()
                progress(run.report.read_count)
        await run.put()
    return run.report


class _Run:
    """Shots on their way to the target."""

    def __init__(self, target: Target, state: ImportState, report: Report, file: TextIO) -> None:
        self._target, self._state, self.report, self._file = target, state, report, file
        self.batch: dict[str, tuple[Bundle, bool, str]] = {}
        """By their names, each with whether it has changed since it was imported, and its place."""
        self._left_out: set[str] = set()

    def add(self, bundle: Bundle, where: str) -> None:
        """Take a shot, if it is new, has changed, and has a place in the target."""
        if self._target.needs_time and bundle.meta.timestamp_start is None:
            self._refuse(bundle, where, "poured_at", "no time of the pour: a history needs it")
            return
        judged = self._judged(bundle)
        if judged == "done":
            self.report.done_before_count += 1
        elif judged == "repeated":
            self.report.repeated_count += 1
            words = "the same shot again, in every word: it counts once"
            self.report.tell(Problem("unused", where, "", words, bundle.meta.shot_id), self._file)
        elif judged == "contradicts":
            words = "another shot with this id, mold, press and time says something else"
            self._refuse(bundle, where, "", words)
        else:
            self._tell_sensors(bundle, where)
            self.batch[name_of(bundle)] = bundle, judged == "changed", where

    async def put(self) -> None:
        """Give the batch to the target, then note that it is done."""
        if not self.batch:
            return
        shots = self.batch.values()
        taken = await self._target.put([(bundle, changed) for bundle, changed, _ in shots])
        doubtful = {id(bundle): why for bundle, *why in taken.doubtful}
        there = {id(bundle) for bundle in taken.there}
        other = {id(bundle) for bundle in taken.other_readings}
        without = other | {id(bundle) for bundle in taken.has_readings}
        left = doubtful.keys() | other
        self._state.note(bundle for bundle, _, _ in shots if id(bundle) not in left)
        self.report.others.update(taken.counts)
        self.report.there_count += len(there)
        for bundle, changed, where in shots:
            if id(bundle) in doubtful:
                self._refuse(bundle, where, *doubtful[id(bundle)])
                continue
            if id(bundle) in other:
                self._tell_not_written(bundle, where)
            if id(bundle) not in there:
                self.report.imported(bundle, has_readings=id(bundle) not in without)
                self.report.changed_count += changed
        self.batch.clear()
        self._file.flush()

    def _judged(self, bundle: Bundle) -> str:
        waiting = self.batch.get(name_of(bundle))
        if waiting is None:
            return self._state.judge(bundle)
        return "repeated" if content_of(waiting[0]) == content_of(bundle) else "contradicts"

    def _refuse(self, bundle: Bundle, where: str, column: str, words: str) -> None:
        problem = Problem("refused", where, column, words, bundle.meta.shot_id)
        self.report.tell(problem, self._file)
        self.report.refused_count += 1

    def _tell_not_written(self, bundle: Bundle, where: str) -> None:
        count = sum(len(row) for row in bundle.series.values())
        words = f"{count} readings NOT written: the history has other ones of this shot from an "
        words += "earlier import: --take-back first, then import again"
        self.report.tell(
            Problem("refused", where, "series", words, bundle.meta.shot_id), self._file
        )

    def _tell_sensors(self, bundle: Bundle, where: str) -> None:
        """Name each sensor once for which the target has no place."""
        kept = self._target.sensors
        if kept is None:
            return
        for sensor in {name for row in bundle.series.values() for name in row} - kept:
            if sensor not in self._left_out:
                self._left_out.add(sensor)
                words = "a bundle has no place for it: --history keeps it"
                self.report.tell(Problem("unused", where, sensor, words), self._file)
