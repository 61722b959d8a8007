"""docs/gateway.md names every field of the YAML with its default, and examples that load."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from pydantic import BaseModel

from edge_agent.cli import main
from edge_agent.config import gateway_settings as of_stations
from edge_agent.config import gateway_sources as of_sources
from edge_agent.config.gateway_settings import Trigger
from edge_agent.gateway.moments import text_of
from edge_agent.gateway.station import StationTranslator
from edge_agent.gateway.units import UNITS_TEXT, unit_named
from edge_agent.links.left_out import LeftOut
from edge_agent.links.tag_source import Sample, Value
from tests.support.processes import ROOT

TEXT = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8")
TABLES: dict[str, list[type[BaseModel]]] = {
    "Gateway": [of_stations.GatewaySettings],
    "Outbox": [of_stations.OutboxSettings],
    "Frames": [of_stations.FrameSettings],
    "Source `opcua`": [of_sources.OpcUaSource, of_sources.OpcUaTag],
    "Source `modbus`": [of_sources.ModbusSource, of_sources.ModbusTag],
    "Source `mqtt`": [of_sources.MqttSource, of_sources.MqttTag],
    "Source `sparkplug`": [of_sources.SparkplugSource, of_sources.SparkplugTag],
    "Source `folder`": [of_sources.FolderSource, of_sources.FolderTag],
    "Station": [of_stations.Station],
    "Channel": [of_stations.ChannelFrom],
    "Text from a tag": [of_stations.TextFrom],
    "Shots": [of_stations.Shots],
    "Ids of shots": [of_stations.ShotIds],
    "Triggers": [of_stations.Trigger],
}
"""Models by the section that has their fields, in the order of its tables."""
ALL = [(section, n) for section, models in TABLES.items() for n in range(len(models))]


def rows_of(section: str, table: int) -> dict[str, str]:
    """Fields of a table of a section, each with its default as written."""
    text = TEXT.partition(f"### {section}\n")[2]
    text = re.split(r"^##+ ", text, maxsplit=1, flags=re.MULTILINE)[0]
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    found = {}
    for row in blocks[table].splitlines()[2:]:
        names, default = [cell.strip() for cell in row.strip("|").split("|")[:2]]
        fields = re.findall(r"`([a-zA-Z_]+)`", names)
        defaults = default.split(", ") if len(fields) > 1 else [default]
        for number, field in enumerate(fields):
            found[field] = defaults[min(number, len(defaults) - 1)]
    return found


def fields_of(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


@pytest.mark.parametrize(("section", "number"), ALL)
def test_every_field_is_there_and_no_other(section: str, number: int) -> None:
    model = TABLES[section][number]
    assert rows_of(section, number).keys() == fields_of(model).keys(), model.__name__


@pytest.mark.parametrize(("section", "number"), ALL)
def test_defaults_are_those_of_the_models(section: str, number: int) -> None:
    fields = fields_of(TABLES[section][number])
    for name, written in rows_of(section, number).items():
        field = fields[name]
        if field.is_required():
            assert "needed" in written, name
            continue
        assert written != "needed", name
        default = field.get_default(call_default_factory=True)
        if isinstance(default, bool):
            assert written == str(default).lower(), name
        elif isinstance(default, int | float):
            assert float(written) == default, name
        elif isinstance(default, str) and default:
            assert written == default, name
        elif isinstance(default, BaseModel):
            assert written, name


def test_every_model_has_its_section() -> None:
    """A model that is added to the settings is missing here until the page has it."""
    found = {
        kind
        for module in (of_stations, of_sources)
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, BaseModel)
        and kind.__module__ == module.__name__
    }
    shown = {model for models in TABLES.values() for model in models}
    assert found - shown == {of_stations.Condition}  # in the table of triggers
    assert set(fields_of(of_stations.Condition)) <= set(rows_of("Triggers", 0))


def test_examples_of_triggers_load() -> None:
    section = TEXT.partition("## Triggers by example\n")[2].partition("\n## ")[0]
    triggers = re.findall(r"`(?:started|poured|demolded|aborted): ({[^`]*})`", section)
    assert len(triggers) > 6
    for text in triggers:
        Trigger.model_validate(yaml.safe_load(text))
    fields = re.findall(r"`([a-z_]+): [^`{]", section)
    assert set(fields) <= set(of_stations.Shots.model_fields) | {"while"}


def test_all_units_are_listed() -> None:
    section = TEXT.partition("## Units\n")[2].partition("\n## ")[0]
    first = section.partition(", and usual\nother words")[0]
    listed = {word.strip("` ") for word in re.split(r"[\s·]+|\band\b|\(a fraction\)", first)}
    assert set(UNITS_TEXT.split(", ")) <= listed
    (others,) = re.findall(r"other words \(([^)]*)\)", section)
    for word in re.findall(r"`([^`]+)`", others):
        unit_named(word)


def test_all_that_is_left_out_is_in_the_table() -> None:
    section = TEXT.partition("## What is counted of a Sparkplug source\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) == [
        one.value for one in LeftOut
    ]


def test_tags_and_sources_are_as_many_as_it_says() -> None:
    limits = TEXT.partition("## Limits\n")[2].partition("\n## ")[0]
    assert f"{of_sources.TAGS_MAX:,} tags of a source" in limits
    for model, field, words in (
        (of_stations.GatewaySettings, "sources", "sources"),
        (of_stations.GatewaySettings, "stations", "stations"),
        (of_stations.Station, "sensors", "sensors"),
        (of_stations.Station, "metrics", "metrics"),
    ):
        (most,) = [
            one.max_length
            for one in model.model_fields[field].metadata
            if hasattr(one, "max_length")
        ]
        assert f"{most} {words}" in limits


POURED_AT = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
(STATION,) = re.findall(r"```yaml\n(# trace.*?)```", TEXT, re.DOTALL)


def quoted(page: str, name: str) -> list[str]:
    """Lines of an indented block whose first line is ``# NAME``."""
    (block,) = re.findall(rf"^    # {name}[^\n]*\n((?:    .*\n)+)", page, re.MULTILINE)
    return [line[4:] for line in block.splitlines()]


