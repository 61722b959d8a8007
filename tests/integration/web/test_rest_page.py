"""docs/rest.md: its commands run, and its tables are those of the code."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path

import pytest

from broker.local.mosquitto import MosquittoProcess
from edge_agent.web.access.roles import ROLE_NAMES, SCOPES
from edge_agent.web.access.who_may import RULES
from tests.integration.web.test_rest import ROWS
from tests.support.processes import ROOT, wait_for
from tests.support.web_app import WebProcess, put_rows

TEXT = (ROOT / "docs" / "rest.md").read_text()
BLOCKS = [block for block in re.findall(r"(?:^    .*\n)+", TEXT, re.MULTILINE) if "curl" in block]


@pytest.mark.peers
@pytest.mark.needs("curl")
def test_every_request_is_answered(tmp_path: Path, broker: MosquittoProcess) -> None:
    asyncio.run(put_rows(tmp_path / "history.db", ROWS))
    with WebProcess(tmp_path, broker.port, presses=["press1"]) as web:
        wait_for(lambda: "web_link_connected" in web.log.read_text(), "the broker")
        scopes = "--scope", "quality", "--scope", "simulate", "--scope", "read"
        made = web.run("token", "add", "mes", "--role", "engineer", *scopes)
        token = made.stdout.splitlines()[0]
        count = 0
        for block in BLOCKS:
            script = re.sub(r"^    ", "", block, flags=re.MULTILINE)
            script = script.replace("http://127.0.0.1:8080", web.address)
            script = script.replace("curl -s", "curl -s --fail-with-body")
            done = subprocess.run(
                ["bash", "-euc", script], cwd=tmp_path,
                env={"TOKEN": token, "PATH": "/usr/bin:/bin"},
                capture_output=True, text=True, check=False, timeout=120,
            )  # fmt: skip
            assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
            count += script.count("curl ")
        assert count >= 10
        assert (tmp_path / "day.csv").read_text().startswith("ts,site,press,device_id,seq")
        assert (tmp_path / "readings.parquet").read_bytes()[:4] == b"PAR1"


def test_roles_scopes_and_routes_are_those_of_the_code() -> None:
    roles = re.findall(r"^\| (\w+) \| ", TEXT.partition("## The first")[0], re.MULTILINE)
    assert tuple(roles[1:]) == ROLE_NAMES
    for scope in SCOPES:
        assert f"`{scope}`" in TEXT
    for rule in RULES:
        if rule.answer == "json" and rule.path.startswith(("/api/", "/ml", "/opt", "/sim", "/ver")):
            named = rule.path.removeprefix("/api/v1")
            assert named in TEXT or named == "/audit", rule
