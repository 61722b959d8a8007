"""Errors of models, paired: what they predicted at the press, and what was measured later.

The predictions are those that were issued, by the model in use and its shadow; nothing is computed
again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from edge_agent.history.read import HistoryReader, RowFilter
from edge_agent.logged_shots.quality_rows import key_of_record, that_count
from edge_agent.shots.named_shots import Pour
from twin_core.arrays import Array
from twin_core.learning.columns import TARGETS
from twin_core.learning.features import lab_columns
from twin_core.learning.residual_features import NAN, residual

PHYSICS = "physics"
"""Name of the physics alone, beside labels of models (``pour/3``)."""
_KPIS = {"rho_moulded_kg_per_m3", "p_max_bar", "T_core_max_C"}


@dataclass
class _Shot:
    poured_at: str
    predicted: dict[str, dict[str, float]] = field(default_factory=dict)
    measured: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelErrors:
    """Squared errors by target and model, arrays (shots,) in order of time, NaN where unknown.

    Errors are in units of the residual: see ``columns.Target``.
    """

    errors: Mapping[str, Mapping[str, Array]]
    shots_count: int

    def labels(self) -> list[str]:
        """Models that answered, and the physics."""
        return sorted({label for by_model in self.errors.values() for label in by_model})


async def model_errors(
    reader: HistoryReader,
    since: datetime | None = None,
    progress: Callable[[str], None] = lambda _step: None,
) -> ModelErrors:
    """Read predictions of the pour, results of shots and quality records from a history.

    Raises:
        StoreError: it cannot be read.
    """
    shots: dict[tuple[str, str, str], _Shot] = {}
    pours: dict[tuple[str, str, str], list[Pour]] = {}
    """By ``shot_id``, for records that do not know their ``shot_key``."""

    def predictions(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["basis"] != "poured" or not row["document"].get("kpis"):
                continue
            document = row["document"]
            shot = _Shot(row["poured_at"], {PHYSICS: _physics(document)})
            for part in ("correction", "shadow"):
                found = document.get(part)
                if found and found["values"]:
                    shot.predicted[found["model"]] = found["values"]
            shots[row["site"], row["press"], row["shot_key"]] = shot
            poured_at = datetime.fromisoformat(row["poured_at"])
            pour = Pour(shot_key=row["shot_key"], mold_id=row["mold_id"] or "", poured_at=poured_at)
            pours.setdefault((row["site"], row["press"], row["shot_id"]), []).append(pour)

    def results(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            shot = shots.get((row["site"], row["press"], row["shot_key"]))
            if shot is not None and row["outcome"] == "demolded":
                shot.measured |= {
                    "meas_p_max_bar": _number(row["p_cavity_max_bar"]),
                    "meas_T_core_max_C": _number(row["T_core_max_C"]),
                }

    records: dict[tuple[str, str, str], list[dict[str, Any]]] = {}

    def collect(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            site, press = row["site"], row["press"]
            key = key_of_record(row, pours.get((site, press, row["shot_id"]), []))
            if key is not None and (site, press, key) in shots:
                records.setdefault((site, press, key), []).append(row)

    which = RowFilter(since)
    for table, take in (("prediction", predictions), ("shot", results), ("quality", collect)):
        progress(table)
        await reader.each(table, which, take)
    for of_shot, rows in records.items():
        for row in that_count(rows):
            columns = lab_columns(row["document"], None, None).items()
            shots[of_shot].measured |= {name: v for name, v in columns if not np.isnan(v)}
    shots_in_time = sorted(shots.values(), key=lambda shot: shot.poured_at)
    labels = sorted({label for shot in shots_in_time for label in shot.predicted})
    return ModelErrors(
        {
            name: {label: _errors(name, label, shots_in_time) for label in labels}
            for name in TARGETS
        },
        len(shots_in_time),
    )


def _physics(document: Mapping[str, Any]) -> dict[str, float]:
    values = {name: document["kpis"][name] for name in _KPIS}
    return values | {"t_demold_min_s": _number(document.get("t_demold_min_s"))}


def _errors(name: str, label: str, shots: list[_Shot]) -> Array:
    target = TARGETS[name]
    return np.array(
        [
            residual(
                target,
                shot.measured.get(target.measured, NAN),
                shot.predicted.get(label, {}).get(target.quantity, NAN),
            )
            ** 2
            for shot in shots
        ]
    )


def _number(value: float | None) -> float:
    return NAN if value is None else float(value)
