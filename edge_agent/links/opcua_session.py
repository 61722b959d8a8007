"""A session with an OPC UA server: made, or taken up again where an earlier one was left.

asyncua's client has a reconnect of its own. It is not used: it lives as long as the process, and
acknowledges what it has received, not what is safe. Here a session is one connection; what is
needed to take it up again after a cut or a kill stands in the source's position.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from asyncua import Client, ua
from cryptography import x509

from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.errors import CredentialsError, LinkError
from edge_agent.links.opcua_decoding import DataValue, header_time, read_response
from edge_agent.links.opcua_errors import link_error
from edge_agent.links.opcua_security import (
    APPLICATION_URI,
    OwnCertificate,
    choose_endpoint,
    fingerprint,
    mode_of,
    own_certificate,
    password_of,
    pinned_certificate,
    policy_for,
    server_certificate,
)
from edge_agent.links.opcua_values import ticks_of
from edge_agent.logs import get_logger

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
CHUNKS_MAX = 1024
"""Largest answer that we take, told to the server."""
CALL_MAX = 500
"""Nodes in a request, unless the server wants fewer."""
RENEW_AFTER = 0.75
"""Part of the life of a channel's keys after which they are renewed."""
_LIMITS = {"items": 11714, "read": 11705, "history": 12165, "browse": 11710}
"""Nodes with the server's limits of a request."""
_NAMESPACES, _START_TIME, _CURRENT_TIME = 2255, 2257, 2258

Answer = TypeVar("Answer")

logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # what it says there, we raise


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server says of itself."""

    namespaces: Sequence[str]
    started: str
    """When it was started; empty if it does not say."""
    limits: Mapping[str, int]
    certificate: str
    """Fingerprint; empty without."""


class OpcUaSession:
    """An activated session."""

    def __init__(self, name: str, client: Client, settings: OpcUaSource, *, resumed: bool) -> None:
        self.client, self.resumed = client, resumed
        self.facts = ServerFacts((), "", {}, "")
        self._name, self._settings = name, settings

    async def raw(self, request: Any, timeout_s: float | None = None) -> bytes:
        """The answer to a request as bytes.

        Args:
            request: one of asyncua's.
            timeout_s: by default that of the source; 0: it may take as long as it will.

        Raises:
            LinkError: the link is lost or the answer too late; ``ua.UaStatusCodeError``: the
                server refuses.
        """
        protocol = self.client.uaclient.protocol
        if protocol is None:
            raise LinkError(f"sources.{self._name}: {self._settings.url}: the link is lost")
        return bytes(await protocol.send_request(request, timeout_s))

    async def read(
        self, nodes: Sequence[ua.NodeId], attribute: ua.AttributeIds = ua.AttributeIds.Value
    ) -> list[ua.DataValue]:
        """An attribute of nodes, in as few requests as the server allows."""

        async def ask(part: list[ua.NodeId]) -> list[ua.DataValue]:
            answers: list[ua.DataValue] = await self.client.uaclient.read_attributes(
                part, attribute
            )
            return answers

        return await self._in_parts(nodes, ask)

    async def read_values(self, nodes: Sequence[ua.NodeId]) -> list[DataValue]:
        """Values of nodes with both times, as they are notified."""

        async def ask(part: list[ua.NodeId]) -> list[DataValue]:
            request = ua.ReadRequest()
            request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
            request.Parameters.NodesToRead = [
                ua.ReadValueId(node, ua.AttributeIds.Value) for node in part
            ]
            return read_response(await self.raw(request))

        return await self._in_parts(nodes, ask)

    async def _in_parts(
        self, nodes: Sequence[ua.NodeId], ask: Callable[[list[ua.NodeId]], Awaitable[list[Answer]]]
    ) -> list[Answer]:
        """Answers for nodes; a server that does not say how many it takes is asked for fewer."""
        answers: list[Answer] = []
        step = self.facts.limits.get("read", CALL_MAX)
        while len(answers) < len(nodes):
            part = list(nodes[len(answers) : len(answers) + step])
            try:
                answers += await ask(part)
            except ua.UaStatusCodeError as error:
                if error.code != ua.StatusCodes.BadTooManyOperations or step == 1:
                    raise
                step = max(1, step // 4)
        return answers

    async def now(self) -> int:
        """Time by the server's clock [100 ns since 1601].

        The one in the answer's header is of this moment; the variable may be a second old.
        """
        request = ua.ReadRequest()
        request.Parameters.NodesToRead = [
            ua.ReadValueId(ua.NodeId(_CURRENT_TIME), ua.AttributeIds.Value)
        ]
        data = await self.raw(request)
        return header_time(data) or ticks_of(datetime.now(UTC))

    def state(self) -> dict[str, Any]:
        """State with which a later connection can take the session up again."""
        nonce: bytes = self.client._server_nonce or b""
        token = self.client.uaclient.session.authentication_token
        return {"token": token.to_string(), "nonce": nonce.hex()}

    async def learn(self, certificate: x509.Certificate | None) -> None:
        """Ask the server for its namespaces, its start and its limits."""
        nodes = [_NAMESPACES, _START_TIME, *_LIMITS.values()]
        answers = [
            value.Value.Value if value.Value is not None else None
            for value in await self.read([ua.NodeId(node) for node in nodes])
        ]
        namespaces, started, *limits = answers
        self.facts = ServerFacts(
            [str(uri) for uri in namespaces] if isinstance(namespaces, list) else [],
            _aware(started).isoformat() if isinstance(started, datetime) else "",
            {
                name: min(limit, CALL_MAX) if isinstance(limit, int) and limit > 0 else CALL_MAX
                for name, limit in zip(_LIMITS, limits, strict=True)
            },
            "" if certificate is None else fingerprint(certificate),
        )


@asynccontextmanager
async def open_session(
    name: str, settings: OpcUaSource, earlier: Mapping[str, Any] | None = None
) -> AsyncIterator[OpcUaSession]:
    """Open a session; at the end it stays on the server, so that it can be taken up again.

    Args:
        name: that of the source.
        settings: where and how.
        earlier: ``state`` of one that may still be there.

    Raises:
        LinkError: the server cannot be reached, or refuses us.
        CredentialsError: a certificate, key or password file cannot be used.
    """
    own = own_certificate(name, settings, datetime.now(UTC))
    client = Client(settings.url, timeout=settings.timeout_s)
    client.application_uri = own.application_uri if own is not None else APPLICATION_URI
    client.name = client.description = "PUR-MOLD-TWIN gateway"
    client.product_uri = "urn:pur-mold-twin"
    client.session_timeout = int(settings.keep_s * 1000)
    client.max_messagesize, client.max_chunkcount = MESSAGE_BYTES_MAX, CHUNKS_MAX
    if settings.username is not None:
        client.set_user(settings.username)
        client.set_password(password_of(name, settings) or "")
    renewal: asyncio.Task[None] | None = None
    try:
        try:
            certificate = await _secure(name, settings, client, own)
            session = await _activate(name, settings, client, earlier)
            await session.learn(certificate)
        except Exception as error:
            raise link_error(name, settings, error) from error
        renewal = asyncio.create_task(_renew(client))
        yield session
    finally:
        if renewal is not None:
            renewal.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await renewal
        await _hang_up(client)


async def end_session(session: OpcUaSession) -> None:
    """Give a session back, with its subscriptions."""
    with suppress(Exception):  # the server ends it by itself, later
        await session.client.uaclient.close_session(True)


async def _secure(
    name: str, settings: OpcUaSource, client: Client, own: OwnCertificate | None
) -> x509.Certificate | None:
    """Open a channel with the wanted security; the server's certificate."""
    pinned = pinned_certificate(name, settings)
    shown = pinned
    if settings.security_policy != "None":
        endpoints = await client.connect_and_get_server_endpoints()
        shown = server_certificate(choose_endpoint(name, settings, endpoints))
        _compare(name, settings, pinned, shown)
        client.security_policy = policy_for(settings, own, shown)
        client.uaclient.set_security(client.security_policy)
    await client.connect_socket()
    await client.send_hello()
    await client.open_secure_channel()
    return shown


