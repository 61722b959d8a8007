"""Alerts: valid, each tried, with a runbook, on metrics that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.deploy import DEPLOY, METRIC, check, exported, queryable, read
from tests.support.processes import ROOT

FOLDER = DEPLOY / "prometheus"
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
RULES = [rule for group in read("prometheus/alerts.yml")["groups"] for rule in group["rules"]]


@pytest.mark.needs("promtool")
def test_the_files_are_valid() -> None:
    check("promtool", "check", "rules", "--lint-fatal", FOLDER / "alerts.yml")
    check("promtool", "check", "config", "prometheus.yml", cwd=FOLDER)


@pytest.mark.needs("amtool")
def test_alertmanager_takes_its_file() -> None:
    check("amtool", "check-config", FOLDER / "alertmanager.yml")


def test_an_alert_reaches_people() -> None:
    services = read("compose.yaml")["services"]
    (target,) = read("prometheus/prometheus.yml")["alerting"]["alertmanagers"][0]["static_configs"][
        0
    ]["targets"]
    assert target.partition(":")[0] in services
    config = read("prometheus/alertmanager.yml")
    text = (FOLDER / "alertmanager.yml").read_text()
    receivers = {receiver["name"] for receiver in config["receivers"]}
    assert {config["route"]["receiver"], *(r["receiver"] for r in config["route"]["routes"])} == (
        receivers
    )
    secrets = set(re.findall(r"_file: /run/secrets/(\S+)", text))
    assert secrets == set(services["alertmanager"]["secrets"])
    page = PAGE.partition("## Who is notified")[2].partition("\n## ")[0]
    for name in secrets:
        assert f"deploy/compose/secrets/{name}" in page
    assert not re.search(r"(?<!_)(password|url): ", text), "secrets are files"
    rules = {rule["alert"] for rule in RULES}
    for rule in config["inhibit_rules"]:
        assert set(re.findall(r'alertname="(\w+)"', str(rule["source_matchers"]))) <= rules


@pytest.mark.needs("promtool")
def test_every_alert_fires_when_it_should() -> None:
    check("promtool", "test", "rules", "alerts_test.yml", cwd=FOLDER)


def test_every_alert_is_tried_both_ways() -> None:
    fires, silent = set(), set()
    for case in read("prometheus/alerts_test.yml")["tests"]:
        for test in case["alert_rule_test"]:
            (fires if test.get("exp_alerts") else silent).add(test["alertname"])
    names = {rule["alert"] for rule in RULES}
    assert fires == names
    assert silent == names


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, object]) -> None:
    annotations, labels = rule["annotations"], rule["labels"]
    assert isinstance(annotations, dict)
    assert isinstance(labels, dict)
    assert labels["severity"] in {"warning", "critical"}
    page, _, anchor = annotations["runbook"].partition("#")
    assert (ROOT / page).exists()
    assert f"### {rule['alert']}\n" in PAGE
    assert anchor == str(rule["alert"]).lower()


def test_the_metrics_exist(tmp_path: Path) -> None:
    named = {name for rule in RULES for name in METRIC.findall(rule["expr"])}
    assert named
    assert named <= queryable(tmp_path)


def test_the_page_lists_every_metric(tmp_path: Path) -> None:
    rows = [line.split("|")[1].strip() for line in PAGE.splitlines() if line.startswith("| `pur_")]
    listed = [row.strip("`").partition("{")[0] for row in rows]
    of_agent = [name for name in listed if not name.startswith("pur_gateway_")]
    assert sorted(of_agent) == sorted(exported(tmp_path))  # those: test_gateway_operations.py
