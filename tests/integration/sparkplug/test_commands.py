"""Commands to an edge node on a real broker: what if, floods, garbage; the rights for them."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from broker.codec import decode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import DeadLetter
from broker.setup.inventory import AgentPlan
from broker.sparkplug.data_types import DataType
from broker.sparkplug.metric_specs import ACKNOWLEDGE, REBIRTH
from broker.sparkplug.payload import Metric, Payload, encode
from edge_agent.config.settings import BrokerSettings
from edge_agent.presses.node_commands import COMMANDS_AT_ONCE
from tests.support.agents import Running, running, settings_for
from tests.support.ruled_broker import RuledBroker, folder_of, ruled_broker
from tests.support.waiting import LIMIT_S, until

pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.xdist_group("sparkplug-commands")]
PAGE = Path(__file__).parents[3] / "docs" / "sparkplug.md"
TWIN = "pur/v1/s/p1/twin"
PROCESS = {"m_polyol_kg": 0.5, "m_iso_kg": 0.53, "T_polyol_C": 23.0, "T_iso_C": 23.0}
BASE = {
    "system_id": "SYSTEM_R1",
    "mold": "PANEL_500x500x50",
    "process": PROCESS | {"T_ambient_C": 22.0, "RH_ambient_pct": 40.0},
}


@asynccontextmanager
async def plant(folder: Path, **sparkplug: Any) -> AsyncIterator[tuple[Running, aiomqtt.Client]]:
    """An agent whose node is born, and a client that hears the twin."""
    async with MosquittoProcess(directory=folder / "mosquitto") as broker:
        more = {"sparkplug": {"enabled": True, **sparkplug}}
        version = aiomqtt.ProtocolVersion.V5
        async with aiomqtt.Client("127.0.0.1", broker.port, protocol=version) as client:
            await client.subscribe("spBv1.0/s/NBIRTH/p1")
            link = BrokerSettings(port=broker.port)
            async with running(settings_for(folder, link, **more), link) as agent:
                await next_of(client)
                await client.unsubscribe("spBv1.0/s/NBIRTH/p1")
                await client.subscribe([(f"{TWIN}/#", 1)])
                yield agent, client


async def next_of(client: aiomqtt.Client, *ends: str) -> aiomqtt.Message:
    """The next message, or the next on a topic that ends so."""
    async with asyncio.timeout(LIMIT_S):
        async for message in client.messages:
            if not ends or str(message.topic).endswith(ends):
                return message
    raise AssertionError("the client ended")


async def ask(client: aiomqtt.Client, question: Any, reply: str, data: bytes = b"7") -> None:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ResponseTopic, properties.CorrelationData = reply, data
    payload = json.dumps(question).encode()
    await client.publish(f"{TWIN}/cmd/simulate", payload, 1, properties=properties)


async def test_what_if_is_answered_where_it_was_asked_for(tmp_path: Path) -> None:
    async with plant(tmp_path) as (_, client):
        await asyncio.sleep(0.3)  # subscribed to questions
        await ask(
            client, {"base": BASE, "changes": {"T_mold_C": 45}}, f"{TWIN}/reply/me", b"\0\xff"
        )
        answer = await next_of(client, "/reply/me")
        assert answer.properties is not None
        assert answer.properties.CorrelationData == b"\0\xff"
        result = json.loads(str(bytes(answer.payload), "utf-8"))["result"]  # type: ignore[arg-type]
        inputs = [result[part]["inputs"]["T_mold_C"] for part in ("base", "changed")]
        assert inputs == [22.0, 45.0]
        await ask(client, {"base": BASE, "changes": {"T_mold_C": 450}}, f"{TWIN}/reply/me")
        error = json.loads(str(bytes((await next_of(client, "/reply/me")).payload), "utf-8"))  # type: ignore[arg-type]
        assert "T_mold_C: 450" in error["error"]["words"]
        await ask(client, {"base": BASE}, f"{TWIN}/reply/me", b"x" * 1025)
        answer = await next_of(client, "/reply/me")
        error = json.loads(str(bytes(answer.payload), "utf-8"))  # type: ignore[arg-type]
        assert "1025 bytes: at most 1024" in error["error"]["words"]
        assert not hasattr(answer.properties, "CorrelationData")
        for reply in (f"{TWIN}/status", f"{TWIN}/reply/", f"{TWIN}/reply/a/b", "elsewhere"):
            await ask(client, {"base": BASE}, reply)
            letter = decode(DeadLetter, bytes((await next_of(client, "/dead-letter")).payload))  # type: ignore[arg-type]
            assert letter.reason == "bad-command"


async def test_a_flood_of_garbage_is_bounded_and_the_node_lives(tmp_path: Path) -> None:
    noise = random.Random(7)
    async with plant(tmp_path) as (agent, client):
        wrong = Metric(REBIRTH, None, DataType.STRING, "true")
        for number in range(600):
            payloads = [noise.randbytes(noise.randrange(80)), encode(Payload(1, (wrong,)))]
            topic = ("NCMD/p1", "DCMD/p1/nobody", "NCMD/p1")[number % 3]
            await client.publish(f"spBv1.0/s/{topic}", payloads[number % 2], 0)
        alert = Metric(ACKNOWLEDGE, None, DataType.STRING, "not-there")
        await client.publish("spBv1.0/s/NCMD/p2", encode(Payload(1, (alert,))), 0)  # a foreign node
        registry = agent.agent._metrics.registry

        def outcome(name: str) -> float:
            return registry.get_sample_value("pur_sparkplug_commands_total", {"outcome": name}) or 0

        outcomes = ("refused", "dropped", "ignored", "rebirth")
        await until(lambda: sum(map(outcome, outcomes)) >= 600)
        letters = registry.get_sample_value("pur_dead_letters_total", {"reason": "bad-command"})
        assert letters == outcome("refused") <= COMMANDS_AT_ONCE + 40
        assert outcome("dropped") > 300
        assert outcome("acknowledge") == outcome("rebirth") == 0
        await asyncio.sleep(0.2)  # room again
        await client.subscribe("spBv1.0/s/NBIRTH/p1")
        rebirth = Metric(REBIRTH, None, DataType.BOOLEAN, True)
        await client.publish("spBv1.0/s/NCMD/p1", encode(Payload(1, (rebirth,))), 0)
        await next_of(client, "NBIRTH/p1")


def run_the_example(broker: RuledBroker, folder: Path) -> Any:
    """Ask as the page says, with the files of the host; gives the answer."""
    page = PAGE.read_text(encoding="utf-8")
    question = page.split("```json\n")[1].split("```")[0]
    (folder / "question.json").write_text(question, encoding="utf-8")
    command = page[page.index("    mosquitto_rr ") :].split("\n\n")[0].replace("\\\n", " ")
    certificate, key = folder_of(broker.path, broker.plan).files_of("ignition")
    for old, new in {
        "press-pc": "localhost",
        "8883": str(broker.plan.port),
        "--cafile ca.crt": f"--cafile {broker.path / 'ca.crt'}",
        "scada.crt": str(certificate),
        "scada.key": str(key),
        "plant1/press1": "s/p1",
        "reply/scada": "reply/ignition",
        "question.json": str(folder / "question.json"),
    }.items():
        assert old in command
        command = command.replace(old, new)
    done = subprocess.run(
        ["sh", "-c", f"{command} -W 60"], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


@pytest.mark.needs("mosquitto_rr")
async def test_the_rights_of_broker_init_are_enough(tmp_path: Path) -> None:
    node = AgentPlan(agent_id="a", site="s", presses=("p1",), sparkplug_group="s")
    async with ruled_broker(tmp_path, node, update={"sparkplug_hosts": ("ignition",)}) as broker:
        host = aiomqtt.Client(
            "localhost",
            broker.plan.port,
            protocol=aiomqtt.ProtocolVersion.V5,
            tls_context=broker.context("ignition"),
        )
        more = {"sparkplug": {"enabled": True, "primary_host": "ignition"}}
        settings = settings_for(tmp_path, broker.settings("agent-a"), **more)
        async with host as client:
            await client.subscribe([("spBv1.0/s/#", 1), (f"{TWIN}/reply/ignition", 1)])
            online = json.dumps({"online": True, "timestamp": 1}).encode()
            await client.publish("spBv1.0/STATE/ignition", online, 1, retain=True)
            async with running(settings):
                await next_of(client, "NBIRTH/p1")
                rebirth = encode(Payload(1, (Metric(REBIRTH, None, DataType.BOOLEAN, True),)))
                await client.publish("spBv1.0/s/NCMD/p1", rebirth, 0)
                await next_of(client, "NBIRTH/p1")
                await ask(client, "no scenario", f"{TWIN}/reply/ignition")
                await next_of(client, "/reply/ignition")
                found = await asyncio.to_thread(run_the_example, broker, tmp_path)
                assert found["result"]["changed"]["inputs"]["T_mold_C"] == 45.0
            await next_of(client, "NDEATH/p1")


async def test_without_the_plain_topics_status_and_alerts_stay(tmp_path: Path) -> None:
    async with plant(tmp_path, plain=False) as (_, client):
        await client.publish("pur/v1/s/p1/quality", b"{}", 1)  # a dead letter, which is not sent
        await client.publish("spBv1.0/s/NCMD/p1", b"\xff", 0)
        status = await next_of(client, "/status", "/dead-letter")
        assert str(status.topic).endswith("/status")
        heard = asyncio.create_task(next_of(client, "/dead-letter"))
        await asyncio.wait([heard], timeout=0.5)
        assert not heard.done()
        heard.cancel()
        await asyncio.gather(heard, return_exceptions=True)
