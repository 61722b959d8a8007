"""Pictures of the pages, taken of a running demo: ``./twin screenshots FOLDER``.

Desktop, tablet and phone, light and dark, of the operator's page and of a mold. The one in the
README is ``operator-desktop-light.png``.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import expect

from tests.support.browser import SIZES, chromium, page_of
from tests.support.processes import ROOT

SPEED = "20"
WAIT_MS = 120_000.0
PAGES = {"operator": "", "mold": "molds/demo/press1/PANEL_A"}


async def main(folder: Path) -> None:
    """Take all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place:
        command = [sys.executable, "-m", "edge_agent", "demo", "--speed", SPEED, "--dir", place]
        demo = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
        assert demo.stdout is not None
        try:
            url = (await demo.stdout.readline()).decode().split()[1]
            async with chromium() as browser:
                async with page_of(browser, url) as watched:  # two shots that cure, far apart
                    for mold in ("PANEL_A", "PANEL_B"):
                        tile = watched.page.locator(f'[data-live="demo/press1/{mold}"]')
                        await expect(tile).to_have_attribute(
                            "data-phase", "curing", timeout=WAIT_MS
                        )
                for name, path in PAGES.items():
                    for size in SIZES:
                        for scheme in ("light", "dark"):
                            file = folder / f"{name}-{size}-{scheme}.png"
                            async with page_of(browser, url + path, size, scheme) as watched:  # type: ignore[arg-type]
                                live = watched.page.locator("body[data-link=live]")
                                await expect(live).to_be_attached()
                                await watched.page.screenshot(path=file)
                            print(file)
        finally:
            demo.terminate()
            await demo.communicate()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots")))
