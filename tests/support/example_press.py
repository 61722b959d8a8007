"""Simulated presses with the tags of the examples in configs/gateway: what a reader's machine does.

Each makes one shot in some seconds: pours 0.4 kg and 0.45 kg into PANEL_A at 40 °C.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, Self
from zoneinfo import ZoneInfo

import yaml

from broker.local.loopback import HOST, free_port
from edge_agent.config.settings import BrokerSettings
from edge_agent.links.mqtt import connect
from tests.support.processes import ROOT
from tests.support.sparkplug_edge_node import EdgeNode

STEP_S = 0.7
"""More than ``settle_s``, and than a poll of the examples but for the thermostat's."""
SIEMENS = "http://www.siemens.com/simatic-s7-opcua"


class ExamplePress(Protocol):
    """A press of an example."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...

    def adapt(self, settings: dict[str, Any]) -> None:
        """Put the addresses of this machine into the configuration, as a reader does."""

    async def shoot(self) -> None:
        """Make a shot, to its pour."""


class JsonLine:
    """The line of docs/integrate/foreign-json.md; its messages are those of the page."""

    def __init__(self, folder: Path, port: int) -> None:
        self._port = port
        page = (ROOT / "docs/integrate/foreign-json.md").read_text(encoding="utf-8")
        rows = re.findall(r"^    (plant/line3/\w+) ({.*})$", page, re.MULTILINE)
        self._messages = {topic: json.loads(text) for topic, text in rows}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass

    def adapt(self, settings: dict[str, Any]) -> None:
        pass

    async def shoot(self) -> None:
        async with connect(BrokerSettings(port=self._port), "line3") as session:
            for state in ("open", "filling", "poured"):
                for topic, message in self._messages.items():
                    now = {"time": round(datetime.now().timestamp() * 1000)}
                    more = {"state": state} if "state" in message else {}
                    text = json.dumps(message | (now if "time" in message else {}) | more)
                    await session.publish(topic, text.encode())
                await asyncio.sleep(STEP_S)


class SparkplugLine:
    """The edge node of docs/integrate/sparkplug.md, with the metrics of the example."""

    def __init__(self, folder: Path, port: int) -> None:
        values: dict[str | None, dict[str, Any]] = {
            None: {"Hall/Humidity": 48.0},
            "press": {
                "Temperatures/Mold": 40.2,
                "Temperatures/Polyol": 25.1,
                "Temperatures/Iso": 25.0,
                "Dosing/Pouring": False,
                "Dosing/Polyol mass": 0.4,
                "Dosing/Iso mass": 0.45,
                "Mold/Closed": True,
                "Mold/Name": "PANEL_A",
                "Shot counter": 1042,
            },
        }
        self._node = EdgeNode(port, values, "foam", "line3")

    async def __aenter__(self) -> Self:
        await self._node.connect()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._node.vanish()

    def adapt(self, settings: dict[str, Any]) -> None:
        pass

    async def shoot(self) -> None:
        for pouring in (True, False):
            self._node.values["press"]["Dosing/Pouring"] = pouring
            await self._node.say("press", "Dosing/Pouring")
            await asyncio.sleep(STEP_S)


class LoggerFiles:
    """The logger of docs/integrate/logger-folder.md; its lines are those of the page."""

    def __init__(self, folder: Path, port: int) -> None:
        self._file = folder / "logger" / "press1_2026-05-04.csv"
        page = (ROOT / "docs/integrate/logger-folder.md").read_text(encoding="utf-8")
        (text,) = re.findall(r"^    (Time;.*(?:\n    .*)*)$", page, re.MULTILINE)
        self._head, *self._rows = [line.strip() for line in text.splitlines()]

    async def __aenter__(self) -> Self:
        self._file.parent.mkdir()
        self._file.write_text(f"{self._head}\n", encoding="utf-8")
        return self

    async def __aexit__(self, *error: object) -> None:
        pass

    def adapt(self, settings: dict[str, Any]) -> None:
        settings["sources"]["logger"]["path"] = str(self._file.parent)

    async def shoot(self) -> None:
        for row in self._rows:
            now = datetime.now(ZoneInfo("Europe/Berlin"))
            cells = row.split(";", 1)[1]
            with self._file.open("a", encoding="utf-8") as file:
                file.write(f"{now:%Y-%m-%d %H:%M:%S.%f};{cells}\n")
            await asyncio.sleep(2 * STEP_S)


class ModbusDevices:
    """The temperature controller and the inputs of docs/integrate/modbus-thermostat.md."""

    def __init__(self, folder: Path, port: int) -> None:
        self.ports = {"thermostat": free_port(), "inputs": free_port()}
        self.registers = {0: 405, 1: 400, 9: 400, 20: 0}
        self.input_registers = {10: 0x0000, 11: 0x4140}
        self.bits = [False, True]
        self._servers: list[Any] = []

    async def __aenter__(self) -> Self:
        from pymodbus.server import ModbusTcpServer
        from pymodbus.simulator import DataType, SimData, SimDevice

        for port in self.ports.values():
            device = SimDevice(
                1,
                (
                    [SimData(0, values=[False] * 16, datatype=DataType.BITS)],
                    [SimData(0, values=[False] * 16, datatype=DataType.BITS)],
                    [SimData(0, count=100, datatype=DataType.REGISTERS)],
                    [SimData(0, count=100, datatype=DataType.REGISTERS)],
                ),
                action=self._answer,
            )
            server = ModbusTcpServer(device, address=(HOST, port))
            await server.serve_forever(background=True)
            self._servers.append(server)
        return self

    async def __aexit__(self, *error: object) -> None:
        for server in self._servers:
            await server.shutdown()

    async def _answer(
        self, function: int, start: int, address: int, count: int, found: list[int], _: Any
    ) -> None:
        if function in {1, 2}:
            found[0] = sum(bit << place for place, bit in enumerate(self.bits))
            return
        known: Mapping[int, int] = self.registers if function == 3 else self.input_registers
        for at, value in known.items():
            found[at - start] = value

    def adapt(self, settings: dict[str, Any]) -> None:
        for name, port in self.ports.items():
            settings["sources"][name] |= {"host": HOST, "port": port}

    async def shoot(self) -> None:
        await asyncio.sleep(2 * STEP_S)
        self.bits[0] = True
        await asyncio.sleep(STEP_S)
        self.bits[0] = False


class OpcUaPlc:
    """A controller with the tags of docs/integrate/s7-1500.md, and its namespaces."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"opc.tcp://{HOST}:{free_port()}/"
        self._nodes: dict[str, Any] = {}
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        from asyncua import Server, ua

        server = Server()
        await server.init()
        server.set_endpoint(self.url)
        for uri in ("urn:plc:interfaces", SIEMENS):
            index = await server.register_namespace(uri)
        given = yaml.safe_load((ROOT / "configs/gateway/s7-1500.yaml").read_text())
        values = {
            "mold_temperature": 40.2, "polyol_temperature": 25.0, "iso_temperature": 25.0,
            "cavity_pressure": 0.0, "polyol_mass": 400.0, "iso_mass": 450.0, "mold_number": 1,
            "shot_counter": 1041, "pouring": False, "mold_open": False, "fault": False,
        }  # fmt: skip
        for tag, where in given["sources"]["plc"]["tags"].items():
            name = where["node"].partition(";s=")[2]
            node_id = ua.NodeId(name, index)
            kind = ua.VariantType.UInt16 if isinstance(values[tag], int) else None
            kind = None if isinstance(values[tag], bool) else kind
            self._nodes[tag] = await server.nodes.objects.add_variable(
                node_id, name.rpartition(".")[2].strip('"'), values[tag], varianttype=kind
            )
        await self._open.enter_async_context(server)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._open.aclose()

    def adapt(self, settings: dict[str, Any]) -> None:
        plc = settings["sources"]["plc"]
        plc |= {"url": self.url, "security_policy": "None"}
        for name in ("cert_file", "key_file", "username", "password_file"):
            del plc[name]

    async def shoot(self) -> None:
        from asyncua import ua

        await self._nodes["shot_counter"].write_value(ua.Variant(1042, ua.VariantType.UInt16))
        await self._nodes["pouring"].write_value(True)
        await asyncio.sleep(STEP_S)
        await self._nodes["pouring"].write_value(False)
