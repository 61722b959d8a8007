"""The limits of the generated configuration on each Mosquitto: they hold, and cost nothing kept."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from broker.setup.configuration import AUTOSAVE_CHANGES, MACHINE_CONNECTIONS
from broker.setup.inventory import AgentPlan
from edge_agent.links.mqtt import Will, connect
from tests.support.mosquitto_versions import mosquitto, on_every_version
from tests.support.ruled_broker import RuledBroker, ruled_broker

pytestmark = on_every_version()

SHOT = "pur/v1/s/p1/shot"
WILL = Will("pur/v1/s/p1/twin/status", b"")
OPEN_FILES = 1024
"""Files that a service of systemd may have open, and usually a program."""
SENT = 3 * AUTOSAVE_CHANGES
LAST = -1


@contextmanager
def many_files() -> Iterator[None]:
    """Let this process hold more connections than the broker can."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * OPEN_FILES), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def subscribe_and_leave(broker: RuledBroker, press: str) -> None:
    async with connect(broker.settings("agent-a"), f"agent-{press}", WILL) as agent:
        await agent.subscribe([f"pur/v1/s/{press}/shot"])


async def waiting(broker: RuledBroker, press: str) -> list[int]:
    """Numbers of the messages that waited for the agent of a press."""
    numbers: list[int] = []
    async with (
        connect(broker.settings("agent-a"), f"agent-{press}", WILL) as agent,
        connect(broker.settings(f"press-s-{press}"), "sender") as sender,
        asyncio.timeout(30),
    ):
        await sender.publish(f"pur/v1/s/{press}/shot", b"%08d" % LAST)
        while LAST not in numbers:
            batch = await agent.next_batch(100)
            agent.acknowledge(batch)
            numbers += [int(message.payload[:8]) for message in batch]
    return numbers[:-1]


async def test_a_thousand_connections_do_not_keep_the_broker_from_saving(
    tmp_path: Path, version: str
) -> None:
    """Anybody may open them, without a certificate; what is acknowledged meanwhile is kept."""
    async with ruled_broker(tmp_path, program=mosquitto(version)) as broker:
        pid = broker.process.pid
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
        with many_files(), ExitStack() as strangers:

            def come(count: int) -> None:
                for _ in range(count):
                    address = ("127.0.0.1", broker.plan.port)
                    strangers.enter_context(socket.create_connection(address))

            come(MACHINE_CONNECTIONS - 10)
            await subscribe_and_leave(broker, "p1")  # there is room for the plan's own
            async with connect(broker.settings("press-s-p1"), "press") as press:
                come(OPEN_FILES - MACHINE_CONNECTIONS)
                await asyncio.gather(*(press.publish(SHOT, b"%08d" % n) for n in range(SENT)))
                open_files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
                assert MACHINE_CONNECTIONS <= open_files < MACHINE_CONNECTIONS + 50
                assert "denied: max_connections exceeded" in broker.log()
                await broker.process.kill()
        await broker.process.start()
        assert len(await waiting(broker, "p1")) >= SENT - AUTOSAVE_CHANGES


async def test_one_client_s_queue_does_not_fill_the_memory(tmp_path: Path, version: str) -> None:
    """A press that sends big messages to an agent that is away costs itself, and no other."""
    agent = AgentPlan(agent_id="a", site="s", presses=("p1", "p2"), spool_limit_mb=2.0)
    async with ruled_broker(tmp_path, agent, program=mosquitto(version)) as broker:
        kept_bytes, size, sent = broker.plan.max_queued_bytes(), 200_000, 20
        assert 0 < kept_bytes < size * sent
        for press in ("p1", "p2"):
            await subscribe_and_leave(broker, press)
        for press, payload in (("p1", b"x" * size), ("p2", b"")):
            async with connect(broker.settings(f"press-s-{press}"), "sender") as sender:
                for n in range(sent):
                    await sender.publish(f"pur/v1/s/{press}/shot", b"%08d" % n + payload)
        assert await waiting(broker, "p2") == list(range(sent))
        kept = await waiting(broker, "p1")
        assert kept == list(range(len(kept)))
        assert kept_bytes - size < len(kept) * size <= kept_bytes + size