def _compare(
    name: str,
    settings: OpcUaSource,
    pinned: x509.Certificate | None,
    shown: x509.Certificate | None,
) -> None:
    if shown is None:
        raise LinkError(f"sources.{name}: {settings.url}: the server shows no certificate")
    if pinned is not None and pinned != shown:
        raise CredentialsError(
            f"sources.{name}.server_cert_file: {settings.server_cert_file}: the server shows "
            f"another certificate, SHA-256 {fingerprint(shown)}, not {fingerprint(pinned)}",
            hint="if the server was given a new certificate, copy it there; else somebody is "
            "between you and the server",
        )


async def _activate(
    name: str, settings: OpcUaSource, client: Client, earlier: Mapping[str, Any] | None
) -> OpcUaSession:
    endpoint = choose_endpoint(name, settings, await client.get_endpoints())
    client._policy_ids = endpoint.UserIdentityTokens  # asyncua learns them from CreateSession only
    if settings.username is not None:
        _tell_plain_password(name, settings, client)
    if earlier and await _take_up(client, settings, endpoint, earlier):
        return OpcUaSession(name, client, settings, resumed=True)
    await client.create_session()
    await client.activate_session(client._username, client._password)
    return OpcUaSession(name, client, settings, resumed=False)


async def _take_up(
    client: Client,
    settings: OpcUaSource,
    endpoint: ua.EndpointDescription,
    earlier: Mapping[str, Any],
) -> bool:
    """Activate the earlier session on this channel; False if it is no more."""
    session = client.uaclient.session
    if client.security_policy.peer_certificate is None:
        client.security_policy.peer_certificate = endpoint.ServerCertificate or None
    try:
        session.restore_authentication_token(ua.NodeId.from_string(str(earlier["token"])))
        client._server_nonce = bytes.fromhex(str(earlier["nonce"])) or None
        await client.activate_session(client._username, client._password)
    except (ua.UaStatusCodeError, ua.UaStringParsingError, KeyError, ValueError):
        session.reset_authentication_token()
        client._server_nonce = None
        if mode_of(settings) is ua.MessageSecurityMode.None_:
            client.security_policy.peer_certificate = None
        return False
    return True


def _tell_plain_password(name: str, settings: OpcUaSource, client: Client) -> None:
    policy = client.server_policy(ua.UserTokenType.UserName).SecurityPolicyUri or ""
    if policy.endswith("#None") and mode_of(settings) is not ua.MessageSecurityMode.SignAndEncrypt:
        get_logger().warning(
            "password_sent_plainly",
            host=settings.url,
            reason=name,
            hint="set security_policy: the server takes the password without encryption",
        )


async def _renew(client: Client) -> None:
    """Renew the keys of the channel for as long as it is open."""
    while True:
        await asyncio.sleep(client.secure_channel_timeout / 1000 * RENEW_AFTER)
        await client.open_secure_channel(renew=True)
        client.uaclient.revolve_security_token()


async def _hang_up(client: Client) -> None:
    """Close the socket; the session lives on at the server."""
    with suppress(Exception):
        await client.close_secure_channel()
    client.disconnect_socket()


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
