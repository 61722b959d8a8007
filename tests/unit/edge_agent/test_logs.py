"""Log lines: a closed list of fields, and repeats that are counted instead of written."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from edge_agent import logs
from edge_agent.logs import RepeatLimit, UnknownLogField, configure, get_logger


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(logs, "_repeats", RepeatLimit(lambda: now[0]))
    return now


class Lines:
    """What is logged to stderr, as any program would read it."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        configure()

    def read(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self._capsys.readouterr().err.splitlines()]


@pytest.fixture(autouse=True)
def configuration() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_repeats_are_counted(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(capsys)
    for number in range(500):
        get_logger().warning("message_refused", reason="not-json", detail=str(number))
    get_logger().warning("message_refused", reason="too-large")
    written = lines.read()
    assert len(written) == logs.TROUBLES_PER_WINDOW + 1
    logs._repeats.flush()
    assert lines.read() == []
    clock[0] = 61.0
    logs._repeats.flush()
    (line,) = lines.read()
    assert (line["event"], line["reason"], line["level"]) == (
        "message_refused",
        "not-json",
        "warning",
    )
    assert line["count"] == 500 - logs.TROUBLES_PER_WINDOW
    get_logger().warning("message_refused", reason="not-json")
    assert len(lines.read()) == 1


def test_presses_do_not_silence_each_other(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Lines(capsys)
    for number in range(50):
        get_logger().error("link_lost", press=f"p{number}")
    assert len(lines.read()) == 50


def test_what_is_remembered_is_bounded(
    clock: list[float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = Lines(capsys)
    monkeypatch.setattr(logs, "REPEATS_KEPT", 10)
    for number in range(100):
        get_logger().error("row_rejected", reason=f"reason {number}")
    assert len(logs._repeats._seen) <= 10
    assert len(lines.read()) == 100


def test_an_unknown_field_is_an_error_in_tests(capsys: pytest.CaptureFixture[str]) -> None:
    Lines(capsys)
    with pytest.raises(UnknownLogField, match="shoe_size"):
        get_logger().info("shot_started", shoe_size=43)
