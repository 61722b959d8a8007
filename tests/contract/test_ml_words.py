"""Words for corrections: the same codes on the wire and in the model, each explained."""

from __future__ import annotations

from typing import get_args

from broker.messages.prediction import Layer as LayerOnTheWire
from broker.ml_status import ML_REASONS
from tests.support.processes import ROOT
from twin_core.learning.inference import Layer, Reason


def test_reasons_and_layers_are_those_of_the_model() -> None:
    assert set(ML_REASONS) == set(get_args(Reason))
    assert set(get_args(LayerOnTheWire)) == set(get_args(Layer))


def test_operations_explains_every_reason() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    for reason in ML_REASONS:
        assert f"| `{reason}` |" in page
