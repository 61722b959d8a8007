"""A gateway whose disk is full: nothing is acknowledged to its source, so nothing is lost."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.local.loopback import free_port
from edge_agent.gateway.numbered import unpack_payload
from tests.chaos.gateway_line import settings_for
from tests.chaos.press_with_tags import JsonPlc
from tests.chaos.small_disk import FileLimit
from tests.support.gateway_process import GatewayProcess
from tests.support.processes import read_file
from tests.support.waiting import until

pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.timeout(300)]
FIRST, MORE = 20, 400


def readings(outbox: Path) -> list[float]:
    """Temperatures of all frames that wait."""
    rows = read_file(outbox, "SELECT payload FROM message ORDER BY id")
    found = [json.loads(unpack_payload(payload)).get("sensors", {}) for (payload,) in rows]
    return [one["T_mold_C"] for one in found if "T_mold_C" in one]


@pytest.mark.parametrize("killed", [False, pytest.param(True, marks=pytest.mark.peers)])
async def test_what_a_full_disk_refused_comes_again(killed: bool, tmp_path: Path) -> None:
    """There is room again, or the gateway is killed before: each reading is kept once."""
    start = datetime.now(UTC) - timedelta(minutes=1)
    values = [30.0 + n / 10 for n in range(FIRST + MORE)]
    disk = FileLimit(tmp_path)
    async with JsonPlc(tmp_path) as plc:
        gateway = GatewayProcess(tmp_path, settings_for(plc.source(), free_port()))
        gateway.start()
        try:
            await until(lambda: gateway.logged("source_connected") > 0, "the source")
            for n, value in enumerate(values[:FIRST]):
                await plc.write("temperature", value, start + timedelta(seconds=n))
            await until(lambda: readings(gateway.outbox) == values[:FIRST], "the first readings")
            assert gateway.process is not None
            with closing(sqlite3.connect(gateway.outbox)) as reader:
                reader.execute("BEGIN")  # while somebody reads, the log cannot start over
                reader.execute("SELECT count(*) FROM message").fetchone()
                disk.fill(gateway.process.pid)
                for n, value in enumerate(values[FIRST:], FIRST):
                    await plc.write("temperature", value, start + timedelta(seconds=n))
                await until(lambda: gateway.logged("outbox_write_failed") > 0, "words")
                if killed:
                    await asyncio.to_thread(gateway.kill)
            if killed:
                gateway.start()  # a new process: its files may grow
            else:
                disk.clear(gateway.process.pid)
            await until(lambda: len(readings(gateway.outbox)) >= len(values), "all readings")
            assert readings(gateway.outbox) == values
            if not killed:
                assert gateway.logged("outbox_write_recovered") > 0
            gateway.must_live()
            assert await asyncio.to_thread(gateway.terminate) == 0
        finally:
            gateway.kill()
