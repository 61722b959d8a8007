"""Values of metrics from the twin's messages; every name is one that the births know."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.examples import EXAMPLES, POURED
from broker.messages import LiveAlert, Message, Prediction, ShotKpis, TelemetryFrame
from broker.sparkplug.metric_specs import OF_MOLDS, OF_NODES, spec_of
from broker.sparkplug.mold_metrics import (
    acknowledgement,
    milliseconds,
    of_alerts,
    of_frame,
    of_prediction,
    of_result,
    state_after,
)
from broker.sparkplug.values import to_wire


def example(kind: type[Message]) -> Message:
    return EXAMPLES[kind]


def alert(number: int, severity: str) -> LiveAlert:
    at = POURED + timedelta(seconds=number)
    return LiveAlert.model_validate(
        {
            "alert_id": f"a{number}",
            "code": "drift-alert",
            "severity": severity,
            "words": "w" * 600,
            "ends_by": "condition",
            "raised_at": at,
            "told_at": at,
            "told_count": 1,
            "revision": 1,
        }
    )


def test_a_prediction_has_its_window_interval_and_criterion() -> None:
    prediction = example(Prediction)
    assert isinstance(prediction, Prediction)
    found = {one.name: one.value for one in of_prediction(prediction)}
    assert found["Prediction/t_demold_min_s"] == prediction.t_demold_min_s
    assert found["Prediction/binding_earliest"] == prediction.binding.earliest
    assert found["Versions/physics_hash"] == prediction.versions.physics_hash
    assert found["State/poured_at"] == milliseconds(prediction.poured_at)


@pytest.mark.parametrize("kind", [Prediction, ShotKpis])
def test_every_value_is_of_the_type_of_its_metric(kind: type[Message]) -> None:
    message = example(kind)
    if isinstance(message, Prediction):
        found = of_prediction(message)
    else:
        assert isinstance(message, ShotKpis)
        found = of_result(message) + state_after(message)
    for one in found:
        spec = spec_of(one.name)
        assert spec is not None, one.name
        if one.value is not None:
            to_wire(one.value, spec.type)


def test_all_that_is_said_of_a_mold_is_in_its_first_birth() -> None:
    prediction, kpis = example(Prediction), example(ShotKpis)
    assert isinstance(prediction, Prediction)
    assert isinstance(kpis, ShotKpis)
    said = {one.name for one in of_prediction(prediction) + of_result(kpis) + state_after(kpis)}
    said |= {one.name for one in of_alerts([])}
    assert said <= {spec.name for spec in OF_MOLDS}


@pytest.mark.sparkplug("tck-id-case-sensitivity-metric-names")
def test_no_two_names_differ_in_case_alone() -> None:
    for specs in (OF_MOLDS, OF_NODES):
        names = [spec.name.lower() for spec in specs]
        assert len(set(names)) == len(names)


def test_a_frame_is_readings_numbers_and_states() -> None:
    frame = TelemetryFrame(
        ts=POURED,
        device_id="plc",
        seq=1,
        sensors={"T_core_C": 61.5},
        metrics={"cycles": 7},
        status={"mode": "auto", "door": True},
    )
    found = {one.name: one.value for one in of_frame(frame)}
    assert found == {
        "Live/T_core_C": 61.5,
        "Live metrics/cycles": 7.0,
        "Live status/mode": "auto",
        "Live status/door": "true",
    }


def test_a_reading_that_was_left_out_is_bad_and_has_no_value() -> None:
    document = {"ts": POURED, "device_id": "plc", "seq": 1, "sensors": {"T_mold_C": 40.0}}
    left = {"T_core_C": {"reason": "no-value"}}
    frame = TelemetryFrame.model_validate(document | {"left_out": left})
    bad = [one for one in of_frame(frame) if one.quality != 192]
    assert [(one.name, one.value, one.quality) for one in bad] == [("Live/T_core_C", None, 0)]


def test_alerts_in_brief() -> None:
    found = {one.name: one.value for one in of_alerts([alert(1, "critical"), alert(2, "info")])}
    assert found["Alerts/open_count"] == 2
    assert found["Alerts/critical_count"] == 1
    assert found["Alerts/newest_id"] == "a2"
    assert len(str(found["Alerts/newest_words"])) == 500
    assert {one.value for one in of_alerts([]) if one.name.startswith("Alerts/newest")} == {None}


def test_a_reading_that_is_known_has_unit_and_range() -> None:
    spec = spec_of("Live/T_core_C.2")
    assert spec is not None
    assert (spec.unit, spec.low, spec.high) == ("°C", -40.0, 300.0)
    assert spec_of("Live/speed") is None


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (" a1 ", {"alert_id": "a1"}),
        ('{"alert_id": "a1", "by": "m.k.", "seq": 7}', {"alert_id": "a1", "by": "m.k."}),
        ("{no json", {"alert_id": "{no json"}),
    ],
)
def test_what_a_host_may_write_to_acknowledge(text: str, fields: dict[str, str]) -> None:
    assert acknowledgement(text) == fields
