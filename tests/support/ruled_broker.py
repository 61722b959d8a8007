"""A Mosquitto that runs on the files of `broker init`, and clients that log in to it."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiomqtt

from broker.local.loopback import free_port
from broker.local.mosquitto import MosquittoProcess
from broker.setup.folder import BrokerFolder
from broker.setup.inventory import AgentPlan, Plan
from edge_agent.config.settings import BrokerSettings


@dataclass
class RuledBroker:
    """The folder, its plan and the process: agent `a` with the presses p1 and p2 of site `s`."""

    path: Path
    plan: Plan
    process: MosquittoProcess

    def settings(self, name: str, **more: Any) -> BrokerSettings:
        """Link of the client `name` with its certificate."""
        certificate, key = folder_of(self.path, self.plan).files_of(name)
        tls = {"cert_file": certificate, "key_file": key, "ca_file": self.path / "ca.crt"}
        tls |= more.pop("tls", {})
        return BrokerSettings.model_validate(
            {"host": "localhost", "port": self.plan.port, "tls": {"enabled": True, **tls}, **more}
        )

    def context(self, name: str) -> ssl.SSLContext:
        """TLS as the client `name`; `nobody` shows no certificate."""
        context = ssl.create_default_context(cafile=self.path / "ca.crt")
        if name != "nobody":
            context.load_cert_chain(*folder_of(self.path, self.plan).files_of(name))
        return context

    def page_password(self) -> str:
        """The password that was made for the page."""
        return (self.path / "clients" / "page.password").read_text().strip()

    def page(
        self, password: str | None = None, user: str = "page", **options: Any
    ) -> aiomqtt.Client:
        """A page of this machine: websockets, with the password that was made for it."""
        if password is None:
            password = self.page_password()
        return aiomqtt.Client(
            "127.0.0.1",
            self.plan.websockets_port,
            username=user,
            password=password,
            transport="websockets",
            protocol=aiomqtt.ProtocolVersion.V5,
            timeout=5,
            **options,
        )

    def server_serial(self) -> str:
        """The serial number of the certificate the broker shows now."""
        tls = self.settings("scada").tls
        assert tls.cert_file is not None
        context = ssl.create_default_context(cafile=tls.ca_file)
        context.check_hostname = False
        context.load_cert_chain(tls.cert_file, tls.key_file)
        with (
            socket.create_connection(("127.0.0.1", self.plan.port)) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            shown = secured.getpeercert()
        assert shown is not None
        return str(shown["serialNumber"])

    def logins(self, name: str) -> int:
        """Number of connections of the client `name`, by the broker's log."""
        return self.log().count(f"u'{name}'")

    def press_sessions(self, name: str) -> int:
        """Number of sessions of a press that the agent `name` has opened, by the broker's log."""
        return len(re.findall(rf" as pur-twin-\w+-p\d+-\w{{26}} .*u'{name}'", self.log()))

    def log(self) -> str:
        """All that the broker has logged."""
        return (self.path.parent / "run" / "mosquitto.log").read_text()


def folder_of(path: Path, plan: Plan) -> BrokerFolder:
    """The folder as `broker init` handles it."""
    return BrokerFolder(path, plan, datetime.now(UTC))


def plan_for(path: Path, presses: tuple[str, ...] = ("p1", "p2")) -> Plan:
    """Agent `a` of site `s` on free ports; Mosquitto as whoever runs the test."""
    return Plan(
        agents=(AgentPlan(agent_id="a", site="s", presses=presses),),
        bind="127.0.0.1",
        port=free_port(),
        websockets_port=free_port(),
        user="root",
        data=path / "data",
    )


@asynccontextmanager
async def ruled_broker(
    tmp_path: Path,
    *agents: AgentPlan,
    program: Path | None = None,
    update: dict[str, Any] | None = None,
) -> AsyncIterator[RuledBroker]:
    """Make the files in a folder and run Mosquitto on them; for other agents if they are named.

    Args:
        program: the Mosquitto, by default the machine's own.
        update: other fields of the plan.
    """
    path = tmp_path / "broker"
    plan = plan_for(path)
    plan = plan.model_copy(update={"agents": agents or plan.agents, **(update or {})})
    folder_of(path, plan).prepare()
    async with MosquittoProcess(
        plan.port, directory=tmp_path / "run", config=path / "mosquitto.conf", program=program
    ) as process:
        yield RuledBroker(path, plan, process)
