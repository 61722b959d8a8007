"""Sensors of a mold: lag, noise, offset, and now and then a fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge_agent.virtual_plant.assumed_sizes import Assumed
from edge_agent.virtual_plant.virtual_press import FRAME_SPACING_S
from twin_core.arrays import Array

Kind = Literal["stuck", "dropout", "impossible", "lost"]

SIGNALS = ("T_core_C", "T_mold_C", "p_cavity_bar")
DECIMALS = {"T_core_C": 2, "T_mold_C": 2, "p_cavity_bar": 4}
IMPOSSIBLE = {"T_core_C": 850.0, "T_mold_C": -270.0, "p_cavity_bar": 99.9}
"""A broken wire, an open input, an input at its end."""


@dataclass(frozen=True)
class Fault:
    """From ``begin_s`` to ``end_s`` after the pour; ``signal`` None: whole frames."""

    kind: Kind
    signal: str | None
    begin_s: float
    end_s: float


def lagged(time_s: Array, values: Array, tau_s: float, first: Array) -> Array:
    """Answer of a first-order sensor to ``values`` (shots, times), exact between the times.

    Args:
        tau_s: its time constant [s].
        first: what it shows at the first time, (shots,).
    """
    answer = np.empty_like(values)
    answer[:, 0] = first
    for k in range(1, len(time_s)):
        step = time_s[k] - time_s[k - 1]
        behind = (values[:, k] - values[:, k - 1]) / step * tau_s
        left = np.exp(-step / tau_s)
        answer[:, k] = values[:, k] - behind + (answer[:, k - 1] - values[:, k - 1] + behind) * left
    return answer


def draw_faults(rng: np.random.Generator, opened_s: float, a: Assumed) -> list[Fault]:
    """The faults of one shot; mostly none."""
    found = []
    shares: list[tuple[Kind, float, tuple[float, float]]] = [
        ("stuck", a.stuck_share, (30.0, 120.0)),
        ("dropout", a.dropout_share, (20.0, 90.0)),
        ("impossible", a.impossible_share, (FRAME_SPACING_S, FRAME_SPACING_S)),
        ("lost", a.lost_share, (FRAME_SPACING_S, 6.0 * FRAME_SPACING_S)),
    ]
    for kind, share, (shortest, longest) in shares:
        hit, when, length, which = rng.uniform(size=4)
        if hit < share:
            begin = FRAME_SPACING_S + when * max(opened_s - 2.0 * FRAME_SPACING_S, 0.0)
            signal = None if kind == "lost" else SIGNALS[int(which * len(SIGNALS))]
            end = begin + shortest + length * (longest - shortest)
            found.append(Fault(kind, signal, begin, end))
    return found


def readings(
    rng: np.random.Generator,
    time_s: Array,
    signals: dict[str, Array],
    opened_s: float,
    faults: list[Fault],
    a: Assumed,
) -> list[tuple[float, dict[str, float]]]:
    """Frames of one shot until it is opened, as (seconds after the pour, readings).

    A frame that was lost on the way is there without readings: its number is used up.

    Args:
        time_s: of the signals; signals: by name, what the sensors feel, lagged.
    """
    at = np.arange(FRAME_SPACING_S, opened_s, FRAME_SPACING_S)
    shown: dict[str, list[float | None]] = {}
    for name in SIGNALS:
        sigma = a.p_noise_bar if name == "p_cavity_bar" else a.T_noise_C
        seen = np.interp(at, time_s, signals[name]) + sigma * rng.standard_normal(len(at))
        shown[name] = np.round(seen, DECIMALS[name]).tolist()
    for fault in faults:
        inside = np.flatnonzero((at >= fault.begin_s) & (at < fault.end_s)).tolist()
        for name in SIGNALS if fault.signal is None else (fault.signal,):
            row = shown[name]
            for i in inside:
                match fault.kind:
                    case "stuck":
                        row[i] = row[inside[0]]
                    case "impossible":
                        row[i] = IMPOSSIBLE[name]
                    case _:
                        row[i] = None
    frames = []
    for i, t in enumerate(at.tolist()):
        values = {name: shown[name][i] for name in SIGNALS}
        frames.append((t, {name: v for name, v in values.items() if v is not None}))
    return frames
