"""Image, compose and Kubernetes: valid, hardened, and with configurations that the agent takes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.config.settings import Settings, load_settings
from edge_agent.gateway.mapping_file import load_gateway
from tests.support.deploy import DEPLOY, check, read
from tests.support.processes import ROOT

COMPOSE = read("compose.yaml")
SERVICES = COMPOSE["services"]
K8S = DEPLOY / "k8s"
MANIFESTS = sorted(path for path in K8S.glob("*.yaml") if path.name != "kustomization.yaml")


@pytest.mark.needs("hadolint")
def test_the_dockerfile_is_sound() -> None:
    check("hadolint", DEPLOY / "Dockerfile")


def test_the_dockerfile_finds_its_sources() -> None:
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in allowed or f"!{source.rstrip('/')}/uv.txt" in allowed


@pytest.mark.needs("check-jsonschema")
def test_compose_is_valid() -> None:
    schema = "vendor.compose-spec"
    check("check-jsonschema", "--builtin-schema", schema, DEPLOY / "compose.yaml")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_pinned_watched_and_closed(name: str) -> None:
    service: dict[str, Any] = SERVICES[name]
    assert re.fullmatch(r"[a-z/-]+:(v?\d+\.\d+\.\d+(-pg\d+)?|local)", service["image"])
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    if name == "agent":
        assert "HEALTHCHECK" in (DEPLOY / "Dockerfile").read_text()
    else:
        assert service["healthcheck"]["test"]
    for port in service.get("ports", []):
        assert port == "1883:1883" or port.startswith("127.0.0.1:")
    assert not [key for key in service.get("environment", {}) if key.endswith("PASSWORD")]
    secrets = (one["source"] if type(one) is dict else one for one in service.get("secrets", []))
    assert set(secrets) <= set(COMPOSE["secrets"])


def test_what_compose_mounts_exists() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            found = (DEPLOY / source).exists() if source[0] == "." else source in COMPOSE["volumes"]
            assert found, volume


def of_image() -> dict[str, str]:
    """Settings in the environment of the image."""
    text = (DEPLOY / "Dockerfile").read_text()
    return dict(re.findall(r"\b(TWIN_[A-Z_]+)=(\S+)", text))


def check_settings(
    path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Settings:
    for name, value in (of_image() | environment).items():
        monkeypatch.setenv(name, value)
    settings = load_settings(path)
    assert settings.broker.username == "twin"
    assert settings.history.url_file is not None
    assert (settings.health.enabled, settings.health.port) == (True, 9464)
    return settings


def test_the_agent_takes_the_configuration_of_compose(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = SERVICES["agent"]["environment"]
    settings = check_settings(DEPLOY / "compose" / "agent.yaml", environment, monkeypatch)
    for file in (settings.history.url_file, settings.broker.password_file):
        scheme, _, name = str(file).partition(":")
        assert scheme == "credentials"
        assert name in SERVICES["agent"]["secrets"]
    assert settings.broker.host in SERVICES
    mounted = {volume.split(":")[1] for volume in SERVICES["agent"]["volumes"]}
    folders = [settings.catalogue.systems, settings.catalogue.molds, settings.learning.models]
    folders.append(settings.catalogue.parameter_sets)
    assert {str(folder) for folder in folders} <= mounted


def test_the_gateway_takes_the_configuration_of_compose() -> None:
    service = SERVICES["gateway"]
    settings = load_gateway(DEPLOY / "compose" / "gateway.yaml")
    assert settings.broker.host in SERVICES
    assert str(settings.broker.password_file) == "credentials:mqtt-password"
    (secret,) = service["secrets"]
    assert secret["target"] == "mqtt-password"
    mounted = {volume.split(":")[1] for volume in service["volumes"]}
    assert str(settings.outbox.path.parent) in mounted
    assert f":{settings.health.port}/healthz" in service["healthcheck"]["test"][-1]
    assert service["profiles"] == ["gateway"], "only where it is asked for"
    acl = (DEPLOY / "compose" / "acl").read_text().split("user gateway\n")[1].split("\n\n")[0]
    assert f"topic write pur/v1/{settings.site}/+/telemetry" in acl.splitlines()


def test_extras_of_the_image_are_an_argument() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert '".[${EXTRAS}]"' in text
    (default,) = re.findall(r"^ARG EXTRAS=(\S+)$", text, re.MULTILINE)
    assert SERVICES["agent"]["build"]["args"]["EXTRAS"] == f"${{TWIN_EXTRAS:-{default}}}"
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    page = (ROOT / "docs" / "operations.md").read_text()
    for asked in [default, *re.findall(r"EXTRAS=([a-z,]+)", page + text)]:
        assert set(asked.split(",")) <= set(known)


def test_the_agent_takes_the_configuration_of_kubernetes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(read("k8s/configmap.yaml")["data"]["agent.yaml"])
    pod = read("k8s/statefulset.yaml")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    check_settings(path, environment, monkeypatch)
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert environment["CREDENTIALS_DIRECTORY"] in mounts
    own = yaml.safe_load(re.sub(r"(?m)^# (?=catalogue:|  )", "", path.read_text()))
    assert set(own["catalogue"].values()) <= mounts
    for name in ("systems", "molds", "parameter-sets"):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert volumes[name]["configMap"] == {"name": name, "optional": True}


@pytest.mark.needs("kubernetes-validate")
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_is_valid(path: Path) -> None:
    check("kubernetes-validate", "--strict", path)


def test_the_kustomization_names_all_files() -> None:
    kustomization = read("k8s/kustomization.yaml")
    assert sorted(kustomization["resources"]) == [path.name for path in MANIFESTS]
    assert kustomization["namespace"] == read("k8s/namespace.yaml")["metadata"]["name"]
    pod = read("k8s/statefulset.yaml")["spec"]["template"]["spec"]
    assert [c["image"] for c in pod["containers"]] == [i["name"] for i in kustomization["images"]]


def test_the_pod_is_restricted() -> None:
    pod = read("k8s/statefulset.yaml")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    written = re.findall(r'"(/var/[^"]+)"', (DEPLOY / "Dockerfile").read_text())
    assert written
    assert set(written) <= mounted


def test_manifests_select_what_they_mean() -> None:
    labels = read("k8s/statefulset.yaml")["spec"]["template"]["metadata"]["labels"]
    assert read("k8s/statefulset.yaml")["spec"]["selector"]["matchLabels"] == labels
    assert read("k8s/service.yaml")["spec"]["selector"] == labels
    for name in ("networkpolicy", "poddisruptionbudget"):
        spec = read(f"k8s/{name}.yaml")["spec"]
        assert (spec.get("podSelector") or spec["selector"])["matchLabels"] == labels


def test_every_yaml_of_deploy_can_be_read() -> None:
    for path in DEPLOY.rglob("*.y*ml"):
        assert list(yaml.safe_load_all(path.read_text(encoding="utf-8"))), path
