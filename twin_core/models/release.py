"""The part after the mold is opened: layers in air, reacting and cooling on until they are cold.

Each layer finds its own balance between the gas in its cells and its network, against the volume
it had at the opening: n R T/(V0 (1 + e) - V_l) - P_ambient - s = M e, M its stiffness for minutes
of load without room to widen, s the stress of the network from its rise. Chemistry, gas and
conduction are those of the mold.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from twin_core.arrays import Array
from twin_core.compiled import allocating, compiled
from twin_core.models import foam as f
from twin_core.models import state as s
from twin_core.models.part_properties import collapse_stress
from twin_core.physics import blowing, mechanics, thermal
from twin_core.units import P_ATM_PA, R_J_PER_MOL_K

AIR_TRANSFER = 10.0
"""From a face of the part to the air [W/m2/K], free convection and radiation; assumed."""
COLD_WITHIN_K = 2.0
"""Of the ambient: the part counts as cold, and the rest of the way is one step."""
SOFTEST = 1e-6
"""Of the stiffness of the glass: what a liquid has, so that the balance has a solution."""
TOLERANCE = 1e-2
"""Error of a step before extrapolation, relative to the changes that matter."""
WARMING_K = 20.0
"""Change of a temperature that matters."""
COARSE_K = 200.0
"""Likewise, once the swell falls and only the shrink is to come: the part cools, gas goes back and
reactions stiffen it."""
LEAST_WAY_S = 20.0
"""The swell may still grow for some time after the opening."""
FIRST_STEP_S = 0.05
GROWTH = 3.0
"""Largest factor from one step to the next."""
MOST_STEPS = 2000

RELEASE = (
    *("swell", "swell_m", "swell_s", "shrink", "shrink_m", "strength_use", "strength_layer"),
    *("cold_s", "T_max"),
)
SWELL, SWELL_M, SWELL_S, SHRINK, SHRINK_M, STRENGTH_USE, STRENGTH_LAYER, COLD_S, T_MAX = range(9)
"""What a release comes to: largest growth of the thickness, relative and [m], and when [s after the
opening]; largest shrinking, likewise; largest pressure over strength of any layer, and which (from
wall 1); when it is cold [s after the opening]; hottest layer on the way [K]."""

P_, E_, M_, DM_DT, DM_DALPHA, K_, BY_CO2, BY_AGENT, BY_T = range(9)
BALANCE = 9
"""Of a layer: pressure of its cells [Pa], strain, stiffness [Pa], slopes of its logarithm by
temperature and by degree of cure, conductivity [W/m/K]; how fast CO2 and agent come to their
equilibrium [1/s], and the agent's rate by temperature [mol/s/K]."""
PLACES = np.array([-0.3872983346207417, 0.0, 0.3872983346207417])
WEIGHTS = np.array([5.0 / 18.0, 8.0 / 18.0, 5.0 / 18.0])
"""Where a layer is looked at, from its middle in shares of it, and how much each counts (Gauss)."""
SLOPE_K = 0.1
"""Difference for the slope of the solubility."""


class Part(NamedTuple):
    """A part that came out of a mold, and space to work in."""

    V0: Array
    """(layers,), volume at the opening [m3]."""
    mass: Array
    """(layers,), kg."""
    alpha_gel: float
    work: Array
    """(layers, foam columns)."""
    P_still: float
    """Pressure of the cells at which a layer keeps its volume: ambient and stress [Pa]."""
    y0: Array
    """State at the opening, as long as the states of the part."""
    P0: float
    balance: Array
    """(layers, ``BALANCE``)."""
    place: Array
    """(``BALANCE``,), of a place in a layer."""
    lower: Array
    upper: Array
    diagonal: Array
    """(layers,), conduction between layers over heat capacity [1/s]."""
    q: Array
    """(layers + 1,), heat across the faces towards wall 2 [W]."""


