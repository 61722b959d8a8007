"""A job as the function sees it that does the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Any

PARTIAL_EVERY_S = 5.0
"""How often at most a partial result is handed on: it is written to disk."""
PROGRESS_EVERY_S = 0.2
Document = dict[str, Any]


@dataclass
class JobWork:
    """The work: what was asked, with whose settings, and the way back."""

    asked: Document
    settings: Document
    """As ``what_if.worker.hello`` has them: catalogue, quality, models; and the ``history``."""
    send: Callable[[Document], None]
    """Sends a message to the server."""
    stopped: Event
    """Set when nobody wants more than what there is."""
    _progress_at: float = float("-inf")
    _partial_at: float = float("-inf")

    def progress(self, done: int, of: int, best: Document | None = None, phase: str = "") -> None:
        """Tell how far it is; more often than in ``PROGRESS_EVERY_S`` is left out.

        Args:
            done: steps, of ``of``.
            of: steps in all, as far as is known.
            best: the best so far, as plain data; None where there is none.
            phase: what it is doing.
        """
        if done >= of or monotonic() - self._progress_at >= PROGRESS_EVERY_S:
            self._progress_at = monotonic()
            self.send({"progress": {"done": done, "of": of, "best": best, "phase": phase}})

    def partial(self, result: Callable[[], Document]) -> None:
        """Hand on what there is, for the case that there will be no more.

        Args:
            result: makes the document, as the whole result has it; called every
                ``PARTIAL_EVERY_S`` at most.
        """
        if monotonic() - self._partial_at >= PARTIAL_EVERY_S:
            self._partial_at = monotonic()
            self.send({"partial": result()})

    def cancelled(self) -> bool:
        """True when the function should return what it has."""
        return self.stopped.is_set()


Run = Callable[[JobWork], Document]
"""Does the work of a kind and returns its result, finite JSON. Raises TwinError."""
