"""The models that an agent uses: what is promoted in its model directory, looked at now and then.

A promoted version that cannot be used is refused: then the physics answers alone and ``ml_status``
says why. Never does another version answer in its place, neither an older one nor the one that was
in use before: what is promoted is what somebody decided, and a rollback is one command.

With the moment of a prediction changes what a model may know: at the pour one for ``pour``, after
``LIVE_S`` one for ``live``, at the end one for ``demold``; where there is none, the one before.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from broker.ml_status import ERROR
from edge_agent.inference.entry import Entry, examined, words_of
from edge_agent.inference.manifest import STATE, State
from edge_agent.inference.registry import ModelRegistry
from edge_agent.inference.signature import FILES_MAX
from twin_core.errors import TwinError
from twin_core.learning.columns import Known

BEST: dict[Known, tuple[Known, ...]] = {
    "pour": ("pour",),
    "live": ("live", "pour"),
    "demold": ("demold", "live", "pour"),
}
"""Which models serve a moment, the best first."""
AGAIN_EVERY = 60
"""Refreshes, one each 5 s, until a version is tried again that was refused for want of time."""
FileStamp = tuple[str, int, int, int, int]
"""Path, when content and inode changed last [ns], inode, size."""
Stamp = tuple[FileStamp, ...]
Examine = Callable[[ModelRegistry, str, int], Entry]


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
        found = [entry for entry in entries if entry.known_at == known_at]
        for entry in sorted(found, key=lambda entry: entry.model is None):
            return entry
    return next((entry for entry in entries if entry.known_at is None), None)


class ModelDirectory:
    """Looks at a model directory, and loads what has changed; blocks, so call it in a thread."""

    def __init__(
        self, folder: Path, trusted: Sequence[Path] = (), examine: Examine = examined
    ) -> None:
        """Open it.

        Args:
            folder: the directory; it need not exist.
            trusted: keys one of which must have signed each version (``ModelRegistry``).
            examine: how a version is loaded.
        """
        self.folder, self.trusted = folder, tuple(trusted)
        self._shelf = ModelRegistry(folder, self.trusted)
        self._examine = examine
        self._states: dict[FileStamp, State | str] = {}
        """What the state files say, or what is wrong with them; read again when they change."""
        self._count = 0
        self._lock = threading.Lock()
        self.now = ServingModels()
        """What is in use; taken by reference, exchanged at once."""

    def refresh(self) -> ServingModels:
        """Load what is promoted now, if that has changed, and use it from now on."""
        with self._lock:
            try:
                names = self._shelf.names()
                self._read_states(names)
                stamp = self._stamp(names)
                self._count += 1
                again = self._count % AGAIN_EVERY == 0 and any(
                    entry.may_pass for entry in self.now.refused
                )
                if stamp != self.now.stamp or again:
                    self.now = self._load(names, stamp)
            except Exception as error:  # whatever is in that folder: physics goes on
                words = f"{self.folder}: cannot be read: {words_of(error)}"
                self.now = ServingModels((Entry("models", 0, None, None, ERROR, words),))
            return self.now

    def _load(self, names: list[str], stamp: Stamp) -> ServingModels:
        old = {entry.label: entry for entry in (*self.now.promoted, *self.now.shadow)}
        same = self._unchanged(stamp)
        promoted, shadow = list[Entry](), list[Entry]()
        for name in names:
            state = self._state(name)
            if isinstance(state, str):
                promoted.append(Entry(name, 0, None, None, ERROR, state))
                continue
            for version, entries in ((state.promoted, promoted), (state.shadow, shadow)):
                if version is None:
                    continue
                known = old.get(f"{name}/{version}")
                usable = known is not None and known.model is not None
                if known is None or not usable or known.label not in same:
                    known = self._examine(self._shelf, name, version)
                entries.append(known)
        warnings = [
            f"{self.folder / name!s:.300}: no name of a model (small letters, digits, - and _, "
            "32 at most): nothing in it is used"
            for name in self._shelf.odd_names()
        ]
        for moment in BEST:
            found = [entry for entry in promoted if entry.known_at == moment]
            found.sort(key=lambda entry: entry.model is None)
            if len(found) > 1:
                others = ", ".join(entry.name for entry in found[1:])
                warnings.append(
                    f"several models for {moment}: {found[0].name} is used, not {others}"
                )
        return ServingModels(tuple(promoted), tuple(shadow), stamp, tuple(warnings))

    def _unchanged(self, stamp: Stamp) -> set[str]:
        """Versions whose files are the ones that were loaded."""
        old: dict[str, set[FileStamp]] = {}
        new: dict[str, set[FileStamp]] = {}
        for found, files in ((old, self.now.stamp), (new, stamp)):
            for file in files:
                found.setdefault(file[0].rpartition("/")[0], set()).add(file)
        if old.get(_KEYS) != new.get(_KEYS):
            return set()
        return {label for label, files in new.items() if old.get(label) == files}

    def _read_states(self, names: list[str]) -> None:
        states: dict[FileStamp, State | str] = {}
        for name in names:
            stamp = _file_stamp(self.folder / name / STATE, f"{name}/{STATE}")
            if stamp is None:
                continue
            if (known := self._states.get(stamp)) is None:
                try:
                    known = self._shelf.state(name)
                except TwinError as error:
                    known = words_of(error)
            states[stamp] = known
        self._states = states

    def _state(self, name: str) -> State | str:
        found = (state for stamp, state in self._states.items() if stamp[0] == f"{name}/{STATE}")
        return next(found, State())

    def _stamp(self, names: list[str]) -> Stamp:
        """Stamp of all files that matter: states, the versions that they name, trusted keys."""
        return tuple(self._files(names))

    def _files(self, names: list[str]) -> Iterator[FileStamp]:
        yield from self._states
        for name in names:
            state = self._state(name)
            if isinstance(state, str):
                continue
            for version in (state.promoted, state.shadow):
                if version is not None:
                    yield from _version_stamps(self.folder, f"{name}/{version}")
        for key in self.trusted:
            if stamp := _file_stamp(key, f"{_KEYS}/{key.name}"):
                yield stamp


_KEYS = "trusted keys"


def _version_stamps(folder: Path, label: str) -> Iterator[FileStamp]:
    try:
        with os.scandir(folder / label) as found:
            names = sorted(item.name for item, _ in zip(found, range(2 * FILES_MAX), strict=False))
    except OSError:
        return
    for outer in (folder / label, (folder / label).parent):  # a link may have taken their place
        itself = outer.lstat()
        yield f"{label}/{outer.name}", 0, 0, itself.st_ino, itself.st_mode
    for name in names:
        if stamp := _file_stamp(folder / label / name, f"{label}/{name}"):
            yield stamp


def _file_stamp(path: Path, name: str) -> FileStamp | None:
    try:
        link, found = path.lstat(), path.stat()
    except OSError:
        return None
    changed = max(link.st_ctime_ns, found.st_ctime_ns)
    return name, found.st_mtime_ns, changed, link.st_ino, found.st_size
