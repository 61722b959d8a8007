"""A logged shot as a folder: ``meta.yaml, process.yaml, sensors_core_temp.csv, …``.

The layout of the first generation. ``time_s`` counts from the end of injection.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from broker.ids import Identifier
from broker.messages import Prediction, QualityRecord, Recipe, ShotEvent, TelemetryFrame
from broker.timestamps import EARLIEST
from edge_agent.shots.timed_messages import TimedMessage
from twin_core.checked_yaml import parse, read_yaml
from twin_core.errors import InputError
from twin_core.files import CSV_BYTES_MAX
from twin_core.plain_files import read_text

SENSOR_FILES = {
    "sensors_core_temp.csv": {"T_core_C": "T_core_C"},
    "sensors_pressure.csv": {"p_total_bar": "p_cavity_bar", "vent_open_fraction": ""},
    "sensors_power_mix.csv": {"power_W": "power_W", "rpm": "speed_rpm"},
}
"""Columns of each file and the sensor they become; an empty name is a metric."""
INPUT_SENSORS = ("T_polyol_C", "T_iso_C", "T_mold_C", "T_ambient_C", "RH_ambient_pct")


class Meta(BaseModel):
    """``meta.yaml``; other fields (citation, notes) are kept for people."""

    model_config = ConfigDict(extra="allow", frozen=True)

    shot_id: Identifier
    system_id: Identifier
    mold_id: Identifier = "CUP"
    operator: str = ""
    line_id: str = ""
    timestamp_start: Any = None
    simulated: bool = False
    process: dict[str, Any] = {}


class Extras(BaseModel):
    """Fields of ``process.yaml`` beside the recipe."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    vent_status: str | None = None
    t_demold_actual_s: Annotated[float, Field(gt=0)] | None = None


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

    @property
    def duration_s(self) -> float:
        """From the pour to the last reading or the demolding."""
        return max([*self.series, self.t_demold_actual_s or 0.0], default=0.0)

    def peak(self, sensor: str) -> tuple[float, float] | None:
        """(time [s], value) of the largest reading of a sensor."""
        values = [(row[sensor], t) for t, row in self.series.items() if sensor in row]
        if not values:
            return None
        value, t = max(values)
        return t, value

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
                    **common,
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
    if not (path / "meta.yaml").exists():
        raise InputError(f"{path}: no meta.yaml: not the folder of a logged shot")
    meta = parse(Meta, read_yaml(path / "meta.yaml"), str(path / "meta.yaml"))
    process: dict[str, Any] = {}
    if (path / "process.yaml").exists():
        process = read_yaml(path / "process.yaml")
    process |= meta.process
    extras = parse(Extras, process, str(path / "process.yaml"))
    recipe = {k: v for k, v in process.items() if k not in Extras.model_fields}
    if "pentane_pct" in recipe:
        recipe["blowing_agent_pct"] = recipe.pop("pentane_pct")
    series: dict[float, dict[str, float]] = {}
    for name, columns in SENSOR_FILES.items():
        if (path / name).exists():
            _read_series(path / name, columns, series)
    quality = None
    if (path / "qc.yaml").exists():
        quality = read_yaml(path / "qc.yaml")
        record = {"ts": EARLIEST, "shot_id": meta.shot_id} | quality
        parse(QualityRecord, record, str(path / "qc.yaml"))
    return Bundle(
        path=path,
        meta=meta,
        recipe=parse(Recipe, recipe, str(path / "process.yaml")),
        t_demold_actual_s=extras.t_demold_actual_s,
        series=series,
        quality=quality,
    )


def _read_series(
    path: Path, columns: dict[str, str], series: dict[float, dict[str, float]]
) -> None:
    reader = csv.DictReader(io.StringIO(read_text(path, CSV_BYTES_MAX), newline=""))
    try:
        header = reader.fieldnames or []
        if "time_s" not in header or not set(columns) & set(header):
            wanted = ", ".join(columns)
            raise InputError(f"{path}: the header must hold time_s and one of {wanted}")
        for row in reader:
            values = series.setdefault(_number(row["time_s"]), {})
            for column, sensor in columns.items():
                if row.get(column) not in (None, ""):
                    values[sensor or f"metric:{column}"] = _number(row[column])
    except ValueError as error:
        raise InputError(f"{path}: line {reader.line_num}: {error}: must be a number") from None
    except csv.Error as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}") from None


def _number(cell: str | None) -> float:
    value = float(cell or "")
    if not math.isfinite(value):
        raise ValueError(f"{cell!r}")
    return value
