"""Readings thinned out to one in a cell of time, the first.

So a press keeps little of a shot, and a sensor that is read ten times a second counts no more than
one that is read every ten seconds. The press and the training thin out alike, in whatever order
readings come. No numpy here: the web server reads shots, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

CELLS = ((900, 10), (3600, 60), (86_400, 600))
"""Until so many seconds after the pour cells are so many seconds wide: 273 cells in a day."""
_US = 1_000_000


def cell_of(since_us: int) -> int:
    """Number of the cell that a reading falls into.

    Args:
        since_us: time since the pour, not negative [µs].
    """
    first, before = 0, 0
    for until_s, width_s in CELLS:
        if since_us < until_s * _US:
            return first + (since_us - before * _US) // (width_s * _US)
        first += (until_s - before) // width_s
        before = until_s
    return first


def thinned(readings: Iterable[Sequence[float]]) -> list[tuple[float, float]]:
    """The first reading of each cell; of two at one moment the larger.

    Args:
        readings: (time since the pour, not negative [s], value), in any order.
    """
    found: dict[int, tuple[int, float]] = {}
    for t_s, value in readings:
        since_us = round(t_s * _US)
        cell = cell_of(since_us)
        known = found.get(cell)
        if known is None or (since_us, -value) < (known[0], -known[1]):
            found[cell] = since_us, value
    return [(since_us / _US, value) for since_us, value in sorted(found.values())]
