"""The broker of deploy/compose.yaml: its configuration and passwords on a real Mosquitto."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from broker.local.loopback import free_port
from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import LinkError
from edge_agent.links.mqtt import connect
from tests.support.deploy import DEPLOY, read
from tests.support.mosquitto_versions import mosquitto, on_every_version

FOLDER = DEPLOY / "compose"


def make_secrets(folder: Path) -> str:
    command = [sys.executable, str(FOLDER / "make_secrets.py"), str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@on_every_version()
async def test_users_and_their_rights(tmp_path: Path, version: str) -> None:
    secrets = tmp_path / "secrets"
    assert make_secrets(secrets).count("made ") == 11
    hashes = secrets / "mosquitto-passwd"
    kept = hashes.read_text().splitlines(keepends=True)
    older = "".join(line for line in kept if not line.startswith("web:"))
    hashes.write_text(older)  # made by an older version, which had no pages
    assert make_secrets(secrets) == ""  # what is there is kept
    assert hashes.read_text().startswith(older)
    port = free_port()
    own = tmp_path / "broker"
    own.mkdir()
    config = tmp_path / "mosquitto.conf"
    config.write_text(
        replaced(
            (FOLDER / "mosquitto.conf").read_text(),
            ("listener 1883", f"listener {port} 127.0.0.1\nuser root"),
            ("/run/broker", str(own)),
            ("/mosquitto/data/", f"{tmp_path}/"),
        )
    )
    service = read("compose.yaml")["services"]["mosquitto"]
    assert service["tmpfs"] == ["/run/broker:uid=1883,gid=1883,mode=0700"]
    shell, option, command = service["command"]
    command = replaced(
        command,
        ("/run/secrets", str(secrets)),
        ("/run/broker", str(own)),
        ("/mosquitto/config/mosquitto.conf", str(config)),
        ("/mosquitto/config", str(FOLDER)),
        ("exec mosquitto", f"exec {mosquitto(version)}"),
    )
    with (tmp_path / "log").open("wb") as log:
        broker = await asyncio.create_subprocess_exec(shell, option, command, stderr=log)
    try:
        async with asyncio.timeout(30):
            await listening(port)
            await check_rights(port, secrets)
    except Exception as error:
        error.add_note((tmp_path / "log").read_text())
        raise
    finally:
        with suppress(ProcessLookupError):
            broker.terminate()
        await broker.wait()
    assert "Future versions" not in (tmp_path / "log").read_text()
    assert {path.stat().st_mode & 0o777 for path in own.iterdir()} == {0o600}


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """What stands in the container, for this machine."""
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


async def listening(port: int) -> None:
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(0.05)


def user(port: int, name: str, password: Path) -> BrokerSettings:
    return BrokerSettings(port=port, protocol="5", username=name, password_file=password)


async def check_rights(port: int, secrets: Path) -> None:
    twin = user(port, "twin", secrets / "mqtt-password")
    press = user(port, "press1", secrets / "mqtt-press1")
    async with connect(twin, "twin") as agent, connect(press, "press1") as sender:
        await agent.subscribe(["pur/v1/plant1/press1/shot"])
        await sender.publish("pur/v1/plant1/press1/shot", b"{}")
        ((message,)) = await agent.next_batch(1)
        assert message.payload == b"{}"
        await agent.publish("pur/v1/plant1/press1/twin/status", b"{}")
        await agent.subscribe(["$SYS/broker/uptime"])
        assert (await agent.next_batch(1))[0].topic == "$SYS/broker/uptime"
        await agent.unsubscribe(["$SYS/broker/uptime"])  # it comes again and again
        agent.here(100)
        await agent.subscribe(["pur/v1/plant1/press1/alert-ack"])
        web = user(port, "web", secrets / "mqtt-web")
        async with connect(web, "web") as pages:
            await pages.publish("pur/v1/plant1/press1/alert-ack", b"{}")
            assert (await agent.next_batch(1))[0].topic.endswith("/alert-ack")
            await pages.publish("pur/v1/plant1/press1/quality", b"{}")
            await pages.publish("pur/v1/plant1/web/twin/web-audit", b"{}", retain=True)
            with pytest.raises(LinkError, match="Not authorized"):
                await pages.publish("pur/v1/plant1/press1/shot", b"{}")
        gateway = user(port, "gateway", secrets / "mqtt-gateway")
        async with connect(gateway, "gateway") as machines:
            await machines.publish("pur/v1/plant1/press1/shot", b"[]")
            assert (await agent.next_batch(1))[0].payload == b"[]"
            await machines.subscribe(["pur/v1/plant1/press1/twin/received"])
            await agent.publish("pur/v1/plant1/press1/twin/received", b"{}")
            assert (await machines.next_batch(1))[0].topic.endswith("/twin/received")
            with pytest.raises(LinkError, match="Not authorized"):
                await machines.publish("pur/v1/plant1/press1/quality", b"{}")
        with pytest.raises(LinkError, match="Not authorized"):
            await sender.publish("pur/v1/plant1/press2/shot", b"{}")
        with pytest.raises(LinkError, match="Not authorized"):
            await sender.publish("pur/v1/plant1/press1/twin/status", b"{}")
    for name, password in (("twin", "mqtt-press1"), ("nobody", "mqtt-password")):
        with pytest.raises(LinkError):
            async with connect(user(port, name, secrets / password), "x"):
                pass
