"""All edge nodes of an agent: what the pipeline says and hears, by press and mold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from broker.messages import LiveAlert, Prediction, ShotKpis, TelemetryFrame
from broker.sparkplug.metric_book import MetricBook
from broker.sparkplug.metric_specs import PRODUCT, PRODUCT_NAME
from broker.sparkplug.mold_metrics import (
    Reading,
    milliseconds,
    of_alerts,
    of_frame,
    of_prediction,
    of_result,
    state_after,
)
from broker.topics import PressAddress
from edge_agent import __version__
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.errors import StoreError
from edge_agent.logs import get_logger
from edge_agent.pipeline.edge_node import (
    METRICS_SCOPE,
    NODE_SCOPE,
    ROW_BYTES,
    VALUES_SCOPE,
    EdgeNode,
)
from edge_agent.pipeline.open_alerts import OpenAlertLists
from edge_agent.pipeline.revisions import State
from edge_agent.ports import Outgoing
from edge_agent.spool.changes import Changes
from edge_agent.spool.sent_marks import SentMarks
from edge_agent.spool.thread import SpoolThread

MARKS = ".sparkplug-sent"
"""Ends the name of the file of marks, beside the spool."""
ROOM_SHARE = 0.9
"""A buffer that is too large is brought down to this share."""


class EdgeNodes:
    """The edge nodes of all presses."""

    def __init__(self, settings: Settings, spool: SpoolThread, clock: Clock) -> None:
        """Go on with what the spool holds.

        Args:
            settings: of the agent.
            spool: keeps what waits.
            clock: the agent's.
        """
        self._settings, self._spool, self._clock = settings, spool, clock
        self._limit = settings.sparkplug.buffer_mb * 1e6
        path = settings.spool.path
        memory = path.name == ":memory:"
        self._marks = SentMarks(None if memory else Path(f"{path}{MARKS}"))
        self._aliases = spool.state_at_start(METRICS_SCOPE)
        self._values = spool.state_at_start(VALUES_SCOPE)
        self._numbers = spool.state_at_start(NODE_SCOPE)
        self._nodes: dict[PressAddress, EdgeNode] = {}
        self.moved: Callable[[], None] = lambda: None
        """Called when a transaction is due, though no message came."""
        for press in settings.addresses():
            node = self.of(press)
            self._found_waiting(node, *spool.waiting_at_start(node.queue))

    def of(self, press: PressAddress) -> EdgeNode:
        """The node of a press."""
        if press not in self._nodes:
            self._nodes[press] = self._made(press)
        return self._nodes[press]

    async def prepare(self, press: PressAddress) -> EdgeNode:
        """The node of a press that may be new in the configuration, with what waits for it."""
        if press not in self._nodes:
            node = self.of(press)
            with suppress(StoreError):  # it is sent all the same, only not counted
                self._found_waiting(node, *await self._spool.waiting(node.queue))
        return self._nodes[press]

    def all(self) -> Iterable[EdgeNode]:
        """Every node."""
        return self._nodes.values()

    def frame(self, press: PressAddress, mold_id: str | None, frame: TelemetryFrame) -> None:
        """A frame of a press; one that names no mold and belongs to no shot is of the press."""
        ms = milliseconds(frame.ts)
        key = f"{frame.device_id}/{frame.seq}/{ms}/{mold_id or ''}"
        self.of(press).take(mold_id, of_frame(frame), frame.ts, key)

    def prediction(self, prediction: Prediction) -> None:
        """A prediction of the newest shot of its mold."""
        press = PressAddress(prediction.site, prediction.press)
        at = prediction.issued_at
        self.of(press).take(prediction.mold_id, of_prediction(prediction), at)

    def ended(self, kpis: ShotKpis, now: datetime, *, newest: bool) -> None:
        """The final word on a shot, or a later one."""
        node = self.of(PressAddress(kpis.site, kpis.press))
        readings = of_result(kpis) + (state_after(kpis) if newest else [])
        node.take(kpis.mold_id, readings, now)

    def alerts(
        self, lists: OpenAlertLists, changed: Iterable[tuple[PressAddress, LiveAlert]]
    ) -> None:
        """Alerts were raised, acknowledged or closed."""
        now = self._clock.now()
        for press, mold_id in {(p, m) for p, one in changed for m in (None, one.mold_id)}:
            known = lists.open_of(press)
            if mold_id is not None:
                known = [one for one in known if one.mold_id == mold_id]
            self.of(press).take(mold_id, of_alerts(known), now)

    def take_changes(self) -> tuple[list[Outgoing], list[str], State]:
        """What the next transaction stores and forgets, and its state."""
        stored: list[Outgoing] = []
        settled: list[str] = []
        state: State = {}
        for node in self._nodes.values():
            stored += node.to_store()
            settled += node.take_settled()
            state |= node.take_state()
        return stored, settled, state

    def committed(self, changes: Changes) -> None:
        """A transaction is on disk."""
        for node in self._nodes.values():
            stored = [one for one in changes.publish if one.press == node.queue]
            node.committed(stored, changes.settled)

    def tick(self) -> None:
        """Let time pass: readings grow stale, molds fall silent, the buffer's figures are told."""
        settings = self._settings.sparkplug
        for node in self._nodes.values():
            node.grow_stale(round(settings.stale_after_s * 1000))
            node.fall_silent(round(settings.mold_silent_h * 3_600_000))
            node.tell_buffer()

    async def keep_in_size(self) -> None:
        """Give up the oldest of what waits where it is more than the buffer takes.

        Raises:
            StoreError: the spool cannot be written.
        """
        for node in self._nodes.values():
            if node.waiting_bytes > self._limit:
                too_many = round(node.waiting_bytes - ROOM_SHARE * self._limit)
                count, size = await self._spool.drop_oldest(node.queue, too_many, ROW_BYTES)
                node.given_up(count, size)
                get_logger().warning(
                    "sparkplug_buffer_full",
                    press=node.press.press,
                    count=count,
                    hint="the oldest were given up; raise sparkplug.buffer_mb",
                )

    def close(self) -> None:
        """Close the file of marks."""
        self._marks.close()

    def _found_waiting(self, node: EdgeNode, count: int, size: int) -> None:
        node.waiting_count += count
        node.waiting_bytes += size + ROW_BYTES * count

    def _transaction_is_due(self) -> None:
        self.moved()

    def _made(self, press: PressAddress) -> EdgeNode:
        kept = _of_press(press, self._aliases, "aliases")
        values = _of_press(press, self._values, "values")
        node = EdgeNode(
            press,
            self._settings.sparkplug.group or press.site,
            MetricBook(kept, values),
            self._marks,
            self._clock,
            self._transaction_is_due,
        )
        settings = self._settings.sparkplug
        node.gap_s = settings.host_gap_s if settings.primary_host is not None else 0.0
        number = self._numbers.get(str(press), {}).get("bd_seq")
        node.bd_seq = number if isinstance(number, int) else None
        about = {
            PRODUCT: PRODUCT_NAME,
            "Properties/agent_id": self._settings.agent_id,
            "Properties/version": __version__,
            "Properties/site": press.site,
            "Properties/press": press.press,
        }
        node.book.take(None, [Reading(*one) for one in about.items()], node.now_ms(), node.now_ms())
        node.fall_silent(round(settings.mold_silent_h * 3_600_000))
        return node


def _of_press(
    press: PressAddress, kept: Mapping[str, Mapping[str, Any]], field: str
) -> dict[str, Mapping[str, Any]]:
    """A field of what is kept of a press, by mold; of the press itself with an empty name."""
    head = f"{press}/"
    return {
        key.removeprefix(head): document[field]
        for key, document in kept.items()
        if key.startswith(head) and isinstance(document.get(field), dict)
    }
