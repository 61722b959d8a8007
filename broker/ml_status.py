"""Codes of a prediction's ``ml_status``: did a learned model answer, and if not, why not."""

from __future__ import annotations

OK = "ok"
"""The learner answered for every quantity that it was trained for."""
FADED = "faded"
"""For some quantities it was drawn to the memory, or the memory answered alone."""
MEMORY_ONLY = "memory-only"
"""For every quantity the memory of earlier shots answered, not the learner."""
WITHHELD = "withheld"
"""For no quantity there is an answer: nothing is known of earlier shots, either."""
NO_EXTRA = "missing-ml-extras"
"""onnxruntime is not installed."""
NO_MODEL = "missing-ml-models"
"""No model is promoted for this moment."""
BAD_INPUT = "invalid-ml-input"
"""The shot was not simulated, or its features could not be computed."""
ERROR = "ml-error"
"""The promoted model cannot be used, or failed."""

ML_STATUS = (OK, FADED, MEMORY_ONLY, WITHHELD, NO_EXTRA, NO_MODEL, BAD_INPUT, ERROR)
"""Every ``ml_status`` of a prediction."""

OUTSIDE_RANGE = "outside-range"
UNKNOWN_MATERIAL = "unknown-material"
MISSING_FEATURE = "missing-feature"
NO_LEARNER = "no-learner"
NO_RESULTS = "no-results"
NOT_BETTER = "not-better"

ML_REASONS = {
    OUTSIDE_RANGE: "the shot lies outside the range that the learner knows",
    UNKNOWN_MATERIAL: "the learner never saw the material, or other parameters of it",
    MISSING_FEATURE: "a feature is missing that never was when it learned",
    NO_LEARNER: "the model holds the memory alone for this quantity",
    NO_RESULTS: "no result of the mold or its press is known",
    NOT_BETTER: "here the learner was no better than the memory",
}
"""Every reason why the learner does not answer for a quantity, or not alone, with its meaning."""
UNLIKE = frozenset({OUTSIDE_RANGE, UNKNOWN_MATERIAL, MISSING_FEATURE})
"""Reasons for which a shot is unlike those that the learner saw."""
