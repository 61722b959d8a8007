"""A real Chromium, and what a page must never do: complain, or ask another host."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.support.processes import ROOT

AXE = ROOT / ".twin" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
"""Comes by npm: ``./twin test --peers`` gets it."""
SIZES = {"desktop": (1366, 860), "tablet": (820, 1180), "phone": (390, 844)}
WAIT_MS = 60_000.0
"""For what has no time of its own: a busy machine may be slow."""
expect.set_options(timeout=WAIT_MS)
CUT = ("ERR_CONNECTION", "ERR_INCOMPLETE_CHUNKED", "ERR_EMPTY_RESPONSE", "ERR_NETWORK")
"""Chromium's own words in the console when a server is killed: no fault of the page."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser without a window."""
    program = shutil.which("chromium")
    assert program is not None
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with libraries_of_the_driver():
        playwright = await async_playwright().start()
    try:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()
    finally:
        await playwright.stop()


@contextmanager
def libraries_of_the_driver() -> Iterator[None]:
    """Libatomic for Playwright's own program: it is beside Chromium where that was unpacked."""
    with pytest.MonkeyPatch.context() as patch:
        for library in (ROOT / ".twin" / "chromium").glob("usr/lib/*/libatomic.so.1"):
            patch.setenv("LD_LIBRARY_PATH", str(library.parent), prepend=":")
        yield


class Watched:
    """A page whose complaints and requests are kept."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        page.set_default_timeout(WAIT_MS)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def check(self, url: str) -> None:
        """Nothing was complained of, and no other host was asked."""
        assert self.complaints == []
        assert self.hosts <= {urlsplit(url).netloc}

    def _console(self, message: Any) -> None:
        cut = any(words in message.text for words in CUT)
        if message.type in {"error", "warning"} and not cut:
            self.complaints.append(message.text)


@asynccontextmanager
async def page_of(
    browser: Browser,
    url: str,
    size: str = "desktop",
    scheme: Literal["light", "dark"] = "light",
    language: str | None = None,
    session: str = "",
) -> AsyncIterator[Watched]:
    """A page, opened and watched.

    Args:
        browser: that opens it.
        url: of the page.
        size: by name of ``SIZES``.
        scheme: of colors.
        language: that the reader chooses.
        session: cookie of who is logged in.
    """
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme
    )
    if session:
        await context.add_cookies([{"name": "session", "value": session, "url": url}])
    try:
        watched = Watched(await context.new_page())
        await watched.page.goto(url + (f"?lang={language}" if language else ""))
        yield watched
    finally:
        await context.close()


async def faults_of_access(page: Page) -> list[str]:
    """Faults that axe finds serious or critical, in words."""
    await page.evaluate(Path(AXE).read_text())
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes'][:3]]}"
        + (f" {one['nodes'][0]['any'][0]['message']}" if one["nodes"][0]["any"] else "")
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


async def what_does_not_fit(page: Page) -> list[str]:
    """Texts that run out of the page or of their box."""
    return list(
        await page.evaluate(
            """() => {
              const found = [];
              const root = document.documentElement;
              if (root.scrollWidth > root.clientWidth + 1) found.push(`page ${root.scrollWidth}`);
              for (const box of document.querySelectorAll(
                  ".tile, .tile p, .tile dd, .lamp, .panel, .tools, .tools *, h2, figcaption"))
                if (box.offsetParent && !box.matches(".unseen") &&
                    box.scrollWidth > box.clientWidth + 2 &&
                    getComputedStyle(box).display !== "inline")
                  found.push(`${box.className || box.tagName}: ${box.textContent.slice(0, 60)}`);
              return found;
            }"""
        )
    )
