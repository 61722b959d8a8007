"""Optimise in a real Chromium: a search is followed, the point moves, the press gets its advice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from edge_agent.web.access.roles import Role
from tests.e2e.web.test_by_hand_in_chromium import PANEL, check, fits, picture, plant, pour, there
from tests.support.browser import page_of
from tests.support.web_pages import session_of

pytestmark = [
    pytest.mark.peers,
    pytest.mark.needs("chromium", "mosquitto", "python:playwright", "python:pymoo"),
    pytest.mark.xdist_group("chromium"),
]


async def few_draws(route: Route) -> None:
    """The task of the page with one layer and few draws: seconds in place of minutes.

    The one that is cancelled keeps its draws: else it could end before the click.
    """
    asked = route.request.post_data_json
    asked["simulation"] = {"dimension": "0d"}
    config = asked["optimizer_config"]
    draws = 4 if config["candidates"] < 1000 else 256
    config |= {"draws": draws, "confirm_draws": 8, "violations_allowed": 0.3}
    await route.continue_(post_data=json.dumps(asked))


async def test_from_the_search_to_the_decision(tmp_path: Path) -> None:
    async with plant(tmp_path) as (url, settings, _broker, browser):
        await pour(settings, "S-1", 300)
        engineer = session_of(settings, "eva", Role.ENGINEER)
        place = f"{url}/optimize?mold=s/p1/{PANEL}"
        async with page_of(browser, place, session=engineer) as watched:
            page = watched.page
            await page.route("**/api/v1/optimize", few_draws)
            await there(page, page.locator(".shots a", has_text="S-1"))
            bound = page.locator(".bound[data-name=T_mold_C] .low")
            await bound.fill("warm")
            await page.locator("#start").click()
            await expect(page.locator("#problem")).to_have_text("Mold, from: warm?")
            await bound.fill("200")
            await page.locator("#start").click()
            await expect(page.locator("#problem")).to_contain_text("T_mold_C")
            await expect(page.locator("#problem")).not_to_contain_text("No answer")
            await bound.fill("")

            # one that is cancelled leaves what it has, and nothing of it can be advised
            await page.locator("input[name=candidates]").fill("4000")
            await page.locator("#start").click()
            await expect(page.locator("#done")).to_contain_text("/ 4000")
            await picture(watched, "optimize_running")
            await page.locator("#cancel").click()
            await expect(page.locator("#state")).to_have_text("cancelled")

            # one of two goals: the point moves along its front
            await page.locator(".ask summary").click()
            await page.get_by_label("Peak pressure").first.check()
            await page.locator("input[name=candidates]").fill("80")
            await page.locator("#start").click()
            await expect(page.locator("#state")).to_have_text("done")
            dots = page.locator("#front .dot")
            await expect(dots.nth(1)).to_be_visible()
            cycle, pressure = page.locator("#w-cycle_s"), page.locator("#w-pressure_bar")
            opening = page.locator("tr[data-name=t_open_s] .changed")
            await pressure.fill("0")
            await cycle.fill("10")
            shortest = float((await opening.inner_text()).replace(",", ""))
            await expect(page.locator("#front .dot.chosen")).to_have_count(1)
            await pressure.fill("10")
            await cycle.fill("0")
            calmest = float((await opening.inner_text()).replace(",", ""))
            assert shortest < calmest
            await cycle.fill("10")
            await pressure.fill("0")
            await picture(watched, "optimize")
            await fits(watched)
            await page.reload()
            await expect(page.locator("#state")).to_have_text("done")
            for other in (f"s/p2/{PANEL}", "s/p1/OTHER"):  # the result stays that of its own mold
                await page.goto(f"{page.url.partition('?')[0]}?mold={other}")
                await page.locator(".jobs a").first.click()
                await expect(page.locator("#searched")).to_have_text(
                    f"Searched for mold {PANEL} on p1"
                )
                await expect(page.locator("#advise button")).to_have_text(
                    f"Advise this to {PANEL} on p1"
                )
            await page.locator("#advise input").fill("try it in the late shift")
            await page.locator("#advise button").click()
            await expect(page.locator("#told")).to_contain_text("sent to the press")
            check(watched, url, 422)

        operator = session_of(settings, "anna")
        async with page_of(browser, f"{url}/alerts", session=operator) as watched:
            page = watched.page
            await page.goto(f"{url}/molds/s/p1/{PANEL}")
            advice = page.locator("[data-live=advice]")
            await expect(advice).to_contain_text("proposed by eva")
            await expect(advice.locator("tbody tr").last).to_contain_text("t_open_s")
            await picture(watched, "mold_advice")
            await fits(watched)
            await page.get_by_role("button", name="Accept the advice").click()
            await expect(advice).to_contain_text("accepted by anna")
            await expect(page.get_by_role("button", name="Accept the advice")).to_have_count(0)
            check(watched, url)
