"""decode: what plants really send becomes a message with remarks, or a refusal that helps."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.data_quality import (
    IMPOSSIBLE,
    LEFT_OUT_REASONS,
    NO_VALUE,
    NOT_A_NUMBER,
    RECIPE_GAP,
)
from broker.messages import (
    INBOUND,
    DeadLetter,
    Order,
    PressEvent,
    ShotEvent,
    TelemetryFrame,
)
from edge_agent.pipeline.decode import Decoded
from tests.support.cases import case, recorded
from tests.support.decoding import accepted, frame, read, refused, said, sent
from tests.support.payloads import order, press_event, quality, shot, telemetry
from tests.support.strategies import texts, wild_values


class TestOneWildChannel:
    """Case 08: it costs its channel, and not the frame."""

    def test_the_case(self) -> None:
        _pour, *frames, _end = map(read, recorded(case("08") / "messages.jsonl"))
        assert [frame(one).sensors.get("T_core_C") for one in frames] == [60.0, 70.0, 80.0, 85.0]
        reasons = [frame(one).left_out["T_mold_C"].reason for one in frames]
        assert reasons == [NO_VALUE, NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER]
        assert all(said(one) for one in frames)

    @pytest.mark.parametrize(
        ("wild", "reason", "words"),
        [
            ("null", NO_VALUE, "null"),
            ('"40,1"', NOT_A_NUMBER, "send 40.1"),
            ('"-3,25"', NOT_A_NUMBER, "send -3.25"),
            ('" 40.1 "', NOT_A_NUMBER, "send 40.1"),
            ('"40"', NOT_A_NUMBER, "send 40"),
            ('"NaN"', NOT_A_NUMBER, "'NaN'"),
            ('"Bad"', NOT_A_NUMBER, "'Bad'"),
            ('"#N/A"', NOT_A_NUMBER, "'#N/A'"),
            ('""', NOT_A_NUMBER, "''"),
            ('"1.234,5"', NOT_A_NUMBER, "send a number"),
            ('"40 °C"', NOT_A_NUMBER, "send a number"),
            ("true", NOT_A_NUMBER, "true is no number"),
            ("false", NOT_A_NUMBER, "false is no number"),
            ("NaN", NOT_A_NUMBER, "nan is no number"),
            ("Infinity", NOT_A_NUMBER, "inf is no number"),
            ("-Infinity", NOT_A_NUMBER, "-inf is no number"),
            ("1e999", NOT_A_NUMBER, "inf is no number"),
            (str(2**63), NOT_A_NUMBER, "is no number"),
            ("[40.1]", NOT_A_NUMBER, "an array"),
            ('{"value": 40.1, "quality": "Good"}', NOT_A_NUMBER, "an object"),
            (r'"\ud800"', NOT_A_NUMBER, "send a number"),
            (r'"\u0000"', NOT_A_NUMBER, "send a number"),
            ("3276.7", IMPOSSIBLE, "3276.7 is outside -50 to 250"),
            ("-3276.8", IMPOSSIBLE, "outside"),
            ("32767", IMPOSSIBLE, "outside"),
            ("65535", IMPOSSIBLE, "outside"),
            ("9.9E37", IMPOSSIBLE, "9.9e+37 is outside"),
            ("-9999", IMPOSSIBLE, "outside"),
            ("850", IMPOSSIBLE, "outside"),
            ("-200", IMPOSSIBLE, "outside"),
            ("-273.15", IMPOSSIBLE, "outside"),
        ],
    )
    def test_it_is_left_out_by_name_and_reason(self, wild: str, reason: str, words: str) -> None:
        payload = json.dumps(telemetry(sensors={"T_core_C": 60.0, "T_mold_C.2": "?"}))
        found = sent(payload.replace('"?"', wild).encode())
        left = frame(found).left_out
        assert frame(found).sensors == {"T_core_C": 60.0}
        assert (list(left), left["T_mold_C.2"].reason) == (["T_mold_C.2"], reason)
        assert words in (left["T_mold_C.2"].words or "")
        (remark,) = accepted(found).remarks
        assert remark.field == "T_mold_C.2"
        assert remark.code == reason
        assert words in remark.words

    @pytest.mark.parametrize("wild", [float("nan"), float("inf"), None, b"\x01", 2**63, {1: 2}])
    def test_so_it_is_in_messagepack(self, wild: Any) -> None:
        document = telemetry(sensors={"T_core_C": 60.0, "T_mold_C": wild})
        found = sent(msgpack.packb(document), content_type="application/msgpack")
        if wild == {1: 2}:  # MessagePack's own keys are refused before any field is known
            assert refused(found).reason == "unsupported-value"
            return
        assert frame(found).sensors == {"T_core_C": 60.0}
        assert list(frame(found).left_out) == ["T_mold_C"]

    @pytest.mark.parametrize("name", ["T core", "T_core_°C", "T-core", "T core C"])
    def test_a_name_that_is_none_is_refused_with_the_one_that_is_meant(self, name: str) -> None:
        detail = refused(sent(telemetry(sensors={name: 50.0}))).detail
        assert detail.startswith(f"sensors.{name}: ")
        assert "is T_core_C meant?" in detail

    def test_sections_and_ids_that_say_nothing_are_absent(self) -> None:
        found = frame(sent(telemetry(metrics=None, status=None, shot_id="", mold_id="")))
        assert (found.metrics, found.status, found.shot_id, found.mold_id) == ({}, {}, None, None)
        assert found.sensors

    @pytest.mark.parametrize("section", ["Sensors", "readings", "values", "sensor"])
    def test_a_section_by_another_name_is_told(self, section: str) -> None:
        document = {"ts": 1795773600, "device_id": "plc", "seq": 1, section: {"T_core_C": 50.0}}
        assert f"'{section}' is there: is sensors meant?" in refused(sent(document)).detail

    def test_metrics_and_states_too(self) -> None:
        found = sent(
            telemetry(metrics={"a": None, "b": 1.0}, status={"mode": None, "door": True, "x": [1]})
        )
        assert frame(found).metrics == {"b": 1.0}
        assert frame(found).status == {"door": True}
        assert set(frame(found).left_out) == {"a", "mode", "x"}

    def test_a_frame_without_any_reading_says_so(self) -> None:
        found = sent(telemetry(sensors={"T_core_C": None}, metrics={}, status={}))
        assert frame(found).sensors == {}
        assert list(frame(found).left_out) == ["T_core_C"]

    def test_what_a_gateway_left_out_is_kept(self) -> None:
        told = {"T_iso_C": {"reason": "no-value", "words": "quality Bad"}}
        found = sent(telemetry(sensors={"T_core_C": 1.0, "T_mold_C": None}, left_out=told))
        assert set(frame(found).left_out) == {"T_iso_C", "T_mold_C"}

    @pytest.mark.parametrize("told", ["x", [1], {"T_iso_C": "Bad"}, {"a b": {"reason": "x"}}])
    def test_a_wrong_left_out_is_refused_by_name(self, told: Any) -> None:
        found = sent(telemetry(sensors={"T_core_C": None, "T_C": 1.0}, left_out=told))
        assert refused(found).detail.startswith(("left_out", "sensors.T_core_C"))

    def test_a_number_of_a_channel_that_is_not_known_is_kept(self) -> None:
        found = sent(telemetry(sensors={"T_oil_C": 900.0, "level_mm": -9999, "T_x_C": 9.9e37}))
        assert frame(found).sensors == {"T_oil_C": 900.0, "level_mm": -9999.0}
        assert said(found) == {"T_x_C": IMPOSSIBLE}


class TestRecipe:
    """A gap is said, not filled with a usual value in silence."""

    @pytest.mark.parametrize(
        "name", ["T_polyol_C", "T_iso_C", "T_mold_C", "T_ambient_C", "RH_ambient_pct", "mixing_eff"]
    )
    def test_a_null_is_a_gap(self, name: str) -> None:
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, name: None}
        assert said(sent(shot(recipe=recipe), "shot")) == {f"recipe.{name}": RECIPE_GAP}

    def test_a_field_that_is_absent_is_none(self) -> None:
        assert said(sent(shot(), "shot")) == {}

    def test_what_is_written_again_has_the_same_gaps(self) -> None:
        event = accepted(
            sent(shot(recipe={"m_polyol_kg": 1, "m_iso_kg": 1, "T_iso_C": None}), "shot")
        )
        again = sent(event.message.model_dump_json().encode(), "shot")  # type: ignore[union-attr]
        assert said(again) == {"recipe.T_iso_C": RECIPE_GAP}

    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            ("m_polyol_kg", None, "null"),
            ("m_polyol_kg", float("nan"), "finite"),
            ("m_iso_kg", "0,45", "send 0.45"),
            ("m_iso_kg", -1, "-1"),
            ("m_additives_kg", None, "null"),
        ],
    )
    def test_a_mass_that_is_none_is_refused_by_name(
        self, name: str, value: Any, words: str
    ) -> None:
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, name: value}
        detail = refused(sent(shot(recipe=recipe), "shot")).detail
        assert detail.startswith(f"recipe.{name}: ")
        assert words in detail

    @pytest.mark.parametrize("channel", ["shot", "order"])
    @pytest.mark.parametrize(
        ("name", "value", "reason", "words"),
        [
            ("T_mold_C", "40,1", NOT_A_NUMBER, "send 40.1"),
            ("T_mold_C", True, NOT_A_NUMBER, "true is no number"),
            ("T_mold_C", float("nan"), NOT_A_NUMBER, "nan is no number"),
            ("T_mold_C", [40.1], NOT_A_NUMBER, "an array"),
            ("T_mold_C", {"v": {"v": {"v": {"v": {"v": 40.1}}}}}, NOT_A_NUMBER, "an object"),
            ("T_mold_C", 850, IMPOSSIBLE, "-50 to 250 is possible"),
            ("T_polyol_C", 3276.7, IMPOSSIBLE, "3276.7: -50 to 250"),
            ("T_ambient_C", 9.9e37, IMPOSSIBLE, "9.9e+37"),
            ("T_ambient_C", 150.0, IMPOSSIBLE, "150 is outside -50 to 80"),
            ("RH_ambient_pct", 127, IMPOSSIBLE, "127: 0 to 100"),
            ("mixing_eff", "n/a", NOT_A_NUMBER, "'n/a'"),
            ("mixing_eff", 0, IMPOSSIBLE, "0 to 1 without 0"),
            ("nco_oh_index", 105, IMPOSSIBLE, "a fraction (1.05), not the trade number"),
            ("blowing_agent_pct", 60, IMPOSSIBLE, "0 to 60 without 60"),
        ],
    )
    def test_a_set_point_that_cannot_be_is_a_gap_that_is_told(
        self, channel: str, name: str, value: Any, reason: str, words: str
    ) -> None:
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, "T_iso_C": 23.0, name: value}
        document = {"shot": shot, "order": order}[channel](recipe=recipe)
        found = sent(document, channel)
        message = accepted(found).message
        assert isinstance(message, ShotEvent | Order)
        assert message.recipe is not None
        assert (getattr(message.recipe, name), message.recipe.T_iso_C) == (None, 23.0)
        assert {n: left.reason for n, left in message.left_out.items()} == {name: reason}
        assert said(found) == {f"recipe.{name}": reason}
        assert words in accepted(found).remarks[0].words
        again = sent(message.model_dump_json().encode(), channel)
        assert accepted(again).message == message

    @pytest.mark.parametrize(
        ("sent_recipe", "left", "kept"),
        [
            ({"T_mold_init_C": "n/a"}, "T_mold_C", None),
            ({"T_mold_K": 3276.7}, "T_mold_C", None),
            ({"T_mold_K": "n/a"}, "T_mold_C", None),
            ({"T_mold_K": float("nan"), "T_mold_C": 40.0}, "T_mold_K", 40.0),
            ({"T_mold_init_C": 40.0, "T_mold_C": "n/a"}, "T_mold_C", 40.0),
            ({"T_mold_K": 313.15, "T_mold_init_C": 850}, "T_mold_init_C", 40.0),
            ({"T_mold_C": "n/a", "T_mold_init_C": 3276.7}, "T_mold_C", None),
        ],
    )
    def test_older_names_and_other_units_are_the_same_set_point(
        self, sent_recipe: dict[str, Any], left: str, kept: float | None
    ) -> None:
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, **sent_recipe}
        event = accepted(sent(shot(recipe=recipe), "shot")).message
        assert isinstance(event, ShotEvent)
        assert event.recipe is not None
        assert event.recipe.T_mold_C == kept
        assert list(event.left_out) == [left]

    def test_what_a_gateway_left_out_of_a_recipe_is_told(self) -> None:
        told = {"T_iso_C": {"reason": "no-value", "words": "quality Bad"}}
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, "T_mold_C": "n/a"}
        found = sent(shot(recipe=recipe, left_out=told), "shot")
        assert said(found) == {"recipe.T_iso_C": NO_VALUE, "recipe.T_mold_C": NOT_A_NUMBER}
        assert refused(sent(shot(left_out="x"), "shot")).detail.startswith("left_out")

    def test_a_mass_that_cannot_be_is_refused(self) -> None:
        recipe = {"m_polyol_kg": 3276.7, "m_iso_kg": 1.1}
        detail = refused(sent(shot(recipe=recipe), "shot")).detail
        assert detail.startswith("recipe.m_polyol_kg: 3276.7 is outside 0 to 1000")


def test_events_and_orders_are_read() -> None:
    assert isinstance(accepted(sent(press_event(), "event")).message, PressEvent)
    assert "lot" in refused(sent(press_event(lot=None), "event")).detail
    assert "in quotes" in refused(sent(press_event(lot=4711), "event")).detail
    assert isinstance(accepted(sent(order(), "order")).message, Order)
    assert "quantity_count: 0" in refused(sent(order(quantity_count=0), "order")).detail
    gap = order(recipe={"m_polyol_kg": 1.0, "m_iso_kg": 1.1, "T_mold_C": None})
    assert said(sent(gap, "order")) == {"recipe.T_mold_C": RECIPE_GAP}


CHANNELS = st.sampled_from([channel.value for channel in INBOUND])
NAMES = st.sampled_from(["T_mold_C", "T_mold_K", "T_mould_C", "p_cavity_Pa", "x_C.1", "a b", ""])


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_whatever_comes_is_a_message_or_a_refusal_in_words(data: st.DataObject) -> None:
    example = data.draw(st.sampled_from([telemetry, shot, quality, press_event, order]))
    document: dict[str, Any] = example()
    for _ in range(data.draw(st.integers(0, 3))):
        inner = data.draw(st.sampled_from(["sensors", "recipe", "metrics", "left_out", ""]))
        name = data.draw(NAMES | st.sampled_from([*document]) | texts)
        value = data.draw(wild_values)
        if isinstance(document.get(inner), dict):
            document[inner][name] = value
        else:
            document[name] = value
    payload = data.draw(st.binary(max_size=60) | st.just(json.dumps(document).encode()))
    found = sent(payload, data.draw(CHANNELS))
    if isinstance(found, DeadLetter):
        assert found.detail.strip()
        assert found.detail.isprintable()
        assert found.reason != "internal-error", found.detail
    elif isinstance(found.message, TelemetryFrame) and "left_out" not in document:
        reasons = {left.reason for left in found.message.left_out.values()}
        assert reasons <= set(LEFT_OUT_REASONS)
    for remark in found.remarks if isinstance(found, Decoded) else ():
        assert remark.words
        assert remark.field
