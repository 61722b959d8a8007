"""Quoted output beside what a program prints now: words exactly, numbers within a tolerance.

Machines differ in the last digits of a computed number, and a number that is one digit wider moves
the columns of a table. So layout counts for nothing but where lines end, a number may be off by
``relative`` or by one in its last decimal, and below ``NOISE`` two numbers are both nothing (the
remainder of an audit). A whole number is a count more often than not: it has no last decimal.
"""

from __future__ import annotations

import re

RELATIVE = 0.01
NOISE = 1e-6
NUMBER = re.compile(r"(?<![\w.])[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\d]|\.\d|_|-\d)")
"""With its sign and exponent; a unit may follow at once. No part of a name, a version or a date."""
_RULE = re.compile(r"-{3,}|[─━═]{3,}")


def difference(
    written: str, printed: str, relative: float = RELATIVE, whole: float = 0.0
) -> str | None:
    """Difference of a line from another; None if it says the same.

    Args:
        relative: how far a number may be off, as a share of the larger one.
        whole: how far a whole number may be off beside that.
    """
    if _words(written) != _words(printed):
        return f"other words: {written.strip()!r} is now {printed.strip()!r}"
    for old, new in zip(NUMBER.findall(written), NUMBER.findall(printed), strict=True):
        if not _same(old, new, relative, whole):
            return f"{old} is now {new}: {written.strip()!r}, {printed.strip()!r}"
    return None


def missing(quoted: list[str], printed: str, relative: float = RELATIVE) -> list[str]:
    """The quoted lines that a program does not print in this order, and what it prints instead.

    There may be others between them.
    """
    rows, found = printed.splitlines(), list[str]()
    at = 0
    for line in quoted:
        hits = (i for i in range(at, len(rows)) if not difference(line, rows[i], relative))
        hit = next(hits, None)
        if hit is not None:
            at = hit + 1
            continue
        alike = next((row for row in rows if _words(row) == _words(line)), None)
        if alike is None:
            found.append(f"is not printed: {line.strip()!r}")
        else:
            found.append(difference(line, alike, relative) or f"out of order: {line.strip()!r}")
    return found


def differences(
    written: str, printed: str, relative: float = RELATIVE, whole: float = 0.0
) -> list[str]:
    """Differences of a whole page from another, line by line."""
    old, new = written.splitlines(), printed.splitlines()
    found = [
        f"line {number}: {words}"
        for number, pair in enumerate(zip(old, new, strict=False), 1)
        if (words := difference(*pair, relative, whole))
    ]
    if len(old) != len(new):
        found.append(f"{len(old)} lines, now {len(new)}")
    return found


def _words(line: str) -> list[str]:
    return _RULE.sub("---", NUMBER.sub(" # ", line)).split()


def _same(old: str, new: str, relative: float, whole: float) -> bool:
    a, b = float(old), float(new)
    if abs(a) < NOISE and abs(b) < NOISE:
        return True
    # the last decimal of what is written with fewer of them
    last = max(_step(old), _step(new)) if "." in old + new else whole
    return abs(a - b) <= max(relative * max(abs(a), abs(b)), 1.01 * last)


def _step(number: str) -> float:
    digits, _, exponent = number.lower().partition("e")
    return float(10.0 ** (int(exponent or 0) - len(digits.partition(".")[2])))
