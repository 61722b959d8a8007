"""What the agent says of itself over HTTP and to systemd, beside a real Mosquitto."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import pytest
from prometheus_client.parser import text_string_to_metric_families

from broker.codec import encode
from broker.local.loopback import free_port
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Recipe, ShotEvent, TelemetryFrame
from edge_agent.agent import Agent
from edge_agent.clock import SystemClock
from edge_agent.config.settings import (
    Settings,
)
from edge_agent.errors import SettingsError, StoreError
from edge_agent.links.mqtt import connect
from edge_agent.monitoring.systemd import Service
from edge_agent.pipeline import commit
from edge_agent.pipeline.simulate import Simulations
from edge_agent.spool.changes import Changes
from edge_agent.spool.spool import Spool
from tests.support.agents import running, settings_for
from tests.support.waiting import until

pytestmark = pytest.mark.needs("mosquitto")
MOLD = "PANEL_500x500x50"
OPEN = build_opener(ProxyHandler({})).open


def settings_with_page(folder: Path, port: int) -> Settings:
    return settings_for(folder, port, health={"enabled": True, "port": free_port()})


async def page(settings: Settings, path: str) -> tuple[int, str]:
    def get() -> tuple[int, str]:
        url = f"http://{settings.health.host}:{settings.health.port}{path}"
        try:
            with OPEN(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    return await asyncio.to_thread(get)


async def figures(settings: Settings) -> dict[tuple[str, ...], float]:
    """Every sample by name and label values."""
    _, text = await page(settings, "/metrics")
    families = text_string_to_metric_families(text)
    return {(s.name, *s.labels.values()): s.value for f in families for s in f.samples}


async def until_page(settings: Settings, path: str, status: int) -> Any:
    found: tuple[int, str] = (0, "")

    async def there() -> bool:
        nonlocal found
        found = await page(settings, path)
        return found[0] == status

    await until(there, f"{path} to answer {status}")
    return json.loads(found[1])


def pour(shot_id: str, event: str = "poured") -> ShotEvent:
    recipe = Recipe(m_polyol_kg=0.5, m_iso_kg=0.53, T_polyol_C=23.0, T_iso_C=23.0)
    poured = {"system_id": "SYSTEM_R1", "recipe": recipe} if event == "poured" else {}
    return ShotEvent(
        ts=datetime.now(UTC) - timedelta(seconds=1),
        shot_id=shot_id,
        mold_id=MOLD,
        event=event,  # type: ignore[arg-type]
        **poured,  # type: ignore[arg-type]
    )


def frame(seq: int) -> bytes:
    readings = {"T_core_C": 40.0}
    return encode(TelemetryFrame(ts=datetime.now(UTC), device_id="d", seq=seq, sensors=readings))


async def test_what_is_counted(tmp_path: Path) -> None:
    async with MosquittoProcess() as broker:
        settings = settings_with_page(tmp_path, broker.port)
        async with running(settings), connect(settings.broker, "press") as session:
            await until_page(settings, "/readyz", 200)
            for seq in range(20):
                await session.publish("pur/v1/s/p1/telemetry", frame(seq))
            await session.publish("pur/v1/s/p1/telemetry", b"{")
            await session.publish("pur/v1/s/p1/shot", encode(pour("one")))
            await session.publish("pur/v1/s/p1/shot", encode(pour("one", "demolded")))

            async def ended() -> bool:
                seen = await figures(settings)
                waiting = seen.get(("pur_spool_entries", "forward"), 1)
                latency = seen.get(("pur_prediction_latency_seconds_count",))
                stored = seen.get(("pur_stage_seconds_count", "forward"), 0) > 0
                done = latency == 1 and seen["pur_shots_total", "demolded"] == 1
                return done and waiting == 0 and stored

            await until(ended, "the shot in the metrics")
            seen = await figures(settings)
            await broker.terminate()
            document = await until_page(settings, "/readyz", 503)
            assert document["sessions"]["p1"] != "up"
            assert (await figures(settings))["pur_link_up", "p1"] == 0
            assert (await page(settings, "/healthz"))[0] == 200
            await broker.start()
            assert (await until_page(settings, "/readyz", 200))["sessions"] == {"p1": "up"}
            assert (await figures(settings))["pur_reconnects_total", "p1"] == 1
            assert (await page(settings, "/"))[0] == 404
    assert seen["pur_frames_total",] == 20
    assert seen["pur_messages_total", "telemetry"] == 21
    assert seen["pur_messages_total", "shot"] == 2
    assert seen["pur_dead_letters_total", "not-json"] == 1
    assert seen["pur_predictions_total", "poured"] == 1
    assert seen["pur_predictions_total", "final"] == 1
    assert seen["pur_dropped_messages_total",] == 0
    assert seen["pur_thinned_frames_total",] == 0
    assert (seen["pur_link_up", "p1"], seen["pur_history_up",]) == (1, 1)
    assert seen["pur_spool_bytes",] > 0
    assert seen["pur_spool_limit_bytes",] == 2048e6
    for stage in ("receive", "decode", "assemble", "simulate", "commit", "publish", "forward"):
        assert seen["pur_stage_seconds_count", stage] > 0, stage
    assert seen["pur_stage_seconds_count", "simulate"] == 1


async def test_a_history_that_is_away_does_not_make_it_unready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with MosquittoProcess() as broker:
        settings = settings_with_page(tmp_path, broker.port)
        async with running(settings) as (agent, _), connect(settings.broker, "press") as session:
            await until_page(settings, "/readyz", 200)

            def away(rows: object) -> None:
                raise StoreError("no route to the history")

            monkeypatch.setattr(agent._history, "deliver", away)
            await session.publish("pur/v1/s/p1/telemetry", frame(1))

            async def noticed() -> bool:
                return (await figures(settings))["pur_history_up",] == 0

            await until(noticed, "the history to be missed")
            document = json.loads((await page(settings, "/readyz"))[1])
            assert document["ready"]
            assert "no route to the history" in document["history"]
            assert (await page(settings, "/healthz"))[0] == 200
            monkeypatch.undo()


async def test_a_spool_that_is_full_makes_it_unready(tmp_path: Path) -> None:
    async with MosquittoProcess() as broker:
        settings = settings_with_page(tmp_path, broker.port)
        async with running(settings) as (agent, _):
            await until_page(settings, "/readyz", 200)
            agent._spool.full = True
            document = await until_page(settings, "/readyz", 503)
            assert "full" in document["spool"]
            agent._spool.full = False


class Manager:
    """systemd's side of the notify socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.said: list[str] = []
        self.service = Service({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "1000000"})

    def hear(self) -> list[str]:
        """What was said since the last call."""
        new = []
        while True:
            try:
                new += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                self.said += new
                return new

    async def fed(self, seconds: float) -> int:
        """How often the watchdog is fed in this time, from now on."""
        self.hear()
        await asyncio.sleep(seconds)
        return self.hear().count("WATCHDOG=1")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    with closing(manager._socket):
        yield manager


