"""A model's answer as it goes on the wire, or why there is none; the same at the press and offline.

Nothing here raises: whatever a model does, the physics has been computed and goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.messages import Correction, Diagnostic
from broker.messages.prediction import Interval, IntervalRecord
from broker.ml_status import (
    BAD_INPUT,
    ERROR,
    FADED,
    MEMORY_ONLY,
    NO_LEARNER,
    NO_MODEL,
    OK,
    UNLIKE,
    WITHHELD,
)
from edge_agent.inference.entry import Entry
from edge_agent.logs import get_logger
from twin_core.errors import InvalidInput
from twin_core.learning.adaptive_interval import Said, Seen
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
    said: Mapping[str, Said] = field(default_factory=dict)
    """By target, what is to be held against its result."""
    coverage: float = 0.0
    """That the intervals are to have."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """By target, why its learner does not answer, or not alone."""

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """Diagnostics for the prediction."""
        return [Diagnostic(code=NOT_CORRECTED, words=self.words[:2000])] if self.words else []


def learned(
    entry: Entry | None,
    row: Mapping[str, float],
    system: tuple[str, str],
    seen: Mapping[str, Seen] | None = None,
    records: Mapping[str, IntervalRecord] | None = None,
) -> Learned:
    """Ask a model.

    Args:
        entry: the one that serves this moment; None: none is promoted.
        row: features by name.
        system: ``system_id`` and ``parameters_hash``.
        seen: by target, what the press has seen of its corrections.
        records: by target, how its intervals have held.
    """
    if entry is None:
        return Learned()
    if entry.model is None:
        return Learned(entry.status, words=f"{entry.label} is refused: {entry.words}")
    try:
        outcome = entry.model.predict(row, system, seen)
        correction = _correction(entry, entry.model, outcome, records or {})
    except InvalidInput as error:
        return Learned(BAD_INPUT, words=f"{entry.label}: {error}")
    except Exception as error:  # a model is a program of somebody else: it stops nothing
        words = f"{entry.label}: {type(error).__name__}: {error}"[:500]
        get_logger().error("inference_failed", stage="infer", reason=entry.label, error=words)
        return Learned(ERROR, words=words)
    coverage = entry.model.card.coverage
    status = status_of(outcome)
    return Learned(
        status, correction, said=outcome.said, coverage=coverage, reasons=dict(outcome.reasons)
    )


def status_of(outcome: Outcome) -> str:
    """The ``ml_status`` of an answer."""
    if not outcome.targets:
        return OK if outcome.risks and not outcome.reasons else WITHHELD
    layers = {found.layer for found in outcome.targets.values()}
    if layers == {"memory"}:
        return MEMORY_ONLY
    meant = all(reason == NO_LEARNER for reason in outcome.reasons.values())
    return OK if meant and "faded" not in layers else FADED


def _correction(
    entry: Entry, model: Model, outcome: Outcome, records: Mapping[str, IntervalRecord]
) -> Correction:
    coverage = model.card.coverage
    risks = {name: min(max(risk, 0.0), 1.0) for name, risk in outcome.risks.items()}
    expected = {TARGETS[name].quantity: found for name, found in outcome.targets.items()}
    return Correction(
        model=entry.label,
        known_at=model.card.known_at,
        in_domain=UNLIKE.isdisjoint(outcome.reasons.values()),
        words=outcome.words,
        values={name: found.value for name, found in expected.items()},
        intervals={
            name: Interval(low=found.low, high=found.high, coverage=coverage)
            for name, found in expected.items()
        },
        layers={name: found.layer for name, found in expected.items()},
        reasons={TARGETS[name].quantity: reason for name, reason in outcome.reasons.items()},
        records={
            TARGETS[name].quantity: record
            for name, record in records.items()
            if name in outcome.targets
        },
        defect_risk=risks.pop(ANY_DEFECT, None),
        defects=risks,
    )
