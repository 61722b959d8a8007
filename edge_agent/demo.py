"""The demo: a broker, the agent and presses in one process, watched through MQTT like any client.

It first replays the measured R-11 run, then virtual presses (labelled simulated) make shots on two
molds. Time runs faster than on the wall; the agent is given the same clock.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from broker.codec import decode
from broker.errors import PayloadError
from broker.local.embedded import EmbeddedBroker
from broker.local.loopback import BrokerStartError
from broker.local.mosquitto import MosquittoProcess, find_mosquitto
from broker.messages import Prediction, ShotKpis, TelemetryFrame, TwinStatus
from broker.topics import PressAddress
from edge_agent.agent import Agent
from edge_agent.clock import AcceleratedClock, Clock
from edge_agent.config.settings import BrokerSettings, HistorySettings, Settings, SpoolSettings
from edge_agent.config.sparkplug_settings import SparkplugSettings
from edge_agent.demo_page import page
from edge_agent.errors import LinkError
from edge_agent.links.mqtt import Session, connect, passing_id
from edge_agent.links.player import play
from edge_agent.logged_shots.bundle import Bundle, load_bundle
from edge_agent.virtual_plant.virtual_press import LEAD_S, Recipes, virtual_shot
from twin_core import Scenario, load_scenario
from twin_core.shipped_files import configs_folder

if TYPE_CHECKING:
    from edge_agent.demo_sparkplug import Seen

SITE = "demo"
MEASURED_PRESS, VIRTUAL_PRESS = "cup", "press1"
VIRTUAL_MOLDS = ("PANEL_A", "PANEL_B")
RECIPE = "rigid_panel"
"""Scenario whose system and mold the virtual presses pour, with its ratio of the components."""
PAUSE_S = 20.0
"""Between two shots of a mold, in the time of the press."""
SETTLE_TIMEOUT_S = 10.0


@dataclass
class Row:
    """A line of the table: the latest of one shot, as it was heard on MQTT."""

    prediction: Prediction | None = None
    T_core_C: float | None = None
    kpis: ShotKpis | None = None


@dataclass
class Board:
    """Everything the table shows, by shot."""

    rows: dict[str, Row] = field(default_factory=dict)
    online: set[str] = field(default_factory=set)
    broker: str = ""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, settings: Settings, topic: str, payload: bytes) -> None:
        """Take a message of press or twin."""
        try:
            channel = settings.topics.parse(topic).channel
            message = decode(channel, payload)
        except PayloadError:
            return
        if isinstance(message, Prediction):
            self.rows.setdefault(message.shot_id, Row()).prediction = message
        elif isinstance(message, ShotKpis):
            self.rows.setdefault(message.shot_id, Row()).kpis = message
        elif isinstance(message, TwinStatus) and message.state == "online":
            self.online.add(message.press)
        elif isinstance(message, TelemetryFrame) and message.shot_id:
            row = self.rows.setdefault(message.shot_id, Row())
            row.T_core_C = message.sensors.get("T_core_C", row.T_core_C)

        self._changed.set()

    async def changed(self) -> None:
        """Wait for the next message."""
        self._changed.clear()
        await self._changed.wait()

    def finished(self) -> int:
        """Shots that have their final result."""
        return sum(row.kpis is not None for row in self.rows.values())


@dataclass(frozen=True)
class DemoResult:
    """Results that the demo leaves behind."""

    board: Board
    bundle: Bundle
    history_path: Path


async def run_demo(
    folder: Path,
    speed: float,
    shots: int | None,
    seed: int,
    embedded: bool,
    show: Callable[[Board, Clock], None],
    stop: asyncio.Event,
    tell_page: Callable[[str], None] | None = None,
    sparkplug: Seen | None = None,
) -> DemoResult:
    """Run the demo.

    Args:
        folder: where spool and history go.
        speed: seconds of the press per second of the wall.
        shots: virtual shots to make; None goes on until ``stop`` is set.
        embedded: use the embedded broker even where Mosquitto is on the machine.
        show: called about five times a second.
        tell_page: called with the address of the pages; None: without pages.
        sparkplug: takes what a host sees; None: without Sparkplug.

    Raises:
        TwinError: the demo could not do what it should; the message says what.
    """
    bundle = load_bundle(configs_folder() / "bundles" / "baser_khakhar_1994_r11")
    recipe = load_scenario(RECIPE)
    clock, board, own_stop = AcceleratedClock(speed), Board(), asyncio.Event()
    async with _broker(embedded) as (name, port):
        board.broker = name
        settings = Settings(
            site=SITE,
            agent_id="demo",
            presses=[MEASURED_PRESS, VIRTUAL_PRESS],
            broker=BrokerSettings(port=port, protocol="auto" if name == "Mosquitto" else "3.1.1"),
            spool=SpoolSettings(path=folder / "spool.db"),
            history=HistorySettings(path=folder / "history.db"),
            sparkplug=SparkplugSettings(enabled=sparkplug is not None),
        )
        pages = _page(settings, clock, folder, tell_page)
        agent = asyncio.create_task(Agent(settings, clock, own_stop).run())
        watcher = asyncio.create_task(_watch(settings, board))
        host = asyncio.create_task(_host(settings, sparkplug))
        painter = asyncio.create_task(_paint(board, clock, show))
        presses = asyncio.create_task(_presses(settings, clock, bundle, recipe, shots, seed, board))
        stopping = asyncio.create_task(stop.wait())
        serving = asyncio.create_task(pages)
        tasks: set[asyncio.Task[None] | asyncio.Task[bool]] = {agent, watcher, presses}
        try:
            tasks_or_stop: set[asyncio.Task[None] | asyncio.Task[bool]] = {*tasks, stopping}
            done, _ = await asyncio.wait(tasks_or_stop, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()
        finally:
            own_stop.set()
            await _end(watcher, painter, presses, stopping, serving)
            await agent
            await _end(host)
    return DemoResult(board, bundle, settings.history.path)


async def _page(
    settings: Settings,
    clock: AcceleratedClock,
    folder: Path,
    tell: Callable[[str], None] | None,
) -> None:
    if tell is not None:
        async with page(settings, clock, folder) as address:
            tell(address)
            await asyncio.Event().wait()


async def _host(settings: Settings, seen: Seen | None) -> None:
    if seen is not None:
        from edge_agent.demo_sparkplug import watch

        await watch(settings, seen)


async def _end(*tasks: asyncio.Task[None] | asyncio.Task[bool]) -> None:
    """Cancel tasks until they have ended: one that is just connecting may miss it once."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.5)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _presses(
    settings: Settings,
    clock: Clock,
    bundle: Bundle,
    recipe: Scenario,
    shots: int | None,
    seed: int,
    board: Board,
) -> None:
    """The measured run, then the virtual molds side by side; waits until all is answered."""
    async with connect(settings.broker, passing_id("demo-press")) as session:
        await _birth(board)
        messages = bundle.messages(clock.now() + timedelta(seconds=LEAD_S))
        measured = PressAddress(SITE, MEASURED_PRESS)
        await play(messages, session, settings.topics, measured, clock)
        wanted = None if shots is None else shots + 1
        ratio = recipe.process.m_iso_kg / recipe.process.m_polyol_kg
        recipes = Recipes(recipe.system, recipe.mold, iso_per_polyol=ratio)
        numbers = count(1) if shots is None else iter(range(1, shots + 1))
        await asyncio.gather(
            *(
                _mold(session, settings, clock, recipes, mold_id, numbers, random.Random(seed + i))
                for i, mold_id in enumerate(VIRTUAL_MOLDS)
            )
        )
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                while wanted is not None and board.finished() < wanted:
                    await board.changed()
        except TimeoutError:
            done = board.finished()
            raise LinkError(f"only {done} of {wanted} shots have their final result") from None


