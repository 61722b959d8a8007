"""Refresh of the parameter sets in use, beside the event loop, and what it reports.

The folder is looked at now and then, as the model directory is. What is damaged changes nothing:
the sets in use stay. So do those of a mold whose newly promoted set does not apply to the system
that the agent runs with: it may be of a version that waits for a reload.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

from broker.messages import Alert
from broker.topics import PressAddress
from edge_agent.config.catalogue import Catalogue, changed_sets
from edge_agent.config.parameter_sets import (
    IN_USE,
    AppliedSets,
    FileStamp,
    MoldAndSystem,
    load_applied,
    stamp_of,
)
from edge_agent.logs import get_logger
from edge_agent.monitoring.alerts import sets_refused
from edge_agent.monitoring.metrics import Metrics
from twin_core.errors import InputError

Stamp = tuple[FileStamp, ...]
FOLDER: MoldAndSystem = ("", "")
"""Stands for the whole folder among the reasons of refusals."""


class SetsRefresh:
    """Parameter sets of one folder, read again in a thread when a file has changed."""

    def __init__(self, catalogue: Catalogue, metrics: Metrics, wake: Callable[[], None]) -> None:
        """Go on from a catalogue that was read with its sets.

        Args:
            catalogue: the one in use.
            metrics: says what is in use.
            wake: called when the folder was read again.
        """
        self._metrics, self._wake = metrics, wake
        self._running: asyncio.Task[tuple[Stamp, AppliedSets | None]] | None = None
        self._of = catalogue
        self._told: dict[MoldAndSystem, str] = {}
        self.renew(catalogue)

    def renew(self, catalogue: Catalogue) -> None:
        """Go on with a catalogue that was read with its sets."""
        self._stamp: Stamp | None = None
        self._running = None
        self._refused: Mapping[MoldAndSystem, str] = catalogue.sets_refused
        self._report(catalogue)

    def look(self, catalogue: Catalogue, folder: Path) -> None:
        """Read the folder in a thread, if a file has changed, unless that is under way.

        Args:
            catalogue: the one in use.
            folder: of the sets.
        """
        if self._running is None:
            looked = asyncio.to_thread(_look, folder, self._stamp, catalogue)
            self._running, self._of = asyncio.create_task(looked), catalogue
            self._running.add_done_callback(self._was_read)

    def take(self, catalogue: Catalogue) -> Catalogue | None:
        """Take what was read: the catalogue with other sets; None: go on with this one.

        Args:
            catalogue: the one in use.
        """
        if self._running is None or not self._running.done():
            return None
        ended, self._running = self._running, None
        if self._of is not catalogue or ended.cancelled():  # read for another one
            return None
        error = ended.exception()
        if error is not None:  # whatever is in that folder: what is in use stays
            self._stamp = None
            self._refused = {FOLDER: f"{error}; the sets in use stay"}
            self._metrics.parameter_sets_refused.set(1)
            return None
        self._stamp, read = ended.result()
        return None if read is None else self._merged(catalogue, read)

    def alerts(self, now: datetime, presses: Iterable[PressAddress]) -> list[Alert]:
        """Alerts for sets that are newly refused; each is logged once."""
        new = {key: words for key, words in self._refused.items() if self._told.get(key) != words}
        self._told = dict(self._refused)
        for (mold_id, system_id), words in new.items():
            get_logger().error(
                "parameter_set_refused",
                stage="simulate",
                mold_id=mold_id or None,
                system_id=system_id or None,
                error=words[:500],
            )
        reasons = list(dict.fromkeys(new.values()))
        return [sets_refused(press, reasons, now) for press in presses] if reasons else []

    def _was_read(self, task: asyncio.Task[tuple[Stamp, AppliedSets | None]]) -> None:
        if not task.cancelled():
            task.exception()  # ``take`` looks at it, unless the agent ends before
        self._wake()

    def _merged(self, catalogue: Catalogue, read: AppliedSets) -> Catalogue:
        kept = {
            key: catalogue.parameter_sets[key]
            for key in read.refused
            if key in catalogue.parameter_sets
        }
        self._refused = {
            key: f"{words}; {kept[key].set_id} stays in use until the next reload"
            if key in kept
            else words
            for key, words in read.refused.items()
        }
        found = catalogue.with_sets(AppliedSets({**read.applied, **kept}, self._refused))
        self._report(found)
        return found

    def _report(self, catalogue: Catalogue) -> None:
        self._metrics.parameter_sets(
            (*key, used.set_id) for key, used in catalogue.parameter_sets.items()
        )
        self._metrics.parameter_sets_refused.set(len(self._refused))


def log_changed_sets(old: Catalogue, new: Catalogue) -> None:
    """Log each mold whose set is another one."""
    for (mold_id, system_id), set_id, words in changed_sets(old, new):
        detail = f"{set_id}; {words}"
        known = {"mold_id": mold_id, "system_id": system_id, "detail": detail}
        get_logger().info("parameter_set_changed", **known)


def _look(
    folder: Path, stamp: Stamp | None, catalogue: Catalogue
) -> tuple[Stamp, AppliedSets | None]:
    """What the folder holds; None if nothing has changed."""
    now = stamp_of(folder)
    if now == stamp:
        return now, None
    if catalogue.parameter_sets and not (folder / IN_USE).is_file():  # a volume that went away
        raise InputError(f"{folder / IN_USE}: is gone: bring it back")
    return now, load_applied(folder, catalogue.systems, catalogue.molds)
