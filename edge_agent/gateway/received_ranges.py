"""Numbers of a device that the agent has committed, as ranges."""

from __future__ import annotations

from collections.abc import Iterator

from broker.messages import ReceivedOf


def confirmed_ranges(of: ReceivedOf) -> Iterator[tuple[int, int]]:
    """First and last number of each stretch up to ``seq`` in which nothing is missing."""
    begins = 0
    for gap in sorted(of.missing, key=lambda one: one.first_seq):
        if gap.first_seq > begins:
            yield begins, min(gap.first_seq - 1, of.seq)
        begins = max(begins, gap.last_seq + 1)
        if begins > of.seq:
            return
    yield begins, of.seq
