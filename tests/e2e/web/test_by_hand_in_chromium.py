"""Form, table, what if and alerts in a real Chromium, against pages, Mosquitto and an agent."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from broker.codec import encode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Recipe
from edge_agent.config.settings import Settings
from edge_agent.links.mqtt import connect
from tests.chaos.inside import TOPIC, event
from tests.support.agents import running, settings_for
from tests.support.browser import AXE, SIZES, Watched, chromium, faults_of_access, page_of
from tests.support.waiting import until
from tests.support.web_pages import served, session_of
from twin_core import load_scenario

pytestmark = [
    pytest.mark.peers,
    pytest.mark.needs("chromium", "mosquitto", "python:playwright"),
    pytest.mark.xdist_group("chromium"),
]
PANEL = "PANEL_500x500x50"
SHOTS = os.environ.get("TWIN_SCREENSHOTS")
"""Folder for pictures, to be looked at."""


async def pour(settings: Settings, shot_id: str, *ends: int) -> None:
    """A shot of a panel, ended as often as asked for."""
    start = datetime.now(UTC) - timedelta(minutes=12)
    recipe = Recipe(m_polyol_kg=0.191, m_iso_kg=0.341, T_polyol_C=24.0, T_iso_C=24.0, T_mold_C=42.0)
    async with connect(settings.broker, "press") as press:
        for kind, after_s in [("poured", 0), *(("demolded", end) for end in ends)]:
            message = event(kind, start + timedelta(seconds=after_s), shot_id, PANEL)
            if kind == "poured":
                said = {"system_id": "RIGID_PANEL", "recipe": recipe}
                message = message.model_copy(update=said)
            await press.publish(f"{TOPIC}/shot", encode(message))


@asynccontextmanager
async def plant(folder: Path) -> AsyncIterator[tuple[str, Settings, MosquittoProcess, Browser]]:
    async with MosquittoProcess() as broker, chromium() as browser:
        web = {"scenarios": folder / "scenarios", "port": 0}
        settings = settings_for(folder, broker.port, web=web)
        async with running(settings, settings.broker), served(settings) as url:
            yield url, settings, broker, browser


async def picture(watched: Watched, name: str) -> None:
    if SHOTS:
        await watched.page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


async def fits(watched: Watched) -> None:
    """Nothing is wider than the page, and axe finds no serious fault."""
    script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await watched.page.evaluate(script) <= 1
    if AXE.exists():
        assert await faults_of_access(watched.page) == []


async def there(page: Page, locator: Locator, count: int = 1) -> None:
    """Load the page anew until it shows what the twin has written down by now."""

    async def shown() -> bool:
        await page.reload()
        return await locator.count() == count

    await until(shown, "what the page is to show")


def check(watched: Watched, url: str, *refusals: int) -> None:
    """No complaint but Chromium's own about answers that refuse what was typed."""
    for status in refusals:
        watched.complaints = [c for c in watched.complaints if f"status of {status}" not in c]
    watched.check(url)


async def test_a_result_by_touch_and_its_correction(tmp_path: Path) -> None:
    async with plant(tmp_path) as (url, settings, broker, browser):
        await pour(settings, "S-1", 300)
        session = session_of(settings, "anna")
        async with page_of(browser, f"{url}/results?mold=s/p1/{PANEL}", session=session) as watched:
            page = watched.page
            density, note = (
                page.get_by_label("Density of the part"),
                page.locator("#record textarea"),
            )
            await there(page, page.locator(".shots a", has_text="S-1"))
            await density.fill("dense")
            await page.get_by_label("void").check()
            await page.get_by_label("yes, scrap").check()
            await page.locator("#send").click()
            await expect(page.locator(".fault")).to_contain_text("is no number")
            await expect(page.get_by_label("void")).to_be_checked()
            await picture(watched, "results_fault")
            await density.fill("62,5")
            await page.locator("#send").click()
            await expect(page.locator(".message.good")).to_contain_text("was sent")
            correct = page.get_by_role("link", name="Correct it")
            await there(page, correct)
            await correct.click()
            await expect(density).to_have_value("62.5")
            await density.fill("61")
            await page.locator("#send").click()
            await expect(page.locator(".message.good")).to_contain_text("was sent")
            await there(page, correct, 2)
            await picture(watched, "results")
            await fits(watched)
            await broker.kill()
            await note.fill("stays")
            await density.fill("60")
            await page.locator("#send").click()
            await expect(page.locator(".message.bad").first).to_contain_text("broker is away")
            await expect(note).to_have_value("stays")
            check(watched, url, 422, 503)


