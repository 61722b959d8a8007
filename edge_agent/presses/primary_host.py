"""The primary host of an edge node: is it online, and is what its broker keeps of it still true?

A broker that was killed keeps the STATE of before, and may have a node before it has its hosts
again. So after a lost link a STATE that is no newer than the loss is believed only after a wait.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.host_state import decode_state
from broker.sparkplug.topics import state_topic
from edge_agent.config.sparkplug_settings import SparkplugSettings
from edge_agent.errors import LinkError
from edge_agent.links.publish_packet import Incoming
from edge_agent.logs import get_logger


class HostOffline(LinkError):
    """The primary host is not there: no data is sent while it is away."""


class PrimaryHost:
    """What a node knows of its primary host, over all its sessions."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.topic: str | None = None
        """Of its STATE; None where there is no primary host."""
        self.name = ""
        self.online = asyncio.Event()
        """It is online at the broker of this session, or there is none."""
        self._return_s = 0.0
        self._open = False
        self._at_ms = -1
        """Time of the newest STATE in this session."""
        self._old_ms: int | None = None
        """A STATE that a broker kept and that is no newer may be one of before a lost link."""
        self._waiting: asyncio.TimerHandle | None = None
        self._told_of_old = False

    def open(self, settings: SparkplugSettings) -> None:
        """A session begins: nothing is known of this broker."""
        self.close()
        self._open, self._at_ms, self._return_s = True, -1, settings.host_return_s
        self.online.clear()
        if settings.primary_host is None:
            self.topic = None
            self.online.set()
        else:
            self.name, self.topic = settings.primary_host, state_topic(settings.primary_host)

    def close(self) -> None:
        """The session is over."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def lost(self, now_ms: int) -> None:
        """Take note that the link was lost, if one was open."""
        if self._open:
            self._open, self._old_ms = False, max(now_ms, self._at_ms)

    @property
    def wait_s(self) -> float:
        """How much longer its STATE may have to be waited for after a lost link [s]."""
        return self._return_s if self._old_ms is not None else 0.0

    def hear(self, message: Incoming) -> bool:
        """Take note of a STATE; true for a new session of a host that was online already.

        Raises:
            HostOffline: it was online, and is not any more.
        """
        try:
            state = decode_state(message.payload)
        except SparkplugError as error:
            get_logger().warning("sparkplug_state_unreadable", error=error.detail)
            return False
        before, self._at_ms = self._at_ms, max(self._at_ms, state.timestamp_ms)
        if state.timestamp_ms < before:  # of an earlier session of the host
            if not self._told_of_old:
                self._told_of_old = True
                get_logger().warning(
                    "sparkplug_state_too_old",
                    online=state.online,
                    timestamp=_shown(state.timestamp_ms),
                    newest=_shown(before),
                    hint="a late will does this; if the host is up, its clock was set back",
                )
            return False
        newer = state.timestamp_ms > before
        if self.online.is_set():
            if not state.online:
                raise HostOffline(f"primary host {self.name}: went offline")
            return newer
        comes = self._waiting is not None and newer
        self.close()
        if not state.online:
            return False
        old = self._old_ms is not None and state.timestamp_ms <= self._old_ms
        if old and message.retained and not comes and self._return_s:
            loop = asyncio.get_running_loop()
            self._waiting = loop.call_later(self._return_s, self._believe)
        else:
            self._believe()
        return False

    def _believe(self) -> None:
        self._waiting = self._old_ms = None
        self.online.set()


def _shown(at_ms: int) -> str:
    """A time of a STATE; the number where it is none that a calendar has."""
    try:
        return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)).isoformat()
    except OverflowError:
        return f"{at_ms} ms"
