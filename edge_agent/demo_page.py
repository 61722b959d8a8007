"""The pages of the demo: the web server as a process of its own, by the demo's clock."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from importlib.util import find_spec
from pathlib import Path

from broker.local.loopback import HOST, free_port
from edge_agent.clock import AcceleratedClock, SystemClock
from edge_agent.config.settings import Settings
from twin_core.extras import how_to_install

USER, PASSWORD = "demo", "demo on this machine"
"""An operator, so that results can be entered; the demo listens on this machine alone."""
START_TIMEOUT_S, STOP_TIMEOUT_S = 20.0, 10.0


@asynccontextmanager
async def page(settings: Settings, clock: AcceleratedClock, folder: Path) -> AsyncIterator[str]:
    """Serve the pages while the block runs; the address, or why there is none.

    Args:
        settings: of the demo's agent.
        clock: the demo's.
        folder: where its configuration and log go.
    """
    if find_spec("fastapi") is None:
        yield f"none without the extra web: {how_to_install('web')}"
        return
    port, config = free_port(), folder / "web.yaml"
    document = settings.model_dump(
        mode="json", include={"site", "agent_id", "presses", "broker", "spool", "history"}
    )
    for name in ("password", "session_secret"):
        document["broker"].pop(name)
    document["web"] = {"host": HOST, "port": port, "database_path": str(folder / "web.db")}
    config.write_text(json.dumps(document))  # JSON is YAML
    adding = asyncio.ensure_future(asyncio.to_thread(_add_user, folder / "web.db"))
    try:
        await asyncio.shield(adding)
    except asyncio.CancelledError:
        while not adding.done():  # else it would make the folder anew, after it was deleted
            with suppress(asyncio.CancelledError):  # the demo cancels again and again
                await asyncio.wait({adding})
        raise
    command = ["-m", "edge_agent", "web", "--config", str(config), "--clock", clock.words]
    environment = {name: value for name, value in os.environ.items() if name[:5] != "TWIN_"}
    with (folder / "web.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=log, stderr=log, env=environment
        )
    try:
        if await _answers(process, port):
            yield f"http://{HOST}:{port}/"
        else:
            yield f"none: it did not start, see {folder / 'web.log'}"
    finally:
        await _end(process)


def _add_user(database: Path) -> None:
    from edge_agent.web.access.control import Access, AccessOptions  # noqa: PLC0415 (an extra)
    from edge_agent.web.access.roles import Role  # noqa: PLC0415

    with closing(Access(AccessOptions(database), SystemClock().now)) as access:
        if not access.users.all():
            access.users.add(USER, PASSWORD, Role.OPERATOR, "demo")


async def _answers(process: asyncio.subprocess.Process, port: int) -> bool:
    end = asyncio.get_running_loop().time() + START_TIMEOUT_S
    while process.returncode is None and asyncio.get_running_loop().time() < end:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(HOST, port)
            writer.close()
            await writer.wait_closed()
            return True
        await asyncio.sleep(0.05)
    return False


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
