"""Alerts and advice that another agent of the group has left with a press."""

from __future__ import annotations

from collections.abc import Callable

from broker.codec import decode
from broker.errors import PayloadError
from broker.messages import Advice, OpenAlerts
from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.logs import get_logger
from edge_agent.pipeline.open_alerts import OpenAlertLists
from edge_agent.pipeline.results import Results


class Adopted:
    """Go on with what the broker retains from the agent that had a press before."""

    def __init__(
        self,
        results: Results,
        open_alerts: OpenAlertLists,
        clock: Clock,
        expect_clocks: Callable[[PressAddress], None],
    ) -> None:
        """Take part in the results of a pipeline.

        Args:
            expect_clocks: called for a press whose alerts may tell of a clock that is wrong.
        """
        self._results, self._open_alerts, self._clock = results, open_alerts, clock
        self._expect_clocks = expect_clocks

    def alerts(self, press: PressAddress, payload: bytes | None, agent_id: str) -> None:
        """Go on with open alerts.

        Args:
            press: the press.
            payload: the list that the broker retains; None without one.
            agent_id: our own.
        """
        try:
            left = decode(OpenAlerts, payload) if payload else None
        except PayloadError as error:  # of another version of this program
            get_logger().warning("alerts_refused", press=press.press, error=str(error)[:500])
            return
        if left is not None:
            self._open_alerts.adopt(press, left, agent_id, self._clock.now())
            self._results.alerts_changed()
            self._expect_clocks(press)

    def advice(self, press: PressAddress, payload: bytes) -> None:
        """Go on with the advice to a mold.

        Args:
            press: the press.
            payload: what the broker retains.
        """
        try:
            left = decode(Advice, payload)
        except PayloadError as error:  # of another version of this program
            get_logger().warning("advice_refused", press=press.press, error=str(error)[:500])
            return
        ours = PressAddress(left.site, left.press) == press
        if ours and self._results.advice.adopt(press, left):
            self._results.advice_changed(self._clock.now())
