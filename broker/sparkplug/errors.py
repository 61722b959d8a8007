"""The one error of Sparkplug topics and payloads."""

from __future__ import annotations

from broker.errors import DETAIL_LIMIT, printable


class SparkplugError(Exception):
    """A topic or payload that Sparkplug 3.0 does not allow, or a value that cannot be encoded.

    Attributes:
        detail: what is wrong, where, and what was expected; printable, at most `DETAIL_LIMIT`
            characters.
    """

    def __init__(self, words: str) -> None:
        self.detail = printable(words, DETAIL_LIMIT)
        super().__init__(self.detail)

    def within(self, place: str) -> SparkplugError:
        """Give the error as seen from one level further out, named by `place`."""
        return SparkplugError(f"{place}: {self.detail}")
