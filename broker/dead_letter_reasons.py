"""Reasons of a dead letter: the codes of a payload that cannot be read, and those of the agent."""

from __future__ import annotations

from broker.errors import RefusalCode

CLOCK_SKEW = "clock-skew"
"""The message is dated in the future."""
NOT_INBOUND = "not-inbound"
"""The topic is one that only the twin may use."""
UNREADABLE = "unreadable-packet"
"""An MQTT packet that is none: the payload of the dead letter is the whole packet."""
INTERNAL_ERROR = "internal-error"
"""A fault of this program over a message."""
REFUSED_BY_HISTORY = "refused-by-history"
"""The database will never take this row, which is the payload of the dead letter."""
TOO_LATE = "too-late"
"""An event of a shot that ended so long ago that nobody follows its mold back to it."""
UNKNOWN_ALERT = "unknown-alert"
"""An acknowledgement of an alert that is not open, and was not closed lately."""
UNKNOWN_ADVICE = "unknown-advice"
"""A word about an advice that the mold does not have, or that is not open any more."""
CONTRADICTS_EARLIER = "contradicts-earlier"
"""The same event at the same time was reported before with other content."""

BAD_COMMAND = "bad-command"
"""A command of a Sparkplug host that cannot be understood, or asks for what there is not."""
REFUSED_BY_BROKER = "refused-by-broker"
"""The broker will never take this message of the twin, which is the payload of the dead letter."""

REASONS = frozenset(code.value for code in RefusalCode) | {
    CLOCK_SKEW,
    NOT_INBOUND,
    UNREADABLE,
    INTERNAL_ERROR,
    REFUSED_BY_HISTORY,
    TOO_LATE,
    CONTRADICTS_EARLIER,
    UNKNOWN_ALERT,
    UNKNOWN_ADVICE,
    BAD_COMMAND,
    REFUSED_BY_BROKER,
}
"""Every reason that a dead letter has."""
