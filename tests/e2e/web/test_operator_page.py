"""The operator's page in a real Chromium, beside a real broker, agent and history."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, time

import pytest
from playwright.async_api import Page, expect

from broker.codec import encode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Recipe, ShotEvent, TelemetryFrame
from edge_agent.clock import AcceleratedClock, Clock, SystemClock
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import connect, passing_id
from tests.support.browser import (
    SIZES,
    WAIT_MS,
    chromium,
    faults_of_access,
    page_of,
    what_does_not_fit,
)
from tests.support.processes import ROOT, AgentProcess, mosquitto_sub
from tests.support.waiting import until
from tests.support.web_process import WebProcess

pytestmark = [
    pytest.mark.peers,
    pytest.mark.needs("chromium", "mosquitto", "python:playwright"),
    pytest.mark.xdist_group("chromium"),
]
MOLD = "PANEL_500x500x50"
TILE = f'[data-live="test/p1/{MOLD}"]'
TOLD_MS = 5_000.0
"""A page that is cut off says so within this time."""


@dataclass
class Plant:
    """Broker, agent and web server as processes."""

    broker: MosquittoProcess
    agent: AgentProcess
    web: WebProcess

    async def send(self, channel: str, message: ShotEvent | TelemetryFrame) -> None:
        """Send what a press would."""
        async with connect(BrokerSettings(port=self.broker.port), passing_id("press")) as session:
            await session.publish(f"pur/v1/test/p1/{channel}", encode(message))

    async def pour(self, shot_id: str, mold_id: str = MOLD, ago_s: float = 0.0) -> None:
        """Pour a shot."""
        event = ShotEvent(
            ts=datetime.now(UTC) - timedelta(seconds=ago_s),
            shot_id=shot_id,
            mold_id=mold_id,
            event="poured",
            system_id="SYSTEM_R1",
            recipe=Recipe(m_polyol_kg=0.4, m_iso_kg=0.42, T_polyol_C=23, T_iso_C=23),
        )
        await self.send("shot", event)

    async def open(self, shot_id: str) -> None:
        """Open the mold."""
        event = ShotEvent(ts=datetime.now(UTC), shot_id=shot_id, mold_id=MOLD, event="demolded")
        await self.send("shot", event)

    def predicted(self, mold_id: str = MOLD) -> dict[str, object]:
        """The retained prediction, as an independent client reads it."""
        topic = f"pur/v1/test/p1/twin/mold/{mold_id}/prediction"
        return dict(json.loads(mosquitto_sub(self.broker.port, topic, 1)[0]))


@asynccontextmanager
async def plant(folder: Path) -> AsyncIterator[Plant]:
    """Everything, connected."""
    async with MosquittoProcess(directory=folder / "mosquitto", persistence=True) as broker:
        agent = AgentProcess(folder, broker.port)
        web = WebProcess(
            folder, broker.port, agent.history, {"web": {"time_zone": "Europe/Warsaw"}}
        )
        agent.start()
        web.start()
        try:
            yield Plant(broker, agent, web)
        finally:
            for process in (web, agent):
                if process.process is not None and process.process.poll() is None:
                    process.terminate()


CHANGED = """selector => new Promise(done => {
  const read = () => document.querySelector(selector)?.textContent;
  const before = read();
  const look = (_, observer) => {
    if (!read() || read() === before) return;
    observer.disconnect();
    done([read(), Date.now() / 1000]);
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true });
})"""
"""The text of an element when it changes, and the time on the wall at which it did [s]."""


async def counts_right(page: Page, tile: str, min_at: datetime, clock: Clock) -> None:
    """The countdown is the time to ``min_at`` within a second, as the clock shows it meanwhile."""
    for _ in range(5):
        text, changed_s = await page.evaluate(CHANGED, f"{tile} .phase:not([hidden]) .count")
        now = clock.now() - timedelta(seconds=(time() - changed_s) * clock.speed)
        assert re.fullmatch(r"(\d+:)?\d+:\d\d", text), text
        shown = sum(int(n) * 60**i for i, n in enumerate(reversed(text.split(":"))))
        left = (min_at - now).total_seconds()
        assert left - 1.0 <= shown <= left + 1.0 + 0.05 * clock.speed, text


async def test_a_shot_of_the_demo_counts_down(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge_agent", "demo", "--speed", "15", "--dir", str(tmp_path)]
    demo = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    assert demo.stdout is not None
    try:
        url = (await demo.stdout.readline()).decode().split()[1]
        assert url.startswith("http://127.0.0.1:")
        config = json.loads((tmp_path / "web.yaml").read_text())
        async with chromium() as browser, page_of(browser, url) as watched:
            page = watched.page
            tile = '[data-live="demo/press1/PANEL_A"]'
            await expect(page.locator(tile)).to_have_attribute(
                "data-phase", "curing", timeout=2 * WAIT_MS
            )
            clock = AcceleratedClock.read(clock_of(demo.pid))
            topic = "pur/v1/demo/press1/twin/mold/PANEL_A/prediction"
            predicted = json.loads(mosquitto_sub(config["broker"]["port"], topic, 1)[0])
            min_at = datetime.fromisoformat(predicted["demold_min_at"])
            await counts_right(page, tile, min_at, clock)
            await expect(page.locator(tile)).to_contain_text("simulated")
            await expect(page.locator(tile)).to_contain_text("the skin still sticks to the mold")
            watched.check(url)
    finally:
        demo.send_signal(signal.SIGTERM)
        await demo.communicate()
    assert demo.returncode == 0


def clock_of(demo: int) -> str:
    """The clock that the demo gave its web server."""
    children = Path(f"/proc/{demo}/task/{demo}/children").read_text().split()
    commands = [Path(f"/proc/{child}/cmdline").read_text().split("\0") for child in children]
    return next(words[words.index("--clock") + 1] for words in commands if "--clock" in words)


async def test_killed_and_back(tmp_path: Path) -> None:
    """Broker, agent, web server and history go and come; nothing old ever looks alive."""
    async with plant(tmp_path) as plant_, chromium() as browser:
        await plant_.pour("s-1")
        async with page_of(browser, plant_.web.url) as watched:
            page = watched.page
            tile, lost = page.locator(TILE), page.locator("#lost")
            lamp = {name: page.locator(f'[data-lamp="{name}"]') for name in ("broker", "agent")}
            lamp["history"] = page.locator('[data-lamp="history"]')
            await expect(tile).to_have_attribute("data-phase", "curing", timeout=WAIT_MS)
            predicted = plant_.predicted()
            min_at = datetime.fromisoformat(str(predicted["demold_min_at"]))
            await counts_right(page, TILE, min_at, SystemClock())
            for one in lamp.values():
                await expect(one).to_have_attribute("data-light", "good", timeout=WAIT_MS)

            plant_.agent.kill()
            await expect(lamp["agent"]).to_have_attribute("data-light", "bad", timeout=WAIT_MS)
            await expect(tile).to_contain_text("Agent offline since")
            plant_.agent.start()
            await expect(lamp["agent"]).to_have_attribute("data-light", "good", timeout=WAIT_MS)
            await expect(tile).not_to_contain_text("Agent offline since")

            await plant_.broker.kill()
            await expect(lamp["broker"]).to_have_attribute("data-light", "bad", timeout=TOLD_MS)
            await expect(tile).to_contain_text("No news: broker away since")
            await expect(lamp["agent"]).to_have_attribute("data-light", "unknown")
            await plant_.broker.start()
            await expect(lamp["broker"]).to_have_attribute("data-light", "good", timeout=WAIT_MS)
            await expect(tile).not_to_contain_text("No news")

            away = plant_.agent.history.rename(tmp_path / "away.db")
            await expect(lamp["history"]).to_have_attribute("data-light", "bad", timeout=WAIT_MS)
            away.rename(plant_.agent.history)
            await expect(lamp["history"]).to_have_attribute("data-light", "good", timeout=WAIT_MS)

            plant_.web.kill()
            killed = monotonic()
            await expect(lost).to_be_visible(timeout=TOLD_MS)
            assert monotonic() - killed < 1e-3 * TOLD_MS + 0.5
            assert await page.locator(f"{TILE} .phase:not([hidden]) .count").inner_text() == "–:––"
            plant_.web.start()
            await expect(lost).to_be_hidden(timeout=WAIT_MS)
            await expect(tile).to_have_attribute("data-situation", "timed")
            watched.check(plant_.web.url)


async def test_a_server_that_hangs_is_told(tmp_path: Path) -> None:
    """The connection stays open, and nothing comes: that is told like a cut one."""
    async with plant(tmp_path) as plant_, chromium() as browser:
        await plant_.pour("s-1")
        async with page_of(browser, plant_.web.url) as watched:
            lost = watched.page.locator("#lost")
            await expect(watched.page.locator(TILE)).to_be_visible()
            plant_.web.send(signal.SIGSTOP)
            try:
                await expect(lost).to_be_visible(timeout=TOLD_MS)
            finally:
                plant_.web.send(signal.SIGCONT)
            await expect(lost).to_be_hidden(timeout=WAIT_MS)
            watched.check(plant_.web.url)


async def test_every_state_is_seen_and_named(tmp_path: Path) -> None:
    """Opened too early and overdue: by colour, word and sign; then the mold's own page."""
    async with plant(tmp_path) as plant_, chromium() as browser:
        await plant_.pour("s-old", "PANEL_A", ago_s=7000)
        await plant_.pour("s-1")
        async with page_of(browser, plant_.web.url) as watched:
            page = watched.page
            other = page.locator('[data-live="test/p1/PANEL_A"]')
            await expect(other).to_have_attribute("data-phase", "overdue", timeout=WAIT_MS)
            await expect(other.locator(".phase:not([hidden]) .state")).to_have_text("OVERDUE")
            await expect(page.locator(TILE)).to_have_attribute("data-phase", "curing")
            await plant_.open("s-1")
            await expect(page.locator(TILE)).to_have_attribute("data-situation", "early")
            await expect(page.locator(f"{TILE} .state")).to_have_text("OPENED TOO EARLY")
            assert await faults_of_access(page) == []
            await page.locator(f"{TILE} h2 a").click()
            await expect(page.locator(".shots")).to_contain_text("too early", timeout=WAIT_MS)
            await expect(page.locator("main .alerts")).to_contain_text("opened earlier")
            swell = page.locator("figure", has_text="by the time of the opening")
            await expect(swell).to_be_visible(timeout=WAIT_MS)  # simulated in the worker
            assert await faults_of_access(page) == []
            watched.check(plant_.web.url)


