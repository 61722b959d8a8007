"""Refusals in the audit log: the first of a kind at once, its repeats of a minute as a number."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from edge_agent.web.access.audit import AuditLog

MINUTE_S = 60.0
KEPT = 1000
"""Kinds that are counted at once; with more of them the oldest is written."""


@dataclass(frozen=True)
class Refusal:
    """Kind of a refusal."""

    who: str
    address: str
    method: str
    path: str
    """Of the rule: never what was sent, which may hold a secret."""
    code: str


class RefusalLog:
    """Writes refusals; somebody who tries all day fills no disk."""

    def __init__(self, audit: AuditLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._audit, self._clock = audit, clock
        self._in_use = Lock()
        self._open: dict[Refusal, tuple[float, int]] = {}

    def note(self, refusal: Refusal) -> None:
        """Write or count a refusal; any thread.

        Raises:
            StoreError: the database cannot be written.
        """
        with self._in_use:
            self._note(refusal)

    def _note(self, refusal: Refusal) -> None:
        now = self._clock()
        for kind, (since, _) in list(self._open.items()):
            if now - since >= MINUTE_S:
                self._end(kind)
        if refusal in self._open:
            since, count = self._open[refusal]
            self._open[refusal] = (since, count + 1)
            return
        if len(self._open) >= KEPT:
            self._end(next(iter(self._open)))
        self._open[refusal] = (now, 0)
        self._write(refusal)

    def flush(self) -> None:
        """Write what was counted."""
        with self._in_use:
            for kind in list(self._open):
                self._end(kind)

    def _end(self, kind: Refusal) -> None:
        _, count = self._open.pop(kind)
        if count:
            self._write(kind, repeats_count=count)

    def _write(self, refusal: Refusal, **more: int) -> None:
        self._audit.write(
            refusal.who, "request", "refused", refusal.address,
            method=refusal.method, path=refusal.path, code=refusal.code, **more,
        )  # fmt: skip
