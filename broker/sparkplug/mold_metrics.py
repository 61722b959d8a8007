"""Values of metrics from what the twin says and hears: predictions, key figures, alerts, frames."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from broker.messages import LiveAlert, Prediction, ShotKpis, TelemetryFrame
from broker.messages.prediction import Correction
from broker.sensors import has_unit
from broker.sparkplug.metric_specs import CORRECTED, LIVE, LIVE_METRICS, LIVE_STATUS
from broker.sparkplug.payload import BAD, GOOD
from broker.sparkplug.values import Value

_EPOCH, _MILLISECOND = datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1)
WORDS_MAX = 500
"""Characters of a text."""
_OF_PREDICTION = (
    *("status", "basis", "window", "quality_status", "pressure_status", "ml_status", "revision"),
    *("assumed_parameters_count", "t_demold_min_s", "t_demold_opt_s", "t_demold_max_s"),
    *("demold_min_at", "demold_opt_at", "demold_max_at"),
)
_OF_KPIS = (
    *("rho_moulded_kg_per_m3", "rho_free_rise_kg_per_m3", "p_max_bar", "T_core_max_C"),
    *("H_demold_shore", "H_24h_shore", "fill_ratio", "t_cream_s", "t_gel_s", "t_rise_s"),
    *("t_tack_free_s", "vent_closure_time_s"),
)
_OF_RESULT = (
    *("shot_id", "shot_key", "outcome", "system_id", "poured_at", "closed_at", "frames_count"),
    *("revision", "t_demold_actual_s", "T_core_max_C", "p_cavity_max_bar"),
)
_OF_VERSIONS = (
    *("agent", "physics", "physics_hash", "parameters_hash", "model", "system_version"),
    "parameter_set",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """Value of a metric at a moment."""

    name: str
    value: Value | None
    quality: int = GOOD


def milliseconds(at: datetime) -> int:
    """A time as Sparkplug has it: milliseconds since 1970 in UTC."""
    return (at - _EPOCH) // _MILLISECOND


def of_frame(frame: TelemetryFrame) -> list[Reading]:
    """What a frame says; channels that were left out have no value and are bad."""
    found = [Reading(LIVE + name, value) for name, value in frame.sensors.items()]
    found += [Reading(LIVE_METRICS + name, value) for name, value in frame.metrics.items()]
    found += [Reading(LIVE_STATUS + name, _text(value)) for name, value in frame.status.items()]
    if frame.simulated:
        found.append(Reading(f"{LIVE_STATUS}simulated", "true"))
    if frame.left_out:
        said = {*frame.sensors, *frame.metrics, *frame.status}
        found += [
            Reading((LIVE if has_unit(name) else LIVE_METRICS) + name, None, BAD)
            for name in frame.left_out
            if name not in said
        ]
    return found


def of_prediction(prediction: Prediction) -> list[Reading]:
    """What a prediction says of its mold, with interval and binding criterion."""
    found = [
        Reading("State/phase", _phase(prediction)),
        Reading("State/shot_id", prediction.shot_id),
        Reading("State/shot_key", prediction.shot_key),
        Reading("State/system_id", prediction.system_id),
        Reading("State/poured_at", milliseconds(prediction.poured_at)),
        Reading("State/simulated", prediction.simulated),
    ]
    found += _fields("Prediction", prediction, _OF_PREDICTION)
    found += _fields("Prediction", prediction.kpis, _OF_KPIS)
    found += _fields("Versions", prediction.versions, _OF_VERSIONS)
    interval, release, kpis = prediction.demold_interval, prediction.at_opt, prediction.kpis
    found += [
        Reading("Prediction/binding_earliest", prediction.binding.earliest),
        Reading("Prediction/binding_latest", prediction.binding.latest),
        Reading("Prediction/defect_risk_ratio", prediction.defect_risk),
        Reading("Prediction/alpha_demold_ratio", None if kpis is None else kpis.alpha_demold),
        Reading("Prediction/t_demold_min_low_s", _of(interval, "t_demold_min_low_s")),
        Reading("Prediction/t_demold_min_high_s", _of(interval, "t_demold_min_high_s")),
        Reading("Prediction/swell_mm", _of(release, "swell_mm")),
        Reading("Prediction/shrink_mm", _of(release, "shrink_mm")),
        Reading("Prediction/diagnostics", ", ".join(one.code for one in prediction.diagnostics)),
    ]
    return found + _of_correction(prediction.correction)


def of_result(kpis: ShotKpis) -> list[Reading]:
    """The last word on a shot."""
    return [*_fields("KPI", kpis, _OF_RESULT), Reading("KPI/simulated", kpis.simulated)]


def state_after(kpis: ShotKpis) -> list[Reading]:
    """State of the mold after its newest shot."""
    return [Reading("State/phase", "ended"), Reading("State/outcome", kpis.outcome)]


def of_alerts(alerts: Iterable[LiveAlert]) -> list[Reading]:
    """Open alerts of a mold or press in brief.

    Args:
        alerts: those that are open, the oldest first.
    """
    known = list(alerts)
    newest = known[-1] if known else None
    raised_at = None if newest is None else milliseconds(newest.raised_at)
    return [
        Reading("Alerts/open_count", len(known)),
        Reading("Alerts/critical_count", sum(one.severity == "critical" for one in known)),
        Reading("Alerts/newest_id", _of(newest, "alert_id")),
        Reading("Alerts/newest_code", _of(newest, "code")),
        Reading("Alerts/newest_severity", _of(newest, "severity")),
        Reading("Alerts/newest_words", None if newest is None else newest.words[:WORDS_MAX]),
        Reading("Alerts/newest_raised_at", raised_at),
    ]


def acknowledgement(text: str) -> dict[str, Any]:
    """Fields of an `AlertAck` from what a host writes: an `alert_id`, or a JSON object with it."""
    stripped = text.strip()
    if stripped.startswith("{"):
        try:
            said = json.loads(stripped)
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict):
            return {name: said[name] for name in ("alert_id", "by", "note") if name in said}
    return {"alert_id": stripped}


def _of_correction(correction: Correction | None) -> list[Reading]:
    found = []
    for name, *_ in CORRECTED:
        value = interval = None
        if correction is not None:
            value, interval = correction.values.get(name), correction.intervals.get(name)
        found += [
            Reading(f"Correction/{name}", value),
            Reading(f"Correction/{name}_low", _of(interval, "low")),
            Reading(f"Correction/{name}_high", _of(interval, "high")),
        ]
    intervals = {} if correction is None else correction.intervals
    coverage = next((one.coverage for one in intervals.values()), None)
    return [*found, Reading("Correction/coverage_ratio", coverage)]


def _phase(prediction: Prediction) -> str:
    if prediction.basis == "final":
        return "ended"
    return "hold" if prediction.status == "hold" else "curing"


def _fields(folder: str, message: object | None, names: Sequence[str]) -> list[Reading]:
    return [Reading(f"{folder}/{name}", _value(_of(message, name))) for name in names]


def _of(message: object | None, name: str) -> Any:
    return None if message is None else getattr(message, name)


def _value(value: Any) -> Value | None:
    if isinstance(value, datetime):
        return milliseconds(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