async def test_a_table_that_is_dropped(tmp_path: Path) -> None:
    async with plant(tmp_path) as (url, settings, _broker, browser):
        await pour(settings, "S-1", 300)
        session = session_of(settings, "anna")
        async with page_of(browser, f"{url}/results", session=session) as watched:
            page = watched.page
            await page.locator("#drop").dispatch_event(
                "drop",
                {
                    "dataTransfer": await page.evaluate_handle(
                        """() => {
                          const data = new DataTransfer();
                          const text = "shot_id;rho_moulded;scrap\\nS-1;62,5;no\\nS-1;dense;\\n";
                          data.items.add(new File([text], "lab.csv", { type: "text/csv" }));
                          return data;
                        }"""
                    )
                },
            )
            cells = page.locator(".faults tbody td")
            await expect(cells).to_have_count(4)
            told = await cells.all_inner_texts()
            assert told[:3] == ["3", "rho_moulded_kg_per_m3", "dense"]
            await picture(watched, "table")
            await fits(watched)
            await page.locator("#send-good").click()
            await expect(page.locator(".table-drop .message.good")).to_contain_text(
                "1 row was sent"
            )
            check(watched, url, 422)


async def test_what_if_moves_at_once(tmp_path: Path) -> None:
    async with plant(tmp_path) as (url, settings, _broker, browser):
        await pour(settings, "S-1", 300)
        session = session_of(settings, "anna")
        async with page_of(browser, f"{url}/what-if?mold=s/p1/{PANEL}", session=session) as watched:
            page = watched.page
            await there(page, page.locator(".shots a", has_text="S-1"))
            mold = page.locator("#s-T_mold_C")
            await expect(mold).to_be_enabled()
            await expect(mold).to_have_value("42")
            window = page.locator("tr[data-name=t_demold_min_s]")
            before = await window.locator(".base").inner_text()
            await mold.fill("60")
            await expect(window.locator(".changed")).not_to_have_text(before)
            await expect(window.locator(".base")).to_have_text(before)
            await expect(page.locator("figure polyline")).to_have_count(8)
            await expect(page.locator("#what-if")).to_have_attribute("aria-busy", "false")
            await picture(watched, "what_if")
            async with page.expect_download() as caught:
                await page.locator("#download button").click()
            file = tmp_path / "downloaded.yaml"
            await (await caught.value).save_as(file)
            assert load_scenario(file).process.T_mold_C == 60.0
            await page.locator("#save input").fill("warmer")
            await page.locator("#save button").click()
            await expect(page.locator("#saved")).to_have_text("Saved.")
            kept = load_scenario(settings.web.scenarios / "warmer.yaml")
            assert (kept.process.T_mold_C, kept.scenario_id) == (60.0, "S-1")
            await page.locator("#reset").click()
            await expect(window.locator(".changed")).to_have_text(before)
            await fits(watched)
            check(watched, url)


async def test_an_alert_comes_is_acknowledged_and_goes(tmp_path: Path) -> None:
    async with plant(tmp_path) as (url, settings, _broker, browser):
        opened = page_of(browser, f"{url}/alerts", session=session_of(settings, "anna"))
        async with opened as watched:
            page, strip = watched.page, watched.page.locator("#alert-strip")
            await expect(strip).to_be_hidden()
            await pour(settings, "S-1", 500, 501)
            await expect(strip).to_contain_text("1 open alert")
            alert = page.locator("article.alert:not(.closed)")
            await expect(alert).to_contain_text("ended twice")
            await alert.locator("input[name=note]").fill("cable")
            await picture(watched, "alerts")
            await fits(watched)
            await alert.locator("button").click()
            await expect(strip).to_be_hidden()
            await expect(page.locator("article.closed")).to_contain_text(
                "Acknowledged by anna: cable"
            )
            check(watched, url)


@pytest.mark.parametrize("language", ["en", "pl", "de"])
async def test_the_pages_fit_in_every_language_and_size(tmp_path: Path, language: str) -> None:
    async with plant(tmp_path) as (url, settings, _broker, browser):
        await pour(settings, "S-1", 300, 301)
        session = session_of(settings, "anna")
        for size in SIZES:
            for path in ("/results", "/what-if", "/optimize", "/alerts", "/login", "/kiosk"):
                asked = f"{url}{path}?lang={language}&mold=s/p1/{PANEL}"
                scheme: Literal["light", "dark"] = "dark" if size == "tablet" else "light"
                async with page_of(browser, asked, size, scheme, session=session) as watched:
                    if path == "/what-if":
                        await expect(watched.page.locator("figure polyline").first).to_be_visible()
                    await expect(watched.page.locator("#alert-strip")).to_be_visible()
                    fields = watched.page.locator("#content input:not([type])").all()
                    for box in [await field.bounding_box() for field in await fields]:
                        assert box is None or box["height"] >= 44, "large enough for gloves"
                    await picture(watched, f"{language}_{size}{path.replace('/', '_')}")
                    await fits(watched)
                    check(watched, url)
