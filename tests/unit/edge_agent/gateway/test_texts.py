"""Values of tags become ids, lots and orders, or are refused in words."""

from __future__ import annotations

import pytest

from edge_agent.config.gateway_settings import TextFrom
from edge_agent.gateway.texts import (
    NoText,
    identifier_of,
    named_id,
    plain_text,
    reference_of,
    text_from,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(7, "7"), (7.0, "7"), (2.5, "2.5"), (True, "true"), ("  A 1\x00 ", "A 1")],
)
def test_values_as_text(value, text):
    assert plain_text(value) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("M-01", "M-01"),
        ("Auftrag 12/7", "Auftrag-12-7"),
        ("_form ü/ß", "form-u-ss"),
        ("Łódź 3", "odz-3"),
    ],
)
def test_texts_as_ids(text, found):
    assert identifier_of(text) == found


@pytest.mark.parametrize("text", ["", "///", "日本", "x" * 65])
def test_texts_that_are_no_id(text):
    with pytest.raises(NoText):
        identifier_of(text)


@pytest.mark.parametrize("value", ["PANEL/+#", "A 1", "ü", "x" * 65])
def test_a_mold_is_never_made_another_one(value):
    with pytest.raises(NoText, match=r"is no id: .*; give it one in names"):
        named_id(TextFrom(tag="plc.mold"), value)

    assert named_id(TextFrom(tag="plc.mold", names={value: "A-1"}), value) == "A-1"


def test_names_and_prefix():
    named = TextFrom(tag="plc.mold", names={"1": "PANEL_A", "2": "PANEL_B"})

    assert text_from(named, 1.0) == "PANEL_A"
    assert text_from(TextFrom(tag="plc.mold", prefix="M-"), 7) == "M-7"
    with pytest.raises(NoText, match="3 is not in names"):
        text_from(named, 3)


@pytest.mark.parametrize("value", ["", " \x00 "])
def test_an_empty_text(value):
    with pytest.raises(NoText, match="empty"):
        plain_text(value)


def test_a_lot_that_is_too_long():
    with pytest.raises(NoText, match="65 characters"):
        reference_of("x" * 65)