@allocating
def new_part(y: Array, P: float, alpha_gel: float, p: Any, c: Any) -> Part:
    """The part of a state of the mold at the pressure ``P`` in its cells."""
    n = s.layer_count(y.size)
    V0, mass = np.empty(n), np.empty(n)
    for i in range(n):
        j = s.LAYER_STATES * i
        V_liquid, n_cells = f.volumes(y[j + s.CO2], y[j + s.BA], p)
        V0[i] = V_liquid + n_cells * R_J_PER_MOL_K * y[j + s.T] / P
        mass[i] = f.mass(p)
    return Part(
        V0, mass, alpha_gel, np.empty((n, f.FOAM_COLUMNS)),
        c.P_ambient + y[s.LAYER_STATES * n + s.STRESS], y[: s.LAYER_STATES * n].copy(), P,
        np.empty((n, BALANCE)), np.empty(BALANCE),
        np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n + 1),
    )  # fmt: skip


@compiled
def balance_row(
    n_cells: float, V_liquid: float, V0: float, mass: float, alpha: float, alpha_gel: float,
    T: float, P_still: float, c: Any, out: Array,
) -> None:  # fmt: skip
    """``BALANCE`` of a layer, but for its conductivity."""
    rho = mass / V0
    width = c.glass_width
    above = T - mechanics.glass_temperature(alpha, c.T_glass_uncured, c.T_glass_cured)
    above += c.relaxation_shift
    glass = mechanics.glass_share(above, width)
    share = c.rubbery_share + (1.0 - c.rubbery_share) * glass
    net = mechanics.network(alpha, alpha_gel, c.cure_exponent)
    full = mechanics.modulus(rho, 1.0, c.E_solid, c.rho_solid, c.strut_fraction)
    full = mechanics.constrained(full, c.poisson)
    out[DM_DT] = 0.0
    out[DM_DALPHA] = 0.0
    M = full * net * share
    if M > SOFTEST * full:
        by_above = -(1.0 - c.rubbery_share) * 2.0 * glass * (1.0 - glass) / (width * share)
        slope = mechanics.glass_temperature_slope(alpha, c.T_glass_uncured, c.T_glass_cured)
        out[DM_DT] = by_above
        out[DM_DALPHA] = c.cure_exponent / (alpha - alpha_gel) - by_above * slope
    else:
        M = SOFTEST * full
    nRT = n_cells * R_J_PER_MOL_K * T
    a = V0 / M
    b = V0 - V_liquid - a * P_still
    root = math.sqrt(b * b + 4.0 * a * nRT)
    P = 2.0 * nRT / (b + root) if b > 0.0 else 0.5 * (root - b) / a
    out[P_] = P
    out[E_] = (V_liquid + nRT / P) / V0 - 1.0
    out[M_] = M


@compiled
def _relaxation(T: float, BA: float, CO2: float, p: Any, work: Array, row: Array) -> None:
    """How the transfer of gas answers to the gas itself and to the temperature, into ``row``."""
    share = row[P_] / work[f.N_CELLS]
    back = p.henry * work[f.V_LIQUID] * share * (1.0 - CO2 / work[f.N_CELLS])
    row[BY_CO2] = work[f.K_CO2] * (1.0 + back)
    row[BY_AGENT], row[BY_T] = 0.0, 0.0
    if p.k_agent > 0.0:
        w = blowing.saturation(p.solubility_law, p.s_a, p.s_b, p.s_c, p.s_d, T)
        hotter = blowing.saturation(p.solubility_law, p.s_a, p.s_b, p.s_c, p.s_d, T + SLOPE_K)
        held = share / P_ATM_PA * p.m_liquid / p.M_agent
        back = w * held * (1.0 - BA / work[f.N_CELLS])
        row[BY_AGENT] = work[f.K_AGENT] * (1.0 + back)
        row[BY_T] = -work[f.K_AGENT] * (hotter - w) / SLOPE_K * held * BA


