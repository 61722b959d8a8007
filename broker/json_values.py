"""Values in a payload: plain, finite, storable JSON.

One walk over the parsed document refuses what a database, a browser or the other codec could not
carry further. The codec runs it before the fields are looked at; the models run it over the extra
fields they keep, so that a message made in Python obeys it too.
"""

from __future__ import annotations

from math import isfinite

from broker.errors import PayloadError, RefusalCode

INT_MIN = -(2**63)
INT_MAX = 2**63 - 1

DEPTH_LIMIT = 16
"""Objects and arrays inside each other in a payload, the payload itself included."""

EXTRA_DEPTH_LIMIT = 8
"""Objects and arrays inside each other in the value of an extra field."""

ENTRIES_LIMIT = 8192
"""Entries of one object or array in a payload."""


def check_value(value: object, depth: int = DEPTH_LIMIT) -> None:
    """Raise PayloadError unless `value` is finite JSON of at most `depth` nested containers."""
    if type(value) is float:
        if not isfinite(value):
            raise PayloadError(RefusalCode.NOT_FINITE, "expected a finite number")
    elif type(value) is str:
        check_text(value)
    elif type(value) is dict:
        _check_object(value, depth)
    elif type(value) is list:
        _check_size(len(value), depth)
        for index, item in enumerate(value):
            try:
                check_value(item, depth - 1)
            except PayloadError as error:
                raise error.within(str(index)) from None
    elif type(value) is int:
        if not INT_MIN <= value <= INT_MAX:
            raise PayloadError(RefusalCode.NUMBER_TOO_BIG, "expected an integer of 64 bit")
    elif value is not None and type(value) is not bool:
        raise PayloadError(
            RefusalCode.UNSUPPORTED_VALUE,
            f"expected text, number, true/false, null, object or array, not {type(value).__name__}",
        )


def _check_object(value: dict[object, object], depth: int) -> None:
    _check_size(len(value), depth)
    for key, item in value.items():
        if not _is_plain_text(key):
            _check_key(key)
        if (type(item) is float and isfinite(item)) or _is_plain_text(item):
            continue  # most of a payload: no call, no path to remember
        try:
            check_value(item, depth - 1)
        except PayloadError as error:
            raise error.within(str(key)) from None


def _is_plain_text(value: object) -> bool:
    return type(value) is str and value.isascii() and "\x00" not in value


def check_text(text: str) -> None:
    """Raise PayloadError when `text` has U+0000 or a lone surrogate."""
    if "\x00" in text:
        raise PayloadError(RefusalCode.INVALID_TEXT, "text holds U+0000")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise PayloadError(RefusalCode.INVALID_TEXT, "text holds a lone surrogate") from None


def _check_key(key: object) -> None:
    if type(key) is not str:
        raise PayloadError(
            RefusalCode.UNSUPPORTED_VALUE, f"expected keys that are text, not {type(key).__name__}"
        )
    check_text(key)


def _check_size(entries: int, depth: int) -> None:
    if depth <= 0:
        raise PayloadError(
            RefusalCode.TOO_DEEP,
            f"nested too deep: at most {DEPTH_LIMIT} levels in a payload, "
            f"{EXTRA_DEPTH_LIMIT} in an extra field",
        )
    if entries > ENTRIES_LIMIT:
        raise PayloadError(
            RefusalCode.TOO_MANY_ENTRIES,
            f"{entries} entries in one object or array: at most {ENTRIES_LIMIT}",
        )
