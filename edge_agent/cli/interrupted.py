"""Ctrl-C once: end with what there is; twice: end at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def until_interrupted() -> Iterator[Callable[[], bool]]:
    """What says whether Ctrl-C was pressed; a second one ends the program."""
    told = False

    def tell(*_: object) -> None:
        nonlocal told
        if told:
            raise KeyboardInterrupt
        told = True

    try:
        before = signal.signal(signal.SIGINT, tell)
    except ValueError:  # not the main thread
        yield lambda: False
        return
    try:
        yield lambda: told
    finally:
        signal.signal(signal.SIGINT, before)
