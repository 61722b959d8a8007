"""Reasons why something of a Sparkplug source was not used; the label of a metric, so a closed set.

| reason | counted is |
|---|---|
| `unreadable` | a message that is no payload of Sparkplug, or whose topic is none |
| `retained` | a retained message: of unknown age, and Sparkplug retains none of these |
| `no-birth` | a message of a node or device whose birth was not heard |
| `missing-messages` | a jump in `seq` |
| `out-of-order` | a message that came behind a later one |
| `no-seq` | a message without `seq`: whether one before it is missing is not known |
| `old-death` | an NDEATH with the `bdSeq` of an earlier birth |
| `unknown-metric` | a value whose name or alias is not in the birth |
| `changed-type` | a value that is not of the type that its birth gave |
| `no-time` | a historical value that has no time, or whose time is not to count |
| `held-in-vain` | a message after missing ones, and the next birth meant something else |
| `too-many` | a message that came while the disk refused, beyond what is held |
| `rebirth-asked` | a rebirth that was asked for |
"""

from __future__ import annotations

from enum import StrEnum


class LeftOut(StrEnum):
    """A reason; the table is in the docstring of this module."""

    UNREADABLE = "unreadable"
    RETAINED = "retained"
    NO_BIRTH = "no-birth"
    MISSING = "missing-messages"
    OUT_OF_ORDER = "out-of-order"
    NO_SEQ = "no-seq"
    OLD_DEATH = "old-death"
    UNKNOWN_METRIC = "unknown-metric"
    CHANGED_TYPE = "changed-type"
    NO_TIME = "no-time"
    HELD_IN_VAIN = "held-in-vain"
    TOO_MANY = "too-many"
    REBIRTH_ASKED = "rebirth-asked"
