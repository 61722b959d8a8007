"""A learned correction without a press: for one simulated shot, as the agent would give it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.messages import Correction
from broker.ml_status import NO_MODEL
from edge_agent.inference.correction import learned
from edge_agent.inference.serving import ModelDirectory
from twin_core import SimulationResult
from twin_core.learning.columns import TARGETS
from twin_core.learning.features import physics_columns, process_columns
from twin_core.learning.past_results import PastResults, ShotKey
from twin_core.plausible_ranges import possible

UNKNOWN = (
    "Earlier shots of this mold are not known here: prev_ and press_ features are missing, and the "
    "expected residuals are 0. At the press the correction can be another one."
)


@dataclass(frozen=True)
class Offline:
    """Answer of a model for a shot, or the reason why there is none."""

    ml_status: str
    correction: Correction | None
    words: str

    def as_dict(self) -> dict[str, Any]:
        """Data for the JSON; the last two under the names of the first generation."""
        correction = self.correction
        model = None if correction is None else correction.model
        return {
            "ml_status": self.ml_status,
            "ml_words": self.words,
            "correction": None if correction is None else correction.model_dump(mode="json"),
            "defect_risk_pred": None if correction is None else correction.defect_risk,
            "ml_model_metadata": None if model is None else {"model": model},
        }


def correct_offline(result: SimulationResult, folder: Path) -> Offline:
    """Ask the promoted model for the pour; never raises."""
    models = ModelDirectory(folder).refresh()
    scenario = result.scenario
    row = possible(process_columns(scenario.process, scenario.mold, 0))[0]
    row |= physics_columns(result)
    key = ShotKey("", "", scenario.mold.mold_id, scenario.scenario_id)
    row |= PastResults().known(key, 0.0, row)
    system = scenario.system
    found = learned(models.serving("pour"), row, (system.system_id, system.parameters_hash()))
    words = found.words
    if found.ml_status == NO_MODEL:
        words = f"{folder}: no model for the pour is promoted"
    elif found.correction is not None:
        words = " ".join(filter(None, [found.correction.words, UNKNOWN]))
    return Offline(found.ml_status, found.correction, words)


DIGITS = {
    "rho_moulded": ("moulded density", "kg/m3", 1),
    "t_demold": ("earliest opening", "s", 0),
    "p_max": ("peak pressure, absolute", "bar", 2),
    "T_core_max": ("peak core temperature", "°C", 1),
}
"""Words, unit and digits of what a model corrects, by target."""


def rows_beside(answer: Offline, result: SimulationResult) -> list[tuple[str, ...]]:
    """Rows: quantity, physics, corrected, interval, unit."""
    if answer.correction is None:
        return []
    columns, rows = physics_columns(result), list[tuple[str, ...]]()
    for name, (words, unit, digits) in DIGITS.items():
        target = TARGETS[name]
        if target.quantity not in answer.correction.values:
            continue
        value, interval = (
            answer.correction.values[target.quantity],
            answer.correction.intervals[target.quantity],
        )
        low, high = (f"{end:.{digits}f}" for end in (interval.low, interval.high))
        between = f"{low} to {high} ({100 * interval.coverage:.0f} %)"
        physics = columns[target.physics]
        rows.append((words, f"{physics:.{digits}f}", f"{value:.{digits}f}", between, unit))
    return rows
