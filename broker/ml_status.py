"""Codes of a prediction's ``ml_status``: did a learned model answer, and if not, why not."""

from __future__ import annotations

OK = "ok"
NO_EXTRA = "missing-ml-extras"
"""onnxruntime is not installed."""
NO_MODEL = "missing-ml-models"
"""No model is promoted for this moment."""
BAD_INPUT = "invalid-ml-input"
"""A feature is missing that the model needs, or the shot was not simulated."""
ERROR = "ml-error"
"""The promoted model cannot be used, or failed."""

ML_STATUS = (OK, NO_EXTRA, NO_MODEL, BAD_INPUT, ERROR)
"""Every ``ml_status`` of a prediction."""
