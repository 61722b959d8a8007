"""Checks one after the other, each with a time limit: a disk or a broker that hangs stops none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Thread
from typing import Literal

from twin_core.errors import TwinError

Status = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    status: Status
    """``problem``: the agent cannot do its work; ``warning``: it can, or it is not known."""
    words: str
    way_out: str = ""


@dataclass(frozen=True)
class Check:
    """A check and how long it may take."""

    subject: str
    look: Callable[[], Iterable[Finding]]
    limit_s: float
    when_late: str
    """The way out when it did not end in time."""


def run_checks(checks: Iterable[Check]) -> Iterator[Finding]:
    """Run checks, and give the findings of each as soon as it has ended or its time is over."""
    for check in checks:
        found: list[Finding] = []
        # a thread that hangs in a call of the system cannot be ended: it dies with the process
        thread = Thread(target=_look, args=(check, found), name=check.subject, daemon=True)
        thread.start()
        thread.join(check.limit_s)
        late = thread.is_alive()
        yield from list(found)
        if late:
            words = f"no end within {check.limit_s:g} s"
            yield Finding(check.subject, "problem", words, check.when_late)


def _look(check: Check, found: list[Finding]) -> None:
    try:
        for finding in check.look():
            found.append(finding)
    except TwinError as error:
        found.append(Finding(check.subject, "problem", str(error), error.hint))
    except Exception as error:
        words = f"the check itself failed: {type(error).__name__}: {error}"
        found.append(Finding(check.subject, "problem", words, "report it, with this line"))
