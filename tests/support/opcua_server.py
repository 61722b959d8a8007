"""An OPC UA server of asyncua in a process of its own, told what to do by lines of JSON.

A PLC as it looks from outside: variables in a namespace of its vendor, with types, a unit, and a
history of some. ``python -m tests.support.opcua_server '{"port": 4840}'`` is what runs there.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from broker.local.loopback import HOST, free_port

URI = "http://vendor.example/press"
OTHER_URI = "http://vendor.example/other"
ROOT = Path(__file__).parents[2]


class OpcUaServer:
    """The server's process; inside ``async with`` it runs.

    Options: ``tags`` (values by name), ``other_first`` (another namespace has the lower index),
    ``history`` (names), ``users`` (passwords by name), ``certificate`` and ``key`` (files),
    ``policies`` (names of asyncua), ``trusted`` (files of certificates), ``min_session_ms``,
    ``max_queue``, ``rate`` (changes of each tag a second), ``node_ids`` (``i=`` from 1 on).
    """

    def __init__(self, tags: Mapping[str, Any], **options: Any) -> None:
        self.port = free_port()
        self.options: dict[str, Any] = {"tags": dict(tags), **options}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"opc.tcp://{HOST}:{self.port}/press"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.kill()

    async def start(self, **changed: Any) -> None:
        """Start it, with changed options."""
        self.options |= changed
        words = json.dumps(self.options | {"port": self.port})
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.opcua_server",
            words,
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        await self._answer()

    async def kill(self) -> None:
        """End it as by SIGKILL."""
        if self._process is not None:
            self._process.kill()
            await self._process.communicate()
            self._process = None

    def freeze(self) -> None:
        """Let it stand still, as a machine that hangs."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def write(
        self,
        tag: str,
        *values: Any,
        type_name: str | None = None,
        status: int = 0,
        offset_s: float = 0.0,
        times: Sequence[str] = (),
    ) -> None:
        """Give a tag values one after the other.

        Args:
            tag: its name.
            values: one or more.
            type_name: of asyncua's ``VariantType``; by default from the value.
            status: code of the values.
            offset_s: the machine's clock is so much ahead.
            times: source times; by default now.
        """
        await self.ask(
            do="write",
            tag=tag,
            values=values,
            type=type_name,
            status=status,
            offset_s=offset_s,
            times=times,
        )

    async def ask(self, **command: Any) -> Any:
        """Have a command done; its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()
        return await self._answer()

    async def _answer(self) -> Any:
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the server of OPC UA has ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer


class _Running:
    """The server within its process."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        from asyncua import Server, ua
        from asyncua.server.user_managers import User, UserRole

        self._ua, self._options = ua, options
        users = options.get("users")

        class Users:
            def get_user(
                self,
                iserver: Any,
                username: str | None = None,
                password: str | None = None,
                certificate: Any = None,
            ) -> User | None:
                known = not users or (username in users and users[username] == password)
                return User(role=UserRole.User) if known else None

        self._server = Server(user_manager=Users())
        self._nodes: dict[str, Any] = {}

    async def start(self) -> None:
        ua, options, server = self._ua, self._options, self._server
        await server.init()
        server.set_endpoint(f"opc.tcp://{HOST}:{options['port']}/press")
        server.set_server_name("press")
        internal = server.iserver
        internal.min_session_timeout_ms = options.get("min_session_ms", 1000)
        internal.max_monitored_item_queue_size = options.get("max_queue", 10_000)
        if certificate := options.get("certificate"):
            await server.load_certificate(certificate)
            await server.load_private_key(options["key"])
        if trusted := options.get("trusted"):
            server.set_certificate_validator(_Trust(ua, trusted))
        names = options.get("policies", ["NoSecurity"])
        server.set_security_policy([ua.SecurityPolicyType[name] for name in names])
        if options.get("users"):
            server.set_identity_tokens([ua.UserNameIdentityToken])
        for uri in (OTHER_URI, URI) if options.get("other_first") else (URI, OTHER_URI):
            await server.register_namespace(uri)
        index = await server.get_namespace_index(URI)
        press = await server.nodes.objects.add_object(index, "Press")
        for number, (tag, value) in enumerate(options["tags"].items(), 1):
            node = f"i={number}" if options.get("node_ids") else f"s=Press.{tag}"
            await self._add(press, f"ns={index};{node}", index, tag, value)
        other = await server.get_namespace_index(OTHER_URI)
        await press.add_variable(f"ns={other};s=Press.temperature", f"{other}:temperature", -1.0)
        await server.start()
        for tag in options.get("history", ()):
            await server.historize_node_data_change(self._nodes[tag], timedelta(days=1), 0)
        if rate := options.get("rate"):
            self._changing = asyncio.create_task(self._change(rate))

    async def _add(self, press: Any, node: str, index: int, tag: str, value: Any) -> None:
        ua = self._ua
        variable = await press.add_variable(node, f"{index}:{tag}", value)
        if tag == "temperature":
            unit = ua.EUInformation(DisplayName=ua.LocalizedText("°C"))
            await variable.add_property(ua.NodeId(f"{tag}.unit", index), "0:EngineeringUnits", unit)
        self._nodes[tag] = variable

    async def do(self, command: Mapping[str, Any]) -> Any:
        ua = self._ua
        if command["do"] == "write":
            kind = command["type"] and ua.VariantType[command["type"]]
            for number, value in enumerate(command["values"]):
                moment = datetime.now(UTC) + timedelta(seconds=command["offset_s"])
                if number < len(command["times"]):
                    moment = datetime.fromisoformat(command["times"][number])
                await self._write(command["tag"], ua.Variant(value, kind), command["status"], moment)
                await asyncio.sleep(0.0002)  # times of their own
            return {}
        if command["do"] == "add":
            index = await self._server.get_namespace_index(URI)
            press = await self._server.nodes.objects.get_child(f"{index}:Press")
            tag = command["tag"]
            await self._add(press, f"ns={index};s=Press.{tag}", index, tag, command["value"])
            return {}
        if command["do"] == "structure":
            body = ua.ExtensionObject(ua.NodeId(4711, 2), b"\1\2\3")
            await self._write(command["tag"], ua.Variant(body), 0, datetime.now(UTC))
            return {}
        if command["do"] == "sessions":
            return {"count": len(self._server.iserver._external_sessions)}
        if command["do"] == "subscriptions":
            found = self._server.iserver.subscription_service.subscriptions
            return {str(key): str(one.session_id) for key, one in found.items()}
        if command["do"] == "forget":  # subscriptions, as a server that has no room for them
            service = self._server.iserver.subscription_service
            history = self._server.iserver.history_manager._sub
            own = history.subscription_id if history else None
            await service.delete_subscriptions([key for key in service.subscriptions if key != own])
            return {}
        raise ValueError(command["do"])

    async def _write(self, tag: str, variant: Any, status: int, moment: datetime) -> None:
        ua = self._ua
        value = ua.DataValue(
            variant,
            ua.StatusCode(status),
            SourceTimestamp=moment,
            ServerTimestamp=datetime.now(UTC),
        )
        await self._nodes[tag].write_value(value)

    async def _change(self, rate: float) -> None:
        """Change every tag so many times a second."""
        ua, number = self._ua, 0
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            number += 1
            moment = datetime.now(UTC)
            for node in self._nodes.values():
                value = ua.DataValue(
                    ua.Variant(float(number), ua.VariantType.Double),
                    SourceTimestamp=moment,
                    ServerTimestamp=moment,
                )
                await node.write_value(value)
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - loop.time()))


class _Trust:
    """Takes certificates of these files only."""

    def __init__(self, ua: Any, files: Sequence[str]) -> None:
        self._ua, self._files = ua, files

    async def __call__(self, certificate: Any, description: Any) -> None:
        from asyncua.common.utils import ServiceError
        from cryptography import x509

        known = [x509.load_pem_x509_certificate(Path(one).read_bytes()) for one in self._files]
        if certificate not in known:
            raise ServiceError(self._ua.StatusCodes.BadCertificateUntrusted)


async def main(options: Mapping[str, Any]) -> None:
    """Serve until stdin ends."""
    running = _Running(options)
    await running.start()
    print("{}", flush=True)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            answer = await running.do(json.loads(line))
        except Exception as error:  # told to the test
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    import logging

    logging.disable(logging.CRITICAL)
    asyncio.run(main(json.loads(sys.argv[1])))
