"""The link to an OPC UA server: subscriptions, its history after an outage, and its variables.

``docs/gateway.md`` says what is kept over a cut, a kill and a restart of the server, and by what.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator

from asyncua import ua
from asyncua.crypto.uacrypto import InvalidSignature

from edge_agent.clock import Clock, SystemClock
from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.links.opcua_browse import browse
from edge_agent.links.opcua_errors import link_error
from edge_agent.links.opcua_position import Place
from edge_agent.links.opcua_reader import Reader
from edge_agent.links.opcua_session import end_session, open_session
from edge_agent.links.tag_source import Deliver, FoundTag, Position

_ERRORS = (ua.UaError, OSError, TimeoutError, InvalidSignature, struct.error)
"""What asyncua and the network raise."""


class OpcUaLink:
    """A ``TagSource`` of an OPC UA server."""

    def __init__(self, name: str, settings: OpcUaSource, clock: Clock | None = None) -> None:
        """Make a source; nothing is connected yet.

        Args:
            name: that of the source in the configuration.
            settings: where and how.
            clock: tells when something arrived.
        """
        self.name = name
        self._settings, self._clock = settings, clock or SystemClock()

    async def run(self, deliver: Deliver, position: Position) -> None:
        """Deliver what is read until the link is lost: see ``TagSource``."""
        place = Place.read(position, self._settings)
        try:
            async with open_session(self.name, self._settings, place.session) as session:
                reader = Reader(self.name, self._settings, session, place, deliver, self._clock)
                await reader.run()
        except _ERRORS as error:
            raise link_error(self.name, self._settings, error) from error

    async def browse(self) -> AsyncIterator[FoundTag]:
        """The variables of the server.

        Raises:
            LinkError: it cannot be asked.
        """
        try:
            async with open_session(self.name, self._settings) as session:
                async for tag in browse(session, self.name):
                    yield tag
                await end_session(session)
        except _ERRORS as error:
            raise link_error(self.name, self._settings, error) from error
