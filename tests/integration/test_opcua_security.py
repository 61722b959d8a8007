"""Secured channels to a server of OPC UA, and refusals that say what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.errors import CredentialsError, LinkError
from edge_agent.links.opcua import OpcUaLink
from edge_agent.links.opcua_certificate import MadeCertificate, make_certificate
from edge_agent.links.tag_source import Sample, SampleBatch
from tests.support.machines.opcua import node_of
from tests.support.opcua_server import OpcUaServer
from tests.support.waiting import until

POLICIES = ("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")
NAMES = ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
"""Of the same in asyncua."""
USUAL = ("Basic256Sha256", "SignAndEncrypt")
USER, PASSWORD = "gateway", "pässword"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MadeCertificate]:
    folder = tmp_path_factory.mktemp("pki")
    now = datetime.now(UTC)
    return {name: make_certificate(folder, name, "edge-7", now) for name in ("plc", "us", "other")}


@pytest.fixture(scope="module")
def server(pki: dict[str, MadeCertificate]) -> Iterator[OpcUaServer]:
    key = pki["plc"].key_file.with_name("plc-key.pem")  # by which asyncua knows its form
    key.write_bytes(pki["plc"].key_file.read_bytes())
    policies = ["NoSecurity"]
    policies += [f"{name}_{mode}" for name in NAMES for mode in ("Sign", "SignAndEncrypt")]
    options = {
        "certificate": str(pki["plc"].der_file),
        "key": str(key),
        "trusted": [str(pki["us"].cert_file)],
        "users": {USER: PASSWORD},
        "policies": policies,
    }
    with OpcUaServer({"counter": 7}, **options) as server:
        yield server


def settings(
    server: OpcUaServer, pki: dict[str, MadeCertificate], who: str = "us", **more: Any
) -> OpcUaSource:
    """Settings of a source with the certificate of ``who``."""
    base = {
        "kind": "opcua",
        "url": server.url,
        "security_policy": "Basic256Sha256",
        "cert_file": pki[who].cert_file,
        "key_file": pki[who].key_file,
        "username": USER,
        "password": PASSWORD,
        "tags": {"counter": {"node": node_of("counter")}},
        "subscription_ms": 50,
        "timeout_s": 10,
    }
    return OpcUaSource.model_validate(base | more)


async def read(source: OpcUaSource, position: dict[str, Any]) -> list[Sample]:
    """Run until the counter is there; its samples. The position is replaced."""
    samples: list[Sample] = []

    async def deliver(batch: SampleBatch) -> None:
        samples.extend(batch.samples)
        position.clear()
        position.update(batch.position)

    task = asyncio.create_task(OpcUaLink("plc", source).run(deliver, dict(position)))
    await until(lambda: task.done() or bool(samples), "the counter", 30)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return samples


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        pytest.param(policy, mode, marks=() if (policy, mode) == USUAL else pytest.mark.peers)
        for policy in POLICIES
        for mode in ("Sign", "SignAndEncrypt")
    ],
)
async def test_every_policy_and_the_session_again(
    server: OpcUaServer, pki: dict[str, MadeCertificate], policy: str, mode: str
) -> None:
    source = settings(
        server,
        pki,
        security_policy=policy,
        security_mode=mode,
        server_cert_file=pki["plc"].der_file,
    )
    position: dict[str, Any] = {}
    server.ask(do="end-sessions")
    server.write("counter", 7)
    assert [one.value for one in await read(source, position)] == [7]
    server.write("counter", 8, 9)
    found = await read(source, position)
    assert [(one.value, one.historical) for one in found] == [(8, True), (9, True)]
    assert server.ask(do="sessions") == {"count": 1}, "it is the same session"


async def refusal(source: OpcUaSource) -> LinkError:
    """The error with which a source ends."""
    with pytest.raises(LinkError) as caught:
        await read(source, {})
    return caught.value


async def test_a_certificate_that_the_server_does_not_trust(
    server: OpcUaServer, pki: dict[str, MadeCertificate]
) -> None:
    error = await refusal(settings(server, pki, "other"))
    assert "the server refuses: BadCertificateUntrusted" in str(error)
    assert "let the server trust the certificate of sources.plc.cert_file " in error.hint
    assert str(pki["other"].cert_file) in error.hint


async def test_a_server_that_shows_another_certificate(
    server: OpcUaServer, pki: dict[str, MadeCertificate]
) -> None:
    error = await refusal(settings(server, pki, server_cert_file=pki["other"].cert_file))
    assert isinstance(error, CredentialsError)
    assert pki["plc"].fingerprint in str(error)
    assert pki["other"].fingerprint in str(error)
    assert "somebody is between you and the server" in error.hint


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"username": "nobody"}])
async def test_a_login_that_is_wrong(
    server: OpcUaServer, pki: dict[str, MadeCertificate], wrong: dict[str, str]
) -> None:
    error = await refusal(settings(server, pki, **wrong))
    assert "the server refuses: BadUserAccessDenied" in str(error)
    assert "correct sources.plc.username and its password" in error.hint


async def test_no_login_where_one_is_wanted(
    server: OpcUaServer, pki: dict[str, MadeCertificate]
) -> None:
    error = await refusal(settings(server, pki, username=None, password=None))
    assert "BadIdentityTokenRejected" in str(error)
    assert "give or remove sources.plc.username" in error.hint


async def test_what_is_no_server_of_opc_ua(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    web = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with web:
        port = web.sockets[0].getsockname()[1]
        base = {"kind": "opcua", "url": f"opc.tcp://127.0.0.1:{port}", "timeout_s": 2}
        source = OpcUaSource.model_validate(base | {"tags": {"a": {"node": "i=7"}}})
        error = await refusal(source)
    assert f"sources.plc: opc.tcp://127.0.0.1:{port}: " in str(error)
    assert error.hint
