"""Every error this package raises.

    TwinError
    ├── InputError         a scenario, material, mold or shot that cannot be simulated as given
    ├── SolverError        the integrator could not follow the model
    │   └── BudgetExceeded the evaluations allowed for one run were used up
    └── ModelError         a learned model cannot be used; physics goes on alone
        ├── MissingRuntime   the library that runs it is not installed
        └── InvalidInput   a feature that it needs is missing

Each class says whether trying again can help (``retryable``); a message says what is wrong, where,
the value, the limit, and the way out. ``hint`` is the way out of this very error where the message
does not hold it: it is given with the error, not with the class.
"""

from __future__ import annotations

from twin_core.extras import how_to_install


class TwinError(Exception):
    """Base of all errors of the twin."""

    retryable = False
    usual_hint = ""
    """The hint of errors that are raised without one; only where all of a class have one cause."""

    def __init__(self, message: object = "", *, hint: str | None = None) -> None:
        super().__init__(message)
        self._hint = hint

    @property
    def hint(self) -> str:
        """How to go on, in words; empty where the message says it."""
        return self.usual_hint if self._hint is None else self._hint


class InputError(TwinError):
    """Input that cannot be simulated as given; the message names the file or field and the cure."""


class SolverError(TwinError):
    """The integrator stopped before the end of the shot."""

    usual_hint = "run again with another backend or a looser tolerance, and report the scenario"


class BudgetExceeded(SolverError):
    """A run used up its budget of right-hand-side evaluations instead of hanging."""

    usual_hint = "check the scenario for extreme values, or raise simulation.max_evaluations"


class ModelError(TwinError):
    """A learned model cannot be used."""

    usual_hint = "physics goes on alone; train the model anew or promote another one"


class MissingRuntime(ModelError):
    """The library that runs a model is not installed."""

    usual_hint = how_to_install("ml")


class InvalidInput(ModelError):
    """A feature that the model needs is missing."""

    usual_hint = "docs/features.md says where each feature comes from"
