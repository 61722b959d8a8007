"""The models that an agent uses: what is promoted in its model directory, looked at now and then.

A promoted version that cannot be used is refused: then the physics answers alone and ``ml_status``
says why. Never does another version answer in its place, neither an older one nor the one that was
in use before: what is promoted is what somebody decided, and a rollback is one command.

With the moment of a prediction changes what a model may know: at the pour one for ``pour``, after
``LIVE_S`` one for ``live``, at the end one for ``demold``; where there is none, the one before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from broker.ml_status import ERROR, NO_EXTRA, OK
from edge_agent.inference.registry import MANIFEST, MODEL, STATE, ModelRegistry
from twin_core.errors import MissingRuntime, TwinError
from twin_core.learning.columns import Known
from twin_core.learning.inference import Model

BEST: dict[Known, tuple[Known, ...]] = {
    "pour": ("pour",),
    "live": ("live", "pour"),
    "demold": ("demold", "live", "pour"),
}
"""Which models serve a moment, the best first."""
Stamp = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True)
class Entry:
    """A version that is promoted, or in shadow."""

    name: str
    version: int
    known_at: Known | None
    """None if not even that can be read."""
    model: Model | None
    status: str = OK
    words: str = ""
    """Why it is refused."""

    @property
    def label(self) -> str:
        """Name as in a prediction: ``pour/3``."""
        return f"{self.name}/{self.version}"


@dataclass(frozen=True)
class ServingModels:
    """One state of the model directory, never changed: exchanged as a whole."""

    promoted: tuple[Entry, ...] = ()
    shadow: tuple[Entry, ...] = ()
    stamp: Stamp = ()
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def refused(self) -> list[Entry]:
        """Promoted or in shadow, and cannot be used."""
        return [entry for entry in (*self.promoted, *self.shadow) if entry.model is None]

    @property
    def labels(self) -> list[str]:
        """Versions that can be used."""
        return [e.label for e in (*self.promoted, *self.shadow) if e.model is not None]

    def serving(self, moment: Known) -> Entry | None:
        """The promoted model for a moment, usable or refused; None: nothing is promoted for it."""
        return _serving(self.promoted, moment)

    def compared(self, moment: Known) -> Entry | None:
        """The shadow model for a moment, if it can be used."""
        return _serving([entry for entry in self.shadow if entry.model is not None], moment)


def _serving(entries: Sequence[Entry], moment: Known) -> Entry | None:
    for known_at in BEST[moment]:
        for entry in entries:
            if entry.known_at == known_at:
                return entry
    return next((entry for entry in entries if entry.known_at is None), None)


class ModelDirectory:
    """Looks at a model directory, and loads what has changed; blocks, so call it in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shelf = ModelRegistry(folder)
        self._lock = threading.Lock()
        self.now = ServingModels()
        """What is in use; taken by reference, exchanged at once."""

    def refresh(self) -> ServingModels:
        """Load what is promoted now, if that has changed, and use it from now on."""
        with self._lock:
            try:
                stamp = self._stamp()
                if stamp != self.now.stamp:
                    self.now = self._load(stamp)
            except Exception as error:  # whatever is in that folder: physics goes on
                words = f"{self.folder}: cannot be read: {_words(error)}"
                self.now = ServingModels((Entry("models", 0, None, None, ERROR, words),))
            return self.now

    def _load(self, stamp: Stamp) -> ServingModels:
        old = {entry.label: entry for entry in (*self.now.promoted, *self.now.shadow)}
        same = self._unchanged(stamp)
        promoted, shadow = list[Entry](), list[Entry]()
        for name in self._shelf.names():
            try:
                state = self._shelf.state(name)
            except TwinError as error:
                promoted.append(Entry(name, 0, None, None, ERROR, _words(error)))
                continue
            for version, entries in ((state.promoted, promoted), (state.shadow, shadow)):
                if version is None:
                    continue
                known = old.get(f"{name}/{version}")
                usable = known is not None and known.model is not None
                if known is None or not usable or known.label not in same:
                    known = self._entry(name, version)
                entries.append(known)
        warnings = []
        for moment in BEST:
            names = [entry.name for entry in promoted if entry.known_at == moment]
            if len(names) > 1:
                others = ", ".join(names[1:])
                warnings.append(f"several models for {moment}: {names[0]} is used, not {others}")
        return ServingModels(tuple(promoted), tuple(shadow), stamp, tuple(warnings))

    def _entry(self, name: str, version: int) -> Entry:
        known_at: Known | None = None
        try:
            known_at = self._shelf.manifest(name, version).known_at
            return Entry(name, version, known_at, self._shelf.load(name, version))
        except Exception as error:  # a file from anywhere, read by a library not ours
            status = NO_EXTRA if isinstance(error, MissingRuntime) else ERROR
            return Entry(name, version, known_at, None, status, _words(error))

    def _unchanged(self, stamp: Stamp) -> set[str]:
        """Versions whose files are the ones that were loaded."""
        old: dict[str, set[tuple[str, int, int, int]]] = {}
        new: dict[str, set[tuple[str, int, int, int]]] = {}
        for found, files in ((old, self.now.stamp), (new, stamp)):
            for file in files:
                found.setdefault(file[0].rpartition("/")[0], set()).add(file)
        return {label for label, files in new.items() if old.get(label) == files}

    def _stamp(self) -> Stamp:
        """Stamp of all files that matter: the states, and the versions that they name."""
        return tuple(self._files())

    def _files(self) -> Iterator[tuple[str, int, int, int]]:
        folder = self._shelf.folder
        for name in self._shelf.names():
            paths = [f"{name}/{STATE}"]
            try:
                state = self._shelf.state(name)
                for version in (state.promoted, state.shadow):
                    if version is not None:
                        paths += [f"{name}/{version}/{file}" for file in (MANIFEST, MODEL)]
            except TwinError:
                pass  # its stamp says when it has changed
            for path in paths:
                try:
                    found = (folder / path).stat()
                except OSError:
                    continue
                yield path, found.st_mtime_ns, found.st_ino, found.st_size


def _words(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:500]
