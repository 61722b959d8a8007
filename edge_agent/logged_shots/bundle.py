"""A logged shot as a folder: ``meta.yaml, process.yaml, sensors_core_temp.csv, …``.

The layout of the first generation. ``time_s`` counts from the end of injection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from os.path import lexists
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from broker.ids import Identifier
from broker.messages import Prediction, QualityRecord, Recipe, ShotEvent, TelemetryFrame
from broker.messages.base import Reference
from broker.timestamps import EARLIEST
from edge_agent.logged_shots.bundle_names import (
    Note,
    check_agree,
    check_defects,
    check_files,
    check_masses,
    check_names,
    start_of,
    without_impossible,
)
from edge_agent.shots.timed_messages import TimedMessage
from twin_core.arrays import Array
from twin_core.checked_yaml import parse, read_yaml
from twin_core.errors import InputError
from twin_core.hot_probe import still_hot
from twin_core.log_files.series import DAY_S, MANY, Range, read_series
from twin_core.plausible_ranges import SERIES

SENSOR_FILES = {
    "sensors_core_temp.csv": {"T_core_C": "T_core_C"},
    "sensors_pressure.csv": {"p_total_bar": "p_cavity_bar", "vent_open_fraction": ""},
    "sensors_power_mix.csv": {"power_W": "power_W", "rpm": "speed_rpm"},
}
"""Columns of each file and the sensor they become; an empty name is a metric."""
FILES = ("meta.yaml", "process.yaml", "qc.yaml", *SENSOR_FILES)
REFERENCES = ("order_id", "lot_polyol", "lot_isocyanate", "lot_additives")
INPUT_SENSORS = ("T_polyol_C", "T_iso_C", "T_mold_C", "T_ambient_C", "RH_ambient_pct")
SHOT_S = 4 * 3600.0
"""The longest log of a shot of which nobody says when its mold was opened; the agent waits so long,
too."""
LOG_GOES_ON = 3.0
"""A log that goes on after the opening is told from here on, in units of the time to demolding."""
LOG_PER_CURE = 100.0
"""The longest log, in units of the time to demolding: a thousand times as long is milliseconds."""
_RANGES: dict[str, Range] = {
    "T_core_C": (SERIES["T_core_C"].low, SERIES["T_core_C"].high),
    "p_total_bar": (SERIES["p_cavity_bar"].low, SERIES["p_cavity_bar"].high),
    "vent_open_fraction": (0.0, 1.0),
    "power_W": (0.0, 1e6),
    "rpm": (0.0, 30_000.0),
}


class Meta(BaseModel):
    """``meta.yaml``; other fields (citation, notes) are kept for people."""

    model_config = ConfigDict(extra="allow", frozen=True)

    shot_id: Identifier
    system_id: Identifier
    mold_id: Identifier = "CUP"
    operator: str = ""
    line_id: Annotated[Identifier | None, BeforeValidator(lambda v: None if v == "" else v)] = None
    """The device in the messages of a replay, the press in a feature set."""
    timestamp_start: Annotated[datetime | None, PlainValidator(start_of)] = None
    """The pour, in UTC; None where nobody says when it was."""
    site: Identifier | None = None
    order_id: Reference | None = None
    lot_polyol: Reference | None = None
    lot_isocyanate: Reference | None = None
    lot_additives: Reference | None = None
    simulated: bool = False
    process: dict[str, Any] = {}

    @property
    def references(self) -> dict[str, str]:
        """Order and lots, as far as they are known."""
        return {name: value for name in REFERENCES if (value := getattr(self, name)) is not None}


class Extras(BaseModel):
    """Fields of ``process.yaml`` beside the recipe."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)

    vent_status: str | bool | float | None = None
    t_demold_actual_s: Annotated[float, Field(gt=0, le=DAY_S)] | None = None


