"""The one decoding error of the wire contract, and the closed set of its codes.

Whatever arrives on the wire either becomes a message or raises `PayloadError`; nothing else leaves
`broker.codec.decode` or `broker.topics.TopicSpace.parse`. The code says what kind of fault it is
(to count and to alarm), the detail says which field and what was expected (for the person who
mends the sender).

| code | the payload |
|---|---|
| `empty` | has no bytes: with it a retained message is cleared, which is no fault |
| `too-large` | is longer than the limit |
| `unknown-topic` | came on a topic outside the grammar |
| `compressed` | is compressed, and read only as it is |
| `not-utf8` | is JSON by its content type or first byte, but not UTF-8 |
| `not-json` | is not one JSON document |
| `not-msgpack` | is not one MessagePack document |
| `not-an-object` | is a document, but its top is not an object (map) |
| `too-deep` | nests deeper than the limit |
| `too-many-entries` | holds an object or array with more entries than the limit |
| `duplicate-key` | names one key twice in one object |
| `not-finite` | holds NaN or an infinity |
| `number-too-big` | holds an integer beyond signed 64 bit |
| `invalid-text` | holds a lone surrogate or U+0000, which no store can keep |
| `unsupported-value` | holds what JSON cannot say: bytes, extension types, keys that are not text |
| `unknown-version` | has a `v` this software does not know |
| `missing-field` | lacks a field it needs |
| `invalid-field` | has a field with a wrong type or a value outside its bounds |
"""

from __future__ import annotations

from enum import StrEnum

DETAIL_LIMIT = 500
"""Characters of `PayloadError.detail` that are kept."""

FIELD_LIMIT = 200
"""Characters of `PayloadError.field` that are kept."""


class RefusalCode(StrEnum):
    """Code of a refusal; the table is in the docstring of this module."""

    EMPTY = "empty"
    TOO_LARGE = "too-large"
    UNKNOWN_TOPIC = "unknown-topic"
    COMPRESSED = "compressed"
    NOT_UTF8 = "not-utf8"
    NOT_JSON = "not-json"
    NOT_MSGPACK = "not-msgpack"
    NOT_AN_OBJECT = "not-an-object"
    TOO_DEEP = "too-deep"
    TOO_MANY_ENTRIES = "too-many-entries"
    DUPLICATE_KEY = "duplicate-key"
    NOT_FINITE = "not-finite"
    NUMBER_TOO_BIG = "number-too-big"
    INVALID_TEXT = "invalid-text"
    UNSUPPORTED_VALUE = "unsupported-value"
    UNKNOWN_VERSION = "unknown-version"
    MISSING_FIELD = "missing-field"
    INVALID_FIELD = "invalid-field"


def printable(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, control characters and lone surrogates escaped."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    if cut.isprintable():
        return cut
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in cut
    )
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


class PayloadError(Exception):
    """A payload or topic that is not part of the contract.

    Attributes:
        code: one of `RefusalCode`.
        detail: the field and what was expected of it; printable, at most `DETAIL_LIMIT` characters.
        field: dotted path of the field at fault (`recipe.m_iso_kg`), or None for the whole payload.
    """

    def __init__(self, code: RefusalCode, words: str, field: str | None = None) -> None:
        self.code = code
        self.field = None if field is None else printable(field, FIELD_LIMIT)
        self.detail = printable(words if field is None else f"{self.field}: {words}", DETAIL_LIMIT)
        self._words = words
        super().__init__(f"{code}: {self.detail}")

    def within(self, name: str) -> PayloadError:
        """Give the refusal as seen from one level further out, under the key `name`."""
        field = name if self.field is None else f"{name}.{self.field}"
        return PayloadError(self.code, self._words, field)

    def __reduce__(self) -> tuple[type[PayloadError], tuple[RefusalCode, str, str | None]]:
        return PayloadError, (self.code, self._words, self.field)
