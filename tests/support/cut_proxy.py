"""A TCP link to break: cut, reset, half-open or slow, without root and without kernel modules."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

CHUNK = 65_536
Fault = Literal["cut", "reset", "half-open", "slow"]
FAULTS: tuple[Fault, ...] = ("cut", "reset", "half-open", "slow")
SLOW_DELAY_S = 0.03
SLOW_BYTES_PER_S = 200_000.0


class CutProxy:
    """Forwards a port of 127.0.0.1; ``port`` is where to connect instead.

    cut: connections are reset and new ones, too. reset: connections are reset, new ones work.
    half-open: everything stays open and bytes vanish, both ways. slow: late and throttled.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.connections_count = 0
        self._to = port
        self._fault: Fault | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._lamed: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.break_link("cut")
        await asyncio.sleep(0)

    def break_link(self, fault: Fault) -> None:
        """From now on the link has this fault; a reset is over at once."""
        self._fault = None if fault == "reset" else fault
        if fault in {"cut", "reset"}:
            self._reset(self._open)

    def heal(self, *, silently: bool = False) -> None:
        """The link works. Connections that lost bytes can never be right again: they are reset.

        ``silently``: nobody tells them; they stay open and dead, and only new ones work.
        """
        if silently:
            self._lamed |= self._open
        else:
            self._reset(self._lamed)
        self._fault = None

    def _reset(self, writers: set[asyncio.StreamWriter]) -> None:
        for writer in list(writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _reset_on_close(writer)
        self.connections_count += 1
        if self._fault == "cut":
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
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
            self._lamed -= both

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        both: set[asyncio.StreamWriter],
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._fault == "slow":
                    await asyncio.sleep(SLOW_DELAY_S + len(data) / SLOW_BYTES_PER_S)
                if self._fault == "half-open":
                    self._lamed |= both
                if writer in self._lamed:
                    continue
                writer.write(data)
                await writer.drain()
        for one in both:  # the other way ends, too
            one.transport.abort()


def _reset_on_close(writer: asyncio.StreamWriter) -> None:
    """Closing sends RST, as a link that breaks, not FIN, as a peer that says goodbye."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
