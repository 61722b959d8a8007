"""What the broker refuses for good: a dead letter each, and an alert when it begins.

The rows of what was published are in the history all the same; a dead letter keeps the payload of
those that have none, and says why nobody heard them.
"""

from __future__ import annotations

from broker.dead_letter_reasons import REFUSED_BY_BROKER
from broker.messages import DeadLetter
from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.errors import LinkError
from edge_agent.monitoring.alerts import publish_refused
from edge_agent.monitoring.metrics import Metrics
from edge_agent.pipeline.results import Results
from edge_agent.ports import Outgoing

ALERT, DEAD_LETTER = "alert", "dead-letter"
"""Kinds of messages, as their keys begin."""


class RefusedPublishes:
    """Tells of refusals; each ends in at most two more messages, whatever is refused of these."""

    def __init__(self, results: Results, metrics: Metrics, clock: Clock) -> None:
        self._results, self._metrics, self._clock = results, metrics, clock
        self._told: set[tuple[str, str]] = set()
        """Press and kind of message that people were told of."""

    def refused(self, message: Outgoing, problem: LinkError) -> None:
        """The broker will never take this message.

        Args:
            message: the message, with its payload.
            problem: why, with the way out as its hint.
        """
        press, kind, now = _press(message), _kind(message), self._clock.now()
        if kind != DEAD_LETTER:  # its row is in the history
            letter = DeadLetter.of(
                message.payload,
                reason=REFUSED_BY_BROKER,
                detail=str(problem),
                press=press,
                topic=message.topic,
                ts=now,
            )
            self._results.dead_letter(letter)
        self._metrics.refused(REFUSED_BY_BROKER)
        if kind != ALERT and (message.press, kind) not in self._told:
            self._told.add((message.press, kind))
            self._results.alert(publish_refused(press, f"{problem}: {problem.hint}", now))

    def accepted(self, message: Outgoing) -> None:
        """The broker has taken this one: the next refusal of its kind is news again."""
        if self._told:
            self._told.discard((message.press, _kind(message)))


def _kind(message: Outgoing) -> str:
    return message.key.partition("/")[0]


def _press(message: Outgoing) -> PressAddress:
    site, _, press = message.press.partition("/")
    return PressAddress(site, press)
