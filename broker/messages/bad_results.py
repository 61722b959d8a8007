"""Results of a quality record that cost themselves and not the record: texts, NaN, 120 Shore.

It runs before a payload is checked, so it takes any parsed document. Who, when and which shot are
no results: the check refuses the record for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from broker.data_quality import NOT_A_NUMBER
from broker.errors import PayloadError
from broker.json_values import check_text
from broker.messages.base import NAMES_LIMIT
from broker.messages.left_out import Possible, shown

BOUNDS = {
    "rho_moulded_kg_per_m3": Possible(0, inf, without=0),
    "rho_free_rise_kg_per_m3": Possible(0, inf, without=0),
    "H_demold_shore": Possible(0, 100),
    "H_24h_shore": Possible(0, 100),
    "t_demold_safe_s": Possible(0, inf, without=0),
    "defect_risk_operator": Possible(0, 1),
}
"""Numbers of a record, and what the contract allows."""
DEFECT_MAX = 256
"""Characters of a defect's name."""
NO_DEFECT = frozenset(
    ",-,0,none,no,nein,kein,keine,ok,okay,i.o.,io,good,gut,pass,passed,no defect,no defects,nil,"
    "n/a,na,null,false".split(",")
)
"""What people write in a list of defects where there is none, in small letters."""
_TEXTS = {"note": (0, 2000), "operator": (1, DEFECT_MAX), "source": (1, DEFECT_MAX)}
"""Texts of a record, and how many characters they have."""


def without_bad_results(document: dict[str, Any], older: Mapping[str, str]) -> dict[str, Any]:
    """The document of a quality record with what is no result in ``left_out`` instead.

    Args:
        document: as parsed.
        older: older names of fields, and what they are now.
    """
    told = document.get("left_out")
    if told is not None and type(told) is not dict:
        return document
    changed, left = dict(document), dict[str, dict[str, str]]()
    for name, value in document.items():
        field = older.get(name, name)
        if field in BOUNDS:
            fault = BOUNDS[field].fault(value)
        elif field in _TEXTS:
            fault = _no_text(value, *_TEXTS[field])
        elif field == "scrap":
            fault = _no_flag(value)
        elif field == "defects":
            changed[name], fault = _defects(value)
        else:
            continue
        if fault is not None:
            left[field] = fault
            if field != "defects":
                del changed[name]
    return {**changed, "left_out": {**(told or {}), **left}} if left else document


def _no_text(value: object, length_min: int, length_max: int) -> dict[str, str] | None:
    if value is None:
        return None
    words = None if type(value) is str else f"{shown(value)} is no text"
    if type(value) is str:
        if not length_min <= len(value) <= length_max:
            words = f"a text of {len(value)} characters, {length_min} to {length_max} are read"
        else:
            try:
                check_text(value)
            except PayloadError as error:
                words = error.detail
    return None if words is None else {"reason": NOT_A_NUMBER, "words": words}


def _no_flag(value: object) -> dict[str, str] | None:
    if value is None or type(value) is bool:
        return None
    return {"reason": NOT_A_NUMBER, "words": f"{shown(value)} is neither true nor false"}


def _defects(value: object) -> tuple[object, dict[str, str] | None]:
    """The defects that have a name, and what is wrong with the others."""
    if value is None:
        return [], {"reason": NOT_A_NUMBER, "words": "null: send [] for a part without defects"}
    if type(value) is not list:
        words = f"{shown(value)} is no list: send a list of texts, [] for a part without defects"
        return [], {"reason": NOT_A_NUMBER, "words": words}
    if len(value) > NAMES_LIMIT:
        return value, None  # the check refuses it
    faults = [_no_defect(one) for one in value]
    good = [one for one, fault in zip(value, faults, strict=True) if not fault]
    return good, next((fault for fault in faults if fault), None)


def _no_defect(value: object) -> dict[str, str] | None:
    if value is None:
        return {"reason": NOT_A_NUMBER, "words": "null is no name of a defect"}
    if isinstance(value, str) and value.strip().casefold() in NO_DEFECT - {""}:
        words = f"{shown(value)} is no defect: where none was found, send []"
        return {"reason": NOT_A_NUMBER, "words": words}
    return _no_text(value, 1, DEFECT_MAX)
