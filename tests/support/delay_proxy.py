"""A TCP link with a long way: everything arrives late, and nothing is throttled."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.support.waiting import until

CHUNK = 65_536


class DelayProxy:
    """Forwards a port of 127.0.0.1; ``port`` is where to connect instead."""

    def __init__(self, port: int, round_trip_s: float) -> None:
        """Nothing listens yet.

        Args:
            round_trip_s: half of it is the way there, half the way back.
        """
        self.port = 0
        self._to, self._delay = port, round_trip_s / 2
        self._open: set[asyncio.StreamWriter] = set()
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
        for writer in list(self._open):
            writer.transport.abort()
        await until(lambda: not self._open, "the connections to end")

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._open |= both
        try:
            await asyncio.gather(
                self._forward(reader, far_writer, both), self._forward(far_reader, writer, both)
            )
        finally:
            self._open -= both

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        both: set[asyncio.StreamWriter],
    ) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        now = asyncio.get_running_loop().time

        async def deliver() -> None:
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(due - now())
                writer.write(data)
                await writer.drain()

        delivering = asyncio.create_task(deliver())
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                under_way.put_nowait((now() + self._delay, data))
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)
        for one in both:  # the other way ends, too
            one.transport.abort()
