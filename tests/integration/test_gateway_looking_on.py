"""``gateway check --live`` and ``gateway watch`` beside a simulated Modbus device."""

from __future__ import annotations

import asyncio

import pytest
from click.testing import CliRunner, Result

from broker.local.loopback import free_port
from edge_agent.cli import main
from tests.support.machines.modbus import ModbusMachine

MAPPING = """\
site: plant1
sources:
  device:
    kind: modbus
    host: 127.0.0.1
    port: {port}
    poll_ms: 50
    timeout_s: 1
    tags:
      temperature: {{address: 10, type: float32, words: little}}
      wrong_order: {{address: 10, type: float32}}
      counter: {{address: 12, type: uint32}}
      open: {{table: coil, address: 3}}
      missing: {{address: 300}}
stations:
  press1:
    press: press1
    mold: {{tag: device.counter, prefix: M-}}
    sensors:
      T_mold_C: device.temperature
      T_core_C: device.wrong_order
      T_iso_C: device.missing
    shots:
      poured: {{tag: device.open, when: rises}}
      system_id: SYSTEM_R1
      recipe: {{m_polyol_kg: 0.8, m_iso_kg: 0.9}}
"""


async def _run(*arguments: object) -> Result:
    texts = ["gateway", *map(str, arguments)]
    return await asyncio.to_thread(CliRunner().invoke, main, texts)


@pytest.fixture
async def machine(tmp_path):
    async with ModbusMachine(tmp_path) as found:
        yield found


@pytest.fixture
def mapping(tmp_path, machine):
    path = tmp_path / "gateway.yaml"
    path.write_text(MAPPING.format(port=machine.port))
    return path


async def test_check_live_says_what_each_tag_is_and_becomes(mapping):
    found = await _run("check", "-c", mapping, "--live", "--wait", 5)

    assert found.exit_code == 2
    rows = [" ".join(line.split()) for line in found.output.splitlines()]
    assert "device.temperature number 45.5 T_mold_C 45.5" in rows
    assert "device.counter integer 7 mold M-7" in rows
    problems = [row for row in rows if row.startswith("problem: ")]
    assert len(problems) == 2
    assert "line 14: sources.device.tags.missing: " in problems[0] + problems[1]
    assert "line 21: stations.press1.sensors.T_core_C: device.wrong_order: " in "".join(problems)


async def test_check_live_of_a_machine_that_is_away(mapping):
    mapping.write_text(MAPPING.format(port=free_port()))

    found = await _run("check", "-c", mapping, "--live", "--wait", 3)

    assert found.exit_code == 2
    assert "line 3: sources.device: " in found.output
    assert found.output.count("problem: ") == 1


async def test_watch_prints_changes_beside_what_becomes_of_them(mapping, machine):
    watching = asyncio.create_task(_run("watch", "-c", mapping, "--seconds", 3))
    while not watching.done():  # it takes its time to begin
        await asyncio.sleep(0.3)
        await machine.write("open", not machine.coils[3])
    found = await watching

    assert found.exit_code == 0
    assert "device.temperature: 45.5 → T_mold_C → 45.5" in found.output
    assert "press1: told poured shot press1-" in found.output
