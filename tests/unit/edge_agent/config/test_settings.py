"""Configuration: file, environment, and errors that name the field and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import COMMANDS, main
from edge_agent.config.settings import load_settings
from edge_agent.errors import SettingsError
from tests.support.processes import ROOT

MINIMAL = "site: s\nagent_id: a\npresses: [p1]\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "agent.yaml"
    path.write_text(text)
    return path


def test_the_example_is_valid() -> None:
    settings = load_settings(ROOT / "configs" / "agent.yaml")
    assert settings.presses == ["press1"]


def test_environment_wins_and_leaves_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWIN_BROKER__PORT", "8883")
    path = write(tmp_path, MINIMAL + "broker: {host: mqtt.local, port: 1884}\n")
    broker = load_settings(path).broker
    assert (broker.host, broker.port) == ("mqtt.local", 8883)


def test_a_password_comes_from_the_environment_and_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWIN_BROKER__PASSWORD", "hidden")
    path = write(tmp_path, MINIMAL + "broker: {username: u}\n")
    settings = load_settings(path)
    assert settings.broker.password is not None
    assert settings.broker.password.get_secret_value() == "hidden"
    assert "hidden" not in repr(settings)
    path.write_text(MINIMAL + "broker: {username: u, password_file: f}\n")
    with pytest.raises(SettingsError, match="both given: keep one") as caught:
        load_settings(path)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("site: s\n", ["agent_id: is missing", "presses: is missing"]),
        (MINIMAL + "broker: {port: 99999}\n", ["broker.port", "65535"]),
        (MINIMAL + "brocker: {}\n", ["brocker: unknown field: is broker meant?"]),
        (MINIMAL + "broker: {tls: {cafile: x}}\n", ["broker.tls.cafile", "is ca_file meant?"]),
        (
            MINIMAL + "quality_by_mold: {M: {alpha_min: 1}}\n",
            ["quality_by_mold.M.alpha_min", "is alpha_demold_min meant?"],
        ),
        (MINIMAL + "health: {port: 9000}\n", ["health: port given, but the pages are off"]),
        (MINIMAL + "topic_prefix: a/#\n", ["topic_prefix"]),
        ("site: s\nagent_id: a\npresses: [p, p]\n", ["presses", "twice"]),
        ("site: s\nsite: t\n", ["'site' stands twice"]),
        (MINIMAL + "broker: {qos: 2}\n", ["broker.qos", "must be 1", "144 of 75,000"]),
        (MINIMAL + "broker: {qos: 0}\n", ["broker.qos", "must be 1"]),
        (MINIMAL + "broker: {tls: {ca_file: x}}\n", ["broker.tls", "TLS is off"]),
        (MINIMAL + "broker: {tls: {enabled: true, cert_file: x}}\n", ["broker.tls", "key_file"]),
        (MINIMAL + "broker: {username: u, password: p}\n", ["broker.password: not in this file"]),
        (MINIMAL + "broker: {password_file: p}\n", ["broker: ", "set username"]),
        ("[1, 2]", ["must hold a mapping"]),
        (": :\n  - ]", ["cannot be read as YAML"]),
    ],
)
def test_errors_name_file_and_field(tmp_path: Path, text: str, words: list[str]) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert str(path) in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_an_unknown_variable_is_not_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWIN_BROCKER__PORT", "1")
    with pytest.raises(SettingsError, match="TWIN_BROCKER__PORT: no such section"):
        load_settings(write(tmp_path, MINIMAL))


def test_a_wrong_file_ends_the_agent_with_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["agent", "-c", str(write(tmp_path, "site: s\n"))])
    assert result.exit_code == 2
    assert "agent_id: is missing: add it" in result.stderr
    assert CliRunner().invoke(main, ["agent", "-c", str(tmp_path / "no.yaml")]).exit_code == 2


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help_with_an_example(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
