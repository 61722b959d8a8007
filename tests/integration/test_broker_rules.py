"""What `broker init` wrote, on a real Mosquitto: who gets in, and who may do what.

Mosquitto grants a forbidden SUBSCRIBE and filters the delivery; so a reader is shown to be refused
by what it gets first. A refused publish shows in MQTT 5 only.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import aiomqtt
import pytest

from broker.setup.inventory import AgentPlan
from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import LinkError
from edge_agent.links.mqtt import Session, connect
from tests.support.mosquitto_versions import mosquitto, on_every_version
from tests.support.ruled_broker import RuledBroker, folder_of, plan_for, ruled_broker
from tests.support.waiting import until

pytestmark = [
    on_every_version(),
    # sockets of refused clients, which paho leaves open; collected with the test that made them
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

P1, P2 = "pur/v1/s/p1", "pur/v1/s/p2"
PREDICTION = "twin/mold/m/prediction"
EVERYTHING = [
    f"{press}/{tail}"
    for press in (P1, P2)
    for tail in (
        *("telemetry", "shot", "quality", "event", "order"),
        *(PREDICTION, "twin/kpi", "twin/status", "twin/received"),
    )
]
ELSEWHERE = ["scada/x", "pur/v1/scada/x", "press-s-p1", f"{P1}/telemetry/x", "pur/v1/s/p3/shot"]

WRITES = {
    "press-s-p1": {f"{P1}/{one}" for one in ("telemetry", "shot", "event", "order")},
    "press-s-p2": {f"{P2}/{one}" for one in ("telemetry", "shot", "event", "order")},
    "agent-a": {topic for topic in EVERYTHING if "/twin/" in topic},
    "quality": {f"{P1}/quality", f"{P2}/quality"},
    "scada": set(),
}
READS = {
    "press-s-p1": {f"{P1}/{PREDICTION}", f"{P1}/twin/received", f"{P1}/twin/status"},
    "press-s-p2": {f"{P2}/{PREDICTION}", f"{P2}/twin/received", f"{P2}/twin/status"},
    "agent-a": {t for t in EVERYTHING if "/twin/" not in t or t.endswith("/twin/status")},
    "quality": set(),
    "scada": {topic for topic in EVERYTHING if "/twin/" in topic},
}


THIS_MACHINE = {
    "0100007F",  # 127.0.0.1
    "0000000000000000FFFF00000100007F",  # the same within IPv6
    "00000000000000000000000001000000",  # ::1
}
"""As the kernel lists them."""


@pytest.fixture
async def broker(tmp_path: Path, version: str) -> AsyncIterator[RuledBroker]:
    async with ruled_broker(tmp_path, program=mosquitto(version)) as broker:
        yield broker
    gc.collect()


async def publish_all(broker: RuledBroker) -> None:
    """Each topic once, by who may."""
    for name, topics in WRITES.items():
        async with connect(broker.settings(name), f"all-{name}") as session:
            for topic in sorted(topics):
                await session.publish(topic, topic.encode())


async def heard(session: Session) -> set[str]:
    """The topics a subscriber got, by the time the broker answers it once more."""
    await session.subscribe(["answer/me"])
    topics: set[str] = set()
    while True:
        try:
            async with asyncio.timeout(0.1):
                topics |= {message.topic for message in await session.next_batch(100)}
        except TimeoutError:
            return topics


async def test_nobody_writes_more_than_its_role(broker: RuledBroker) -> None:
    for name, allowed in WRITES.items():
        async with connect(broker.settings(name), "writer") as session:
            for topic in [*EVERYTHING, *ELSEWHERE]:
                if topic in allowed:
                    await session.publish(topic, b"")
                else:
                    with pytest.raises(LinkError, match="refused a publish: Not authorized"):
                        await session.publish(topic, b"")


async def test_nobody_reads_more_than_its_role(broker: RuledBroker) -> None:
    shared = [f"$share/agents/{topic}" for topic in EVERYTHING]
    asked = [(name, filters) for name in READS for filters in (["#"], EVERYTHING)]
    async with AsyncExitStack() as stack:
        readers = []
        for number, (name, filters) in enumerate([*asked, ("agent-a", shared)]):
            session = await stack.enter_async_context(
                connect(broker.settings(name), f"reader{number}")
            )
            await session.subscribe(filters)
            readers.append((name, filters, session))
        await publish_all(broker)
        for name, filters, session in readers:
            assert await heard(session) == READS[name], (name, filters)


async def test_a_page_reads_the_twin_and_writes_nothing(broker: RuledBroker) -> None:
    async with broker.page() as page:
        await page.subscribe("#", qos=1)
        await publish_all(broker)
        topics = set()
        async with asyncio.timeout(5):
            while len(topics) < len(READS["scada"]):
                topics.add(str((await anext(page.messages)).topic))
        assert topics == READS["scada"]
        async with connect(broker.settings("agent-a"), "reader") as session:
            await session.subscribe([f"{P1}/shot"])
            await page.publish(f"{P1}/shot", b"from the page", qos=1)  # aiomqtt drops the refusal
            async with connect(broker.settings("press-s-p1"), "press") as press:
                await press.publish(f"{P1}/shot", b"from the press")
            (first, *_) = await session.next_batch(10)
        assert first.payload == b"from the press"


async def test_anonymous_clients_are_refused(broker: RuledBroker) -> None:
    plain = BrokerSettings(port=broker.plan.port)
    with pytest.raises(LinkError, match=r"expects TLS, set broker\.tls\.enabled"):
        async with connect(plain, "x"):
            pass
    without = broker.settings("scada", tls={"cert_file": None, "key_file": None})
    with pytest.raises(LinkError, match=r"client certificate, set broker\.tls\.cert_file"):
        async with connect(without, "x"):
            pass
    for page in (
        broker.page("wrong"),
        aiomqtt.Client("127.0.0.1", broker.plan.websockets_port, transport="websockets", timeout=5),
    ):
        with pytest.raises(aiomqtt.MqttCodeError, match=r"ot authori[sz]ed"):
            await page.__aenter__()


async def test_a_name_is_good_on_its_own_listener_only(broker: RuledBroker) -> None:
    """One list of passwords and one of rights for both: neither opens the other's door."""
    passwords = (broker.path / "clients" / "page.password").read_text().strip()
    for name in ("agent-a", "press-s-p1", "scada"):
        for password in ("", passwords, name):
            with pytest.raises(aiomqtt.MqttCodeError, match=r"ot authori[sz]ed"):
                await broker.page(password, user=name).__aenter__()
    page = {"username": "page", "password_file": broker.path / "clients" / "page.password"}
    without = broker.settings("scada", tls={"cert_file": None, "key_file": None}, **page)
    with pytest.raises(LinkError, match="client certificate"):
        async with connect(without, "x"):
            pass
    for user in ("page", "agent-a"):  # the name is the certificate's, whatever else is said
        both = broker.settings("press-s-p1", **(page | {"username": user}))
        async with connect(both, "press") as session:
            await session.publish(f"{P1}/shot", b"")
            with pytest.raises(LinkError, match="Not authorized"):
                await session.publish(f"{P1}/twin/kpi", b"")


