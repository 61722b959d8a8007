"""Solvers: an ODE problem becomes a solution. They know no physics, the models no solver."""

from twin_core.solvers.base import OdeProblem, OdeSolution, Solver, Statistics, solve

__all__ = ["OdeProblem", "OdeSolution", "Solver", "Statistics", "solve"]
