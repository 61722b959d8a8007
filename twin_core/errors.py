"""Every error this package raises.

    TwinError
    ├── InputError         a scenario, material, mold or shot that cannot be simulated as given
    ├── SolverError        the integrator could not follow the model
    │   └── BudgetExceeded the evaluations allowed for one run were used up
    └── ModelError         a learned model cannot be used; physics goes on alone
        ├── MissingRuntime   the library that runs it is not installed
        └── InvalidInput   a feature that it needs is missing

Each class says whether trying again can help (``retryable``) and what to do (``hint``); a message
says what is wrong, where, the value, the limit, and the way out.
"""

from __future__ import annotations

from twin_core.extras import how_to_install


class TwinError(Exception):
    """Base of all errors of the twin."""

    retryable = False
    hint = "see the message"


class InputError(TwinError):
    """Input that cannot be simulated as given; the message names the file or field and the cure."""

    hint = "correct the named field"


class SolverError(TwinError):
    """The integrator stopped before the end of the shot."""

    hint = "run again with another backend or a looser tolerance, and report the scenario"


class BudgetExceeded(SolverError):
    """A run used up its budget of right-hand-side evaluations instead of hanging."""

    hint = "check the scenario for extreme values, or raise simulation.max_evaluations"


class ModelError(TwinError):
    """A learned model cannot be used."""

    hint = "physics goes on alone; train the model anew or promote another one"


class MissingRuntime(ModelError):
    """The library that runs a model is not installed."""

    hint = how_to_install("ml")


class InvalidInput(ModelError):
    """A feature that the model needs is missing."""

    hint = "docs/features.md says where each feature comes from"
