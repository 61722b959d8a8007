"""An OPC UA server of asyncua in a process of its own, told what to do by lines of JSON.

A PLC as it looks from outside: variables in a namespace of its vendor, with types, a unit, and a
history of some.

asyncua's server takes seconds of computing to be there. So one process has loaded it, once for all
tests of a worker, and forks: ``python -m tests.support.opcua_server`` is what runs there.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from broker.local.loopback import HOST, free_port
from tests.support.waiting import LIMIT_S, wait_for

URI = "http://vendor.example/press"
OTHER_URI = "http://vendor.example/other"
ROOT = Path(__file__).parents[2]
LINE_MAX = 16_000_000
_SIGNAL_AT_END_OF_PARENT = 1
"""``PR_SET_PDEATHSIG`` of prctl."""


class OpcUaServer:
    """The server's process; inside ``with`` it runs.

    Options: ``tags`` (values by name), ``other_first`` (another namespace has the lower index),
    ``history`` (names), ``users`` (passwords by name), ``certificate`` and ``key`` (files),
    ``policies`` (names of asyncua), ``trusted`` (files of certificates), ``min_session_ms``,
    ``max_queue``, ``page`` (values of a history at a time), ``rate`` (changes of each tag a
    second), ``node_ids`` (``i=`` from 1 on).
    """

    def __init__(self, tags: Mapping[str, Any], **options: Any) -> None:
        self.port = free_port()
        self.options: dict[str, Any] = {"tags": dict(tags), **options}
        self._pid = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"opc.tcp://{HOST}:{self.port}/press"

    @property
    def pid(self) -> int:
        """Its process."""
        return self._pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self, **changed: Any) -> None:
        """Start it, with changed options."""
        self.options |= changed
        control = free_port()
        self._pid = _parent().fork(self.options | {"port": self.port, "control": control})
        self._control = socket.create_connection((HOST, control), timeout=LIMIT_S)
        self._answers = self._control.makefile("rb")

    def kill(self) -> None:
        """End it as by SIGKILL."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            wait_for(self._is_gone, "the server of OPC UA to end")
            self._answers.close()
            self._control.close()
            self._pid = 0

    def _is_gone(self) -> bool:
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return True
        return False

    def freeze(self) -> None:
        """Let it stand still, as a machine that hangs."""
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._pid, signal.SIGCONT)

    def write(
        self,
        tag: str,
        *values: Any,
        type_name: str | None = None,
        status: int = 0,
        offset_s: float = 0.0,
        times: Sequence[datetime] = (),
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
        self.ask(
            do="write",
            tag=tag,
            values=values,
            type=type_name,
            status=status,
            offset_s=offset_s,
            times=[one.isoformat() for one in times],
        )

    def ask(self, **command: Any) -> Any:
        """Have a command done; its answer."""
        self._control.sendall(json.dumps(command).encode() + b"\n")
        return _answer(self._answers)


class _Parent:
    """The process that has loaded asyncua's server, and forks."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.opcua_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        atexit.register(self._end)

    def fork(self, options: Mapping[str, Any]) -> int:
        """A process that serves; its id, when it does."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(options).encode() + b"\n")
        self._process.stdin.flush()
        return int(_answer(self._process.stdout)["pid"])

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()


_parents: list[_Parent] = []


def _parent() -> _Parent:
    if not _parents:
        _parents.append(_Parent())
    return _parents[0]


def _answer(answers: IO[bytes]) -> Any:
    line = answers.readline()
    assert line, "the server of OPC UA has ended"
    answer = json.loads(line)
    if "error" in answer:
        raise AssertionError(answer["error"])
    return answer


class _Running:
    """The server within its process."""

    def __init__(self) -> None:
        """Load the server, without anything of its own."""
        from asyncua import Server, ua
        from asyncua.server.user_managers import User, UserRole

        running = self

        class Users:
            def get_user(
                self,
                iserver: Any,
                username: str | None = None,
                password: str | None = None,
                certificate: Any = None,
            ) -> User | None:
                users = running.options.get("users")
                known = not users or (username in users and users[username] == password)
                return User(role=UserRole.User) if known else None

        self._ua, self.options = ua, dict[str, Any]()
        self._server = Server(user_manager=Users())
        self._nodes: dict[str, Any] = {}
        asyncio.run(self._server.init())

    async def start(self, options: Mapping[str, Any]) -> None:
        """Serve with these options."""
        ua, server, self.options = self._ua, self._server, dict(options)
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
        # a PLC's program may be changed to one with other types
        internal.aspace._is_expected_variant_type = lambda *_: True
        internal.history_manager.storage.max_history_data_response_size = options.get(
            "page", 10_000
        )
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
                await self._write(
                    command["tag"], ua.Variant(value, kind), command["status"], moment
                )
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
        if command["do"] == "end-sessions":
            for session in list(self._server.iserver._external_sessions.values()):
                await session.close_session(True)
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
        await self._server.write_attribute_value(self._nodes[tag].nodeid, value)

    async def _change(self, rate: float) -> None:
        """Change every tag so many times a second, among what a temperature may be.

        To write a value costs this server 0.3 ms, in which it copies it through and through: 500
        tags at 10 Hz would be more than a core. So a change goes into the queues of the items.
        """
        ua, number = self._ua, 0
        loop = asyncio.get_running_loop()
        tags = {node.nodeid for node in self._nodes.values()}
        due = loop.time()
        while True:
            number += 1
            moment = datetime.now(UTC)
            value = ua.DataValue(
                ua.Variant(20.0 + number % 100, ua.VariantType.Double),
                SourceTimestamp=moment,
                ServerTimestamp=moment,
            )
            for subscription in self._server.iserver.subscription_service.subscriptions.values():
                items = subscription.monitored_item_srv._monitored_items
                for key, item in items.items():
                    if item.read_value_id.NodeId in tags:
                        change = ua.MonitoredItemNotification(item.client_handle, value)
                        subscription._triggered_datachanges.setdefault(key, []).append(change)
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def serve(self, options: Mapping[str, Any]) -> None:
        """Serve until the process is killed."""
        await self.start(options)
        control = await asyncio.start_server(self._listen, HOST, options["control"], limit=LINE_MAX)
        print(json.dumps({"pid": os.getpid()}), flush=True)
        await control.serve_forever()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            try:
                answer = await self.do(json.loads(line))
            except Exception as error:  # told to the test
                answer = {"error": repr(error)}
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()


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


def main() -> None:
    """Fork a server for each line of stdin; the end of stdin is the end of all.

    A signal at the end of the parent would come when the thread ends that began this process.
    """
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    running = _Running()
    for line in sys.stdin:
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(_SIGNAL_AT_END_OF_PARENT, signal.SIGKILL)
            try:
                asyncio.run(running.serve(json.loads(line)))
            except BaseException as error:
                print(json.dumps({"error": repr(error)}), flush=True)
            os._exit(0)


if __name__ == "__main__":
    main()
