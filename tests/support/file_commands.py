"""Commands that read files, run as people run them: never a traceback, whatever is in the files."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.learning.tables import Columns, read_table
from tests.support.processes import ROOT

CASES = {path.name[:2]: path for path in (ROOT / "tests" / "cases").iterdir()}
MEASURED = ("--scenario", "baser_khakhar_1994_r11", "--fit", "time_offset_s", "--dry-run")
FILES = {
    name: (CASES["20"] / name).read_text("utf-8-sig")
    for name in ("meta.yaml", "process.yaml", "sensors_core_temp.csv")
}
"""A good bundle."""
SERIES = FILES["sensors_core_temp.csv"]
READINGS_COUNT = 37


def run(*arguments: object) -> Result:
    """Run a command; it ends with an exit code, not with an error of Python."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def bundle(folder: Path, files: Mapping[str, str | bytes] | None = None) -> Path:
    """The good bundle with other files in place or beside."""
    folder.mkdir(exist_ok=True)
    for name, content in (FILES | dict(files or {})).items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(data)
    return folder


def readers_of(folder: Path, out: Path) -> dict[str, tuple[object, ...]]:
    """Every command that reads a log bundle, with its arguments."""
    return {
        "replay": ("replay", folder, "--port", closed_port()),
        "build-features": ("build-features", "--bundles", folder, "-o", out),
        "calibrate": ("calibrate", "--measured", folder, *MEASURED),
    }


def refused_by_all(folder: Path, out: Path, *words: str) -> None:
    """Every command that reads a bundle refuses it with these words, and writes nothing."""
    for name, arguments in readers_of(folder, out).items():
        done = run(*arguments)
        assert done.exit_code == 2, (name, done.output)
        for one in words:
            assert one in done.output, (name, one)
    assert not out.exists()


def features(folder: Path, out: Path) -> tuple[Result, Columns]:
    """``build-features`` of the tables in a folder, and what it wrote."""
    done = run(
        "build-features", "-m", folder / "measured.csv", "-s", folder / "simulated.csv", "-o", out
    )
    return done, read_table(out) if out.exists() else {}