async def check_stuck(
    settings: Settings, manager: Manager, release: threading.Event, what: str
) -> None:
    """From now on the watchdog starves, until what hangs is released."""

    async def starved() -> bool:
        return await manager.fed(1.0) == 0

    try:
        await until(starved, "the watchdog to starve")
        status, body = await page(settings, "/healthz")
        assert status == 503
        assert f"{what}: at one thing for" in body
    finally:
        release.set()
    await until_page(settings, "/healthz", 200)
    assert await manager.fed(1.0) >= 2


async def test_a_simulation_that_never_returns_starves_the_watchdog(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    async def hang(*arguments: object) -> object:
        await asyncio.to_thread(release.wait, 60)
        return await simulated(*arguments)  # type: ignore[arg-type]

    simulated = Simulations.of
    monkeypatch.setattr(Simulations, "of", hang)
    async with MosquittoProcess() as broker:
        settings = settings_with_page(tmp_path, broker.port)
        async with running(settings, service=manager.service):
            await until_page(settings, "/readyz", 200)
            assert await manager.fed(2.5) >= 5  # idle by choice
            assert "READY=1" in manager.said
            async with connect(settings.broker, "press") as session:
                await session.publish("pur/v1/s/p1/shot", encode(pour("one")))
            await check_stuck(settings, manager, release, "pipeline")
    manager.hear()
    assert "STOPPING=1" in manager.said


async def test_a_disk_that_hangs_starves_the_watchdog(tmp_path: Path, manager: Manager) -> None:
    release = threading.Event()
    async with MosquittoProcess() as broker:
        settings = settings_with_page(tmp_path, broker.port)
        async with running(settings, service=manager.service) as (agent, _):
            await until_page(settings, "/readyz", 200)
            hanging = asyncio.create_task(agent._spool._call(release.wait, 60))
            await check_stuck(settings, manager, release, "spool")
            await hanging


async def test_a_disk_that_refuses_does_not(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starting anew would not help: it is tried again, and that is progress."""
    async with MosquittoProcess() as broker:
        settings = settings_with_page(tmp_path, broker.port)
        async with running(settings, service=manager.service) as (agent, _):
            await until_page(settings, "/readyz", 200)

            full = True

            def write(changes: Changes, now: datetime) -> None:
                if full:
                    raise StoreError("disk full")
                Spool.commit(agent._spool._spool, changes, now)

            monkeypatch.setattr(agent._spool._spool, "commit", write)
            monkeypatch.setattr(commit, "RETRY_S", 0.1)
            async with connect(settings.broker, "press") as session:
                await session.publish("pur/v1/s/p1/telemetry", frame(1))
            document = await until_page(settings, "/readyz", 503)
            assert document["spool"] == "disk full"
            assert await manager.fed(2.5) >= 5
            full = False
            await until_page(settings, "/readyz", 200)


async def test_systemd_hears_of_a_reload_and_of_one_that_is_refused(
    tmp_path: Path, manager: Manager
) -> None:
    file: dict[str, str] = {}
    async with MosquittoProcess() as broker:
        settings = settings_with_page(tmp_path, broker.port)
        async with running(
            settings,
            service=manager.service,
            load=lambda: settings.model_copy(update=file),
        ) as (agent, _):
            await until_page(settings, "/readyz", 200)
            for change, words in (({}, "for p1 of s"), ({"agent_id": "b"}, "refused")):
                file |= change
                manager.hear()
                heard: list[str] = []
                agent.reload()

                async def answered() -> bool:
                    heard.extend(manager.hear())  # noqa: B023
                    return "READY=1" in heard  # noqa: B023

                await until(answered, "READY after a reload")
                said = [line for line in heard if line != "WATCHDOG=1"]
                assert said[0] == "RELOADING=1"
                assert said[1].startswith("MONOTONIC_USEC=")
                assert words in said[-1]


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    settings = settings_with_page(tmp_path, 1)
    with closing(socket.create_server((settings.health.host, settings.health.port))):
        agent = Agent(settings, SystemClock(), asyncio.Event())
        with pytest.raises(SettingsError, match=r"health\.port: .*in use"):
            await agent.run()
