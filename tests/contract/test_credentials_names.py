"""Credentials have one name each: in the unit, containers, the configuration and the docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_agent.config.secret_files import PREFIX, resolved
from tests.support.deploy import DEPLOY, read
from tests.support.processes import ROOT

NAMES = set("agent.key mqtt-password mqtt-web history-url session-secret web.key web-audit".split())
"""``credentials:NAME``; a new one must be in the page of operations, too."""
PLACES = [
    ROOT / "configs" / "agent.yaml",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(path for path in DEPLOY.rglob("*") if path.suffix in {".yaml", ".yml", ".service"}),
]
UNIT = (DEPLOY / "systemd" / "pur-mold-twin-agent.service").read_text()


def names_in(text: str) -> set[str]:
    """What stands behind ``credentials:``; NAME stands for any."""
    return set(re.findall(r"credentials:([A-Za-z0-9_.-]*[A-Za-z0-9])", text)) - {"NAME"}


@pytest.mark.parametrize("path", PLACES, ids=lambda path: path.name)
def test_a_file_names_them_alike(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert names_in(text) <= NAMES
    assert f"credentials:{PREFIX}" not in text


def test_all_are_explained() -> None:
    for page in (ROOT / "configs" / "agent.yaml", ROOT / "docs" / "operations.md"):
        assert names_in(page.read_text(encoding="utf-8")) == NAMES


def test_the_unit_loads_the_folder_of_the_docs() -> None:
    (loaded,) = re.findall(r"^LoadCredential=(.*)$", UNIT, re.MULTILINE)
    prefix, _, folder = loaded.partition(":")
    assert f"{prefix}_" == PREFIX
    for page in ("operations.md", "broker.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        assert folder in text
        assert set(re.findall(r"/etc/pur-mold-twin/cred\w*", text)) == {folder}


def test_containers_have_the_secrets_that_the_agent_names() -> None:
    agent = read("compose.yaml")["services"]["agent"]
    assert agent["environment"]["CREDENTIALS_DIRECTORY"] == "/run/secrets"
    named = names_in((DEPLOY / "compose" / "agent.yaml").read_text() + str(agent["environment"]))
    assert named == set(agent["secrets"]) == {"mqtt-password", "history-url"}
    pod = (DEPLOY / "k8s" / "statefulset.yaml").read_text()
    named = names_in((DEPLOY / "k8s" / "configmap.yaml").read_text() + pod)
    making = (DEPLOY / "k8s" / "kustomization.yaml").read_text()
    assert named == set(re.findall(r"--from-file=([a-z-]+)", making))
    assert "value: /run/secrets/pur-mold-twin\n" in pod


def test_the_name_is_that_of_the_file_with_and_without_a_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    path = Path("credentials:agent.key")
    assert resolved("broker.tls.key_file", path) == tmp_path / "agent.key"
    (tmp_path / "agent.key").touch()
    assert resolved("broker.tls.key_file", path) == tmp_path / "agent.key"
    (tmp_path / "pur_agent.key").touch()  # as systemd names the files of a folder
    assert resolved("broker.tls.key_file", path) == tmp_path / "pur_agent.key"
    assert resolved("x", Path("credentials:pur_agent.key")) == tmp_path / "pur_agent.key"