async def _mold(
    session: Session,
    settings: Settings,
    clock: Clock,
    recipes: Recipes,
    mold_id: str,
    numbers: Iterator[int],
    rng: random.Random,
) -> None:
    """One mold: it takes the next number, makes the shot, and again."""
    press = PressAddress(SITE, VIRTUAL_PRESS)
    nominal = await asyncio.to_thread(recipes.nominal)  # a new machine compiles the model first
    for number in numbers:
        poured_at = clock.now() + timedelta(seconds=LEAD_S + PAUSE_S * rng.uniform(0.2, 1.0))
        shot_id = f"virtual-{number}"
        shot = recipes, nominal, shot_id, mold_id, poured_at, rng
        messages = await asyncio.to_thread(virtual_shot, *shot)
        await play(messages, session, settings.topics, press, clock)


async def _birth(board: Board) -> None:
    """Wait until the agent is heard on every press: a press does not pour before."""
    try:
        async with asyncio.timeout(SETTLE_TIMEOUT_S):
            while len(board.online) < 2:
                await board.changed()
    except TimeoutError:
        raise LinkError("the agent did not come online at the demo's broker") from None


async def _watch(settings: Settings, board: Board) -> None:
    async with connect(settings.broker, passing_id("demo-watch")) as session:
        await session.subscribe([f"{settings.topic_prefix}/{SITE}/#"])
        while True:
            batch = await session.next_batch(256)
            for message in batch:
                board.hear(settings, message.topic, message.payload)
            session.acknowledge(batch)


async def _paint(board: Board, clock: Clock, show: Callable[[Board, Clock], None]) -> None:
    while True:
        show(board, clock)
        await asyncio.sleep(0.2)


@asynccontextmanager
async def _broker(embedded: bool) -> AsyncIterator[tuple[str, int]]:
    try:
        if find_mosquitto() is not None and not embedded:
            async with MosquittoProcess() as mosquitto:
                yield "Mosquitto", mosquitto.port
        else:
            async with EmbeddedBroker() as broker:
                yield "embedded amqtt (demo only: it loses what it should keep)", broker.port
    except BrokerStartError as error:
        raise LinkError(str(error)) from error