def test_the_trace_is_what_the_station_says() -> None:
    settings = of_stations.GatewaySettings.model_validate(yaml.safe_load(STATION))
    station = StationTranslator("press1", settings.stations["press1"], settings)

    def give(second: float, **values: Value | None) -> None:
        at = POURED_AT + timedelta(seconds=second)
        fault = {None: "BadSensorFailure"}
        samples = [Sample(tag, at, value, fault.get(value, "")) for tag, value in values.items()]
        station.take("plc", samples, at)

    give(0, pouring=False, mold_closed=False, polyol_kg=0.4, iso_kg=0.45)
    give(1, pouring=True)
    give(3, pouring=False)
    give(50, mold_closed=True)
    give(60, pouring=True)
    give(63, iso_kg=None)
    give(64, pouring=False)
    station.tick(POURED_AT + timedelta(seconds=70))
    lines = []
    for line in station.fetch_trace():
        what = f"{line.kind} {line.event} ({line.reason})"
        lines.append(f"{text_of(line.at_us)} {line.station} {what}: {line.words}")
    assert quoted(TEXT, "trace") == lines


def test_a_wrong_mapping_is_told_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    below = "    mold: PANEL_A\n"
    wrong = "".join(f"    {line}\n" for line in quoted(TEXT, "wrong"))
    Path("gateway.yaml").write_text(STATION.replace(below, below + wrong), encoding="utf-8")
    done = CliRunner().invoke(main, ["gateway", "check", "-c", "gateway.yaml"])
    assert (done.exit_code, done.stdout.splitlines()) == (2, quoted(TEXT, "check"))


def test_the_list_of_the_s7_page_is_proposed_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "integrate" / "s7-1500.md").read_text(encoding="utf-8")
    Path("tags.csv").write_text("\n".join(quoted(page, "tags.csv")), encoding="utf-8")
    done = CliRunner().invoke(main, ["gateway", "propose", "--from", "tags.csv"])
    assert done.exit_code == 0, done.output
    printed = [line.strip() for line in done.stdout.splitlines()]
    for line in quoted(page, "propose"):
        assert line.strip() in printed
    Path("draft.yaml").write_text(done.stdout, encoding="utf-8")
    checked = CliRunner().invoke(main, ["gateway", "check", "-c", "draft.yaml"])
    assert checked.exit_code == 0, checked.output