@dataclass(frozen=True)
class Bundle:
    """A logged shot in memory."""

    path: Path
    meta: Meta
    recipe: Recipe
    t_demold_actual_s: float | None
    series: dict[float, dict[str, float]] = field(default_factory=dict)
    """Sensor values by time [s]."""
    quality: dict[str, Any] | None = None
    notes: tuple[Note, ...] = ()
    """What was left out, and names that nothing here knows."""

    @property
    def duration_s(self) -> float:
        """From the pour to the last reading or the demolding."""
        return max([*self.series, self.t_demold_actual_s or 0.0], default=0.0)

    @property
    def quality_status(self) -> str | None:
        """OK, MARGINAL or FAIL as the log says, else by scrap and defects; None without a record.

        FAIL is a part that was thrown away or has a defect.
        """
        if self.quality is None:
            return None
        said = self.quality.get("quality_status")
        if said is not None:
            return str(said)
        bad = self.quality.get("scrap") is True or bool(self.quality.get("defects"))
        return "FAIL" if bad else "OK"

    def peak(self, sensor: str) -> tuple[float, float] | None:
        """(time [s], value) of the largest reading of a sensor while the shot cured."""
        return max(self.readings(sensor), key=lambda reading: reading[1], default=None)

    def readings(self, sensor: str) -> list[tuple[float, float]]:
        """Times [s] and values of a sensor, from the pour until the mold was opened.

        Without those of a core whose probe still held the heat of the part before.
        """
        found = _cured(self.series, sensor, self.t_demold_actual_s)
        return found[_hot_count(found) :] if sensor == "T_core_C" else found

    def beside_count(self, sensor: str) -> int:
        """Count of the readings of a sensor before the pour or after the mold was opened."""
        logged = sum(sensor in row for row in self.series.values())
        return logged - len(_cured(self.series, sensor, self.t_demold_actual_s))

    def compared_with(self, prediction: Prediction) -> str:
        """The peaks that were measured beside those of the agent's prediction, a line each."""
        k, kind = prediction.kpis, "simulated" if self.meta.simulated else "measured"
        if k is None:
            return f"{self.meta.shot_id}: the prediction has no key figures"
        lines = []
        for sensor, words, unit, predicted in (
            ("T_core_C", "peak core temperature", "°C", k.T_core_max_C),
            ("p_cavity_bar", "peak cavity pressure", "bar", k.p_max_bar),
        ):
            peak = self.peak(sensor)
            if peak is not None:
                lines.append(
                    f"  {words} {peak[1]:.4g} {unit} {kind}, "
                    f"{predicted:.4g} {unit} predicted ({predicted - peak[1]:+.2g} {unit})"
                )
        return "\n".join([f"{self.meta.shot_id}:", *lines]) if lines else ""

    def messages(self, poured_at: datetime) -> list[TimedMessage]:
        """Messages that a press would have sent, in order of time."""
        shot_id, mold_id, simulated = self.meta.shot_id, self.meta.mold_id, self.meta.simulated
        common: dict[str, Any] = {"shot_id": shot_id, "mold_id": mold_id, "simulated": simulated}
        before = poured_at - timedelta(seconds=1)
        warm = {
            name: value
            for name in INPUT_SENSORS
            if (value := getattr(self.recipe, name)) is not None
        }
        found: list[TimedMessage] = [
            TimedMessage(before, ShotEvent(ts=before, event="started", **common)),
        ]
        seq = 0
        if warm:
            found.append(TimedMessage(before, self._frame(before, seq, warm, common)))
        found.append(
            TimedMessage(
                poured_at,
                ShotEvent(
                    ts=poured_at,
                    event="poured",
                    system_id=self.meta.system_id,
                    recipe=self.recipe,
                    **{**common, **self.meta.references},
                ),
            )
        )
        for t, sensors in sorted(self.series.items()):
            seq += 1
            ts = poured_at + timedelta(seconds=t)
            found.append(TimedMessage(ts, self._frame(ts, seq, sensors, common)))
        end = poured_at + timedelta(seconds=self.t_demold_actual_s or self.duration_s)
        found.append(TimedMessage(end, ShotEvent(ts=end, event="demolded", **common)))
        if self.quality is not None:
            record = QualityRecord.model_validate({**self.quality, **common, "ts": end})
            found.append(TimedMessage(end, record))
        return sorted(found, key=lambda item: item.ts)

    def _frame(
        self, ts: datetime, seq: int, values: dict[str, float], common: dict[str, Any]
    ) -> TelemetryFrame:
        sensors = {name: v for name, v in values.items() if not name.startswith("metric:")}
        metrics = {name[7:]: v for name, v in values.items() if name.startswith("metric:")}
        return TelemetryFrame(
            ts=ts,
            device_id=self.meta.line_id or "logger",
            seq=seq,
            sensors=sensors,
            metrics=metrics,
            **common,
        )


def load_bundle(path: Path) -> Bundle:
    """Read a logged shot.

    Raises:
        InputError: names the file, the line or field, and what to do.
    """
    notes = check_files(path, FILES)
    if not lexists(path / "meta.yaml"):
        raise InputError(f"{path}: no meta.yaml: not the folder of a logged shot")
    meta_file, process_file = path / "meta.yaml", path / "process.yaml"
    content = read_yaml(meta_file)
    wrong: list[str] = []
    notes += check_names(meta_file, content, Meta.model_fields, wrong)
    process = read_yaml(process_file) if lexists(process_file) else {}
    notes += check_names(process_file, process, Extras.model_fields, wrong, Recipe)
    if wrong:
        raise InputError("\n".join(wrong))
    meta = parse(Meta, content, str(meta_file))
    if "mold_id" not in meta.model_fields_set:
        words = f"{meta_file}: no mold_id: {meta.mold_id}, an open cup, stands in"
        notes.append(Note("mold_missing", "mold_id", words))
    notes += check_names(meta_file, meta.process, Extras.model_fields, wrong, Recipe)
    check_agree(process_file, process, f"process of {meta_file.name}", meta.process)
    process |= meta.process
    extras = parse(Extras, process, str(process_file))
    recipe = {k: v for k, v in process.items() if k not in Extras.model_fields}
    if "pentane_pct" in recipe:
        older = {"blowing_agent_pct": recipe.pop("pentane_pct")}
        check_agree(process_file, recipe, "pentane_pct", older)
        recipe |= older
    quality = _quality(path / "qc.yaml", meta, notes, wrong)
    if wrong:
        raise InputError("\n".join(wrong))
    series: dict[float, dict[str, float]] = {}
    for name, columns in SENSOR_FILES.items():
        if lexists(path / name):  # a link to nothing is no file that is not there
            notes += _read_series(path / name, columns, extras.t_demold_actual_s, series)
    notes += _probe(path, _cured(series, "T_core_C", extras.t_demold_actual_s))
    poured = parse(Recipe, recipe, str(process_file))
    check_masses(process_file, poured)
    return Bundle(
        path=path,
        meta=meta,
        recipe=poured,
        t_demold_actual_s=extras.t_demold_actual_s,
        series=series,
        quality=quality,
        notes=tuple(notes),
    )


