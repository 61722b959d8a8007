"""The HTTP server of the pages and the REST interface."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import uvicorn

from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.errors import SettingsError
from edge_agent.logs import get_logger
from edge_agent.web.app import create_app
from edge_agent.web.server_tls import server_tls

GRACE_S = 3
"""How long requests may go on when the server ends."""


async def serve(
    settings: Settings,
    clock: Clock,
    stop: asyncio.Event,
    ready: Callable[[str], None] = lambda _address: None,
) -> None:
    """Serve until ``stop`` is set.

    Args:
        clock: the twin's.
        ready: called with the address once requests are answered.

    Raises:
        SettingsError: ``web.host`` and ``web.port`` cannot be had.
    """
    app = create_app(settings, clock)
    with (
        closing(app.state.web.access),  # also where its lifespan never begins
        _listening(settings.web.host, settings.web.port) as listening,
    ):
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            lifespan="on",
            proxy_headers=bool(settings.web.proxy_addresses),
            forwarded_allow_ips=settings.web.proxy_addresses,
        )
        if settings.web.cert_file is not None:
            config.load()
            config.ssl = server_tls(settings.web)
        server = _Server(config)
        started = asyncio.create_task(server.up.wait())
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({started, serving}, return_when=asyncio.FIRST_COMPLETED)
            if server.started:
                host, port = settings.web.host, listening.getsockname()[1]
                get_logger().info("web_listening", host=host, port=port)
                scheme = "http" if settings.web.cert_file is None else "https"
                ready(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/")
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            app.state.web.feed.close()
            server.should_exit = True
            stopping.cancel()
            started.cancel()
            await serving


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the server."""
        yield


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # asyncio sets it only on sockets that were made by a name; without it the body of an
        # answer waits 40 ms for the acknowledgement of its head
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind((host, port))
        listening.listen(128)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        taken = error.errno == errno.EADDRINUSE
        raise SettingsError(
            f"web.host {host}, web.port {port}: cannot listen there: {error.strerror}",
            hint="another program listens there: end it, or set another web.port"
            if taken
            else "set web.host to an address of this machine, web.port to one above 1023",
        ) from None
    return listening
