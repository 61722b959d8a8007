"""Points at which a test has the agent killed: SIGKILL in the middle, exactly there.

``TWIN_FAULT_POINT=published:7`` kills the process when it passes the point ``published`` for the
seventh time. Without the variable a point does nothing.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "TWIN_FAULT_POINT"
PUBLISHED = "published"
"""A prediction has been sent to the broker, and what led to it is not committed yet."""


class FaultPoint:
    """The point that is armed, and how often it may still be passed."""

    def __init__(self, armed: str) -> None:
        """Arm a point.

        Args:
            armed: ``name:passes``; empty for none.

        Raises:
            ValueError: it is neither, or ``passes`` is not a number above zero.
        """
        name, _, passes = armed.partition(":")
        if armed and not (name and passes.isdecimal() and int(passes) > 0):
            raise ValueError(f"{VARIABLE}: must be as {PUBLISHED}:7, not {armed!r}")
        self._name, self._left = name, int(passes or 0)

    def reach(self, name: str) -> None:
        """Pass a point; does not return when it was the last time."""
        if name != self._name:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


reach = FaultPoint(os.environ.get(VARIABLE, "")).reach
