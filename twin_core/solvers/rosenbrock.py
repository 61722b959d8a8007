"""Rodas5P: a linearly implicit method of order 5 for stiff problems, with dense output of order 4.

G. Steinebach, Construction of Rosenbrock-Wanner method Rodas5P and numerical benchmarks within the
Julia Differential Equations package, BIT Numer. Math. 63 (2023) 27. In the form without products
with J (Hairer and Wanner, Solving ODEs II, 1996, IV.7):

    (1/(h gamma) - J) k_i = f(t + c_i h, y + sum_j A_ij k_j) + sum_j C_ij/h k_j + h d_i df/dt
    y(t + h) = y + sum_j A_8j k_j + k_8, error estimate k_8
    y(t + x h) = (1 - x) y + x (y1 + (1 - x) (H_1 + x (H_2 + x H_3)) k)
"""

from __future__ import annotations

import numpy as np

from twin_core.arrays import Array
from twin_core.compiled import compiled

STAGES = 8
GAMMA = 0.21193756319429014
# fmt: off
A = np.array([
    [0, 0, 0, 0, 0, 0, 0, 0],
    [3.0, 0, 0, 0, 0, 0, 0, 0],
    [2.849394379747939, 0.45842242204463923, 0, 0, 0, 0, 0, 0],
    [-6.954028509809101, 2.489845061869568, -10.358996098473584, 0, 0, 0, 0, 0],
    [2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641,
     0, 0, 0, 0],
    [-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
     0.030198172008377946, 0, 0, 0],
    [-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
     0.030198172008377946, 1, 0, 0],
    [-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256,
     0.030198172008377946, 1, 1, 0],
])
C = np.array([
    [0, 0, 0, 0, 0, 0, 0, 0],
    [-14.155112264123755, 0, 0, 0, 0, 0, 0, 0],
    [-17.97296035885952, -2.859693295451294, 0, 0, 0, 0, 0, 0],
    [147.12150275711716, -1.41221402718213, 71.68940251302358, 0, 0, 0, 0, 0],
    [165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306, 0, 0, 0, 0],
    [24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125,
     -0.6610691825249471, 0, 0, 0],
    [30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783,
     -19.097331116725623, -28.087943162872662, 0, 0],
    [37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047,
     -40.06618937091002, -54.66780262877968, -9.48861652309627, 0],
])
TIME = np.array([
    0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664, 1, 1, 1,
])
D = np.array([
    0.21193756319429014, -0.42387512638858027, -0.3384627126235924, 1.8046452872882734,
    2.325825639765069, 0, 0, 0,
])
H = np.array([
    [25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204,
     0.524948541321073, 1.1241088310450404, 0.4272876194431874, -0.17202221070155493],
    [-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796,
     20.176138334709044, 15.98066361424651, -6.789040303419874, -6.710236069923372],
    [11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643,
     -52.072871366152654, -59.78993625266729, -0.15582684282751913, 4.883087185713722],
])
# fmt: on

SAFETY, LEAST_FACTOR, MOST_FACTOR = 0.9, 0.2, 6.0
FIRST_STEP_S = 1e-3


@compiled
def stage_state(stage: int, y: Array, k: Array, out: Array) -> None:
    """y + sum_j A_ij k_j."""
    if stage > 5:  # the last rows add one more k each
        for m in range(y.size):
            out[m] += k[stage - 1, m]
        return
    for m in range(y.size):
        out[m] = y[m]
    for j in range(stage):
        weight = A[stage, j]
        for m in range(y.size):
            out[m] += weight * k[j, m]


@compiled
def add_coupling(stage: int, h: float, k: Array, r: Array) -> None:
    """Add sum_j C_ij/h k_j to the right-hand side ``r``."""
    for j in range(stage):
        weight = C[stage, j] / h
        for m in range(r.size):
            r[m] += weight * k[j, m]


@compiled
def error_norm(error: Array, scale: Array, rtol: float) -> float:
    """Root mean square of the error over ``rtol * scale``; NaN where the step went astray."""
    total = 0.0
    for m in range(error.size):
        total += (error[m] / scale[m]) ** 2
    return float(np.sqrt(total / error.size)) / rtol


@compiled
def step_factor(error: float) -> float:
    """Next step over this one."""
    if not error < 1e10:  # also NaN
        return LEAST_FACTOR
    return float(min(MOST_FACTOR, max(LEAST_FACTOR, SAFETY * max(error, 1e-10) ** -0.2)))


@compiled
def dense_weights(k: Array, out: Array) -> None:
    """H k, (3, states), once per step that is looked into."""
    out[:] = 0.0
    for row in range(3):
        for j in range(STAGES):
            weight = H[row, j]
            for m in range(k.shape[1]):
                out[row, m] += weight * k[j, m]


@compiled
def dense_slope(x: float, y0: Array, y1: Array, weights: Array, m: int) -> float:
    """Slope of one state by the share ``x`` of the step."""
    b0, b1, b2 = weights[0, m], weights[1, m], weights[2, m]
    bend = b0 + x * (b1 + x * b2)
    return float(y1[m] - y0[m] + (1.0 - 2.0 * x) * bend + (x - x * x) * (b1 + 2.0 * x * b2))


@compiled
def dense_state(x: float, y0: Array, y1: Array, weights: Array, out: Array) -> None:
    """State at the share ``x`` of the step."""
    for m in range(y0.size):
        bend = weights[0, m] + x * (weights[1, m] + x * weights[2, m])
        out[m] = (1.0 - x) * y0[m] + x * (y1[m] + (1.0 - x) * bend)
