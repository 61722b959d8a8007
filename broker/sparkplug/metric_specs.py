"""Metrics of an edge node of the twin and of its molds: name, type, unit and range of each.

A metric's name says all: `spec_of` finds the rest of it, so only names are kept on disk.

    Live/T_core_C                 a reading, as the press sends it
    Live metrics/…, Live status/… its other numbers and states
    Prediction/…, KPI/…           of a mold
    Alerts/…, Versions/…          of a mold and of the press
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from broker.sensors import WELL_KNOWN_SENSORS, base_name, has_unit, sensor_unit
from broker.sparkplug.data_types import DataType

REBIRTH = "Node Control/Rebirth"
BD_SEQ = "bdSeq"
ACKNOWLEDGE = "Commands/Acknowledge alert"
PRODUCT = "Properties/product"
"""Tells a gateway of ours that this node is a twin: it must not feed it to a twin."""
PRODUCT_NAME = "PUR-MOLD-TWIN"
LIVE, LIVE_METRICS, LIVE_STATUS = "Live/", "Live metrics/", "Live status/"


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """What a birth says of a metric."""

    name: str
    type: DataType
    unit: str = ""
    low: float | None = None
    """Smallest value that is possible, in the unit."""
    high: float | None = None
    words: str = ""
    """Meaning, for people."""
    writable: bool = False


def _numbers(
    folder: str, rows: Iterable[tuple[str, str, float | None, float | None, str]]
) -> list[MetricSpec]:
    return [MetricSpec(f"{folder}/{n}", DataType.DOUBLE, u, lo, hi, w) for n, u, lo, hi, w in rows]


def _texts(folder: str, rows: Iterable[tuple[str, str]]) -> list[MetricSpec]:
    return [MetricSpec(f"{folder}/{n}", DataType.STRING, words=w) for n, w in rows]


def _times(folder: str, rows: Iterable[tuple[str, str]]) -> list[MetricSpec]:
    return [MetricSpec(f"{folder}/{n}", DataType.DATETIME, words=w) for n, w in rows]


def _counts(folder: str, rows: Iterable[tuple[str, str]]) -> list[MetricSpec]:
    return [MetricSpec(f"{folder}/{n}", DataType.INT64, "1", 0, None, w) for n, w in rows]


_DAY_S = 86_400.0
_READINGS = {
    "°C": (-40.0, 300.0),
    "%": (0.0, 100.0),
    "bar": (0.0, 400.0),
    "kg": (0.0, 10_000.0),
    "kg/s": (0.0, 100.0),
    "1": (0.0, 1.0),
}
"""Ranges of readings that the twin knows, by unit: for scales, not a judgement."""
_SHOT = (("shot_id", "shot of the mold"), ("shot_key", "identity of the shot"))
_FIGURES = (
    ("rho_moulded_kg_per_m3", "kg/m3", 0.0, 3000.0, "density of the part"),
    ("rho_free_rise_kg_per_m3", "kg/m3", 0.0, 3000.0, "density of the same foam in an open cup"),
    ("p_max_bar", "bar", 0.0, 100.0, "highest cavity pressure, absolute"),
    ("T_core_max_C", "°C", -40.0, 300.0, "highest temperature of the core"),
    ("H_demold_shore", "Shore", 0.0, 100.0, "hardness at the best time"),
    ("H_24h_shore", "Shore", 0.0, 100.0, "hardness after a day"),
    ("alpha_demold_ratio", "1", 0.0, 1.0, "conversion at the best time"),
    ("fill_ratio", "1", 0.0, None, "volume of the foam to that of the cavity"),
    ("t_cream_s", "s", 0.0, _DAY_S, "after the end of injection"),
    ("t_gel_s", "s", 0.0, _DAY_S, "after the end of injection"),
    ("t_rise_s", "s", 0.0, _DAY_S, "after the end of injection"),
    ("t_tack_free_s", "s", 0.0, _DAY_S, "after the end of injection"),
    ("vent_closure_time_s", "s", 0.0, _DAY_S, "after the end of injection"),
)
CORRECTED = (
    ("rho_moulded_kg_per_m3", "kg/m3", 0.0, 3000.0),
    ("t_demold_min_s", "s", 0.0, _DAY_S),
    ("p_max_bar", "bar", 0.0, 100.0),
    ("T_core_max_C", "°C", -40.0, 300.0),
)
"""Quantities of which a learned correction may speak: name, unit, range."""
_ALERTS = [
    *_counts("Alerts", [("open_count", "alerts that are open"), ("critical_count", "of these")]),
    *_texts(
        "Alerts",
        [
            ("newest_id", "alert_id of the newest open alert, for an acknowledgement"),
            ("newest_code", "what it is"),
            ("newest_severity", "info, warning or critical"),
            ("newest_words", "for people"),
        ],
    ),
    *_times("Alerts", [("newest_raised_at", "when it was raised")]),
]
_ACKNOWLEDGE = MetricSpec(
    ACKNOWLEDGE,
    DataType.STRING,
    words="write the alert_id, or a JSON object with alert_id, by and note",
    writable=True,
)
OF_MOLDS = (
    *_texts("State", [("phase", "curing, hold or ended"), *_SHOT, ("system_id", "material")]),
    *_texts("State", [("outcome", "how the last shot ended")]),
    MetricSpec("State/simulated", DataType.BOOLEAN, words="of a virtual press, not of a real one"),
    MetricSpec("KPI/simulated", DataType.BOOLEAN, words="of a virtual press, not of a real one"),
    *_times("State", [("poured_at", "end of injection of the shot")]),
    *_texts(
        "Prediction",
        [
            ("status", "predicted, or hold: no demolding time can be given"),
            ("basis", "poured, live or final"),
            ("binding_earliest", "criterion that sets the earliest time"),
            ("binding_latest", "criterion that sets the latest time"),
            ("window", "model behind the window: layered, quick or none"),
            ("quality_status", "OK, MARGINAL or FAIL"),
            ("pressure_status", "SAFE, NEAR_LIMIT or OVER_LIMIT"),
            ("ml_status", "ok, or why no learned correction was used"),
            ("diagnostics", "what stands out: codes"),
        ],
    ),
    *_counts(
        "Prediction",
        [
            ("revision", "number of the prediction"),
            ("assumed_parameters_count", "numbers of the material that nobody measured"),
        ],
    ),
    *_times(
        "Prediction",
        [
            ("demold_min_at", "earliest time of opening"),
            ("demold_opt_at", "best time of opening"),
            ("demold_max_at", "latest time of opening"),
        ],
    ),
    *_numbers(
        "Prediction",
        [
            ("t_demold_min_s", "s", 0.0, _DAY_S, "earliest opening, after the injection"),
            ("t_demold_opt_s", "s", 0.0, _DAY_S, "best opening, after the injection"),
            ("t_demold_max_s", "s", 0.0, _DAY_S, "latest opening, after the injection"),
            ("t_demold_min_low_s", "s", 0.0, _DAY_S, "lower end of the earliest opening"),
            ("t_demold_min_high_s", "s", 0.0, _DAY_S, "upper end of the earliest opening"),
            ("swell_mm", "mm", None, None, "growth of a part opened at the best time"),
            ("shrink_mm", "mm", None, None, "shrinking of a part opened at the best time"),
            ("defect_risk_ratio", "1", 0.0, 1.0, "probability of any defect"),
            *_FIGURES,
        ],
    ),
    *_numbers(
        "Correction",
        [
            (name + end, unit, low, high, f"by the learned correction{words}")
            for name, unit, low, high in CORRECTED
            for end, words in (
                ("", ""),
                ("_low", ": lower end of its interval"),
                ("_high", ": upper end of its interval"),
            )
        ],
    ),
    *_numbers(
        "Correction",
        [("coverage_ratio", "1", 0.0, 1.0, "probability that its intervals promise")],
    ),
    *_texts("KPI", [*_SHOT, ("outcome", "how the shot ended"), ("system_id", "material")]),
    *_times("KPI", [("poured_at", "end of injection"), ("closed_at", "end of the shot")]),
    *_counts(
        "KPI",
        [
            ("frames_count", "telemetry frames of the shot"),
            ("revision", "the largest is the newest"),
        ],
    ),
    *_numbers(
        "KPI",
        [
            ("t_demold_actual_s", "s", 0.0, _DAY_S, "when it was opened, after the injection"),
            ("T_core_max_C", "°C", -40.0, 300.0, "measured"),
            ("p_cavity_max_bar", "bar", 0.0, 100.0, "measured, absolute"),
        ],
    ),
    *_ALERTS,
    _ACKNOWLEDGE,
    *_texts(
        "Versions",
        [
            ("agent", "program"),
            ("physics", "of the model"),
            ("physics_hash", "of the model"),
            ("parameters_hash", "of material and mold"),
            ("model", "learned correction"),
            ("parameter_set", "calibration on production"),
        ],
    ),
    *_counts("Versions", [("system_version", "of the material system")]),
)
"""Metrics that every mold has from its first birth on."""
OF_NODES = (
    MetricSpec(REBIRTH, DataType.BOOLEAN, words="true: all births again", writable=True),
    _ACKNOWLEDGE,
    MetricSpec(PRODUCT, DataType.STRING, words="program behind this node"),
    *_texts("Properties", [("agent_id", "who has the press"), ("version", "of the program")]),
    *_texts("Properties", [("site", "site of the press"), ("press", "the press")]),
    *_ALERTS,
    *_counts(
        "Buffer",
        [
            ("waiting_count", "messages that wait to be sent as historical"),
            ("dropped_count", "messages given up for lack of room, since the start"),
        ],
    ),
)
"""Metrics that every edge node has, beside `bdSeq`."""
_KNOWN = {spec.name: spec for spec in (*OF_NODES, *OF_MOLDS)}


@lru_cache(maxsize=8192)
def spec_of(name: str) -> MetricSpec | None:
    """The metric of a name; None for one that the twin has not (any more)."""
    if name in _KNOWN:
        return _KNOWN[name]
    if name.startswith(LIVE):
        return _reading(name.removeprefix(LIVE))
    if name.startswith(LIVE_METRICS):
        return MetricSpec(name, DataType.DOUBLE, words="as the press sends it")
    if name.startswith(LIVE_STATUS):
        return MetricSpec(name, DataType.STRING, words="as the press sends it")
    return None


def _reading(name: str) -> MetricSpec | None:
    if not has_unit(name):
        return None
    known, unit = WELL_KNOWN_SENSORS.get(base_name(name)), sensor_unit(name)
    low, high = _READINGS.get(unit, (None, None)) if known is not None else (None, None)
    words = "as the press sends it" if known is None else known.meaning
    return MetricSpec(LIVE + name, DataType.DOUBLE, unit, low, high, words)
