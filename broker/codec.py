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
from pydantic import ValidationError

from broker.errors import PayloadError, RefusalCode
from broker.json_values import ENTRIES_LIMIT, check_value
from broker.messages import MODELS, SCHEMA_VERSION, Message
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
_CODES = frozenset(RefusalCode)

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
    if len(payload) > PAYLOAD_LIMIT:
        raise PayloadError(
            RefusalCode.TOO_LARGE, f"{len(payload)} bytes: at most {PAYLOAD_LIMIT} are read"
        )
    document = (
        _parse_msgpack(payload)
        if detect_format(payload, content_type) == "msgpack"
        else _parse_json(payload)
    )
    if type(document) is not dict:
        raise PayloadError(
            RefusalCode.NOT_AN_OBJECT, f"expected an object, not {type(document).__name__}"
        )
    document = model.prepared(document)
    check_value(document)
    _check_version(document)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _refusal(error) from None


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


def _no_constant(name: str) -> NoReturn:
    raise PayloadError(RefusalCode.NOT_FINITE, f"expected finite numbers, not {name}")


_JSON = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_no_constant)


def _parse_json(payload: bytes) -> object:
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PayloadError(RefusalCode.NOT_UTF8, f"byte {error.start} is not UTF-8") from None
    try:
        return _JSON.decode(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise PayloadError(RefusalCode.NOT_JSON, f"{error.msg} at character {error.pos}") from None
    except ValueError:  # Python's own limit on the digits of an integer
        raise PayloadError(RefusalCode.NUMBER_TOO_BIG, "expected integers of 64 bit") from None
    except RecursionError:
        raise PayloadError(RefusalCode.TOO_DEEP, "nested far too deep") from None


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
        raise PayloadError(RefusalCode.NOT_MSGPACK, "bytes behind the end") from None
    except (ValueError, msgpack.UnpackException) as error:
        if "exceeds max_" in str(error):
            raise PayloadError(RefusalCode.TOO_MANY_ENTRIES, str(error)) from None
        raise PayloadError(RefusalCode.NOT_MSGPACK, str(error) or "incomplete") from None


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
    code, field, words = _fault(dict(faults[0]))
    others = [_fault(dict(fault))[1] for fault in faults[1:_ERRORS_NAMED]]
    if others:
        more = len(faults) - 1 - len(others)
        words += "; also wrong: " + ", ".join(others) + (f" and {more} more" if more else "")
    return PayloadError(code, words, field or None)


def _fault(fault: dict[str, Any]) -> tuple[RefusalCode, str, str]:
    context = fault.get("ctx") or {}
    path = [str(part) for part in fault["loc"] if part != "[key]"]
    if isinstance(context.get("field"), str):
        path.append(context["field"])
    field = ".".join(part[:64] for part in path)
    kind = fault["type"]
    if kind == "missing":
        return RefusalCode.MISSING_FIELD, field, "this field is needed"
    if kind in _CODES:
        return RefusalCode(kind), field, fault["msg"]
    words = f"{fault['msg']}, got {reprlib.repr(fault['input'])}"
    return RefusalCode.INVALID_FIELD, field, words
