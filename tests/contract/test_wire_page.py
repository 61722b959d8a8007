"""docs/wire.md: its examples are messages, and it has every word of the closed lists."""

from __future__ import annotations

import re

import pytest

from broker.codec import decode
from broker.data_quality import CORRECTED, FLAGS, LEFT_OUT_REASONS, STOOD_IN
from broker.messages import AdviceWord, AlertAck, Message, PressEvent, QualityRecord, TelemetryFrame
from tests.support.processes import ROOT

TEXT = (ROOT / "docs" / "wire.md").read_text()
MODELS = [PressEvent, QualityRecord, AlertAck, AdviceWord, TelemetryFrame]


@pytest.mark.parametrize(
    ("model", "example"),
    list(zip(MODELS, re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL), strict=True)),
)
def test_the_examples_are_messages(model: type[Message], example: str) -> None:
    assert decode(model, example.encode()).model_extra == {}


def test_the_reasons_are_those_of_the_contract() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| ([^|]+) \|$", TEXT, re.MULTILINE))
    assert rows == LEFT_OUT_REASONS


@pytest.mark.parametrize(
    ("kind", "words"), [("stood_in", STOOD_IN), ("flags", FLAGS), ("corrected", CORRECTED)]
)
def test_the_words_are_those_of_the_contract(kind: str, words: dict[str, str]) -> None:
    rows = re.findall(rf"^\| `{kind}` \| `([a-z-]+)` \| ([^|]+) \|$", TEXT, re.MULTILINE)
    assert dict(rows) == words
