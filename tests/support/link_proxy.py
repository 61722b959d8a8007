"""A TCP link to lengthen or break: late, cut, reset, half-open or slow, without root."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Literal

from broker.local.loopback import HOST
from tests.support.local_server import LocalServer
from tests.support.waiting import until

CHUNK = 65_536
Fault = Literal["cut", "reset", "half-open", "slow"]
FAULTS: tuple[Fault, ...] = ("cut", "reset", "half-open", "slow")
SLOW_DELAY_S = 0.03
SLOW_BYTES_PER_S = 200_000.0

_UnderWay = asyncio.Queue[tuple[float, bytes] | None]
"""When data are due, by the clock of the loop; None when no more come."""


class LinkProxy(LocalServer):
    """Forwards a port of 127.0.0.1; ``port`` is where to connect instead.

    cut: connections are reset and new ones, too. reset: connections are reset, new ones work.
    half-open: everything stays open and bytes vanish, both ways. slow: late and throttled.
    """

    def __init__(self, port: int, round_trip_s: float = 0.0) -> None:
        """Make a proxy; nothing listens yet.

        Args:
            port: where the data go.
            round_trip_s: half of it is the way there, half the way back; nothing is throttled.
        """
        super().__init__()
        self.connections_count = 0
        self._to, self._delay_s = port, round_trip_s / 2
        self._fault: Fault | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._dead: set[asyncio.StreamWriter] = set()
        """Open, but their bytes vanish."""

    def break_link(self, fault: Fault) -> None:
        """Give the link this fault from now on; a reset is over at once."""
        self._fault = None if fault == "reset" else fault
        if fault in {"cut", "reset"}:
            self._reset(self._open)

    def heal(self, *, silently: bool = False) -> None:
        """Let the link work. Connections that lost bytes can never be right again: they are reset.

        Args:
            silently: they stay open and dead instead, and only new ones work.
        """
        if silently:
            self._dead |= self._open
        else:
            self._reset(self._dead)
        self._fault = None

    async def _close(self) -> None:
        self.break_link("cut")
        await until(lambda: not self._open, "the connections to end")

    def _reset(self, writers: set[asyncio.StreamWriter]) -> None:
        for writer in list(writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _reset_on_close(writer)
        self.connections_count += 1
        if self._fault == "cut":
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self._to)
        except OSError:
            writer.transport.abort()
            return
        _reset_on_close(far_writer)
        both = {writer, far_writer}
        self._open |= both
        try:
            await asyncio.gather(
                self._forward(reader, far_writer, both), self._forward(far_reader, writer, both)
            )
        finally:
            self._open -= both
            self._dead -= both

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        both: set[asyncio.StreamWriter],
    ) -> None:
        under_way = _UnderWay()
        delivery = asyncio.create_task(_deliver(under_way, writer))
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._fault == "slow":
                    await asyncio.sleep(SLOW_DELAY_S + len(data) / SLOW_BYTES_PER_S)
                if self._fault == "half-open":
                    self._dead |= both
                if writer not in self._dead:
                    due = asyncio.get_running_loop().time() + self._delay_s
                    under_way.put_nowait((due, data))
        under_way.put_nowait(None)
        with suppress(OSError):
            await delivery
        for one in both:  # the other way ends, too
            one.transport.abort()


async def _deliver(under_way: _UnderWay, writer: asyncio.StreamWriter) -> None:
    while (item := await under_way.get()) is not None:
        due, data = item
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        writer.write(data)
        await writer.drain()


def _reset_on_close(writer: asyncio.StreamWriter) -> None:
    """Make closing send RST, as a link that breaks, not FIN, as a peer that ends in order."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
