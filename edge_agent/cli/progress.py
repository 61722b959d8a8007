"""Progress of a command on stderr: a line rewritten in place, else a line now and then."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

LINE_EVERY_S = 10.0
"""Pause between two lines where nobody watches: a log, a file, a pipe."""
DRAW_EVERY_S = 0.1


def _on_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def told_while_waiting(
    words: str, every_s: float = LINE_EVERY_S, tell: Callable[[str], None] = _on_stderr
) -> Iterator[None]:
    """Say now and then how long something takes that cannot say how far it is.

    Args:
        words: what is waited for.
        every_s: pause between two lines [s].
        tell: takes a line.
    """
    ended = threading.Event()
    began = time.monotonic()

    def run() -> None:
        while not ended.wait(every_s):
            tell(f"{words}: {time.monotonic() - began:.0f} s")

    teller = threading.Thread(target=run, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


class Progress:
    """Shows the last thing said; a context manager, so that the line is ended whatever happens."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._terminal = sys.stderr.isatty()
        self._pause_s = DRAW_EVERY_S if self._terminal else LINE_EVERY_S
        self._shown_at = clock()
        self._shown = self._line = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def say(self, line: str) -> None:
        """Show a line, if the last one is old enough."""
        self._line = line
        if self._clock() - self._shown_at >= self._pause_s:
            self._show()

    def count(self, words: str, done: int, total: int | None = None) -> None:
        """Show how many are done, of how many if that is known; all of them end the line."""
        self.say(f"{words}: {done}" if total is None else f"{words}: {done}/{total}")
        if done == total:
            self.end()

    def end(self) -> None:
        """Show the last line if it is not shown yet, and end it."""
        if self._line and self._line != self._shown:
            self._show()
        if self._terminal and self._shown:
            print(file=sys.stderr)
        self._shown = self._line = ""

    def _show(self) -> None:
        self._shown_at = self._clock()
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            text = "\r" + self._line[:width].ljust(min(len(self._shown), width))
            print(text, end="", file=sys.stderr, flush=True)
        else:
            print(self._line, file=sys.stderr, flush=True)
        self._shown = self._line
