"""Recordings: what record writes is read, anything else is refused by line and field."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from edge_agent.logged_shots.replay import read_recording
from twin_core.errors import InputError

ENTRY = {"received_at": "2026-11-20T10:00:00Z", "topic": "pur/v1/plant1/p1/shot", "payload": "{}"}


def line(**changed: object) -> str:
    return json.dumps({k: v for k, v in (ENTRY | changed).items() if v is not ...}) + "\n"


READ = {
    "as written": line().encode(),
    "a byte order mark": b"\xef\xbb\xbf" + line().encode(),
    "blank lines, CRLF": ("\n" + line() + " \n").replace("\n", "\r\n").encode(),
    "a NUL tail": line().encode() + bytes(500),
    "bytes": line(payload=..., payload_base64="e30=").encode(),
}


@pytest.mark.parametrize("name", READ)
def test_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(READ[name])
    ((_, topic, payload, retain),) = read_recording(tmp_path / "r.jsonl")
    assert (topic, payload, retain) == ("pur/v1/plant1/p1/shot", b"{}", False)


REFUSED = {
    "nothing": ("", "holds no messages"),
    "a cut line": (line()[:-9], "line 2: is no JSON object"),
    "a list": ("[1]", "line 2: is no JSON object"),
    "brackets": ("[" * 100_000, "line 2: is no JSON object"),
    "a table": ("time_s,T_core_C", "line 2: is no JSON object"),
    "no time": (line(received_at=...), "line 2: has no received_at"),
    "a time without a zone": (line(received_at="2026-11-20T10:00:00"), "line 2: .*no offset"),
    "a time of the year 1": (line(received_at="0001-01-01T00:00:00Z"), "line 2: .*outside 2000"),
    "no topic": (line(topic=...), "line 2: has no topic"),
    "null as topic": (line(topic=None), "topic 'None' is none that can be published to"),
    "a filter": (line(topic="pur/v1/#"), "topic 'pur/v1/#' is none that can be published to"),
    "an empty topic": (line(topic=""), "topic '' is none"),
    "a topic of 70 kB": (line(topic="p" * 70_000), "topic 'ppp.* is none"),
    "no payload": (line(payload=...), "both payload and payload_base64, or none"),
    "two payloads": (line(payload_base64="e30="), "both payload and payload_base64, or none"),
    "a payload that is no text": (line(payload={"ts": 1}), "payload is no text"),
    "half a character": (line(payload="\ud800"), "payload is no text in UTF-8"),
    "no base64": (line(payload=..., payload_base64="@@"), "payload_base64 no base64"),
    "a text as flag": (line(retain="false"), "retain is 'false', not true or false"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_line_and_field(name: str, tmp_path: Path) -> None:
    text, words = REFUSED[name]
    (tmp_path / "r.jsonl").write_text((line() if text else "") + text)
    with pytest.raises(InputError, match=rf"r\.jsonl: .*{words}"):
        read_recording(tmp_path / "r.jsonl")


@pytest.mark.parametrize(
    "content", [gzip.compress(line().encode(), mtime=0), line().encode("utf-16")], ids=["gz", "16"]
)
def test_no_text(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=r"r\.jsonl: is no text in UTF-8"):
        read_recording(tmp_path / "r.jsonl")
