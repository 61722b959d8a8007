"""Solvers: an ODE problem becomes a solution. They know no physics, the models no solver."""

from twin_core.solvers.base import OdeProblem, OdeSolution, Statistics, solve
from twin_core.solvers.registry import BACKENDS, backend

__all__ = ["BACKENDS", "OdeProblem", "OdeSolution", "Statistics", "backend", "solve"]
