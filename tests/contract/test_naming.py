"""Every number that crosses the wire says its unit in its name, or is known to have none."""

from __future__ import annotations

import typing
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from broker import MODELS

UNITS = [
    "_C",
    "_K",
    "_Pa",
    "_bar",
    "_kg",
    "_kg_per_m3",
    "_kg_per_s",
    "_m3",
    "_mm",
    "_s",
    "_pct",
    "_shore",
    "_ratio",
    "_fraction",
    "_index",
    "_count",
]

DIMENSIONLESS = {
    "v": "version of the contract",
    "seq": "counts messages",
    "first_seq": "counts messages",
    "last_seq": "counts messages",
    "revision": "counts predictions",
    "system_version": "counts versions of a material system",
    "coverage": "a probability",
    "low": "in the unit of the quantity that the interval is named after",
    "high": "in the unit of the quantity that the interval is named after",
    "limit": "in the unit beside it",
    "value": "in the unit of the name beside it",
    "before": "in the unit of the name beside it",
    "gain_money_per_year": "in the currency beside it",
    "layer": "counts the layers from wall 1",
    "mixing_eff": "0 to 1, a name of the first generation",
    "defect_risk": "0 to 1, a name of the first generation",
    "defect_risk_operator": "0 to 1, a name of the first generation",
    "alpha_demold": "conversion 0 to 1, a name of the first generation",
}


def parts(annotation: object) -> Iterator[object]:
    """The annotation and what its unions and metadata are made of, but not inside containers."""
    yield annotation
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        yield from (type(value) for value in typing.get_args(annotation))
    elif origin not in (dict, list):
        for argument in typing.get_args(annotation):
            yield from parts(argument)


def models(annotation: object) -> Iterator[type[BaseModel]]:
    """Every model inside an annotation, containers included."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for argument in typing.get_args(annotation):
        yield from models(argument)


ALL = sorted(
    {model for root in MODELS.values() for model in models(root)}, key=lambda m: m.__name__
)


def numbers(model: type[BaseModel]) -> list[str]:
    return [
        name
        for name, field in model.model_fields.items()
        if {int, float} & {part for part in parts(field.annotation) if isinstance(part, type)}
    ]


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
def test_numbers_end_in_their_unit(model: type[BaseModel]) -> None:
    wrong = [
        name
        for name in numbers(model)
        if name not in DIMENSIONLESS and not name.endswith(tuple(UNITS))
    ]
    assert not wrong, f"{model.__name__}: end these in one of {UNITS}, or say why not: {wrong}"


def test_the_walk_finds_the_parts_and_their_numbers() -> None:
    assert {"Recipe", "Kpis", "Interval", "Versions", "Prediction"} <= {m.__name__ for m in ALL}
    found = {name for model in ALL for name in numbers(model)}
    assert {"m_polyol_kg", "T_core_max_C", "seq", "v", "frames_count", "H_24h_shore"} <= found
    assert not {"sensors", "event", "simulated"} & found


def test_no_exception_is_left_over() -> None:
    found = {name for model in ALL for name in numbers(model)}
    assert set(DIMENSIONLESS) <= found
