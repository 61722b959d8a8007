"""A PLC that has nothing but tags makes shots while gateway, agent, broker and links break."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.e2e.gateway.line import TROUBLES, Line

SHOTS, KILLS = 200, 20
pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.timeout(900)]


async def run(folder: Path, protocol: str, shots: int, troubles: list[str]) -> None:
    """Make shots; the troubles come at even distances among them.

    Raises:
        AssertionError: with all that is not as it must be.
    """
    async with Line(folder, protocol) as line:
        working = asyncio.create_task(line.press.make(shots))
        for number, what in enumerate(troubles, 1):
            while len(line.press.shots) < shots * number // (len(troubles) + 1):
                await asyncio.sleep(0.02)
                if working.done():
                    working.result()
            await line.one_trouble(what)
        await working
        await line.settled()
        problems = line.problems()
        words = f"{len(problems)} problems, {dict(line.troubles)}:\n" + "\n".join(problems[:40])
        assert not problems, words
        assert len(line.press.shots) == shots
        log = line.gateway.log.read_text()
        assert "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]


@pytest.mark.peers
@pytest.mark.parametrize("protocol", ["opcua", "modbus", "json"])
async def test_200_shots_over_20_kills(protocol: str, tmp_path: Path) -> None:
    """Each shot once, no reading lost that the source still had, nothing doubled."""
    rng = random.Random(f"kills/{protocol}")
    troubles = [TROUBLES[n % len(TROUBLES)] for n in range(KILLS)]
    rng.shuffle(troubles)
    await run(tmp_path, protocol, SHOTS, troubles)


async def test_shots_over_a_kill(tmp_path: Path) -> None:
    """The short form: foreign JSON, one kill of the gateway."""
    await run(tmp_path, "json", 4, ["gateway"])