def _cured(
    series: dict[float, dict[str, float]], sensor: str, t_demold_s: float | None
) -> list[tuple[float, float]]:
    end = math.inf if t_demold_s is None else t_demold_s
    return [
        (t, row[sensor]) for t, row in sorted(series.items()) if sensor in row and 0.0 <= t <= end
    ]


def _hot_count(core: list[tuple[float, float]]) -> int:
    times, values = np.array(core).reshape(-1, 2).T
    return int(still_hot(times, values).sum())


def _probe(path: Path, core: list[tuple[float, float]]) -> list[Note]:
    """Tell of readings of a probe that still held the heat of the part before."""
    count = _hot_count(core)
    if not count:
        return []
    words = (
        f"{path}: T_core_C: {core[0][1]:g} °C at the pour: the probe still held the heat of the "
        f"part before: {count} of {len(core)} readings"
    )
    return [Note("probe_still_hot", "T_core_C", words)]


def _quality(path: Path, meta: Meta, notes: list[Note], wrong: list[str]) -> dict[str, Any] | None:
    if not lexists(path):
        return None
    content = read_yaml(path)
    notes += check_names(path, content, ("quality_status",), wrong, QualityRecord)
    own = {"shot_id": meta.shot_id, "mold_id": meta.mold_id, "simulated": meta.simulated}
    check_agree(path, content, "meta.yaml", own)
    notes += check_defects(path, content, wrong)
    parse(QualityRecord, {"ts": EARLIEST, "shot_id": meta.shot_id} | content, str(path))
    return without_impossible(path, content, notes)


def odd_length(time_s: Array, t_demold_s: float | None) -> list[str]:
    """Words for times that speak for another unit than seconds, beside the demolding.

    Args:
        time_s: times of a series, growing [s].
        t_demold_s: from the end of injection to the opening [s]; None where it is not known.
    """
    found = list[str]()
    if t_demold_s is None or len(time_s) < MANY:
        return found
    share = time_s[-1] / t_demold_s
    after = int((time_s > t_demold_s).sum())
    if share > LOG_GOES_ON and 2 * after > len(time_s):
        found.append(
            f"ends at {time_s[-1]:g}, {share:.2g} times t_demold_actual_s: {after} of "
            f"{len(time_s)} readings are after the opening and not of the shot: tenths of a second?"
        )
    if share < 0.02:  # minutes for seconds are a sixtieth
        words = f"ends at {time_s[-1]:g}, {share:.2g} of t_demold_actual_s: minutes?"
        found.append(f"{words} Seconds belong there")
    return found


def _read_series(
    path: Path,
    columns: dict[str, str],
    t_demold_s: float | None,
    series: dict[float, dict[str, float]],
) -> list[Note]:
    longest_s = SHOT_S if t_demold_s is None else min(DAY_S, LOG_PER_CURE * t_demold_s)
    ranges = {name: _RANGES[name] for name in columns}
    found = read_series(path, ranges, longest_s=longest_s, opened_s=t_demold_s)
    for column, values in found.columns.items():
        sensor = columns[column] or f"metric:{column}"
        for t, value in zip(found.time_s.tolist(), values.tolist(), strict=True):
            if not math.isnan(value):
                series.setdefault(t, {})[sensor] = value
    notes = [
        Note("reading_impossible" if gap.impossible else "reading_missing", gap.column, gap.words)
        for gap in found.gaps
    ]
    notes += [
        Note("reading_missing", "time_s", f"{path}: column time_s: {words}")
        for words in odd_length(found.time_s, t_demold_s)
    ]
    if not len(found.time_s):
        notes.append(
            Note("reading_missing", ", ".join(found.columns), f"{path}: holds no readings")
        )
    return notes + [
        Note("name_unknown", name, f"{path}: column {name or '(without a name)'} is not used")
        for name in found.unused
    ]
