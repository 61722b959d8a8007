"""From each machine of docs/integrate to the first prediction, as its page says: simulated."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.example_press import (
    ExamplePress,
    JsonLine,
    LoggerFiles,
    ModbusDevices,
    OpcUaPlc,
    SparkplugLine,
)
from tests.support.processes import ROOT, AgentProcess, mosquitto_sub
from tests.support.waiting import until

PRESSES: dict[str, Any] = {
    "foreign-json": JsonLine,
    "logger-folder": LoggerFiles,
    "modbus-thermostat": ModbusDevices,
    "s7-1500": OpcUaPlc,
    "sparkplug": SparkplugLine,
}
TELL_WHEN_ASKED = {"modbus-thermostat", "s7-1500", "sparkplug"}
"""Machines that can be read at any time; the others are heard when they speak."""
PRESS = "pur/v1/plant1/press1"
pytestmark = [
    pytest.mark.peers,
    pytest.mark.needs("mosquitto", "mosquitto_sub", "python:asyncua", "python:pymodbus"),
    pytest.mark.timeout(300),
]


def look_around(file: Path, settings: dict[str, Any]) -> None:
    """Run what the pages have before a gateway runs: every tag is there, and found by browsing."""
    command = [sys.executable, "-m", "edge_agent", "gateway"]
    live = subprocess.run(
        [*command, "check", "-c", str(file), "--live"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert live.returncode == 0, live.stdout + live.stderr
    assert live.stdout.endswith(f"{file}: nothing is wrong\n")
    browsed = subprocess.run(
        [*command, "browse", "-c", str(file), "--output", "json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert browsed.returncode == 0, browsed.stderr
    found = {(tag["source"], tag["address"]) for tag in json.loads(browsed.stdout)}
    for name, source in settings["sources"].items():
        for tag in source["tags"].values():
            if "node" in tag:
                assert (name, tag["node"]) in found
            elif "metric" in tag:
                assert (name, f"{tag.get('device', '')}//{tag['metric']}") in found
            else:
                bit = f".{tag['bit']}" if "bit" in tag else ""
                assert (name, f"{tag.get('table', 'holding')}:{tag['address']}{bit}") in found


@pytest.mark.parametrize("example", PRESSES)
async def test_the_first_prediction(example: str, tmp_path: Path, port: int) -> None:
    settings = yaml.safe_load((ROOT / "configs" / "gateway" / f"{example}.yaml").read_text())
    press: ExamplePress = PRESSES[example](tmp_path, port)
    agent = AgentProcess(tmp_path, port, ("press1",), more={"site": "plant1"})
    log = tmp_path / "gateway.log"
    async with press:
        press.adapt(settings)
        settings["broker"] = {"port": port}
        settings["outbox"] = {"path": str(tmp_path / "gateway.db")}
        file = tmp_path / "gateway.yaml"
        file.write_text(json.dumps(settings))
        with log.open("wb") as out:
            gateway = await asyncio.to_thread(
                subprocess.Popen,
                [sys.executable, "-m", "edge_agent", "gateway", "-c", str(file)],
                cwd=ROOT, env=os.environ.copy(), stderr=out, stdout=out,
            )  # fmt: skip
        try:
            await asyncio.to_thread(agent.start)
            connected = len(settings["sources"])
            await until(
                lambda: (
                    log.read_text().count('"source_connected"') >= connected
                    or gateway.poll() is not None
                ),
                "the sources",
            )
            assert gateway.poll() is None, log.read_text()[:2000]
            if example in TELL_WHEN_ASKED:
                await asyncio.to_thread(look_around, file, settings)
            await press.shoot()
            topic = f"{PRESS}/twin/mold/PANEL_A/prediction"
            (line,) = await asyncio.to_thread(mosquitto_sub, port, topic, 1, 120)
        finally:
            gateway.terminate()
            code = await asyncio.to_thread(gateway.wait, 60)
            agent.kill()
    assert code == 0
    prediction = json.loads(line)
    assert prediction["system_id"] == "SYSTEM_R1"
    assert 60 < prediction["t_demold_min_s"] < 1000
    with_counter = example != "modbus-thermostat"
    assert prediction["shot_id"].startswith("S-1042" if with_counter else "press1-")
    (recipe,) = agent.rows("SELECT recipe FROM shot")[0]
    found = json.loads(recipe)
    assert found["m_polyol_kg"] == pytest.approx(0.4, rel=1e-3)
    assert found["m_iso_kg"] == pytest.approx(0.45, rel=1e-3)
    assert found["T_mold_C"] == pytest.approx(40.2, abs=0.3)
