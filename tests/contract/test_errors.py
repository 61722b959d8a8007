"""The one decoding error: a closed set of documented codes, and texts that always fit."""

from __future__ import annotations

import pickle
import re

from hypothesis import given
from hypothesis import strategies as st

from broker import PayloadError, RefusalCode, errors
from broker.errors import DETAIL_LIMIT, FIELD_LIMIT, printable


def test_the_docstring_lists_exactly_the_codes() -> None:
    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", errors.__doc__ or "", re.MULTILINE)
    assert listed == [code.value for code in RefusalCode]


@given(st.text(max_size=700), st.none() | st.text(max_size=300))
def test_details_are_printable_and_bounded(words: str, field: str | None) -> None:
    error = PayloadError(RefusalCode.INVALID_FIELD, words, field)
    assert len(error.detail) <= DETAIL_LIMIT
    assert error.detail.isprintable()
    assert error.field is None or len(error.field) <= FIELD_LIMIT
    str(error).encode()


def test_the_detail_names_the_field() -> None:
    error = PayloadError(RefusalCode.NOT_FINITE, "expected a finite number", "x").within("a")
    assert error.field == "a.x"
    assert error.detail == "a.x: expected a finite number"
    assert str(error) == "not-finite: a.x: expected a finite number"


def test_it_survives_a_process_boundary() -> None:
    error = PayloadError(RefusalCode.TOO_DEEP, "words", "field")
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.field, str(again)) == (error.code, error.field, str(error))


@given(st.text(max_size=50), st.integers(1, 60))
def test_printable_keeps_short_printable_text(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert shown == text or len(text) > limit or not text.isprintable()
