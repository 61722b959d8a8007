"""A Mosquitto that asks for user and password, with access rules of the test's choice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from broker.local.loopback import free_port
from broker.local.mosquitto import MosquittoProcess
from broker.setup.passwords import password_line
from edge_agent.config.settings import BrokerSettings

PASSWORD = "right-password"


@asynccontextmanager
async def password_broker(folder: Path, *rules: str) -> AsyncIterator[BrokerSettings]:
    """Run it; gives how the user ``twin`` connects.

    Args:
        rules: lines of the access file below ``user twin``, as ``topic write pur/v1/#``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    (folder / "passwords").write_text(password_line("twin", PASSWORD) + "\n")
    (folder / "acl").write_text("\n".join(["user twin", *rules]) + "\n")
    for name in ("passwords", "acl"):
        (folder / name).chmod(0o600)
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\nuser root\n"
        f"password_file {folder}/passwords\nacl_file {folder}/acl\n"
    )
    async with MosquittoProcess(port, directory=folder / "run", config=config):
        yield login(port)


def login(port: int, password: str = PASSWORD, **more: Any) -> BrokerSettings:
    """The user ``twin`` on this machine."""
    fields = {"host": "127.0.0.1", "port": port, "username": "twin", "password": password}
    return BrokerSettings.model_validate(fields | more)
