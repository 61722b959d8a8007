"""Health of the agent, and ``/metrics``, ``/healthz`` and ``/readyz`` that report it.

Healthy: everything moves, or waits by choice; else a restart helps. Ready: what a press sends is
taken, kept and answered. A history that is away changes neither: the spool holds.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from edge_agent.config.settings import HealthSettings
from edge_agent.errors import SettingsError
from edge_agent.logs import get_logger
from edge_agent.monitoring.watchdog import SPARKPLUG, STUCK_AFTER_S, Watches
from edge_agent.spool.spool import Spool

REQUEST_TIMEOUT_S = 5.0
PIPELINE, LOOP = "pipeline", "event loop"
"""Names of the two watches that are there from the beginning."""


class Vitals:
    """Health of the agent, written by the event loop and read by any thread."""

    def __init__(self, spool: Spool, watches: Watches, stuck_after_s: float = STUCK_AFTER_S):
        self._spool, self._watches = spool, watches
        self._stuck_after_s = stuck_after_s
        self.warm = False
        """The model is compiled."""
        self.sessions: dict[str, bool] = {}
        """Is the session open, by press?"""

    def stuck(self) -> list[str]:
        """Loops that hang, in words. While the model is compiled a shot may wait for it."""
        hanging = self._watches.stuck(self._stuck_after_s)
        return [words for words in hanging if self.warm or not words.startswith(PIPELINE)]

    def readiness(self) -> dict[str, Any]:
        """Document of what is well and what is not; ``ready`` sums it up."""
        troubles = self._watches.troubles()
        history = troubles.pop("forward", None)
        nodes = self._watches.edge_nodes()
        for press in nodes:
            troubles.pop(f"{SPARKPLUG}{press}", None)
        links = {p: troubles.pop(f"link {p}", None) for p in list(self.sessions)}
        spool = self._spool_problem() or next(iter(troubles.values()), None)
        up = any(self.sessions.values())
        words = {press: why or "connecting" for press, why in links.items()}
        document: dict[str, Any] = {
            "ready": spool is None and self.warm and up,
            "spool": spool or "writable",
            "model": "ready" if self.warm else "is being compiled",
            "sessions": {p: "up" if on else words[p] for p, on in list(self.sessions.items())},
            "history": "up" if history is None else f"away, the spool holds: {history}",
        }
        if nodes:
            document["sparkplug"] = {press: why or "up" for press, why in nodes.items()}
        return document

    def _spool_problem(self) -> str | None:
        path = self._spool.path
        if self._spool.full:
            return f"{path} is full: messages stay at the broker"
        if (problem := self._spool.problem()) is not None:
            return problem
        if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
            return f"{path} or its folder cannot be written"
        return None


class Health(Protocol):
    """Health of a program, asked by any thread."""

    def stuck(self) -> list[str]:
        """Loops that hang, in words."""
        ...

    def readiness(self) -> dict[str, Any]:
        """Document of what is well and what is not; ``ready`` sums it up."""
        ...


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is silent, talks nonsense or goes away is no event; the rest is a fault."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            get_logger().error("health_request_failed", error=repr(error)[:500])


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_TIMEOUT_S
    """For one that connects and says nothing."""

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape is no event."""

    def get_stderr(self) -> StringIO:
        """Discard the tracebacks of wsgiref: ``_safely`` has logged the error."""
        return StringIO()


def application(vitals: Health, registry: CollectorRegistry) -> Callable[..., Any]:
    """The three pages."""
    metrics = make_wsgi_app(registry)

    def pages(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        body: dict[str, Any]
        match environ["PATH_INFO"]:
            case "/metrics":
                return metrics(environ, start_response)
            case "/healthz":
                stuck = vitals.stuck()
                well, body = not stuck, {"healthy": not stuck, "stuck": stuck}
            case "/readyz":
                body = vitals.readiness()
                well = bool(body["ready"])
            case _:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"there are: /metrics /healthz /readyz\n"]
        words = "200 OK" if well else "503 Service Unavailable"
        start_response(words, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
        return [json.dumps(body, indent=2).encode() + b"\n"]

    return _safely(pages)


def _safely(pages: Callable[..., Any]) -> Callable[..., Any]:
    """The pages; a fault in one of them is logged, and answered with 500."""

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        try:
            return pages(environ, start_response)
        except Exception as error:
            path = environ["PATH_INFO"][:200]
            get_logger().error("health_page_failed", path=path, error=repr(error)[:500])
            raise

    return guarded


@contextmanager
def serving(settings: HealthSettings, app: Callable[..., Any]) -> Iterator[int | None]:
    """Serve the pages in a thread; gives the port, None when that is switched off.

    Raises:
        SettingsError: address or port cannot be had.
    """
    if not settings.enabled:
        yield None
        return
    server_class = _Server6 if ":" in settings.host else _Server
    try:
        server = make_server(settings.host, settings.port, app, server_class, _Handler)
    except OSError as error:
        field = "health.host" if isinstance(error, socket.gaierror) else "health.port"
        raise SettingsError(
            f"{field}: cannot listen on {settings.host}:{settings.port}: {error.strerror}: "
            "choose another one, or set health.enabled to false",
            hint="pur-mold-twin doctor says whether an agent has the port, or another program",
        ) from None
    thread = Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