@compiled
def slopes(t: float, y: Array, part: Part, p: Any, c: Any, dy: Array) -> None:
    """Rates of all layers, and the heat that the air takes [W] as the last entry of ``dy``.

    C T' = h + V P', with P' from the balance: P'(V_g + V0 P/M) = R (n' T + n T') + P V_l' +
    P V0 e (ln M)'.
    """
    n = part.V0.size
    V_all = 0.0
    for i in range(n):
        V_all += p.share[i] * part.V0[i]
    face = 0.5 * p.area * min(1.0, V_all / p.V_mold) * p.sides
    before = 1.0 / AIR_TRANSFER
    T_before = c.T_ambient
    for i in range(n):
        j = s.LAYER_STATES * i
        OH, W, CO2, BA, T = y[j], y[j + 1], y[j + 2], y[j + 3], y[j + 4]
        work, row = part.work[i], part.balance[i]
        V_liquid, n_cells = f.volumes(CO2, BA, p)
        alpha = f.degree_of_cure(OH, W, p)
        balance_row(
            n_cells, V_liquid, part.V0[i], part.mass[i], alpha, part.alpha_gel, T, part.P_still, c,
            row,
        )  # fmt: skip
        f.foam(t, OH, W, CO2, BA, T, row[P_], p, work)
        row[K_] = thermal.foam_conductivity(part.mass[i] / work[f.V_FOAM])
        _relaxation(T, BA, CO2, p, work, row)
        # half the way through the layer; a single layer takes the first mode of a slab
        half = 0.5 * p.thickness / p.sides * p.share[i] * work[f.V_FOAM] / (V_all * row[K_])
        if i == 0:
            part.lower[i] = face / (before + half / p.wall_factor)
        else:
            part.lower[i] = face / (before + half)
        part.q[i] = part.lower[i] * (T_before - T)
        before, T_before = half, T
    last = 0.0
    if p.sides < 2.0:
        last = face / (before / p.wall_factor + 1.0 / AIR_TRANSFER)
    part.q[n] = last * (T_before - c.T_ambient)
    limiting = min(p.n_NCO0, p.n_OH0 + 2.0 * p.n_W0)
    for i in range(n):
        j = s.LAYER_STATES * i
        work, row = part.work[i], part.balance[i]
        to_co2, to_agent = work[f.TO_CO2], work[f.TO_AGENT]
        C, T, P = work[f.CAPACITY], y[j + s.T], row[P_]
        heat = work[f.HEAT] + (part.q[i] - part.q[i + 1]) / p.share[i]
        cure = p.mixed * (work[f.R1] + 2.0 * work[f.R2]) / limiting
        V, V0 = work[f.V_FOAM], part.V0[i]
        push = P * V0 * row[E_]
        soft = V - work[f.V_LIQUID] + V0 * P / row[M_]
        fixed = (
            R_J_PER_MOL_K * (to_co2 + to_agent) * T
            + P * work[f.DV_LIQUID]
            + push * row[DM_DALPHA] * cure
        )
        by_T = R_J_PER_MOL_K * work[f.N_CELLS] + push * row[DM_DT]
        dy[j + s.OH] = -work[f.R1]
        dy[j + s.W] = -work[f.R2]
        dy[j + s.CO2] = to_co2
        dy[j + s.BA] = to_agent
        dy[j + s.T] = (heat + V * fixed / soft) / (C - V * by_T / soft)
        following = part.lower[i + 1] if i < n - 1 else last
        part.diagonal[i] = (part.lower[i] + following) / (p.share[i] * C)
        part.upper[i] = following / (p.share[i] * C)
        part.lower[i] /= p.share[i] * C
    dy[s.LAYER_STATES * n] = part.q[n] - part.q[0]


@compiled
def _implicit(
    h: float, y: Array, part: Part, p: Any, dy: Array, sweep: Array, out: Array
) -> None:  # fmt: skip
    """``out`` = y + h (1 - h W)^-1 dy.

    W: the conduction, the own decay of each amount, and agent and temperature by each other.
    """
    n = part.V0.size
    for i in range(n):
        j = s.LAYER_STATES * i
        work = part.work[i]
        out[j] = y[j] + h * dy[j] / (1.0 + h * work[f.R1] / max(y[j], 1e-12))
        out[j + 1] = y[j + 1] + h * dy[j + 1] / (1.0 + h * work[f.R2] / max(y[j + 1], 1e-12))
        out[j + 2] = y[j + 2] + h * dy[j + 2] / (1.0 + h * part.balance[i, BY_CO2])
    for i in range(n):  # Thomas; ``out`` holds the right side, ``sweep`` the upper diagonal
        j, row = s.LAYER_STATES * i + s.T, part.balance[i]
        cooled = p.latent * p.M_agent / part.work[i, f.CAPACITY] / (1.0 + h * row[BY_AGENT])
        pivot = 1.0 + h * (part.diagonal[i] + cooled * row[BY_T])
        right = h * (dy[j] + cooled * h * row[BY_AGENT] * dy[j - s.T + s.BA])
        if i > 0:
            pivot -= h * part.lower[i] * sweep[i - 1]
            right += h * part.lower[i] * out[j - s.LAYER_STATES]
        sweep[i] = h * part.upper[i] / pivot
        out[j] = right / pivot
    for i in range(n - 2, -1, -1):
        j = s.LAYER_STATES * i + s.T
        out[j] += sweep[i] * out[j + s.LAYER_STATES]
    for i in range(n):
        j, row = s.LAYER_STATES * i, part.balance[i]
        gas = h * (dy[j + s.BA] + row[BY_T] * out[j + s.T]) / (1.0 + h * row[BY_AGENT])
        out[j + s.BA] = y[j + s.BA] + gas
    end = s.LAYER_STATES * n
    first = part.lower[0] * part.work[0, f.CAPACITY] * p.share[0] * out[s.T]
    last = part.upper[n - 1] * part.work[n - 1, f.CAPACITY] * p.share[n - 1]
    last *= out[end - s.LAYER_STATES + s.T]
    out[end] = y[end] + h * (dy[end] + first + last)
    for i in range(n):
        out[s.LAYER_STATES * i + s.T] += y[s.LAYER_STATES * i + s.T]


