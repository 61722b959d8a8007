"""Values of tags become readings, or are left out with a reason."""

from __future__ import annotations

import pytest

from edge_agent.config.gateway_settings import ChannelFrom
from edge_agent.gateway.channels import channel, no_value
from edge_agent.mapping.units import UnknownUnit


def _reading(name, value, part="sensors", **given):
    return channel(name, part, ChannelFrom(tag="plc.x", **given)).reading(value)


def test_scale_and_offset_come_before_the_unit():
    assert _reading("p_cavity_bar", 250, unit="mbar", scale=10, offset=1013) == 3.513
    assert _reading("T_mold_C", 313.15, unit="K") == 40.0
    assert _reading("nco_oh_index", 105, scale=0.01) == 1.05


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (3276.7, "impossible"),
        (float("nan"), "impossible"),
        (2.4e-41, "impossible"),
        (float("inf"), "impossible"),
        (10**400, "impossible"),
        (True, "not-a-number"),
        ("40,1", "not-a-number"),
    ],
)
def test_what_is_no_reading(value, reason):
    found = _reading("T_mold_C", value)

    assert found["reason"] == reason
    assert "plc.x" in found["words"] or "outside" in found["words"]


@pytest.mark.parametrize("value", [2.4e-41, -1e-38, 7.1e28])
def test_a_float_whose_words_are_exchanged(value):
    assert "word order" in _reading("T_mold_C", value)["words"]


def test_nothing_is_a_reading():
    assert _reading("p_mix_bar", 0) == 0.0
    assert _reading("p_mix_bar", 0.0) == 0.0


def test_the_number_that_a_text_means_is_named():
    assert "40.1" in _reading("T_mold_C", "40,1")["words"]


def test_the_range_of_the_mapping():
    found = _reading("T_mold_C", 95.0, range=(10, 90))

    assert found == {
        "reason": "impossible",
        "words": "95 is outside 10 to 90: the range of the mapping",
    }


@pytest.mark.parametrize("value", ["AUTO", True, 7, 2.5, ""])
def test_states_are_sent_as_they_are(value):
    assert channel("mode", "status", "plc.x").reading(value) == value


@pytest.mark.parametrize("value", ["x" * 300, "a\x00b", float("nan"), 2**70])
def test_what_is_no_state(value):
    assert channel("mode", "status", "plc.x").reading(value)["reason"] == "not-a-number"


def test_a_unit_of_a_name_without_one():
    with pytest.raises(UnknownUnit, match="does not end in a unit"):
        channel("count", "metrics", ChannelFrom(tag="plc.x", unit="kPa"))


def test_words_of_a_fault_are_printable_and_short():
    assert no_value("plc.x", "bad\x00" + "y" * 500)["words"].startswith("plc.x: bad?yyy")
    assert len(no_value("plc.x", "y" * 500)["words"]) == 250
