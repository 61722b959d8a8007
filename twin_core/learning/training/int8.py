"""Network in whole numbers of eight bits: its size and its error."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic

from twin_core.arrays import Array
from twin_core.learning.card import INPUT
from twin_core.learning.training.export import converted
from twin_core.learning.training.regression import Residual
from twin_core.learning.training.table import FeatureSet, Rows


@dataclass(frozen=True)
class Int8:
    """The network of one target as float32 and as INT8; errors in units of the residual."""

    target: str
    bytes_count: int
    bytes_count_int8: int
    rmse: float
    rmse_int8: float


def measure_int8(
    target: str, table: FeatureSet, features: list[str], judged: Rows, seed: int
) -> Int8 | None:
    """Fit the network without the judged shots, quantise its weights, compare both on those.

    None if there is nothing to test it by.
    """
    y = table.residual(target)
    learn, test = ~judged & ~np.isnan(y), judged & ~np.isnan(y)
    if not learn.any() or not test.any():
        return None
    X = table.matrix(features)
    network = Residual("network", seed, target, features).fit(X[learn], y[learn])
    whole = converted(network.learner, len(features)).SerializeToString()
    with TemporaryDirectory() as folder:  # the library knows files only
        source, small = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(whole)
        logging.disable(logging.WARNING)  # it recommends a step for images
        quantize_dynamic(source, small, weight_type=QuantType.QInt8)
        logging.disable(logging.NOTSET)
        quantised = small.read_bytes()

    def error(content: bytes) -> float:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        news = network.scale * session.run(None, {INPUT: X[test]})[0].ravel()
        said: Array = X[test, network.level] + news
        return float(np.sqrt(np.mean((said - y[test]) ** 2)))

    return Int8(target, len(whole), len(quantised), error(whole), error(quantised))
