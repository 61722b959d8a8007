"""Faults of tags, told when they begin or change, not at every reading."""

from __future__ import annotations

from collections import Counter

from edge_agent.links.tag_source import Sample, Value


class ToldOnce:
    """What was last told of each tag since the link is there.

    Attributes:
        faults_count: readings without a value that counts, by tag, told or not.
    """

    def __init__(self, *, unchanged: bool) -> None:
        """Begin with nothing told.

        Args:
            unchanged: a value that is the same as the last one is worth telling, too.
        """
        self._unchanged = unchanged
        self._last: dict[str, tuple[Value | None, str, type]] = {}
        self.faults_count: Counter[str] = Counter()

    def worth_telling(self, sample: Sample) -> bool:
        """Is it news? True and 1 are different values, 1 and 1.0 as well."""
        news = sample.value, sample.fault, type(sample.value)
        if sample.fault:
            self.faults_count[sample.tag] += 1
        if self._last.get(sample.tag) == news and (sample.fault or not self._unchanged):
            return False
        self._last[sample.tag] = news
        return True
