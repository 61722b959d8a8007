"""What checks of Sparkplug found: errors by assertion, and which assertions were checked at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

PREFIX = "tck-id-"
ERRORS_MAX = 200
"""Errors that are kept; a broken edge node makes one with each message."""


@dataclass
class Findings:
    """Shared by all that look at one plant: hosts, and a tap on its packets."""

    errors: list[str] = field(default_factory=list)
    """Sentences that begin with the id of the assertion."""
    checked: Counter[str] = field(default_factory=Counter)
    """How often each id, without its prefix, was checked."""

    def check(self, good: bool, ids: str, words: str) -> bool:
        """Note that some assertions were checked, and an error if it was not good.

        Args:
            good: what has to be so.
            ids: without their prefix, with blanks between them.
            words: what is wrong, where.
        """
        names = ids.split()
        self.checked.update(names)
        if not good and len(self.errors) < ERRORS_MAX:
            self.errors.append(f"{PREFIX}{names[0]}: {words}")
        return good

    def require(self, ids: Iterable[str]) -> None:
        """No errors at all, and each of these ids (with prefix) was checked.

        Raises:
            AssertionError: otherwise.
        """
        assert self.errors == []
        wanted = {one.removeprefix(PREFIX) for one in ids}
        missing = sorted(one for one in wanted if not self.checked[one])
        assert missing == [], "not checked"
