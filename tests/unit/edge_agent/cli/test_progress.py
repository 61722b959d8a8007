"""Progress: rewritten in place on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import ast
import io
import queue
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import main
from edge_agent.cli.progress import LINE_EVERY_S, Progress, told_while_waiting
from tests.support.processes import ROOT

SCENARIO = str(ROOT / "configs/scenarios/panel_packed.yaml")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_terminal_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    clock = Clock()
    with Progress(clock) as progress:
        for done in range(1, 3601):
            clock.now += LINE_EVERY_S / 100
            progress.count("shots", done, 3600)
    written = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "\r" not in written
    lines = written.splitlines()
    assert lines[-1] == "shots: 3600/3600"
    assert 30 <= len(lines) <= 40
    assert len(set(lines)) == len(lines)


def test_a_short_run_says_its_end_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Progress(Clock()) as progress:
        for done in range(5):
            progress.count("rows of shot", done)
    assert sys.stderr.getvalue() == "rows of shot: 4\n"  # type: ignore[attr-defined]


def test_on_a_terminal_one_line_that_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    clock = Clock()

    def interrupted() -> None:
        with Progress(clock) as progress:
            for done in (9, 10):
                clock.now += 1.0
                progress.count("messages", done, 100)
            clock.now += 1.0
            progress.say("short")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sys.stderr.getvalue() == (  # type: ignore[attr-defined]
        "\rmessages: 9/100\rmessages: 10/100\rshort           \n"
    )


def test_a_command_in_a_pipe() -> None:
    arguments = ["sweep", "-s", SCENARIO, "--samples", "4", "--method", "random"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "\r" not in done.stderr
    assert done.stderr.splitlines()[-1] == "shots: 4/4"


def test_no_command_has_a_way_of_its_own() -> None:
    for path in sorted((ROOT / "edge_agent" / "cli").glob("*.py")):
        if path.name == "progress.py":
            continue
        tree = ast.parse(path.read_text())
        written = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
        assert not any(isinstance(text, str) and "\r" in text for text in written), path
        imported = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        assert not {"rich.progress", "rich.status"} & set(imported), path
        assert Path(path).read_text().count("console.status(") == 0, path


def test_what_cannot_say_how_far_it_is_is_told_while_it_lasts() -> None:
    said: queue.Queue[str] = queue.Queue()
    with told_while_waiting("no shot yet", every_s=0.001, tell=said.put):
        assert re.fullmatch(r"no shot yet: \d+ s", said.get(timeout=60))
