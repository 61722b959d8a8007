"""Kind 8: forms that cannot be read are refused in words with the way out, others are read."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import msgpack
import pytest

from broker import alert_codes as codes
from tests.support.case_press import CasePress
from tests.support.decoding import REGULAR_EXPRESSION
from tests.support.stories import (
    CURED,
    ENDED,
    NAMED,
    RECIPE,
    SHOT,
    START,
    Sent,
    Story,
    core,
    event,
    frame,
    lab,
    retained,
)

INVALID = ["invalid-field"]
AT_60 = int(START.timestamp()) + 60
READING = core(60, 70.0, **NAMED)


def written(payload: bytes, came: float = 61, channel: str = "telemetry") -> Sent:
    return Sent(came, channel, payload)


def refused(message: Sent, reason: str, *words: str) -> Story:
    """A message that is refused, beside a shot that ends as it should."""
    return Story(
        (*CURED, replace(message, came=200)),
        [ENDED],
        letters=[reason],
        words=words,
        rows={"SELECT reason FROM dead_letter": [(reason,)]},
    )


def read(message: Sent) -> Story:
    """A message in an odd form whose reading counts."""
    return Story((*SHOT, message), [ENDED])


STORIES = {
    "a gateway that compresses": refused(
        written(gzip.compress(READING.payload)), "compressed", "compressed (gzip): send plain JSON"
    ),
    "text of a program on Windows": refused(
        written(READING.payload.decode().encode("utf-16")), "not-utf8", "UTF-16 text: send UTF-8"
    ),
    "frames gathered in an array": refused(
        written(b"[" + READING.payload + b"," + READING.payload + b"]"),
        "not-an-object",
        "an array: send its objects as messages of their own",
    ),
    "two frames one below the other": refused(
        written(READING.payload + b"\n" + READING.payload), "not-json", "send one a message"
    ),
    "a frame that a buffer of 80 bytes has cut": refused(
        written(READING.payload[:80]), "not-json", "the text ends too early: it was cut"
    ),
    "a buffer of fixed length in the middle of the text": refused(
        written(READING.payload.replace(b'"seq"', b'\0\0"seq"')),
        "not-json",
        "U+0000 at character",
        "send JSON without it",
    ),
    "a line of a logger": refused(
        written(b"2026-11-27T10:01:00Z;70,0;41,0"),
        "not-json",
        "'2026-11-27T1' stands at character 0, where a JSON object begins with {",
    ),
    "JSON under the content type of MessagePack": refused(
        replace(READING, content_type="application/msgpack"),
        "not-msgpack",
        "JSON under the content type of MessagePack",
    ),
    "JSON within a text": refused(
        written(json.dumps(READING.payload.decode()).encode()), "not-an-object", "encoded twice"
    ),
    "the last will of a gateway on the wrong topic": refused(
        written(b'"offline"'), "not-an-object", "the text 'offline'"
    ),
    "microseconds since 1970": refused(
        frame(60, ts=AT_60 * 1_000_000, sensors={"T_core_C": 90.0}),
        *INVALID,
        "looks like microseconds: send seconds or milliseconds",
    ),
    "nanoseconds since 1970": refused(
        frame(60, ts=AT_60 * 1_000_000_000, sensors={"T_core_C": 90.0}),
        *INVALID,
        "looks like nanoseconds",
    ),
    "local time without an offset": refused(
        frame(60, ts="2026-11-27T11:01:00", sensors={"T_core_C": 90.0}),
        *INVALID,
        "append Z for UTC, or the offset",
    ),
    "German date and time": refused(
        frame(60, ts="27.11.2026 10:01:00", sensors={"T_core_C": 90.0}),
        *INVALID,
        "day.month.year: send year-month-day",
    ),
    "an id with a blank": refused(
        event(200, "started", shot="Schuss 18"), *INVALID, "the blank in 'Schuss 18', character 7"
    ),
    "an id with an umlaut": refused(
        event(200, "started", mold="Tür_links"), *INVALID, "'ü' in 'Tür_links', character 2"
    ),
    "an id of a year and a number": refused(
        event(200, "started", shot="2026/118"), *INVALID, "'/' in '2026/118', character 5"
    ),
    "an id that is a number": refused(
        lab(190, 200, shot_id=17, H_24h_shore=50.0), *INVALID, 'send it in quotes: "17"'
    ),
    "a step that the contract does not know": refused(
        event(200, "injected"), *INVALID, "event: expected 'started', 'poured', 'demolded'"
    ),
    "the mass of a scale without a part": refused(
        event(200, "poured", shot="18", recipe=RECIPE | {"m_iso_kg": 0}),
        *INVALID,
        "recipe.m_iso_kg",
    ),
    "a retained message that was cleared": Story(
        (*CURED, retained(Sent(0, "shot", b""), 200), Sent(201, "telemetry", b"")), [ENDED]
    ),
    "the rest of a PLC's buffer behind the object": read(
        replace(READING, payload=READING.payload + b"\x00" * 200)
    ),
    "a byte order mark": read(replace(READING, payload=b"\xef\xbb\xbf" + READING.payload)),
    "milliseconds since 1970": read(
        frame(60, ts=AT_60 * 1000, sensors={"T_core_C": 70.0}, **NAMED)
    ),
    "MessagePack without a content type": read(
        replace(READING, payload=msgpack.packb(json.loads(READING.payload)))
    ),
    "an explicit null in a recipe": Story(
        (event(0, "poured", recipe=RECIPE | {"T_polyol_C": None}), *CURED[1:]),
        [ENDED],
        [codes.RECIPE_GAP],
        words=("recipe.T_polyol_C: null, so the recipe does not say it",),
    ),
    "a pour whose mass is a text": Story(
        (event(0, "poured", recipe=RECIPE | {"m_iso_kg": "0,45"}), event(240, "demolded")),
        [],
        [codes.SHOT_WITHOUT_POUR],
        INVALID,
        words=("recipe.m_iso_kg: expected a number, got the text '0,45': send 0.45",),
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_it_is_refused_in_words_or_read(press: CasePress, name: str) -> None:
    STORIES[name].holds_on(press)
    assert not any(REGULAR_EXPRESSION.search(letter.detail) for letter in press.letters())
