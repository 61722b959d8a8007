"""The systemd units: sound, closed, and in step with what agent and web server do."""

from __future__ import annotations

import os
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from edge_agent.config.settings import load_settings
from edge_agent.gateway.mapping_file import load_gateway
from edge_agent.monitoring.watchdog import STUCK_AFTER_S
from tests.support.deploy import DEPLOY, check
from tests.support.processes import ROOT

can_run = pytest.mark.skipif(
    os.geteuid() != 0 and not Path("/run/systemd").is_dir(),
    reason="systemd-analyze makes /run/systemd where no systemd runs, which needs root",
)
UNIT = DEPLOY / "systemd" / "pur-mold-twin-agent.service"
WEB = DEPLOY / "systemd" / "pur-mold-twin-web.service"
GATEWAY = DEPLOY / "systemd" / "pur-mold-twin-gateway.service"
units = pytest.mark.parametrize("unit", [UNIT, WEB, GATEWAY], ids=["agent", "web", "gateway"])
EXPOSURE_MAX = 1.5


def lines(key: str, unit: Path = UNIT) -> list[str]:
    """Values of a key, in order."""
    rows = [line.partition("=") for line in unit.read_text().splitlines()]
    return [value for name, _, value in rows if name == key]


def systemd_s_own_units() -> Path:
    """Where sysinit.target and its like are: beside a systemd that was unpacked, not installed."""
    program = shutil.which("systemd-analyze")
    assert program is not None
    root = Path(program).resolve().parents[1]
    places = [root / "usr/lib/systemd/system", root / "lib/systemd/system"]
    return next((place for place in places if place.is_dir()), Path("/usr/lib/systemd/system"))


@can_run
@pytest.mark.needs("systemd-analyze")
@units
def test_it_is_closed(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true"]
    check(*command, f"--threshold={EXPOSURE_MAX * 10:.0f}", unit)


@can_run
@pytest.mark.needs("systemd-analyze")
def test_an_open_unit_would_be_noticed(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("SystemCallFilter", "#SystemCallFilter"))
    command = ["systemd-analyze", "security", "--offline=true"]
    command += [f"--threshold={EXPOSURE_MAX * 10:.0f}", str(unit)]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


@can_run
@pytest.mark.needs("systemd-analyze")
@units
def test_systemd_takes_it(tmp_path: Path, unit: Path) -> None:
    (program,) = [line.split()[0] for line in lines("ExecStart", unit)]
    text, unit = unit.read_text(), tmp_path / unit.name
    for other in (program, "/bin/kill"):  # not installed here; a bare system has no kill either
        text = text.replace(other, "/bin/true")
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:{systemd_s_own_units()}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert unit.name not in done.stderr, done.stderr  # an unknown key is only a warning


@units
def test_it_can_be_read_as_one_file(unit: Path) -> None:
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text())
    assert parser.sections() == ["Unit", "Service", "Install"]


def test_the_watchdog_waits_longer_than_a_step_may_take() -> None:
    assert float(lines("WatchdogSec")[0]) >= STUCK_AFTER_S
    assert float(lines("WatchdogSec", GATEWAY)[0]) >= STUCK_AFTER_S
    assert lines("Type") == lines("Type", GATEWAY) == ["notify"]
    assert lines("ExecReload") == ["/bin/kill -HUP $MAINPID"]


def test_the_pages_read_the_history_of_the_agent() -> None:
    for key in ("User", "DynamicUser", "StateDirectory", "LoadCredential"):
        assert lines(key) == lines(key, WEB)


def test_the_gateway_has_a_state_of_its_own_that_fits_its_configuration() -> None:
    state = f"%S/{lines('StateDirectory', GATEWAY)[0]}"
    assert lines("WorkingDirectory", GATEWAY) == [state]
    assert lines("StateDirectory", GATEWAY) != lines("StateDirectory")
    assert not load_gateway(ROOT / "configs" / "gateway.yaml").outbox.path.is_absolute()


@pytest.mark.parametrize("unit", [UNIT, WEB], ids=["agent", "web"])
def test_its_variables_are_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: Path
) -> None:
    config = tmp_path / "agent.yaml"
    config.write_text("site: s\nagent_id: a\npresses: [p1]\nbroker: {username: twin}\n")
    for line in lines("Environment", unit):
        for variable in line.split():
            name, _, value = variable.partition("=")
            monkeypatch.setenv(name, value.replace("%S", "/var/lib"))
    settings = load_settings(config)
    assert settings.spool.path == Path("/var/lib/pur-mold-twin/spool.db")
