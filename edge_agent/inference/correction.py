"""A model's answer as it goes on the wire, or why there is none; the same at the press and offline.

Nothing here raises: whatever a model does, the physics has been computed and goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.messages import Correction, Diagnostic
from broker.messages.prediction import Interval
from broker.ml_status import BAD_INPUT, ERROR, NO_MODEL, OK
from edge_agent.inference.entry import Entry
from edge_agent.logs import get_logger
from twin_core.errors import InvalidInput
from twin_core.learning.columns import TARGETS
from twin_core.learning.inference import Model, Outcome

ANY_DEFECT = "any_defect"
NOT_CORRECTED = "NOT_CORRECTED"
"""The diagnostic that says why a model that is in use did not answer."""


@dataclass(frozen=True)
class Learned:
    """Result of the models that a prediction takes over."""

    ml_status: str = NO_MODEL
    correction: Correction | None = None
    words: str = ""
    """Why there is no correction though a model is promoted."""

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """Diagnostics for the prediction."""
        return [Diagnostic(code=NOT_CORRECTED, words=self.words[:2000])] if self.words else []


def learned(entry: Entry | None, row: Mapping[str, float], system: tuple[str, str]) -> Learned:
    """Ask a model.

    Args:
        entry: the one that serves this moment; None: none is promoted.
        row: features by name.
        system: ``system_id`` and ``parameters_hash``.
    """
    if entry is None:
        return Learned()
    if entry.model is None:
        return Learned(entry.status, words=f"{entry.label} is refused: {entry.words}")
    try:
        outcome = entry.model.predict(row, system)
        return Learned(OK, _correction(entry, entry.model, outcome))
    except InvalidInput as error:
        return Learned(BAD_INPUT, words=f"{entry.label}: {error}")
    except Exception as error:  # a model is a program of somebody else: it stops nothing
        words = f"{entry.label}: {type(error).__name__}: {error}"[:500]
        get_logger().error("inference_failed", stage="infer", reason=entry.label, error=words)
        return Learned(ERROR, words=words)


def _correction(entry: Entry, model: Model, outcome: Outcome) -> Correction:
    coverage = model.card.coverage
    risks = {name: min(max(risk, 0.0), 1.0) for name, risk in outcome.risks.items()}
    expected = {TARGETS[name].quantity: found for name, found in outcome.targets.items()}
    return Correction(
        model=entry.label,
        known_at=model.card.known_at,
        in_domain=outcome.words is None,
        words=outcome.words,
        values={name: found.value for name, found in expected.items()},
        intervals={
            name: Interval(low=found.low, high=found.high, coverage=coverage)
            for name, found in expected.items()
        },
        defect_risk=risks.pop(ANY_DEFECT, None),
        defects=risks,
    )
