"""Samples in runs in which no tag has both a value and a fault.

Whoever takes a batch puts it in the order of its times. A fault has the time of its arrival, a
value that of the machine's clock: only separate batches tell which of the two came last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edge_agent.links.tag_source import Sample


def runs_of(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    """Runs of samples, in the order in which they came; none is empty."""
    run: list[Sample] = []
    is_faulty: dict[str, bool] = {}
    for one in samples:
        if is_faulty.setdefault(one.tag, bool(one.fault)) is not bool(one.fault):
            yield run
            run, is_faulty = [], {one.tag: bool(one.fault)}
        run.append(one)
    if run:
        yield run
