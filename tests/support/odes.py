"""Small ODE problems with a known solution, for the conformance suite of the solvers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from twin_core.arrays import Array, Parameters
from twin_core.solvers import OdeProblem

Function = Callable[[float, Array, Parameters, Array], None]


def make(
    rhs: Function, events: dict[str, Callable[[float, Array], float]], **fields: object
) -> OdeProblem:
    """A problem whose right-hand side has no parameters; ``events`` by name."""

    def values(t: float, y: Array, p: Parameters, out: Array) -> None:
        out[:] = [event(t, y) for event in events.values()]

    given = {
        "terminal": frozenset(),
        "transition": lambda name, y, p: p,
        "parameters": np.zeros(1, np.dtype([("rate", np.float64)])),
        **fields,
    }
    y0 = np.asarray(given.pop("y0"), dtype=np.float64)
    given.setdefault("scale", np.ones(len(y0)))
    return OdeProblem(rhs=rhs, events=values, event_names=tuple(events), y0=y0, **given)  # type: ignore[arg-type]


def _at_the_rate(t: float, y: Array, p: Parameters, dy: Array) -> None:
    dy[0] = float(p["rate"][0])


def _halve(name: str, y: Array, p: Parameters) -> Parameters:
    after = p.copy()
    after["rate"] /= 2.0
    return after


def ramp(
    events: dict[str, Callable[[float, Array], float]] | None = None,
    terminal: tuple[str, ...] = ("two",),
    rate: float = 0.5,
) -> OdeProblem:
    """A level that rises evenly from 0 for 10 s; it halves its rate at each terminal event."""
    parameters = np.zeros(1, np.dtype([("rate", np.float64)]))
    parameters["rate"] = rate
    levels = {
        "one": lambda t, y: y[0] - 1.0,
        "two": lambda t, y: y[0] - 2.0,
        "late": lambda t, y: t - 8.0,
    }
    return make(
        _at_the_rate,
        levels if events is None else events,
        terminal=frozenset(terminal),
        transition=_halve,
        parameters=parameters,
        y0=[0.0],
        t_end_s=10.0,
    )


def forced(stiffness: float = 1e5) -> OdeProblem:
    """A stiff linear system that follows cos t and sin t; exact from its start on.

    A. Prothero and A. Robinson, Math. Comp. 28 (1974) 145. The event is cos t falling to 1/2, at
    pi/3, and once more at 7 pi/3, which is not to be found.
    """

    def rhs(t: float, y: Array, p: Parameters, dy: Array) -> None:
        a, b = y[0] - np.cos(t), y[1] - np.sin(t)
        dy[0] = -stiffness * (a + b) - np.sin(t)
        dy[1] = -2.0 * b + np.cos(t)

    def jacobian(t: float, y: Array, p: Parameters, out: Array) -> None:
        out[:] = [[-stiffness, -stiffness], [0.0, -2.0]]

    events = {"low": lambda t, y: 0.5 - y[0]}
    return make(rhs, events, y0=[1.0, 0.0], t_end_s=8.0, jacobian=jacobian)


def robertson() -> OdeProblem:
    """Three reactions with rates nine orders apart; H. H. Robertson 1966, as in Hairer and Wanner,
    Solving ODEs II, 1996, IV.1.
    """

    def rhs(t: float, y: Array, p: Parameters, dy: Array) -> None:
        slow, back, fast = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
        dy[:] = back - slow, slow - back - fast, fast

    def jacobian(t: float, y: Array, p: Parameters, out: Array) -> None:
        out[0] = -0.04, 1e4 * y[2], 1e4 * y[1]
        out[1] = 0.04, -1e4 * y[2] - 6e7 * y[1], -1e4 * y[1]
        out[2] = 0.0, 6e7 * y[1], 0.0

    events = {"quarter": lambda t, y: y[2] - 0.25}
    scale = np.array([1.0, 1e-5, 1.0])
    return make(rhs, events, y0=[1.0, 0.0, 0.0], t_end_s=40.0, scale=scale, jacobian=jacobian)


ROBERTSON_40_S = np.array([0.7158270687194, 9.185534764558e-06, 0.2841637457458])
ROBERTSON_QUARTER_S = 28.29702792
"""Of SciPy's Radau at 3e-13; LSODA at 1e-12 gives the same to 3e-12."""


def logistic() -> OdeProblem:
    """Growth from one in a hundred; the half is reached at ln 99 s."""

    def rhs(t: float, y: Array, p: Parameters, dy: Array) -> None:
        dy[0] = y[0] * (1.0 - y[0])

    return make(rhs, {"half": lambda t, y: y[0] - 0.5}, y0=[0.01], t_end_s=12.0)


def swing() -> OdeProblem:
    """cos t and -sin t: it falls through zero first, at pi/2, and rises at 3 pi/2."""

    def rhs(t: float, y: Array, p: Parameters, dy: Array) -> None:
        dy[:] = y[1], -y[0]

    return make(rhs, {"up": lambda t, y: y[0]}, y0=[1.0, 0.0], t_end_s=12.0)


def only(rhs: Function) -> OdeProblem:
    """One state from 1 to 10 s under this law, without events."""
    return make(rhs, {}, y0=[1.0], t_end_s=10.0)
