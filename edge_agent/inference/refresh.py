"""Refresh of the models in use, beside the event loop, and what it reports."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from edge_agent.inference.entry import Entry
from edge_agent.inference.serving import ModelDirectory, ServingModels
from edge_agent.inference.trial import tried
from edge_agent.logs import get_logger
from edge_agent.monitoring.metrics import Metrics

FIRST_REFRESH_S = 20.0
"""Shots wait so long at a start for the models to be loaded."""


class ModelRefresh:
    """Models in use of one model directory, which is read again and again in a thread."""

    def __init__(self, folder: Path, metrics: Metrics, trusted: Sequence[Path] = ()) -> None:
        self.models, self._metrics = ModelDirectory(folder, trusted, tried), metrics
        self._reported = ServingModels()
        self._running: asyncio.Task[ServingModels] | None = None

    @property
    def now(self) -> ServingModels:
        """Models in use, exchanged as a whole."""
        return self.models.now

    @property
    def folder_in_use(self) -> Path | None:
        """Folder of the model for the pour that is in use."""
        entry = self.now.serving("pour")
        if entry is None or entry.model is None:
            return None
        return self.models.folder / entry.name / str(entry.version)

    def renew(self, folder: Path, trusted: Sequence[Path] = ()) -> None:
        """Go on with another model directory, or other keys."""
        if (folder, tuple(trusted)) != (self.models.folder, self.models.trusted):
            self.models = ModelDirectory(folder, trusted, tried)
            self._start()

    async def start(self) -> None:
        """Load what runs models, then the promoted ones, and wait for them for a while.

        The library is loaded though nothing may be promoted yet: later it would hold the event loop
        for 0.1 s.
        """
        if find_spec("onnxruntime") is not None:
            await asyncio.to_thread(import_module, "onnxruntime")
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_REFRESH_S):
                await asyncio.shield(self._start())

    def tick(self) -> list[Entry]:
        """Read the directory again unless that is under way; report models newly refused."""
        refused = self._newly_refused()
        if self._running is None or self._running.done():
            self._start()
        return refused

    def _start(self) -> asyncio.Task[ServingModels]:
        self._running = asyncio.create_task(asyncio.to_thread(self.models.refresh))
        self._running.add_done_callback(_log_failure)
        return self._running

    def _newly_refused(self) -> list[Entry]:
        in_use, reported = self.now, self._reported
        if in_use is reported:
            return []
        self._reported = in_use
        self._metrics.models(
            [(entry.name, str(entry.version)) for entry in in_use.promoted if entry.model],
            len(in_use.refused),
        )
        log = get_logger()
        if in_use.labels != reported.labels:
            log.info("models_changed", stage="infer", detail=", ".join(in_use.labels) or "none")
        for words in in_use.warnings:
            log.warning("models_ambiguous", stage="infer", detail=words)
        known = {(entry.label, entry.words) for entry in reported.refused}
        refused = [entry for entry in in_use.refused if (entry.label, entry.words) not in known]
        for entry in refused:
            log.error("model_refused", stage="infer", reason=entry.label, error=entry.words)
        return refused


def _log_failure(task: asyncio.Task[ServingModels]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        get_logger().error("models_not_read", stage="infer", error=repr(error)[:500])
