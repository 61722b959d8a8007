"""The web server as a process: what it loads, says and streams, and how it ends."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from broker.codec import encode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Message
from edge_agent.config.settings import BrokerSettings, Settings
from edge_agent.errors import SettingsError
from edge_agent.links.mqtt import connect, passing_id
from edge_agent.web.server import serve
from tests.support.live_states import SetClock, status, timed
from tests.support.processes import ROOT
from tests.support.waiting import LIMIT_S

pytestmark = pytest.mark.needs("mosquitto")
TOPIC = "pur/v1/s/p1/twin"


def settings_of(broker_port: int, folder: Path, **web: Any) -> Settings:
    return Settings.model_validate(
        {
            "site": "s",
            "agent_id": "t1",
            "presses": ["p1"],
            "broker": {"port": broker_port, "reconnect_max_s": 0.5},
            "history": {"path": folder / "history.db"},
            "web": {"port": 0, "time_zone": "Europe/Berlin", "database_path": folder / "web.db"}
            | web,
        }
    )


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[str]:
    """The address of a server in this process."""
    stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    server = asyncio.create_task(serve(settings, SetClock(), stop, address.set_result))
    try:
        await asyncio.wait({server, address}, return_when=asyncio.FIRST_COMPLETED)
        if server.done():
            await server
        yield address.result().rstrip("/")
    finally:
        stop.set()
        await asyncio.wait_for(server, LIMIT_S)


async def send(port: int, topic: str, message: Message) -> None:
    async with connect(BrokerSettings(port=port), passing_id("test")) as session:
        await session.publish(f"{TOPIC}/{topic}", encode(message), retain=True)


async def events(client: httpx.AsyncClient, url: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Events of a stream."""
    kind = ""
    async with client.stream("GET", url) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield kind, json.loads(line.removeprefix("data: "))


def test_the_server_loads_no_model() -> None:
    """Else it would need four times the memory."""
    program = (
        "import sys, edge_agent.web.server, edge_agent.web.api.routes, edge_agent.cli.web; "
        "print([name for name in ('numba', 'scipy', 'numpy', 'twin_core.models', 'onnxruntime',"
        " 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


async def test_what_travels_on_mqtt_comes_out_of_the_stream(
    broker: MosquittoProcess, tmp_path: Path
) -> None:
    await send(broker.port, "mold/PANEL_A/prediction", timed())
    async with served(settings_of(broker.port, tmp_path)) as url, httpx.AsyncClient() as client:
        seen: dict[str, str] = {}
        async with asyncio.timeout(LIMIT_S):
            async for kind, content in events(client, f"{url}/events?lang=pl"):
                assert {"now", "speed"} <= content.keys()
                if kind == "hello":
                    await send(broker.port, "status", status("offline"))
                seen |= dict(content.get("parts", []))
                if "Agent offline od" in seen.get("s/p1/PANEL_A", ""):
                    break
        assert "UTWARDZANIE" in seen["s/p1/PANEL_A"]
        assert 'data-lamp="agent" data-light="bad"' in seen["lamps"]


async def test_a_stream_beats_when_nothing_happens_and_ends_with_the_server(
    broker: MosquittoProcess, tmp_path: Path
) -> None:
    kinds = []
    async with httpx.AsyncClient(timeout=LIMIT_S) as client:
        server = served(settings_of(broker.port, tmp_path))
        url = await server.__aenter__()
        async for kind, _ in events(client, f"{url}/events"):
            kinds.append(kind)
            if kinds[-2:] == ["beat", "beat"]:
                await server.__aexit__(None, None, None)  # the stream ends, it is not cut off
    assert kinds[0] == "hello"


async def test_every_answer_tells_the_browser_to_load_nothing_from_elsewhere(
    broker: MosquittoProcess, tmp_path: Path
) -> None:
    await send(broker.port, "mold/PANEL_A/prediction", timed())
    async with served(settings_of(broker.port, tmp_path)) as url, httpx.AsyncClient() as client:
        for path in ("/", "/molds/s/p1/PANEL_A", "/static/page.css", "/nothing"):
            answer = await client.get(url + path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "unsafe" not in policy
            assert "server" not in answer.headers
            text = answer.text
            assert "style=" not in text
            assert "onclick" not in text
            assert "://" not in text.replace("http://www.w3.org/", "")


async def test_a_mold_that_nobody_knows_is_not_found(
    broker: MosquittoProcess, tmp_path: Path
) -> None:
    async with served(settings_of(broker.port, tmp_path)) as url, httpx.AsyncClient() as client:
        for path in ("s/p1/NONE", "s/p1/a%20b", "s/p1/x+y"):
            assert (await client.get(f"{url}/molds/{path}")).status_code == 404


async def test_a_language_that_was_chosen_is_kept(broker: MosquittoProcess, tmp_path: Path) -> None:
    settings = settings_of(broker.port, tmp_path, language="de")
    async with served(settings) as url, httpx.AsyncClient(base_url=url) as client:
        assert '<html lang="de">' in (await client.get("/")).text
        assert '<html lang="pl">' in (await client.get("/?lang=pl")).text
        assert '<html lang="pl">' in (await client.get("/?lang=xx")).text


async def test_a_port_that_is_taken_is_told(broker: MosquittoProcess, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"web.port {broker.port}: cannot listen there") as told:
        async with served(settings_of(broker.port, tmp_path, port=broker.port)):
            pass
    assert "another web.port" in told.value.hint