@compiled
def _slope(i: int, y: Array, state: int, p: Any) -> float:
    """Change of a state from one edge of layer ``i`` to the other: the gentler of both sides' (the
    profile is then monotone), zero at walls and in the middle.
    """
    n = y.size // s.LAYER_STATES
    if i == 0 or i == n - 1:
        j = 0 if i == 0 else n - 2
        if n == 1 or (i > 0 and p.sides > 1.0):
            return 0.0
        step = y[s.LAYER_STATES * (j + 1) + state] - y[s.LAYER_STATES * j + state]
        return float(step * p.share[i] / (0.5 * (p.share[j] + p.share[j + 1])))
    here = y[s.LAYER_STATES * i + state]
    left = here - y[s.LAYER_STATES * (i - 1) + state]
    left /= 0.5 * (p.share[i - 1] + p.share[i])
    right = y[s.LAYER_STATES * (i + 1) + state] - here
    right /= 0.5 * (p.share[i] + p.share[i + 1])
    if left * right <= 0.0:
        return 0.0
    gentle = min(abs(left), abs(right), 0.5 * abs(left + right))
    return float(p.share[i] * math.copysign(gentle, left))


@compiled
def _thickness(y: Array, part: Part, p: Any, c: Any) -> tuple[float, float]:
    """Growth of the whole thickness, relative and [m].

    Stiffness falls by a hundred over a few kelvin, so each layer is looked at in three places of
    its profile.
    """
    n = part.V0.size
    grown, V_all = 0.0, 0.0
    for i in range(n):
        j, j0 = s.LAYER_STATES * i, s.LAYER_STATES * i
        d0, d1 = _slope(i, y, 0, p), _slope(i, y, 1, p)
        d2, d3, d4 = _slope(i, y, 2, p), _slope(i, y, 3, p), _slope(i, y, 4, p)
        e2, e3 = _slope(i, part.y0, 2, p), _slope(i, part.y0, 3, p)
        e4 = _slope(i, part.y0, 4, p)
        for k in range(PLACES.size):
            x = PLACES[k]
            V_liquid, n_cells = f.volumes(part.y0[j0 + 2] + x * e2, part.y0[j0 + 3] + x * e3, p)
            T = part.y0[j0 + 4] + x * e4
            V0 = V_liquid + n_cells * R_J_PER_MOL_K * T / part.P0
            V_liquid, n_cells = f.volumes(y[j + 2] + x * d2, y[j + 3] + x * d3, p)
            alpha = f.degree_of_cure(y[j] + x * d0, y[j + 1] + x * d1, p)
            T = y[j + 4] + x * d4
            balance_row(
                n_cells, V_liquid, V0, part.mass[i], alpha, part.alpha_gel, T, part.P_still, c,
                part.place,
            )  # fmt: skip
            grown += WEIGHTS[k] * p.share[i] * V0 * part.place[E_]
            V_all += WEIGHTS[k] * p.share[i] * V0
    return grown / V_all, p.thickness * grown / V_all


