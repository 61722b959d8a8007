"""Ctrl-C or SIGTERM once: end with what there is; twice: end at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def until_interrupted() -> Iterator[Callable[[], bool]]:
    """What says whether Ctrl-C was pressed, or SIGTERM came; a second one ends the program."""
    told = False

    def tell(*_: object) -> None:
        nonlocal told
        if told:
            raise KeyboardInterrupt
        told = True

    try:
        before = {which: signal.signal(which, tell) for which in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread
        yield lambda: False
        return
    try:
        yield lambda: told
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
