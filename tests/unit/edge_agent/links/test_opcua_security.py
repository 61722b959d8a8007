"""Certificates and passwords of an OPC UA source: what does not fit is said with the way out."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.errors import CredentialsError, LinkError, SettingsError
from edge_agent.links.opcua_certificate import MadeCertificate, make_certificate
from edge_agent.links.opcua_security import choose_endpoint, own_certificate, password_of

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
AES = "http://opcfoundation.org/UA/SecurityPolicy#Aes128_Sha256_RsaOaep"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeCertificate:
    folder = tmp_path_factory.mktemp("pki")
    return make_certificate(folder, "gateway", "edge-7", NOW)


def source(**fields: Any) -> OpcUaSource:
    base = {"kind": "opcua", "url": "opc.tcp://plc:4840", "tags": {"a": {"node": "i=7"}}}
    return OpcUaSource.model_validate(base | fields)


def secured(cert_file: Path, key_file: Path) -> OpcUaSource:
    return source(security_policy="Basic256Sha256", cert_file=cert_file, key_file=key_file)


def self_signed(folder: Path, key: Any, names: list[x509.GeneralName]) -> tuple[Path, Path]:
    """Files of a certificate with this key and these names."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    (folder / "x.der").write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    (folder / "x.key").write_bytes(key.private_bytes(pem, pkcs8, plain))
    return folder / "x.der", folder / "x.key"


def test_what_is_made_fits(made: MadeCertificate) -> None:
    own = own_certificate("plc", secured(made.cert_file, made.key_file), NOW)
    assert own is not None
    assert own.application_uri == made.application_uri == "urn:edge-7:pur-mold-twin:gateway"
    same = own_certificate("plc", secured(made.der_file, made.key_file), NOW)
    assert same is not None
    assert same.certificate == own.certificate
    assert stat.S_IMODE(made.key_file.stat().st_mode) == 0o600
    assert made.valid_until - NOW == timedelta(days=3650)
    names = own.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["edge-7"]


def test_what_is_there_is_not_written_over(made: MadeCertificate) -> None:
    with pytest.raises(SettingsError) as caught:
        make_certificate(made.cert_file.parent, "gateway", "edge-7", NOW)
    assert "is there already, and servers may trust it" in str(caught.value)


@pytest.mark.parametrize(
    ("days", "words"),
    [(4000, "expired on 2036-11-26"), (-2, "correct this machine's clock")],
)
def test_a_time_at_which_it_is_not_valid(made: MadeCertificate, days: int, words: str) -> None:
    moment = NOW + timedelta(days=days)
    with pytest.raises(CredentialsError) as caught:
        own_certificate("plc", secured(made.cert_file, made.key_file), moment)
    assert words in str(caught.value)
    assert "sources.plc.cert_file" in str(caught.value)


def test_files_that_do_not_fit(made: MadeCertificate, tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=1024)
    uri = [x509.UniformResourceIdentifier("urn:x")]
    short = self_signed(tmp_path, key, uri)
    (tmp_path / "locked.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    (tmp_path / "text").write_text("nonsense")
    cases = {
        (made.cert_file, tmp_path / "none"): "key_file: .*none: No such file or directory",
        (tmp_path / "text", made.key_file): "is no certificate in PEM or DER",
        (made.cert_file, tmp_path / "text"): "is no private key in PEM or DER",
        (made.cert_file, tmp_path / "locked.key"): "has a password: store it without",
        (made.cert_file, short[1]): "is not the key of cert_file",
        short: "its key has 1024 bits, not 2048 to 4096: `pur-mold-twin gateway certificate`",
    }
    for (cert_file, key_file), words in cases.items():
        with pytest.raises(CredentialsError, match=words):
            own_certificate("plc", secured(cert_file, key_file), NOW)


def test_keys_and_names_that_do_not_fit(made: MadeCertificate, tmp_path: Path) -> None:
    files = self_signed(tmp_path, ec.generate_private_key(ec.SECP256R1()), [])
    with pytest.raises(CredentialsError, match="wants an RSA key"):
        own_certificate("plc", secured(*files), NOW)
    key = serialization.load_pem_private_key(made.key_file.read_bytes(), None)
    files = self_signed(tmp_path, key, [x509.DNSName("edge-7")])
    with pytest.raises(CredentialsError, match="names no application URI"):
        own_certificate("plc", secured(*files), NOW)


def test_an_endpoint_that_is_not_offered_says_which_are() -> None:
    mode = ua.MessageSecurityMode.Sign
    offered = [
        ua.EndpointDescription(SecurityPolicyUri=AES, SecurityMode=mode),
        ua.EndpointDescription(
            SecurityPolicyUri="http://opcfoundation.org/UA/SecurityPolicy#None",
            SecurityMode=ua.MessageSecurityMode.None_,
        ),
    ]
    settings = source(
        security_policy="Aes128_Sha256_RsaOaep", cert_file=Path("a"), key_file=Path("b")
    )
    assert choose_endpoint("plc", source(), offered) is offered[1]
    with pytest.raises(LinkError) as caught:
        choose_endpoint("plc", settings, offered)
    assert "does not offer security_policy Aes128_Sha256_RsaOaep with security_mode" in str(
        caught.value
    )
    assert "it offers: Aes128_Sha256_RsaOaep Sign, None" in str(caught.value)


def test_the_password_comes_from_its_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("from the file\n")
    monkeypatch.setenv("TWIN_GATEWAY_PASSWORD_PLC", "from outside")
    assert password_of("plc", source(username="u", password_file=file)) == "from the file"
    assert password_of("plc", source(username="u", password="given")) == "given"
    assert password_of("plc", source(username="u")) == "from outside"
    assert password_of("other", source(username="u")) is None
    with pytest.raises(CredentialsError, match=r"sources\.plc\.password_file"):
        password_of("plc", source(username="u", password_file=tmp_path / "none"))