@compiled
def _note(t: float, y: Array, part: Part, p: Any, c: Any, out: Array) -> float:
    """Bring the extremes of ``RELEASE`` up to this state; returns the growth of the thickness."""
    strain, grown = _thickness(y, part, p, c)
    if strain > out[SWELL]:
        out[SWELL], out[SWELL_M], out[SWELL_S] = strain, grown, t
    if -strain > out[SHRINK]:
        out[SHRINK], out[SHRINK_M] = -strain, -grown
    for i in range(part.V0.size):
        j = s.LAYER_STATES * i
        alpha = f.degree_of_cure(y[j + s.OH], y[j + s.W], p)
        bears = collapse_stress(part.mass[i] / part.V0[i], alpha, part.alpha_gel, y[j + s.T], c)
        use = abs(part.balance[i, P_] - c.P_ambient) / max(bears, 1e-9 * c.strength_solid)
        if use > out[STRENGTH_USE]:
            out[STRENGTH_USE], out[STRENGTH_LAYER] = use, float(i)
        out[T_MAX] = max(out[T_MAX], y[j + s.T])
    return strain


@allocating
def release(
    t0: float, y0: Array, P0: float, p: Any, c: Any, alpha_gel: float, tolerance: float,
    whole_way: bool, out: Array, path: Array,
) -> int:  # fmt: skip
    """Follow the part that is opened at ``t0`` [s] until it is cold; ``RELEASE`` into ``out``.

    Linearly implicit Euler with a step and two half steps, extrapolated to second order; their
    difference controls the step.

    Args:
        y0: state of the mold at ``t0``; P0: pressure of its cells [Pa].
        tolerance: error of a step relative to 20 K and to the hydroxyl at the pour.
        whole_way: else the steps are coarse once the swell is half of what it was: enough for the
            extremes.
        path: (rows, states + 2), is filled with time after the opening, growth of the thickness
            and state of the first steps; may have no rows.

    Returns:
        Steps taken; negative where the part did not get cold within ``MOST_STEPS``.
    """
    part = new_part(y0, P0, alpha_gel, p, c)
    n = part.V0.size
    size = s.LAYER_STATES * n + 1
    y, whole, half, new = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    dy, two, sweep = np.empty(size), np.empty(size), np.empty(n)
    for m in range(size - 1):
        y[m] = y0[m]
    y[size - 1] = 0.0
    out[:] = 0.0
    t, h, before, warmer, warming = 0.0, FIRST_STEP_S, 0.0, 0.0, WARMING_K
    for step in range(MOST_STEPS):
        slopes(t0 + t, y, part, p, c, dy)
        strain = _note(t, y, part, p, c, out)
        if step < path.shape[0]:
            path[step, 0], path[step, 1] = t, strain
            for m in range(size):
                path[step, 2 + m] = y[m]
        warm = 0.0
        for i in range(n):
            warm = max(warm, abs(y[s.LAYER_STATES * i + s.T] - c.T_ambient))
        over = t > LEAST_WAY_S and strain <= 0.5 * out[SWELL]
        if over and not whole_way:
            warming = COARSE_K
        if warm < COLD_WITHIN_K:
            out[COLD_S] = t
            if warmer > warm > 0.0:  # on the way here, as an exponential
                share = math.log(warmer / COLD_WITHIN_K) / math.log(warmer / warm)
                out[COLD_S] = before + share * (t - before)
            for i in range(n):
                y[s.LAYER_STATES * i + s.T] = c.T_ambient
            slopes(t0 + t, y, part, p, c, dy)
            _note(t, y, part, p, c, out)
            return step + 1
        before, warmer = t, warm
        while True:
            _implicit(h, y, part, p, dy, sweep, whole)
            _implicit(0.5 * h, y, part, p, dy, sweep, half)
            slopes(t0 + t + 0.5 * h, half, part, p, c, two)
            _implicit(0.5 * h, half, part, p, two, sweep, new)
            error = 0.0
            for m in range(size - 1):
                scale = warming if m % s.LAYER_STATES == s.T else p.n_OH0
                error = max(error, abs(new[m] - whole[m]) / scale)
            error /= tolerance
            factor = min(GROWTH, max(0.2, 0.9 / math.sqrt(max(error, 1e-12))))
            if error <= 1.0:
                break
            h *= factor
            slopes(t0 + t, y, part, p, c, dy)
        for m in range(size):
            y[m] = 2.0 * new[m] - whole[m]
        t += h
        h *= factor
    return -MOST_STEPS
