"""Bytes to messages and back, as JSON or MessagePack.

`decode` answers every input with a message or a `PayloadError`. It works in four steps: size,
parse, walk (`broker.json_values`: finite, storable, not too deep), then version and fields. What a
message holds survives `decode(type(message), encode(message, format))` unchanged, extra fields
included.
"""

from __future__ import annotations

import json
import reprlib
from typing import Any, Literal, NoReturn, TypeVar, overload

import msgpack
from pydantic import TypeAdapter, ValidationError

from broker.errors import PayloadError, RefusalCode, printable
from broker.faults import fault
from broker.ids import Identifier
from broker.json_values import ENTRIES_LIMIT, check_value
from broker.messages import MODELS, SCHEMA_VERSION, Message, TelemetryFrame
from broker.messages.base import Sequence
from broker.payload_forms import compression, other_form, wide_text
from broker.plain_frames import plain_frame
from broker.topics import Channel

Format = Literal["json", "msgpack"]

PAYLOAD_LIMIT = 256 * 1024
"""Bytes of a payload that is decoded."""

MAX_PACKET_BYTES = 1024 * 1024
"""Bytes of an MQTT packet that our brokers pass on."""

CONTENT_TYPES: dict[Format, str] = {"json": "application/json", "msgpack": "application/msgpack"}
"""The MQTT 5 content type of each format."""

_FORMATS: dict[str, Format] = {
    "application/json": "json",
    "application/msgpack": "msgpack",
    "application/x-msgpack": "msgpack",
    "application/vnd.msgpack": "msgpack",
}
_MSGPACK_MAP_BYTES = frozenset([*range(0x80, 0x90), 0xDE, 0xDF])
_ERRORS_NAMED = 4
_PLACE: TypeAdapter[tuple[str, int]] = TypeAdapter(tuple[Identifier, Sequence])

M = TypeVar("M", bound=Message)


def encode(message: Message, format: Format = "json") -> bytes:
    """The payload of `message`, every field named, absent ones null."""
    if format == "json":
        return message.model_dump_json().encode()
    return msgpack.packb(message.model_dump(mode="json"))  # type: ignore[no-any-return]


@overload
def decode(what: type[M], payload: bytes, content_type: str | None = None) -> M: ...
@overload
def decode(what: Channel, payload: bytes, content_type: str | None = None) -> Message: ...
def decode(
    what: Channel | type[Message], payload: bytes, content_type: str | None = None
) -> Message:
    """The message in `payload`, which is of the type `what` or travelled on the channel `what`.

    The format is that of `content_type` (MQTT 5) when it is a known one, else that of the first
    byte: a MessagePack map, or JSON. Raises PayloadError, and nothing else, when the payload is
    not such a message.
    """
    model = MODELS[what] if isinstance(what, Channel) else what
    if not payload:
        raise PayloadError(RefusalCode.EMPTY, "no bytes: a retained message was cleared, no fault")
    if len(payload) > PAYLOAD_LIMIT:
        raise PayloadError(
            RefusalCode.TOO_LARGE, f"{len(payload)} bytes: at most {PAYLOAD_LIMIT} are read"
        )
    if detect_format(payload, content_type) == "msgpack":
        document = _parse_msgpack(payload)
    elif model is TelemetryFrame and (frame := plain_frame(payload)) is not None:
        return frame
    else:
        document = _parse_json(payload)
    if type(document) is not dict:
        raise PayloadError(RefusalCode.NOT_AN_OBJECT, _not_an_object(document))
    document = model.prepared(document)
    check_value(document)
    _check_version(document)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _refusal(error) from None


def place_in_count(payload: bytes, content_type: str | None = None) -> tuple[str, int] | None:
    """Device and number of a payload that was refused; None when it does not tell both."""
    if len(payload) > PAYLOAD_LIMIT:
        return None
    msgpack_map = detect_format(payload, content_type) == "msgpack"
    try:
        document = _parse_msgpack(payload) if msgpack_map else _parse_json(payload)
        if type(document) is not dict:
            return None
        return _PLACE.validate_python((document.get("device_id"), document.get("seq")))
    except (PayloadError, ValidationError):
        return None


def detect_format(payload: bytes, content_type: str | None = None) -> Format:
    """The format that `content_type` names or, failing that, the first byte of `payload`."""
    if content_type is not None:
        known = _FORMATS.get(content_type.partition(";")[0].strip().lower())
        if known is not None:
            return known
    return "msgpack" if payload[:1] and payload[0] in _MSGPACK_MAP_BYTES else "json"


