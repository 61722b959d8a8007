"""Odd values of options and odd addresses: a clear line and exit code 2 or 1, never a traceback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from tests.support.processes import ROOT

SCENARIO = str(ROOT / "configs" / "scenarios" / "use_case_1.yaml")
BUNDLE = str(ROOT / "configs" / "bundles" / "baser_khakhar_1994_r11")
HUGE = "9" * 30
SWEEP = ["sweep", "-s", SCENARIO, "-n", "2"]
OPTIMIZE = ["optimize", "-s", SCENARIO]
PLANT = ["virtual-plant", "-o", "plant", "-n", "2"]
DRIFT = ["check-drift", "--baseline", "a.csv", "--current", "b.csv"]
BUILD = ["build-features", "--history", "no.db"]
PRODUCTION = ["calibrate", "--production"]
COMPARE = ["models", "compare", "physics", "pour/1", "--history", "no.db"]
AGES = [f"{HUGE}d", "9" * 5000 + "d", "-1d", "1", "d", "", "1.5h", "nan", "1e3d", "٣d", "36501d"]
NUMBERS = ["nan", "inf", "-inf", "-1", "1e999", "", "x", "1,5"]
COUNTS = ["0", "-1", HUGE, "1.5", "nan", "", "x"]


def each(before: list[str], option: str, values: list[str]) -> list[list[str]]:
    return [[*before, option, value] for value in values]


ODD: list[list[str]] = [
    *each(["history"], "--since", AGES),
    *each(["history"], "--limit", [*COUNTS, "10001"]),
    *each(["history", "--history", "no.db"], "--since", ["-5m"]),
    *each(["history", "-c"], "no.yaml", ["x"]),
    *each(BUILD, "--since", [*AGES, "0001-01-01", "9999-12-31T23:59-14:00", "2026-13-01", "now"]),
    *each(BUILD, "--until", [*AGES, "0001-01-01T00:00+14:00"]),
    *each(COMPARE, "--days", [*NUMBERS, "0", HUGE]),
    *each(["models", "show", "pour"], "--output", ["x"]),
    *[["models", "show", "pour", version] for version in COUNTS],
    *[["models", "show", name, "1"] for name in ("", "..", "a/b", "POUR", "x" * 300, "\udcff")],
    ["models", "promote", "pour", "1"],
    ["models", "promote", "pour", HUGE],
    ["models", "rollback", "pour"],
    ["models", "shadow", "pour", "1"],
    ["models", "shadow", "pour"],
    *[["models", "compare", odd, "physics", "--history", "no.db"] for odd in ("", "x", "a/b/c")],
    *each(OPTIMIZE, "--samples", COUNTS),
    *each(OPTIMIZE, "--draws", COUNTS),
    *each(OPTIMIZE, "--seed", ["-1", HUGE, "nan", ""]),
    *each(OPTIMIZE, "--violations", [*NUMBERS, "0.5"]),
    *each(OPTIMIZE, "--t-cycle-max", [*NUMBERS, "0"]),
    *each(OPTIMIZE, "--vary", ["", "=", "T_mold_C", "T_mold_C=nan:1", "T_mold_C=1:2:3:4"]),
    *each(OPTIMIZE, "--limit", ["", "=1", "swell_mm=", "x" * 999]),
    *each(OPTIMIZE, "--prefer", ["", "cycle", "cycle=x", "cycle=1,cycle=2", "cycle=-1"]),
    *each(SWEEP, "--samples", COUNTS),
    *each(SWEEP, "--seed", ["-1", HUGE, "nan", ""]),
    *each(SWEEP, "--sensitivity", ["", "x"]),
    *[
        [*SWEEP, "--vary", f"process.T_mold_C={value}"]
        for value in ("nan", "inf", "-1", "1e999", "", "5:1", "nan:nan", "0:inf", "1:2:3", "x:y")
    ],
    *[
        [*SWEEP, "--vary", path]
        for path in ("", "=", "=1:2", "process=1:2", "x.y.z=1:2", "a" * 999)
    ],
    *each(["replay", BUNDLE], "--speed", [*NUMBERS, "0", HUGE]),
    *each(["replay", BUNDLE], "--wait", [*NUMBERS, HUGE]),
    *each(["replay", BUNDLE], "--port", [*COUNTS, "65536"]),
    *each(["replay", BUNDLE, "--port", "1"], "--site", ["", "a/b", "#", "+", "x" * 500, "\udcff"]),
    *each(["replay", BUNDLE, "--port", "1"], "--press", ["", "a/b", "#"]),
    *each(["replay", BUNDLE, "--port", "1"], "--prefix", ["", "/", "a//b", "#", "x" * 70_000]),
    *each(["replay", BUNDLE, "--port", "1"], "--host", ["", "a b", "x" * 300, "..", "\udcff"]),
    *[["replay", source] for source in ("", "no", "/dev/null", SCENARIO)],
    *each(["record", "out.jsonl"], "--port", ["0", "nan"]),
    *each(["record", "out.jsonl"], "--count", COUNTS),
    *each(PLANT, "--shots", COUNTS),
    *each(PLANT, "--presses", [*COUNTS, "1001"]),
    *each(PLANT, "--molds", [*COUNTS, "101"]),
    *each(PLANT, "--seed", ["-1", HUGE, "nan", ""]),
    *each(PLANT, "--start", ["0001-01-01", "9999-12-31", "nan", "", "2025-02-30", HUGE]),
    *each(PLANT, "--days", [*NUMBERS, "0", "36501", "1e-300"]),
    *each(PLANT, "--system", ["", "x", "../x"]),
    *each(PLANT, "--systems", ["no", "/dev/null"]),
    *[
        [*PLANT, "--change", change]
        for change in (
            *("", "x", "2025-01-01", "2025-01-01,x=1", "2025-01-01,iso_gain=nan"),
            *("2025-01-01,iso_gain=inf", "2025-01-01,iso_gain=", "0001-01-01T00:00:00+14:00,a=1"),
            *("9999-99-99,iso_gain=1", f"{HUGE},iso_gain=1", "2025-01-01,press="),
        )
    ],
    *each(DRIFT, "--warn-threshold", [*NUMBERS, "0"]),
    *each(DRIFT, "--alert-threshold", [*NUMBERS, "0"]),
    *each(["run-sim", "-s", SCENARIO], "--samples", COUNTS),
    *each(["run-sim", "-s", SCENARIO], "--system", ["", "x"]),
    *each(["run-sim", "-s", SCENARIO], "--dimension", ["", "2d", "nan"]),
    *each(["run-sim", "-s", SCENARIO], "--backend", ["x"]),
    *[["run-sim", "-s", path] for path in ("", "no.yaml", ".", "/dev/null", "/dev/zero")],
    *each(["calibrate", "-y", "SYSTEM_R1"], "--systems", ["no", "/dev/null"]),
    *each(["calibrate", "-y", "SYSTEM_R1"], "--fit", ["", "x", "x.y"]),
    *each(["calibrate", "-y", "SYSTEM_R1"], "--measured", ["", "no", "/dev/null"]),
    *each(["calibrate"], "--cure", ["", "no", ".", "/dev/null"]),
    *each(PRODUCTION, "--bundles", ["", "no", "/dev/null", SCENARIO]),
    *each(PRODUCTION, "--history", ["no.db", "."]),
    *each([*PRODUCTION, "--bundles", BUNDLE], "--shots-max", COUNTS),
    *each([*PRODUCTION, "--bundles", BUNDLE], "--held-out", [*NUMBERS, "0", "1"]),
    *each([*PRODUCTION, "--bundles", BUNDLE], "--since", AGES[:4]),
    *each([*PRODUCTION, "--bundles", BUNDLE], "--fix", ["", "x"]),
    *each([*PRODUCTION, "--bundles", BUNDLE], "--molds", ["no", "/dev/null"]),
    *each(["calibrate", "--due"], "--history", ["no.db", "."]),
    *each(["calibrate", "--due"], "--config", ["", "no", "/dev/null"]),
    *each(["calibrate", "--due", "--history", "no.db"], "--age-max", AGES),
    ["calibrate", "--due", "--bundles", BUNDLE],
    *each(["train-ml"], "--features", ["", "no.csv", ".", "/dev/null"]),
    *each(["demo"], "--speed", [*NUMBERS, "0", "1001"]),
    *each(["demo"], "--seed", ["-1", HUGE]),
    *[["spool", "status", path] for path in ("", "no", ".", SCENARIO)],
    *[["spool", "verify", path] for path in ("", "no", ".")],
    *[["spool", "export", path, "forward"] for path in ("", "no", ".", SCENARIO)],
    *[["agent", "-c", path] for path in ("", "no", ".", "/dev/null", SCENARIO)],
]


def run(arguments: list[str]) -> Result:
    return CliRunner().invoke(main, arguments)


def check(result: Result, codes: set[int]) -> str:
    """What was said, if it ended in order."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in codes, result.output
    assert "Traceback" not in result.output
    assert "a fault of this program" not in result.output
    said = [line for line in result.stderr.splitlines() if line.lower().startswith("error: ")]
    assert said, result.output
    assert all(len(line) < 2000 for line in said)
    return result.output


