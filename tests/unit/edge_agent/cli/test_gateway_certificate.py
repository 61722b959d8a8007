"""gateway certificate: files as the YAML names them, and nothing written over."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from cryptography import x509

from edge_agent.cli import main
from tests.support.processes import ROOT

EXAMPLE = ROOT / "configs" / "gateway" / "s7-1500.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "var" / "gateway"


def run(*more: str, **plc: object) -> Result:
    """Run it on the example of the S7-1500, with other settings of its source."""
    settings = yaml.safe_load(EXAMPLE.read_text())
    settings["sources"]["plc"] |= plc
    Path("gateway.yaml").write_text(yaml.safe_dump(settings))
    return CliRunner().invoke(main, ["gateway", "certificate", "-c", "gateway.yaml", *more])


def test_it_makes_what_the_yaml_names(folder: Path) -> None:
    done = run("--host", "press-pc.plant")
    assert done.exit_code == 0, done.output
    assert "application URI: urn:press-pc.plant:pur-mold-twin:gateway-press1\n" in done.output
    made = x509.load_pem_x509_certificate((folder / "gateway-press1.pem").read_bytes())
    assert made == x509.load_der_x509_certificate((folder / "gateway-press1.der").read_bytes())
    assert (folder / "gateway-press1.key").stat().st_mode & 0o777 == 0o600
    assert f"valid until {made.not_valid_after_utc:%Y-%m-%d}" in done.output


def test_nothing_is_written_over(folder: Path) -> None:
    assert run().exit_code == 0
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = run()
    assert done.exit_code == 2
    assert "is there already" in done.output
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_it_needs_neither_stations_nor_tags(folder: Path) -> None:
    settings = yaml.safe_load(EXAMPLE.read_text())
    del settings["stations"], settings["sources"]["plc"]["tags"]
    Path("gateway.yaml").write_text(yaml.safe_dump(settings))
    done = CliRunner().invoke(main, ["gateway", "certificate", "-c", "gateway.yaml"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("plc", "words"),
    [
        ({"cert_file": "var/a.crt"}, "must be a path that ends in .pem"),
        ({"cert_file": "credentials:a.pem"}, "must be a path"),
        ({"key_file": "var/other.key"}, "must be var/gateway/gateway-press1.key"),
        (
            {"security_policy": "None", "cert_file": None, "key_file": None},
            "no source of the kind opcua names cert_file",
        ),
    ],
)
def test_names_that_it_does_not_give(folder: Path, plc: dict[str, object], words: str) -> None:
    done = run(**plc)
    assert done.exit_code == 2
    assert words in done.output
    assert not folder.exists()
