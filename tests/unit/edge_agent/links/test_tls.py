"""The link's files: every fault names the field, the file and the way out."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from broker.setup.certificates import new_authority, new_client, parse_issued
from edge_agent.config.settings import BrokerSettings, TlsSettings
from edge_agent.errors import CredentialsError
from edge_agent.links.tls import password_of, tls_context


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    now = datetime.now(UTC)
    authority = new_authority("test", now)
    one, other = (new_client(authority, name, now) for name in ("one", "other"))
    locked = one.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    texts = {
        "ca": authority.certificate_pem,
        "cert": one.certificate_pem,
        "key": one.key_pem,
        "other_key": other.key_pem,
        "locked_key": locked,
        "garbled": b"garbled",
        "binary": b"\xff\x00",
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text)
    return {name: tmp_path / name for name in [*texts, "missing"]}


def tls(files: dict[str, Path], **names: str) -> TlsSettings:
    chosen = {"ca_file": "ca", "cert_file": "cert", "key_file": "key", **names}
    return TlsSettings(enabled=True, **{field: files[name] for field, name in chosen.items()})


def test_files_that_fit(files: dict[str, Path]) -> None:
    context = tls_context(tls(files))
    assert context is not None
    assert context.check_hostname
    assert tls_context(TlsSettings()) is None
    assert tls_context(TlsSettings(enabled=True)) is not None


@pytest.mark.parametrize(
    ("field", "name", "words"),
    [
        ("ca_file", "missing", "no such file: the user that runs this"),
        ("ca_file", "garbled", "holds no certificate in PEM"),
        ("ca_file", "binary", "is not text"),
        ("cert_file", "missing", "no such file"),
        ("cert_file", "garbled", "not a certificate and a key in PEM"),
        ("key_file", "missing", "no such file"),
        ("key_file", "garbled", "not a certificate and a key in PEM"),
        ("key_file", "other_key", "is not the key of broker.tls.cert_file"),
        ("key_file", "locked_key", "has a password: store it without"),
    ],
)
def test_files_that_do_not(files: dict[str, Path], field: str, name: str, words: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        tls_context(tls(files, **{field: name}))
    for part in (f"broker.tls.{field}", str(files[name]), words):
        assert part in str(caught.value)


def test_credentials_of_systemd(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TlsSettings(
        enabled=True,
        ca_file=Path("credentials:ca"),
        cert_file=Path("credentials:cert"),
        key_file=Path("credentials:key"),
    )
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(CredentialsError, match=r"ca_file: credentials:ca: \$CREDENTIALS_DIR.*Load"):
        tls_context(settings)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(files["ca"].parent))
    assert tls_context(settings) is not None


def test_the_password_from_a_file(tmp_path: Path) -> None:
    settings = BrokerSettings(username="twin", password_file=tmp_path / "password")
    with pytest.raises(CredentialsError, match=r"broker\.password_file: .*no such file"):
        password_of(settings)
    (tmp_path / "password").write_text(" secret\n")
    assert password_of(settings) == "secret"
    assert password_of(BrokerSettings()) is None


@pytest.mark.needs("openssl")
def test_openssl_finds_nothing_to_say(files: dict[str, Path]) -> None:
    """Another implementation reads what we issue, as strictly as it can."""
    openssl = shutil.which("openssl")
    assert openssl is not None
    command = [openssl, "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile"]
    done = subprocess.run([*command, files["ca"], files["cert"]], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_issued_certificate_reads_back(files: dict[str, Path]) -> None:
    issued = parse_issued(files["cert"].read_bytes(), files["key"].read_bytes())
    assert issued.certificate_pem == files["cert"].read_bytes()
    assert issued.key_pem == files["key"].read_bytes()