@pytest.mark.needs("npm")  # axe-core comes by it
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_three_languages_fit_and_everybody_can_use_them(tmp_path: Path, scheme: str) -> None:
    async with plant(tmp_path) as plant_, chromium() as browser:
        await plant_.pour("s-1")
        await until(lambda: plant_.agent.logged("simulation_ready") > 0)
        for language in ("en", "pl", "de"):
            for size in SIZES:
                for path in ("/", f"/molds/test/p1/{MOLD}"):
                    url = plant_.web.url + path
                    async with page_of(browser, url, size, scheme, language) as watched:  # type: ignore[arg-type]
                        page = watched.page
                        tile = page.locator(TILE)
                        await expect(tile).to_have_attribute(
                            "data-phase", re.compile(".+"), timeout=WAIT_MS
                        )
                        await expect(page.locator("html")).to_have_attribute("lang", language)
                        assert await what_does_not_fit(page) == [], (language, size, path)
                        assert await faults_of_access(page) == [], (language, size, path)
                        watched.check(plant_.web.url)


async def test_a_page_hidden_from_nobody_works_with_the_keyboard(tmp_path: Path) -> None:
    async with plant(tmp_path) as plant_, chromium() as browser:
        await plant_.pour("s-1")
        async with page_of(browser, plant_.web.url) as watched:
            page = watched.page
            await expect(page.locator(TILE)).to_be_visible()
            await page.focus("#theme")
            await page.keyboard.press("Enter")
            await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
            await page.focus("#sound")
            await page.keyboard.press("Space")
            await expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
            await page.focus(f"{TILE} h2 a")
            await plant_.pour("s-2")  # the tile is drawn anew under the focus
            await until(lambda: plant_.predicted()["shot_id"] == "s-2")
            await expect(page.locator(f"{TILE} h2 a")).to_be_focused()
            await page.keyboard.press("Enter")
            await expect(page).to_have_url(re.compile("/molds/test/p1/"))
            watched.check(plant_.web.url)
