"""docs/integrate and docs/gateway.md: links lead somewhere, YAML is a configuration."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from edge_agent.cli import main
from edge_agent.config.gateway_settings import GatewaySettings
from edge_agent.config.gateway_sources import MqttSource
from edge_agent.links.foreign_messages import MessageReader
from edge_agent.links.publish_packet import Incoming
from tests.support.processes import ROOT

NOW = datetime(2026, 5, 4, 8, 0, 31, tzinfo=UTC)

DOCS = ROOT / "docs"
INTEGRATE = DOCS / "integrate"
PAGES = [
    *sorted(INTEGRATE.glob("*.md")),
    DOCS / "gateway.md",
    DOCS / "decisions/0023-the-gateway.md",
]


def anchors_of(page: Path) -> set[str]:
    """Anchors of the headings of a page, as a reader of Markdown makes them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", head.replace("`", "").lower()) for head in heads]
    return {head.replace(" ", "-") for head in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), link
        if anchor:
            assert anchor in anchors_of(there), link


def test_every_page_is_in_the_table() -> None:
    table = (INTEGRATE / "README.md").read_text(encoding="utf-8")
    for page in INTEGRATE.glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in table, page.name


def test_every_command_of_the_gateway_that_is_named_exists() -> None:
    group = main.get_command(None, "gateway")  # type: ignore[arg-type]
    known = set(group.commands)  # type: ignore[union-attr]
    named = {
        name
        for page in PAGES
        for name in re.findall(r"\bgateway ([a-z]+) (?:-c|--from|var/)", page.read_text("utf-8"))
    }
    assert named == known


def test_yaml_of_the_pages_is_a_configuration() -> None:
    blocks = [
        block
        for page in PAGES
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]
    assert blocks
    for block in blocks:
        GatewaySettings.model_validate(yaml.safe_load(block))


def test_the_configuration_of_telegraf_is_toml_and_fits_to_the_mapping() -> None:
    page = (INTEGRATE / "telegraf.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    telegraf = tomllib.loads(text)
    (mapping,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    tags = yaml.safe_load(mapping)["sources"]["telegraf"]["tags"].values()
    names = {node["name"] for node in telegraf["inputs"]["opcua_listener"][0]["nodes"]}
    names |= {one["name"] for one in telegraf["inputs"]["modbus"][0]["holding_registers"]}
    assert {tag["path"] for tag in tags} == {f"fields.{name}" for name in names}
    topic = telegraf["outputs"]["mqtt"][0]["topic"].replace("{{ .PluginName }}", "+")
    assert {tag["topic"] for tag in tags} == {topic}
    nodes = {
        "ns={namespace};{identifier_type}={identifier}".format(**node)
        for node in telegraf["inputs"]["opcua_listener"][0]["nodes"]
    }
    wanted = [tag["where"] for tag in tags]
    assert nodes == {where["tags.id"] for where in wanted if "tags.id" in where}


def test_the_mapping_of_telegraf_reads_its_messages() -> None:
    """Messages in the form of its JSON serializer: each metric has one of the tags, no fault."""
    page = (INTEGRATE / "telegraf.md").read_text(encoding="utf-8")
    (mapping,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    settings = GatewaySettings.model_validate(yaml.safe_load(mapping))
    source = settings.sources["telegraf"]
    assert isinstance(source, MqttSource)
    reader = MessageReader(source)
    found = {}
    for tag, where in source.tags.items():
        wanted = where.where
        document = {
            "fields": {where.path.removeprefix("fields."): 402, "Quality": "OK (0x0)"},
            "name": wanted.get("name", "press"),
            "tags": {"id": wanted["tags.id"]} if "tags.id" in wanted else {},
            "timestamp": 1777881630000,
        }
        topic = where.topic.replace("+", str(document["name"]))
        message = Incoming(topic, json.dumps(document).encode(), None, 1, 1)
        (sample,) = reader.read(message, NOW, backlog=False)
        assert (sample.tag, sample.value, sample.fault) == (tag, 402, "")
        assert sample.ts == datetime(2026, 5, 4, 8, 0, 30, tzinfo=UTC)
        found[tag] = sample
    assert found.keys() == source.tags.keys()
