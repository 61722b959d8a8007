"""What if, asked over MQTT 5: the answer of the what-if page, by the same process beside the shots.

    …/twin/cmd/simulate      {"base": {a scenario}, "changes": {"T_mold_C": 45}}
    …/twin/reply/NAME        the response topic: {"result": {…}} or {"error": {…}}

A question cannot have the agent write elsewhere: only topics below `…/twin/reply/` are answered.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from broker.ids import is_identifier
from broker.topics import PressAddress, TopicSpace
from edge_agent.errors import LinkError
from edge_agent.links.publish_packet import Incoming
from edge_agent.links.sparkplug import NodeConnection
from edge_agent.logs import get_logger
from edge_agent.what_if.worker import Worker
from twin_core.errors import TwinError

QUESTION_BYTES_MAX = 65_536
CORRELATION_BYTES_MAX = 1024
AT_ONCE = 4
"""Questions to one press that are worked on or wait; more are refused with an answer."""


class SimulateCommands:
    """Answers the questions to one press in one connection."""

    def __init__(
        self,
        topics: TopicSpace,
        press: PressAddress,
        connection: NodeConnection,
        worker: Worker,
        refused: Callable[[Incoming, str], None],
    ) -> None:
        """Answer none yet.

        Args:
            topics: the topic grammar.
            press: the press.
            connection: brings questions and takes answers.
            worker: simulates.
            refused: called with a question that cannot be answered, and why.
        """
        self.topic = topics.simulate(press)
        self._replies = topics.reply(press, "")
        self._connection, self._worker, self._refused = connection, worker, refused
        self._answering: set[asyncio.Task[None]] = set()

    def take(self, message: Incoming) -> None:
        """Answer a question, beside what goes on."""
        reply = message.response_topic or ""
        if not is_identifier(reply.removeprefix(self._replies)) or not reply.startswith(
            self._replies
        ):
            words = f"no response topic as {self._replies}NAME (MQTT 5): nobody can be answered"
            self._refused(message, words)
            return
        if (size := len(message.correlation or b"")) > CORRELATION_BYTES_MAX:
            words = f"correlation data of {size} bytes: at most {CORRELATION_BYTES_MAX} come back"
            message.correlation = None  # it does not go out again
            self._say(message, {"error": {"kind": "input", "words": words, "hint": None}})
            return
        if len(self._answering) >= AT_ONCE:
            words = f"{AT_ONCE} questions are being worked on: ask again in some seconds"
            self._say(message, {"error": {"kind": "busy", "words": words, "hint": None}})
            return
        task = asyncio.create_task(self._answer(message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def stop(self) -> None:
        """Answer no more."""
        tasks = list(self._answering)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, message: Incoming) -> None:
        try:
            base, changes = _question(message.payload)
            found: dict[str, Any] = {"result": await self._worker.what_if(base, changes)}
        except ValueError as error:
            found = {"error": {"kind": "input", "words": str(error), "hint": None}}
        except TwinError as error:
            kind = "later" if getattr(error, "retryable", False) else "input"
            found = {"error": {"kind": kind, "words": str(error), "hint": error.hint}}
        self._say(message, found)

    def _say(self, message: Incoming, found: dict[str, Any]) -> None:
        assert message.response_topic is not None
        try:
            self._connection.reply(
                message.response_topic, json.dumps(found).encode(), message.correlation
            )
        except LinkError as error:
            get_logger().warning("reply_not_sent", topic=message.response_topic, error=str(error))


def _question(payload: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Scenario and changes of a question; ValueError says what is wrong."""
    if len(payload) > QUESTION_BYTES_MAX:
        raise ValueError(f"{len(payload)} bytes: a question has at most {QUESTION_BYTES_MAX}")
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        raise ValueError("the question is no JSON") from None
    base = said.get("base") if isinstance(said, dict) else None
    changes = said.get("changes", {}) if isinstance(said, dict) else None
    if not isinstance(base, dict) or not isinstance(changes, dict):
        raise ValueError("a question is an object with base, a scenario, and changes by name")
    return base, changes
