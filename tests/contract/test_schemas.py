"""docs/schemas is generated from the models, and describes what is really sent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from broker import MODELS, Message, ShotEvent, TelemetryFrame, encode
from broker.alert_codes import ALERT_CODES
from broker.codec import decode
from broker.examples import EXAMPLES
from broker.messages import Alert
from broker.schemas import COMMAND, main, render_files, schema_of
from broker.sensors import WELL_KNOWN_SENSORS
from tests.support.payloads import shot, telemetry
from tests.support.strategies import MESSAGES

DIRECTORY = Path(__file__).parents[2] / "docs" / "schemas"


def test_the_written_schemas_are_current() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in DIRECTORY.iterdir()}
    assert written == render_files(), f"docs/schemas is stale: run {COMMAND}"


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.__name__)
def test_schemas_are_schemas(model: type[Message]) -> None:
    Draft202012Validator.check_schema(schema_of(model))


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.__name__)
def test_the_example_satisfies_schema_and_model(model: type[Message]) -> None:
    text = (DIRECTORY / f"{model.__name__}.example.json").read_bytes()
    Draft202012Validator(schema_of(model)).validate(json.loads(text))
    (channel,) = [channel for channel, known in MODELS.items() if known is model]
    message = decode(channel, text)
    assert type(message) is model
    assert json.loads(encode(message)) == json.loads(text)
    assert message.model_extra == {}
    assert not message.simulated


def test_examples_hold_what_the_contract_names() -> None:
    frame, alert = EXAMPLES[TelemetryFrame], EXAMPLES[Alert]
    assert isinstance(frame, TelemetryFrame)
    assert isinstance(alert, Alert)
    assert {name.partition(".")[0] for name in frame.sensors} <= set(WELL_KNOWN_SENSORS)
    assert alert.code in ALERT_CODES


def test_the_index_links_what_is_there() -> None:
    text = (DIRECTORY / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)(?:#([a-z-]+))?\)", text)
    assert ("../nomenclature.md", "sensors-on-the-wire") in links
    for path, anchor in links:
        there = (DIRECTORY / path).read_text(encoding="utf-8")
        heads = re.findall(r"^#+ (.+)$", there, re.MULTILINE)
        assert not anchor or anchor in {head.lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.__name__)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_what_is_sent_satisfies_its_schema(model: type[Message], data: st.DataObject) -> None:
    document = json.loads(encode(data.draw(MESSAGES[model])))
    Draft202012Validator(schema_of(model)).validate(document)


@pytest.mark.parametrize(
    ("model", "document"),
    [
        (TelemetryFrame, telemetry(sensors={"T_mold": 1.0})),
        (TelemetryFrame, telemetry(metrics={"a b": 1.0})),
        (TelemetryFrame, telemetry(sensors={"T_C": None})),
        (TelemetryFrame, telemetry(sensors={}, metrics={}, status={})),
        (TelemetryFrame, telemetry(v=2)),
        (TelemetryFrame, telemetry(seq=-1)),
        (TelemetryFrame, telemetry(seq=2**53 + 1)),
        (ShotEvent, shot(recipe=None)),
        (ShotEvent, shot(system_id=None)),
        (ShotEvent, shot(recipe={"m_iso_kg": 1.0})),
    ],
)
def test_the_schema_refuses_what_the_decoder_refuses(
    model: type[Message], document: dict[str, Any]
) -> None:
    assert not Draft202012Validator(schema_of(model)).is_valid(document)
    assert Draft202012Validator(schema_of(TelemetryFrame)).is_valid(telemetry())
    assert Draft202012Validator(schema_of(ShotEvent)).is_valid(shot())


def test_the_command_writes_and_tidies(tmp_path: Path) -> None:
    (tmp_path / "Gone.schema.json").write_text("{}")
    assert main([str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == set(render_files())


def test_the_command_needs_its_directory(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main(["--help"]) == 2
    assert COMMAND in capsys.readouterr().err
