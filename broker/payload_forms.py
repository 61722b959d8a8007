"""Forms of payloads that are neither JSON nor MessagePack, told by their first bytes, in words."""

from __future__ import annotations

_COMPRESSED = [
    (b"\x1f\x8b", "gzip"),
    (b"\x78\x01", "zlib"),
    (b"\x78\x5e", "zlib"),
    (b"\x78\x9c", "zlib"),
    (b"\x78\xda", "zlib"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\xff\x06\x00\x00sNaPpY", "Snappy"),
    (b"PK\x03\x04", "ZIP"),
]
_TEXTS = [
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"{\x00\x00\x00", "UTF-32"),
    (b"{\x00", "UTF-16"),
    (b"\x00{", "UTF-16"),
    (b"[\x00", "UTF-16"),
    (b"\x00[", "UTF-16"),
]
_OTHERS = [
    (b"<", "XML or HTML"),
    (b"eyJ", "base64 of JSON"),
    (b"{'", "an object in single quotes (as Python prints it)"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"data:", "a data URL"),
]
_CBOR = frozenset(range(0xA0, 0xC0))
"""First bytes of a CBOR map; no UTF-8 text begins with one, nor does a MessagePack map."""

_MSGPACK_ARRAYS = frozenset([*range(0x90, 0xA0), 0xDC, 0xDD])


def compression(payload: bytes) -> str | None:
    """How the payload is compressed, in words; None when it is not."""
    return next((words for start, words in _COMPRESSED if payload.startswith(start)), None)


def wide_text(payload: bytes) -> str | None:
    """The encoding of a text that is not UTF-8, in words; None when no mark says so."""
    return next((words for start, words in _TEXTS if payload.startswith(start)), None)


def other_form(payload: bytes) -> str | None:
    """Any other form that is known, in words; None when it is not."""
    if payload[:1] and payload[0] in _CBOR:
        return "CBOR"
    if payload[:1] and payload[0] in _MSGPACK_ARRAYS:
        return "a MessagePack array, whose objects are messages of their own"
    return next((words for start, words in _OTHERS if payload.lstrip()[:5].startswith(start)), None)