async def test_certificates_of_another_authority_are_refused(
    broker: RuledBroker, tmp_path: Path
) -> None:
    foreign = plan_for(tmp_path / "foreign")
    folder_of(tmp_path / "foreign", foreign).prepare()
    certificate, key = folder_of(tmp_path / "foreign", foreign).files_of("agent-a")
    stranger = broker.settings("agent-a", tls={"cert_file": certificate, "key_file": key})
    with pytest.raises(LinkError, match=r"may not accept broker\.tls\.cert_file .*/foreign/"):
        async with connect(stranger, "x"):
            pass
    other = tmp_path / "foreign" / "ca.crt"
    with pytest.raises(LinkError, match=r"verify failed.*tls\.ca_file .*/foreign/ca\.crt"):
        async with connect(broker.settings("agent-a", tls={"ca_file": other}), "x"):
            pass


async def test_the_name_of_the_broker_is_checked(broker: RuledBroker) -> None:
    async with connect(broker.settings("agent-a", host="127.0.0.1"), "x"):
        pass
    folder = folder_of(broker.path, broker.plan.model_copy(update={"host_names": ("press-pc",)}))
    before = broker.server_serial()
    folder.renew(["server"], timedelta())
    broker.process.reload()
    await until(lambda: broker.server_serial() != before)
    with pytest.raises(LinkError, match=r"not valid for '127\.0\.0\.1'.*broker\.host"):
        async with connect(broker.settings("agent-a", host="127.0.0.1"), "x"):
            pass


async def test_pages_are_served_on_this_machine_only(broker: RuledBroker) -> None:
    tables = [Path("/proc/net", name) for name in ("tcp", "tcp6")]
    lines = "".join(table.read_text() for table in tables if table.exists()).splitlines()
    rows = [line.split() for line in lines]
    port = f":{broker.plan.websockets_port:04X}"
    listening = {row[1] for row in rows if row[3] == "0A" and row[1].endswith(port)}
    assert listening
    assert {address.removesuffix(port) for address in listening} <= THIS_MACHINE


async def test_a_press_that_is_added_needs_no_restart(broker: RuledBroker) -> None:
    async with connect(broker.settings("agent-a"), "agent") as session:
        await session.subscribe(["pur/v1/s/p3/shot"])
        plan = broker.plan.with_agent(AgentPlan(agent_id="a", site="s", presses=("p1", "p2", "p3")))
        folder_of(broker.path, plan).prepare()
        broker.process.reload()
        await until(lambda: "Reloading config" in broker.log())
        async with connect(broker.settings("press-s-p3"), "press") as press:
            await press.publish("pur/v1/s/p3/shot", b"new")
        (first, *_) = await session.next_batch(1)
    assert first.payload == b"new"