@pytest.mark.parametrize("command", sorted({arguments[0] for arguments in ODD}))
def test_a_clear_error(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in ODD:
        if arguments[0] == command:
            print(arguments)  # shown when it fails
            check(run(arguments), {1, 2} if command != "check-drift" else {3})


SECRET = "Gehe1m"
WRONG = {
    f"postgresql+asyncpg://u:{SECRET}@h/d": "postgresql+asyncpg:// is not a way to a database here",
    f"mysql://u:{SECRET}@h/d": "mysql:// is not a way",
    f"https://u:{SECRET}@h/d": "https:// is not a way",
    "sqlite:///var/history.db": "sqlite:// is not a way",
    "postgresql://": "names no host",
    f"postgresql://u:{SECRET}@/d": "names no host",
    f"postgresql://u:{SECRET}@h:99999/d": "host or port cannot be read",
    f"postgresql://u:{SECRET}@h:abc/d": "host or port cannot be read",
    f"postgresql://u:{SECRET}@h:0/d": "port 0",
    f"postgresql://u:{SECRET}/@h/d": "host or port cannot be read",
    f"postgresql://u:{SECRET}#@h/d": "host or port cannot be read",
    f"postgresql://u:x#{SECRET}@h/d": "host or port cannot be read",
    f"postgresql://u:{SECRET}@h/d#x": "holds a #",
    f"postgresql://u:{SECRET}@[::1/d": "host or port cannot be read",
    f"postgresql://u:{SECRET}@a b/d": "holds a blank",
    f"postgresql://u:{SECRET}@h/d\n": "holds a blank",
    f"postgresql://u:{SECRET}@{'x' * 300}/d": "its host is no name of a machine",
    f"postgresql://u:{SECRET}@a..b/d": "its host is no name of a machine",
    f"{SECRET}://x": "is not a way to a database here",
}
ASKING = {
    "history": ["history", "--history"],
    "build": ["build-features", "--history"],
    "compare": ["models", "compare", "physics", "pour/1", "--history"],
    "production": [*PRODUCTION, "--history"],
    "plant": [*PLANT, "--history"],
}


@pytest.mark.parametrize("command", ASKING)
def test_addresses_that_cannot_be_one(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for address, problem in WRONG.items():
        said = check(run([*ASKING[command], address]), {2})
        assert problem in said, address
        assert SECRET not in said or address.startswith(SECRET)


@pytest.mark.parametrize("where", ["url", "url_file", "environment"])
def test_the_agent_and_such_addresses(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, (address, problem) in enumerate(WRONG.items()):
        config, file = tmp_path / f"{number}.yaml", tmp_path / f"{number}.url"
        file.write_text(address)
        history = {"url": json.dumps({"url": address}), "url_file": f"{{url_file: '{file}'}}"}
        config.write_text(
            f"site: s\nagent_id: a\npresses: [p]\nhistory: {history.get(where, '{}')}\n"
        )
        if where == "environment":
            monkeypatch.setenv("TWIN_HISTORY__URL", address)
        # a file with an address may be mended while the agent runs; who only asks gives up
        command = ["history", "-c"] if where == "url_file" else ["agent", "-c"]
        if where == "url_file" and address.endswith("\n"):
            continue  # the end of a line ends the address in a file
        said = check(run([*command, str(config)]), {1} if where == "url_file" else {2})
        assert SECRET not in said or address.startswith(SECRET)
        if "\n" not in address:
            assert problem in said, address


@pytest.mark.needs("python:asyncpg")
@pytest.mark.parametrize("command", ["history", "build", "compare"])
def test_databases_that_are_not_there(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening: whoever connects is refused
        port = nobody.getsockname()[1]
        for address in (
            f"postgresql://u:{SECRET}@127.0.0.1:{port}/d",
            f"postgres://u:{SECRET}ü%20%@127.0.0.1:{port}/d",
            f"postgresql://u:{SECRET}@[::1]:{port}/d",
            f"postgresql://u:{SECRET}@127.0.0.1:{port}/d?sslmode=no-such",
            f"postgresql://u:{SECRET}@127.0.0.1:{port}/d?no_such_option=1",
            f"postgresql://u:{SECRET}@127.0.0.1:{port}/d?sslmode=require&sslrootcert=/none",
            f"postgresql://u:{SECRET}@localhost.invalid:{port}/d",
            f"postgresql:///d?host={tmp_path}&user=u&password={SECRET}",
        ):
            said = check(run([*ASKING[command], address]), {1})
            assert SECRET not in said, address


@pytest.mark.parametrize("command", ["history", "build", "compare", "production"])
def test_files_that_are_no_history(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.db").write_text("hello" * 1000)
    (tmp_path / "empty.db").touch()
    (tmp_path / "a?b#c%.db").touch()
    names = ("no.db", ".", "/dev/zero", "text.db", "empty.db", "a?b#c%.db", "no?mode=rwc", "\udcff")
    for name in names:
        wrong_input = command == "production" and not Path(name).exists()
        check(run([*ASKING[command], name]), {2 if wrong_input else 1})
    assert not (tmp_path / "no").exists()
    check(run([*ASKING[command], ""]), {2})


def test_a_fault_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line, and with TWIN_DEBUG the traceback."""

    def kaput(_path: Path) -> None:
        raise ZeroDivisionError("kaput")

    monkeypatch.setattr("twin_core.files.read_yaml", kaput)
    result = run(["run-sim", "-s", SCENARIO])
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "error: a fault of this program, not of what it was given: ZeroDivisionError: kaput",
        "hint: run it again with --verbose and report what is printed",
    ]
    assert "Traceback" in run(["-v", "run-sim", "-s", SCENARIO]).stderr
    assert "Traceback" in run(["run-sim", "-s", SCENARIO, "-v"]).stderr
    monkeypatch.setenv("TWIN_DEBUG", "1")
    assert "Traceback" in run(["run-sim", "-s", SCENARIO]).stderr


def test_a_reader_that_leaves_is_no_fault() -> None:
    """As in ``pur-mold-twin list systems | head``, which ends before all is said."""
    command = [sys.executable, "-m", "edge_agent", "list", "systems"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listing:
        assert listing.stdout is not None
        assert listing.stderr is not None
        listing.stdout.close()
        assert listing.stderr.read() == b""
