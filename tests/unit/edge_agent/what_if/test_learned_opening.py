"""What the newest predictions of a mold corrected, as a factor for an optimisation."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.what_if.learned_opening import FEWEST, learned_of
from twin_core import PHYSICS_HASH


def document(value: float | None, parameters_hash: str = "now", **more: Any) -> dict[str, Any]:
    values = {} if value is None else {"t_demold_min_s": value}
    versions = {"physics_hash": PHYSICS_HASH, "parameters_hash": parameters_hash}
    return {"t_demold_min_s": 300.0, "correction": {"values": values}, "versions": versions} | more


def test_the_median_ratio_counts() -> None:
    many = [document(330.0)] * FEWEST + [document(900.0)]
    found = learned_of(many, "M", "now")
    assert found.factor == pytest.approx(1.1)
    assert found.words == f"median of {FEWEST + 1} corrected predictions of M"


def test_corrections_of_other_parameters_do_not_count() -> None:
    found = learned_of([document(330.0, "before")] * 20 + [document(330.0)], "M", "now")
    assert found.factor == 1.0
    assert "1 newest predictions" in found.words
    assert "20 with others" in found.words


def test_without_corrections_there_is_nothing_to_say() -> None:
    other = [document(None), document(330.0, correction=None), document(9.0, t_demold_min_s=None)]
    assert learned_of(other, "M", "now") == (1.0, "")


def test_what_cannot_be_is_not_believed() -> None:
    found = learned_of([document(3000.0)] * FEWEST, "M", "now")
    assert found.factor == 1.0
    assert "not believed" in found.words