def _unique_keys(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        seen: set[Any] = set()
        for key, _ in pairs:
            if key in seen:
                raise PayloadError(RefusalCode.DUPLICATE_KEY, "named twice", str(key))
            seen.add(key)
    return unique


_JSON = json.JSONDecoder(object_pairs_hook=_unique_keys)
"""NaN and infinities are read here: they cost a channel its reading, and any other field more."""


def _parse_json(payload: bytes) -> object:
    payload = payload.rstrip(b"\x00")  # the rest of a PLC's buffer
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _named(payload, RefusalCode.NOT_UTF8, _not_utf8(payload, error)) from None
    try:
        return _JSON.decode(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise _named(payload, RefusalCode.NOT_JSON, _not_json(error)) from None
    except ValueError:  # Python's own limit on the digits of an integer
        raise PayloadError(RefusalCode.NUMBER_TOO_BIG, "expected integers of 64 bit") from None
    except RecursionError:
        raise PayloadError(RefusalCode.TOO_DEEP, "nested far too deep") from None


def _not_utf8(payload: bytes, error: UnicodeDecodeError) -> str:
    return f"byte {error.start} is not UTF-8 (0x{payload[error.start]:02x}): send UTF-8"


def _not_json(error: json.JSONDecodeError) -> str:
    text = error.doc.lstrip()
    if text and text[0] not in '{["':
        at = len(error.doc) - len(text)
        begins = printable(repr(text[:12]), 40)
        return f"{begins} stands at character {at}, where a JSON object begins with {{"
    if (
        error.pos < len(error.doc)
        and error.doc[error.pos] < " "
        and error.doc[error.pos] not in "\t\r\n"
    ):
        return f"U+{ord(error.doc[error.pos]):04X} at character {error.pos}: send JSON without it"
    if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated"):
        return "the text ends too early: it was cut, or a bracket is missing"
    if error.msg.startswith("Extra data"):
        return f"something follows the object at character {error.pos}: send one a message"
    found = printable(repr(error.doc[error.pos]), 20)
    return f"{error.msg.removesuffix(' at')} at character {error.pos}, where {found} stands"


def _named(payload: bytes, code: RefusalCode, words: str) -> PayloadError:
    """The refusal of what cannot be parsed, with the form that its first bytes tell."""
    form = compression(payload)
    if form is not None:
        words = f"compressed ({form}): send plain JSON or MessagePack"
        return PayloadError(RefusalCode.COMPRESSED, words)
    form = wide_text(payload)
    if form is not None:
        return PayloadError(RefusalCode.NOT_UTF8, f"{form} text: send UTF-8")
    form = other_form(payload)
    if form is not None:
        return PayloadError(code, f"{form}: send a JSON object or a MessagePack map ({words})")
    if not payload:
        return PayloadError(RefusalCode.NOT_JSON, "nothing but NUL bytes")
    return PayloadError(code, words)


def _not_an_object(document: object) -> str:
    way = "send an object, {…}"
    match document:
        case list():
            words = "an array: send its objects as messages of their own"
        case str() if document.lstrip().startswith("{"):
            words = "an object within a text (encoded twice): send the object itself"
        case str():
            words = f"the text {reprlib.repr(document)}: {way}"
        case None:
            words = f"null: {way}; no bytes at all clear a retained message"
        case bool():
            words = f"{str(document).lower()}: {way}"
        case int() | float():
            words = f"the bare number {reprlib.repr(document)}: {way}, that names it"
        case _:
            words = f"{type(document).__name__}: {way}"
    return words


def _no_extension(code: int, data: bytes) -> NoReturn:
    raise PayloadError(RefusalCode.UNSUPPORTED_VALUE, f"extension type {code} is not JSON")


def _unique_text_keys(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    for key, _ in pairs:
        if type(key) is not str:
            raise PayloadError(
                RefusalCode.UNSUPPORTED_VALUE,
                f"expected keys that are text, not {type(key).__name__}",
            )
    return _unique_keys(pairs)


def _parse_msgpack(payload: bytes) -> object:
    try:
        return msgpack.unpackb(
            payload,
            object_pairs_hook=_unique_text_keys,
            ext_hook=_no_extension,
            strict_map_key=False,  # the hook refuses them, and says so
            max_array_len=ENTRIES_LIMIT,
            max_map_len=ENTRIES_LIMIT,
        )
    except UnicodeDecodeError:
        raise PayloadError(RefusalCode.NOT_UTF8, "a text is not UTF-8") from None
    except msgpack.StackError:
        raise PayloadError(RefusalCode.TOO_DEEP, "nested far too deep") from None
    except msgpack.ExtraData:
        words = "bytes behind the end"
        if payload.lstrip()[:1] == b"{":
            words = "JSON under the content type of MessagePack: send application/json with it"
        raise _named(payload, RefusalCode.NOT_MSGPACK, words) from None
    except (ValueError, msgpack.UnpackException) as error:
        if "exceeds max_" in str(error):
            raise PayloadError(RefusalCode.TOO_MANY_ENTRIES, str(error)) from None
        words = str(error) or "incomplete: it was cut"
        raise _named(payload, RefusalCode.NOT_MSGPACK, words) from None


def _check_version(document: dict[str, object]) -> None:
    version = document.get("v", SCHEMA_VERSION)
    if type(version) is not int or version != SCHEMA_VERSION:
        raise PayloadError(
            RefusalCode.UNKNOWN_VERSION,
            f"expected version {SCHEMA_VERSION}, got {reprlib.repr(version)}",
            "v",
        )


def _refusal(error: ValidationError) -> PayloadError:
    """The first fault decides code and field; the detail names the next ones too."""
    faults = error.errors(include_url=False)
    code, field, words = fault(dict(faults[0]))
    others = [fault(dict(other))[1] for other in faults[1:_ERRORS_NAMED]]
    if others:
        more = len(faults) - 1 - len(others)
        words += "; also wrong: " + ", ".join(others) + (f" and {more} more" if more else "")
    return PayloadError(code, words, field or None)
