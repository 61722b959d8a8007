"""The rules of the inbound messages: what is required, refused, and read from older senders."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from broker import (
    Channel,
    PayloadError,
    QualityRecord,
    Recipe,
    RefusalCode,
    ShotEvent,
    TelemetryFrame,
    decode,
    encode,
)
from broker.data_quality import LEFT_OUT_REASONS
from broker.messages.bad_set_points import SET_POINTS
from broker.messages.base import NAMES_LIMIT
from broker.messages.recipe import MASSES
from broker.sensors import UNIT_OF_SUFFIX
from tests.support.payloads import quality, shot, telemetry


def read(channel: Channel, document: dict[str, Any]) -> Any:
    return decode(channel, json.dumps(document).encode())


def refused(channel: Channel, document: dict[str, Any]) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        read(channel, document)
    return caught.value


def recipe(**changes: Any) -> dict[str, Any]:
    return {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, **changes}


class TestTelemetry:
    def test_the_version_may_be_left_out(self) -> None:
        document = telemetry()
        del document["v"]
        assert read(Channel.TELEMETRY, document).v == 1

    @pytest.mark.parametrize("seq", [0, 5, 5.0, 2**53])
    def test_sequence_numbers(self, seq: float) -> None:
        assert read(Channel.TELEMETRY, telemetry(seq=seq)).seq == seq

    @pytest.mark.parametrize("seq", [-1, 2**53 + 1, 1.5, "1", True, None])
    def test_what_is_no_sequence_number(self, seq: Any) -> None:
        assert refused(Channel.TELEMETRY, telemetry(seq=seq)).field == "seq"

    @pytest.mark.parametrize("name", ["T_mold", "p_cavity_psi", "power", "T_mold_c", "T_C_old"])
    def test_a_sensor_without_unit_is_told_the_units(self, name: str) -> None:
        error = refused(Channel.TELEMETRY, telemetry(sensors={name: 1.0}))
        assert error.code is RefusalCode.INVALID_FIELD
        assert error.field == f"sensors.{name}"
        assert all(suffix in error.detail for suffix in UNIT_OF_SUFFIX)

    @pytest.mark.parametrize(
        "name", ["", "1x_C", "_C", "T-x_C", "T_C.", "T_C.a", "T_C.1.2", "T_" * 40]
    )
    @pytest.mark.parametrize("where", ["sensors", "metrics", "status"])
    def test_names_have_one_shape(self, where: str, name: str) -> None:
        error = refused(Channel.TELEMETRY, telemetry(**{where: {name: 1.0}}))
        assert error.field is not None
        assert error.field.startswith(where)

    @pytest.mark.parametrize("reading", [True, "1.0", None, [1], {}])
    @pytest.mark.parametrize("where", ["sensors", "metrics"])
    def test_what_is_no_number_costs_its_channel(self, where: str, reading: Any) -> None:
        frame = read(Channel.TELEMETRY, telemetry(**{where: {"x_C": reading, "y_C": 2.0}}))
        assert getattr(frame, where) == {"y_C": 2.0}
        assert list(frame.left_out) == ["x_C"]
        assert frame.left_out["x_C"].reason in LEFT_OUT_REASONS

    def test_a_wild_sensor_does_not_lose_the_frame(self) -> None:
        frame = read(
            Channel.TELEMETRY, telemetry(sensors={"T_core_C": -1e30, "RH_ambient_pct": 999})
        )
        assert frame.sensors == {"T_core_C": -1e30, "RH_ambient_pct": 999.0}

    @pytest.mark.parametrize("state", ["auto", "", True, False, 3, 2.5, -(2**63)])
    def test_states_keep_their_type(self, state: Any) -> None:
        frame = read(Channel.TELEMETRY, telemetry(status={"mode": state}))
        again = decode(TelemetryFrame, encode(frame, "msgpack")).status["mode"]
        assert (again, type(again)) == (state, type(state))

    @pytest.mark.parametrize("state", [None, [1], {"a": 1}, "x" * 257])
    def test_what_is_no_state_costs_its_channel(self, state: Any) -> None:
        frame = read(Channel.TELEMETRY, telemetry(status={"mode": state, "door": True}))
        assert frame.status == {"door": True}
        assert list(frame.left_out) == ["mode"]

    def test_messages_made_in_python_are_not_mended(self) -> None:
        with pytest.raises(ValueError, match=r"sensors\.T_C"):
            TelemetryFrame.model_validate(telemetry(sensors={"T_C": None}))

    def test_a_frame_says_something(self) -> None:
        empty: dict[str, Any] = {"sensors": {}, "metrics": {}, "status": {}}
        assert refused(Channel.TELEMETRY, telemetry(**empty)).code is RefusalCode.MISSING_FIELD
        for name, entry in [("sensors", 1), ("metrics", 1), ("status", "on")]:
            read(Channel.TELEMETRY, telemetry(**{**empty, name: {"x_s": entry}}))

    @pytest.mark.parametrize("where", ["sensors", "metrics", "status"])
    def test_the_number_of_names_is_bounded(self, where: str) -> None:
        full = {f"x{i}_C": 1.0 for i in range(NAMES_LIMIT)}
        read(Channel.TELEMETRY, telemetry(**{where: full}))
        assert refused(Channel.TELEMETRY, telemetry(**{where: {**full, "y_C": 1}})).field == where


class TestShotEvent:
    @pytest.mark.parametrize("event", ["started", "demolded", "aborted"])
    def test_only_a_pour_needs_its_recipe(self, event: str) -> None:
        document = shot(event=event)
        del document["recipe"], document["system_id"]
        assert read(Channel.SHOT, document).recipe is None

    @pytest.mark.parametrize("name", ["recipe", "system_id"])
    @pytest.mark.parametrize("how", ["absent", "null"])
    def test_a_pour_needs_recipe_and_system(self, name: str, how: str) -> None:
        document = shot(**{name: None})
        if how == "absent":
            del document[name]
        error = refused(Channel.SHOT, document)
        assert (error.code, error.field) == (RefusalCode.MISSING_FIELD, name)

    def test_unknown_events_are_refused(self) -> None:
        assert refused(Channel.SHOT, shot(event="opened")).field == "event"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("m_polyol_kg", 0),
            ("m_iso_kg", -1),
            ("m_additives_kg", -0.1),
            ("m_iso_kg", "1.1"),
        ],
    )
    def test_masses_have_bounds(self, name: str, value: Any) -> None:
        error = refused(Channel.SHOT, shot(recipe=recipe(**{name: value})))
        assert error.field == f"recipe.{name}"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("T_mold_C", 250.1),
            ("T_iso_C", -51),
            ("RH_ambient_pct", 101),
            ("mixing_eff", 1.1),
            ("nco_oh_index", 105),
            ("blowing_agent_pct", -1),
        ],
    )
    def test_set_points_have_bounds_and_cost_no_pour(self, name: str, value: Any) -> None:
        with pytest.raises(ValidationError, match=name):
            Recipe.model_validate(recipe(**{name: value}))
        event = read(Channel.SHOT, shot(recipe=recipe(**{name: value})))
        assert list(event.left_out) == [name]
        assert getattr(event.recipe, name) is None

    def test_every_field_that_may_be_missing_is_a_set_point(self) -> None:
        assert SET_POINTS.keys() == Recipe.model_fields.keys() - set(MASSES)

    def test_older_recipe_names_are_read(self) -> None:
        old = {
            "m_polyol": 1.0,
            "m_iso": 1.1,
            "m_additives": 0.1,
            "T_polyol_in_C": 25,
            "T_iso_in_C": 24,
            "T_mold_init_C": 40,
            "RH_ambient": 0.5,
        }
        event = read(Channel.SHOT, shot(recipe=old))
        assert event.recipe == Recipe(
            m_polyol_kg=1.0,
            m_iso_kg=1.1,
            m_additives_kg=0.1,
            T_polyol_C=25.0,
            T_iso_C=24.0,
            T_mold_C=40.0,
            RH_ambient_pct=50.0,
        )
        written = json.loads(encode(event))["recipe"]
        assert not old.keys() & written.keys(), "only the current names are written"

    @pytest.mark.parametrize(
        ("old", "value"), [("m_polyol", 1.0), ("RH_ambient", 0.5), ("T_iso_in_C", 20)]
    )
    def test_an_older_name_beside_the_current_one_is_refused(self, old: str, value: float) -> None:
        current = recipe(RH_ambient_pct=50, T_iso_C=20)
        error = refused(Channel.SHOT, shot(recipe={**current, old: value}))
        assert error.field == f"recipe.{old}"

    def test_a_null_under_an_older_name_is_the_same_gap(self) -> None:
        event = read(Channel.SHOT, shot(recipe=recipe(RH_ambient=None)))
        assert "RH_ambient_pct" in event.recipe.model_fields_set
        assert event.recipe.RH_ambient_pct is None

    @pytest.mark.parametrize("humidity", [75, -0.1, True, "0.5"])
    def test_the_older_humidity_is_a_fraction(self, humidity: Any) -> None:
        event = read(Channel.SHOT, shot(recipe=recipe(RH_ambient=humidity)))
        assert event.recipe.RH_ambient_pct is None
        (left,) = event.left_out.items()
        assert left[0] == "RH_ambient_pct"
        assert isinstance(humidity, bool | str) or "use RH_ambient_pct" in left[1].words


class TestQualityRecord:
    def test_older_names_are_read(self) -> None:
        document = {
            "ts": 1.8e9,
            "shot_id": "S-1",
            "rho_moulded": 60,
            "rho_free_rise": 40,
            "H_demold": 30,
            "H_24h": 45,
        }
        record = read(Channel.QUALITY, document)
        assert (record.rho_moulded_kg_per_m3, record.rho_free_rise_kg_per_m3) == (60.0, 40.0)
        assert (record.H_demold_shore, record.H_24h_shore) == (30.0, 45.0)
        assert decode(QualityRecord, encode(record)) == record

    def test_an_older_name_beside_the_current_one_is_refused(self) -> None:
        assert refused(Channel.QUALITY, quality(H_24h=40)).field == "H_24h"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("rho_moulded_kg_per_m3", 0),
            ("H_24h_shore", 101),
            ("defect_risk_operator", 1.5),
            ("defects", [""]),
            ("defects", "void"),
            ("note", "x" * 2001),
        ],
    )
    def test_records_have_bounds(self, name: str, value: Any) -> None:
        with pytest.raises(ValidationError, match=name):
            QualityRecord.model_validate(
                quality(ts=datetime(2026, 2, 1, tzinfo=UTC), **{name: value})
            )
        assert name in read(Channel.QUALITY, quality(**{name: value})).left_out


class TestWhoAndWhichOne:
    def test_a_record_corrects_another_by_its_number_or_time(self) -> None:
        for earlier in ({"record_id": "LAB-7"}, {"ts": "2026-02-01T10:00:00+01:00"}):
            record = read(Channel.QUALITY, quality(corrects=earlier, operator="m.k."))
            assert decode(QualityRecord, encode(record)) == record
            assert record.corrects is not None
        assert record.corrects.ts == datetime(2026, 2, 1, 9, tzinfo=UTC)

    def test_a_correction_names_what_it_corrects(self) -> None:
        error = refused(Channel.QUALITY, quality(corrects={}))
        assert (error.code, error.field) == (RefusalCode.MISSING_FIELD, "corrects.record_id")

    @pytest.mark.parametrize("name", ["order_id", "lot_polyol", "lot_isocyanate", "lot_additives"])
    def test_numbers_of_other_systems_are_as_they_are_printed(self, name: str) -> None:
        event = read(Channel.SHOT, shot(**{name: "P 2026/0417 ü"}))
        assert getattr(event, name) == "P 2026/0417 ü"
        assert "in quotes" in refused(Channel.SHOT, shot(**{name: 417})).detail
        assert refused(Channel.SHOT, shot(**{name: ""})).field == name
        assert refused(Channel.SHOT, shot(**{name: "x" * 65})).field == name


class TestPressEvent:
    @pytest.mark.parametrize(
        ("event", "needs"),
        [
            ("lot_change", {"component": "polyol", "lot": "L1"}),
            ("sensor_replaced", {"sensor": "T_mold_C.1"}),
            ("maintenance", {}),
            ("cleaning", {}),
        ],
    )
    def test_each_kind_needs_what_it_is_about(self, event: str, needs: dict[str, str]) -> None:
        document = {"ts": 1.8e9, "event": event, **needs}
        assert read(Channel.EVENT, document).event == event
        for name in needs:
            error = refused(Channel.EVENT, {**document, name: None})
            assert (error.code, error.field) == (RefusalCode.MISSING_FIELD, name)

    def test_other_kinds_are_refused(self) -> None:
        assert refused(Channel.EVENT, {"ts": 1.8e9, "event": "alarm"}).field == "event"


def test_a_recipe_writes_no_null_that_was_not_said() -> None:
    event = read(Channel.SHOT, shot(recipe=recipe(T_mold_C=None, x=None)))
    written = json.loads(encode(event))["recipe"]
    assert written == {
        "m_polyol_kg": 1.0,
        "m_iso_kg": 1.1,
        "m_additives_kg": 0.0,
        "T_mold_C": None,
        "x": None,
    }
    assert decode(ShotEvent, encode(event)).recipe.model_fields_set >= {"T_mold_C"}


def test_data_of_a_simulator_is_labelled() -> None:
    for channel, document in [
        (Channel.TELEMETRY, telemetry()),
        (Channel.SHOT, shot()),
        (Channel.QUALITY, quality()),
    ]:
        assert read(channel, document).simulated is False
        assert read(channel, {**document, "simulated": True}).simulated is True
        assert refused(channel, {**document, "simulated": 1}).field == "simulated"


def test_messages_made_in_python_obey_the_same_rules() -> None:
    with pytest.raises(ValueError, match="U\\+0000"):
        ShotEvent.model_validate({**shot(), "x": "\x00"})
    with pytest.raises(ValueError, match="not bytes"):
        ShotEvent.model_validate({**shot(), "x": {"y": b""}})
