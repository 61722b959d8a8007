"""docs/integrate: what its pages tell people to run and to copy does what they say."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from broker.codec import decode
from broker.messages import Message, ShotEvent, TelemetryFrame
from edge_agent.cli import main
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import connect
from tests.support.doc_commands import commands_of
from tests.support.processes import ROOT, AgentProcess

PAGES = ROOT / "docs" / "integrate"
PRESS = "pur/v1/plant1/press1"
OFFLINE = [["gateway", "check"], ["gateway", "certificate"]]
MACHINES = sorted(path.stem for path in (ROOT / "configs" / "gateway").glob("*.yaml"))
pytestmark = [pytest.mark.needs("mosquitto", "mosquitto_sub"), pytest.mark.timeout(300)]


@pytest.fixture
def environment(tmp_path: Path, port: int) -> dict[str, str]:
    """That of a reader whose broker is on port 1883: the clients read their port from a file."""
    folder = tmp_path / "clients"
    folder.mkdir()
    for client in ("mosquitto_pub", "mosquitto_sub"):
        (folder / client).write_text(f"-p {port}\n")
    return os.environ | {"XDG_CONFIG_HOME": str(folder)}


@pytest.fixture
def agent(tmp_path: Path, port: int) -> Iterator[AgentProcess]:
    agent = AgentProcess(tmp_path, port, ("press1",), more={"site": "plant1"})
    agent.start()
    yield agent
    agent.kill()


def message(topic: str, payload: str) -> Message:
    """A message of a press as the twin reads it; one with a field too many is none."""
    kinds: dict[str, type[Message]] = {"shot": ShotEvent, "telemetry": TelemetryFrame}
    found = decode(kinds[topic.rpartition("/")[2]], payload.encode())
    more = set(found.model_extra or {})
    assert not more, more
    return found


def test_the_page_of_mosquitto_runs(environment: dict[str, str], agent: AgentProcess) -> None:
    """Every command of the page that ends; the prediction comes, the bad message is refused."""
    printed = {}
    for command in commands_of(PAGES / "mosquitto.md"):
        if "mosquitto_sub" in command.text and " -C " not in command.text:
            continue  # it listens until somebody ends it
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command.text],
            env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        printed[command.text] = done.stdout
    (status,) = [text for command, text in printed.items() if command.endswith("twin/status'")]
    assert json.loads(status)["state"] == "online"
    whole, seconds = [text for command, text in printed.items() if "/prediction" in command]
    prediction = json.loads(whole)
    assert prediction["shot_id"] == "HAND-1"
    assert float(seconds) == prediction["t_demold_min_s"]
    (received,) = [text for command, text in printed.items() if command.endswith("received'")]
    assert "hand" in json.loads(received)["devices"]


@pytest.mark.parametrize("page", MACHINES)
def test_what_needs_no_machine_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copying, certificate and check; all else is tests/integration/test_integrate_machines.py."""
    shutil.copytree(ROOT / "configs" / "gateway", tmp_path / "configs" / "gateway")
    monkeypatch.chdir(tmp_path)
    ran = 0
    for command in commands_of(PAGES / f"{page}.md"):
        words = shlex.split(command.text)
        if words[0] == "cp":
            shutil.copy(words[1], words[2])
        elif words[2:4] in OFFLINE and "--live" not in words:
            done = CliRunner().invoke(main, words[2:])
            assert done.exit_code == 0, f"{command}\n{done.output}"
            ran += 1
    assert ran
    assert "gateway.yaml: nothing is wrong" in done.output


async def test_the_python_press_speaks_the_contract(port: int) -> None:
    rows: list[tuple[str, str]] = []
    async with connect(BrokerSettings(port=port), "listener") as session:
        await session.subscribe([f"{PRESS}/#"])
        press = [sys.executable, str(PAGES / "plc.py"), "127.0.0.1", str(port), "1"]
        done = await asyncio.create_subprocess_exec(*press)
        async with asyncio.timeout(60):
            while len(rows) < 5:
                batch = await session.next_batch(10)
                session.acknowledge(batch)
                rows += [(one.topic, one.payload.decode()) for one in batch]
        assert await done.wait() == 0
    messages: list[Any] = [message(*row) for row in rows]
    kinds = [getattr(found, "event", "reading") for found in messages]
    assert kinds == ["started", "reading", "poured", "reading", "demolded"]
    assert [found.seq for found in messages] == [0, 1, 2, 3, 4]
    assert len({found.shot_id for found in messages if found.shot_id}) == 1


def test_the_structured_text_builds_messages_of_the_contract() -> None:
    """No PLC runs here: texts are put together as it does, numbers in place of its variables."""
    page = (PAGES / "plc.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```\n(VAR.*?)```", page, re.DOTALL)
    pieces = re.findall(r"'([^']*)'", program)
    head = pieces[0] + "1795951244" + pieces[1] + "7"
    shot = pieces[2] + "1" + pieces[3]
    assert all(piece in program for piece in ('"started"}', '"demolded"}'))
    for end in ('"started"}', '"demolded"}'):
        message(f"{PRESS}/shot", head + shot + end)
    (poured, iso) = [piece for piece in pieces if "m_polyol_kg" in piece or "m_iso_kg" in piece]
    event = message(f"{PRESS}/shot", head + shot + poured + "0.4" + iso + "0.45" + "}}")
    assert isinstance(event, ShotEvent)
    assert event.recipe is not None
    (sensors,) = [piece for piece in pieces if "sensors" in piece]
    message(f"{PRESS}/telemetry", head + sensors + "40.2" + "}}")
    topics = {piece for piece in pieces if piece.startswith("pur/")}
    assert topics == {f"{PRESS}/shot", f"{PRESS}/telemetry"}
    assert len(program.splitlines()) < 32
