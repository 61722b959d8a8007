"""Files that a mapping names are looked at by check, which comes before some of them are made."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from edge_agent.cli import main
from twin_core.shipped_files import configs_folder

EXAMPLE = configs_folder() / "gateway" / "s7-1500.yaml"


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Check the example of the S7-1500 with other fields, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(plc=None, **changes):
        settings = yaml.safe_load(EXAMPLE.read_text()) | changes
        settings["sources"]["plc"] |= plc or {}
        Path("gateway.yaml").write_text(yaml.safe_dump(settings))
        return CliRunner().invoke(main, ["gateway", "check", "-c", "gateway.yaml"])

    return run


def test_what_is_not_there_yet_is_a_note(check):
    found = check(broker={"username": "me", "password_file": "var/broker-password"})

    assert found.exit_code == 0
    for name in ("cert_file", "key_file"):
        (line,) = [one for one in found.output.splitlines() if f"sources.plc.{name}: " in one]
        assert line.startswith("note: gateway.yaml: line ")
        assert line.endswith("is not there yet; `pur-mold-twin gateway certificate` makes it")
    assert "sources.plc.password_file: var/gateway/plc-password is not there yet" in found.output
    assert "broker.password_file: var/broker-password is not there yet" in found.output


def test_an_outbox_that_is_a_folder(check):
    Path("var").mkdir()

    found = check(outbox={"path": "var"})

    assert found.exit_code == 2
    assert "outbox.path: var is a folder: name a file in it, as var/gateway.db" in found.output


def test_a_password_file_that_is_a_folder(check):
    Path("var").mkdir()

    found = check(plc={"password_file": "var"})

    assert found.exit_code == 2
    assert "sources.plc.password_file: var: is a folder, not a regular file" in found.output


def test_files_that_are_there_are_not_mentioned(check):
    Path("var/gateway").mkdir(parents=True)
    for name in ("gateway-press1.pem", "gateway-press1.key", "plc-password"):
        Path("var/gateway", name).write_text("x")

    assert check().output == "gateway.yaml: nothing is wrong\n"
