"""A broker inside the process, for a demo on a machine without Mosquitto."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from broker.local.loopback import HOST, BrokerStartError, free_port

_PORT_TRIES = 5
_QUIET = ("amqtt", "transitions")


class _Subscriptions(dict[str, Any]):
    """Subscriptions that amqtt may walk through while clients come and go."""

    def __iter__(self) -> Iterator[str]:
        return iter(list(super().__iter__()))


class EmbeddedBroker:
    """amqtt on 127.0.0.1, anonymous: for the demo only, never for production.

    It speaks MQTT 3.1.1 only (it does not even answer an MQTT 5 client), loses the messages of
    clients that are away, and forgets everything when it ends. Use Mosquitto for anything else.
    """

    def __init__(self, port: int | None = None) -> None:
        self._port = port
        self._broker: Any = None

    @property
    def port(self) -> int:
        """The TCP port; RuntimeError before the start of a broker on a free port."""
        if self._port is None:
            raise RuntimeError("the broker has not been started: it has no port yet")
        return self._port

    async def __aenter__(self) -> Self:
        """Start it. Raises BrokerStartError when amqtt is missing or the port is taken."""
        try:
            from amqtt.broker import Broker  # noqa: PLC0415  # an extra: only when it is wanted
            from amqtt.errors import BrokerError  # noqa: PLC0415
        except ImportError as error:
            raise BrokerStartError(
                "the embedded broker needs amqtt (extra demo: README.md, Installing), or Mosquitto"
            ) from error
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        tries = 1 if self._port is not None else _PORT_TRIES
        for tries_left in reversed(range(tries)):
            port = self._port or free_port()
            broker = Broker(_config(port))
            broker._subscriptions = _Subscriptions()
            try:
                await broker.start()
            except BrokerError as error:
                if not tries_left:
                    raise BrokerStartError(
                        f"amqtt did not start on {HOST}:{port}: {error}"
                    ) from None
            else:
                self._port, self._broker = port, broker
                break
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        broker, self._broker = self._broker, None
        await broker.shutdown()


def _config(port: int) -> dict[str, Any]:
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
        "plugins": {
            "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
        },
    }
