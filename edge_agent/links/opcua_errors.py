"""Errors of asyncua as those of a link: what happened, where, and the way out."""

from __future__ import annotations

import socket

from asyncua import ua

from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.errors import LinkError
from edge_agent.links.opcua_values import status_words
from twin_core.errors import TwinError

_TRUST = (
    "let the server trust the certificate of sources.{name}.cert_file {cert_file}: most put an "
    "unknown one into a list of rejected certificates, from which somebody moves it"
)
_LOGIN = "correct sources.{name}.username and its password; the server's log may say more"
_HINTS = {
    "BadCertificateUntrusted": _TRUST,
    "BadSecurityChecksFailed": _TRUST,
    "BadCertificateInvalid": _TRUST,
    "BadCertificateIssuerRevocationUnknown": _TRUST,
    "BadCertificateChainIncomplete": _TRUST,
    "BadCertificateUriInvalid": "the server wants another application URI in the certificate: "
    "`pur-mold-twin gateway certificate` makes one",
    "BadCertificateTimeInvalid": "compare the clocks: for the server the certificate of "
    "sources.{name}.cert_file {cert_file} is not valid today",
    "BadCertificateHostNameInvalid": "the server wants this machine's name in the certificate: "
    "`pur-mold-twin gateway certificate` makes one with it",
    "BadIdentityTokenRejected": "the server does not take this kind of login: give or remove "
    "sources.{name}.username",
    "BadIdentityTokenInvalid": _LOGIN,
    "BadUserAccessDenied": _LOGIN,
    "BadTooManySessions": "the server has no session free: end other clients, or wait until it "
    "forgets sessions that were left",
    "BadMaxConnectionsReached": "the server has no connection free: end other clients",
    "BadTcpEndpointUrlInvalid": "correct sources.{name}.url: the server knows no such endpoint",
    "BadSecurityPolicyRejected": "set sources.{name}.security_policy to one that it takes",
    "BadSecurityModeRejected": "set sources.{name}.security_mode to one that it takes",
    "BadServerHalted": "start the server's program: it is halted",
}


def link_error(name: str, settings: OpcUaSource, error: BaseException) -> TwinError:
    """The error of a link from what asyncua or the network raised.

    Args:
        name: that of the source.
        error: is returned as it is if it is one of ours.
    """
    if isinstance(error, TwinError):
        return error
    where = f"sources.{name}: {settings.url}"
    if isinstance(error, ua.UaStatusCodeError):
        words = status_words(error.code)
        hint = _HINTS.get(words, "the server's log may say more")
        return LinkError(
            f"{where}: the server refuses: {words}",
            hint=hint.format(name=name, cert_file=settings.cert_file),
        )
    words, hint = _of_the_network(name, settings, error)
    return LinkError(f"{where}: {words}", hint=hint)


def _of_the_network(name: str, settings: OpcUaSource, error: BaseException) -> tuple[str, str]:
    """Words and hint for an error below OPC UA."""
    if isinstance(error, socket.gaierror):
        return "no address for this name", f"correct sources.{name}.url"
    if isinstance(error, ConnectionRefusedError):
        return (
            "nobody listens there",
            f"start the server, or correct host and port in sources.{name}.url",
        )
    if isinstance(error, TimeoutError):
        return (
            f"no answer within {settings.timeout_s:g} s",
            "look at the network and the server; a slow one needs a longer timeout_s",
        )
    if isinstance(error, OSError):
        return (
            f"the link is lost: {error.strerror or error}",
            "look at the network: routes and firewalls between this machine and the server",
        )
    return (
        f"{type(error).__name__}: {str(error)[:300]}",
        "is it an OPC UA server, and is this its port?",
    )
