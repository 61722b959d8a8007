"""One way for a command to end with an error, and a hint for each number of the disk."""

from __future__ import annotations

import errno
import re
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from broker.local.loopback import free_port
from edge_agent import cli
from edge_agent.cli import main
from edge_agent.cli.common import by_option
from edge_agent.errors import LinkError, SettingsError, StoreError, disk_hint
from twin_core.errors import InputError

SOURCES = sorted(Path(cli.__file__).parent.glob("*.py"))


def test_errors_are_printed_in_one_place() -> None:
    printing = re.compile(r"echo\(\s*f?\"(error|hint): ")
    found = {path.name for path in SOURCES if printing.search(path.read_text())}
    assert found <= {"common.py", "replay.py"}  # replay: a hint about something that is no error


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_error_of_the_disk_has_a_hint(number: int) -> None:
    error = OSError(number, "words")
    if isinstance(error, ConnectionError | TimeoutError):
        assert disk_hint(error) == ""
        return
    assert disk_hint(error)
    assert "{" not in disk_hint(error)


def test_a_store_error_takes_the_hint_of_what_it_was_raised_from() -> None:
    with pytest.raises(StoreError) as caught:
        raise StoreError("spool.db: cannot be written") from OSError(errno.ENOSPC, "full")
    assert caught.value.hint == disk_hint(OSError(errno.ENOSPC, ""))
    with pytest.raises(StoreError) as caught:
        raise StoreError("x", hint="its own") from OSError(errno.ENOSPC, "full")
    assert caught.value.hint == "its own"
    with pytest.raises(StoreError) as caught:
        raise StoreError("the history refuses") from ConnectionResetError()
    assert caught.value.hint == ""
    assert disk_hint(sqlite3.OperationalError("no code")) == ""


def test_a_class_has_no_hint_for_all_its_errors() -> None:
    for kind in (InputError, SettingsError, StoreError, LinkError):
        assert kind("words").hint == ""


def test_a_missing_file(tmp_path: Path) -> None:
    missing = tmp_path / "no.yaml"
    result = CliRunner().invoke(cli.main, ["agent", "-c", str(missing)])
    assert result.exit_code == 2
    error, hint = result.stderr.splitlines()
    assert error == f"error: {missing}: no such file"
    assert hint.startswith("hint: correct the path; a relative one starts at")


@pytest.mark.parametrize("arguments", [("record",), ("replay",)])
def test_a_command_without_yaml_advises_by_its_options(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    recording = tmp_path / "r.jsonl"
    recording.write_text('{"received_at": "2026-01-31T12:00:00Z", "topic": "t", "payload": "{}"}\n')
    done = CliRunner().invoke(main, [*arguments, str(recording), "--port", str(free_port())])
    assert done.exit_code == 1, done.output
    assert "hint: start the broker there, or correct --host and --port\n" in done.output


def test_the_options_of_the_login_are_named_too() -> None:
    words = "set broker.username and broker.password_file; broker.tls.ca_file, broker.tls.key_file"
    assert by_option(words) == "set --username and --password-file; --ca-file, --key-file"
    assert "--ca-file away" in by_option("or set broker.tls.enabled to false")
