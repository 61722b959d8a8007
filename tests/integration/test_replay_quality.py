"""``replay`` of a bundle with a ``qc.yaml``, at a broker where a press may not write quality."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from edge_agent.agent import Agent
from edge_agent.cli import main
from edge_agent.clock import SystemClock
from edge_agent.config.settings import HistorySettings, Settings, SpoolSettings
from tests.support.processes import ROOT, read_file
from tests.support.ruled_broker import RuledBroker, ruled_broker
from tests.support.waiting import until

BUNDLE = ROOT / "configs" / "bundles" / "simulated_panel"


@asynccontextmanager
async def agent_at(broker: RuledBroker) -> AsyncIterator[Path]:
    """The agent of the plan; gives its history."""
    history = broker.path.parent / "history.db"
    settings = Settings(
        site="s",
        agent_id="a",
        presses=["p1", "p2"],
        broker=broker.settings("agent-a"),
        spool=SpoolSettings(path=broker.path.parent / "spool.db"),
        history=HistorySettings(path=history),
    )
    stop = asyncio.Event()
    agent = Agent(settings, SystemClock(), stop)
    task = asyncio.create_task(agent.run())
    try:
        await until(lambda: list(agent._vitals.sessions.values()) == [True, True])
        yield history
    finally:
        stop.set()
        await task


async def replay(broker: RuledBroker, *more: str) -> subprocess.CompletedProcess[str]:
    """The command of docs/broker.md, with the certificate of the press p1."""
    tls = broker.settings("press-s-p1").tls
    command = [sys.executable, "-m", "edge_agent", "replay", str(BUNDLE), "--speed", "100"]
    command += ["--host", "localhost", "--port", str(broker.plan.port)]
    command += ["--site", "s", "--press", "p1", "--ca-file", str(tls.ca_file), "--wait", "60"]
    command += ["--cert-file", str(tls.cert_file), "--key-file", str(tls.key_file), *more]
    return await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.needs("mosquitto")
async def test_a_press_replays_its_shot_and_the_record_needs_the_laboratory(tmp_path: Path) -> None:
    async with ruled_broker(tmp_path) as broker, agent_at(broker) as history:
        done = await replay(broker)
        assert done.returncode == 0, done.stderr
        assert "SIMULATED-PANEL-1: demold from" in done.stdout
        assert "bar simulated" in done.stdout  # never said to be measured
        refusal = "not sent: the quality record of SIMULATED-PANEL-1: pur/v1/s/p1/quality"
        assert refusal in done.stderr
        assert "Not authorized" in done.stderr
        assert "--quality-cert-file quality.crt --quality-key-file quality.key" in done.stderr
        shots = "SELECT count(*), sum(simulated) FROM shot"
        await until(lambda: read_file(history, shots) == [(1, 1)])
        assert read_file(history, "SELECT count(*) FROM quality") == [(0,)]

        tls = broker.settings("quality").tls
        own = ("--quality-cert-file", str(tls.cert_file), "--quality-key-file", str(tls.key_file))
        done = await replay(broker, *own, "--wait", "2")  # a repeat of the shot: no new prediction
        assert done.returncode == 0, done.stderr
        assert "not sent" not in done.stderr
        await until(lambda: read_file(history, "SELECT count(*) FROM quality") == [(1,)])
        ((document,),) = read_file(history, "SELECT document FROM quality")
        record = json.loads(document)
        assert record["simulated"] is True
        said = yaml.safe_load((BUNDLE / "qc.yaml").read_text())
        assert record["rho_moulded_kg_per_m3"] == said["rho_moulded"]
        assert record["t_demold_safe_s"] == said["t_demold_safe_s"]


@pytest.mark.needs("mosquitto")
async def test_a_laboratory_that_may_not_write_is_an_error(tmp_path: Path) -> None:
    async with ruled_broker(tmp_path) as broker:
        tls = broker.settings("scada").tls
        own = ("--quality-cert-file", str(tls.cert_file), "--quality-key-file", str(tls.key_file))
        done = await replay(broker, *own, "--wait", "2")  # a repeat of the shot: no new prediction
    assert done.returncode == 1
    assert "pur/v1/s/p1/quality: the broker refused a publish: Not authorized" in done.stderr


def test_wrong_files_are_said_before_anything_is_sent(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(BUNDLE, bundle)
    (bundle / "qc.yaml").write_text("rho_moulded: -3\n")
    done = CliRunner().invoke(main, ["replay", str(bundle)])
    assert done.exit_code == 2
    assert f"{bundle / 'qc.yaml'}: rho_moulded_kg_per_m3: " in done.stderr
    done = CliRunner().invoke(main, ["replay", str(BUNDLE), "--quality-cert-file", "q.crt"])
    assert done.exit_code == 2
    assert "cert_file and key_file belong together" in done.stderr
