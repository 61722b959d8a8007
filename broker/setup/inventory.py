"""Inventory of a broker: its agents with their presses, other clients, names and ports.

Kept as `plan.json` beside what is generated from it, so that a second `init` adds to the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from broker.ids import Identifier
from broker.setup.access import (
    Client,
    agent_client,
    gateway_client,
    of_other_nodes,
    orders_client,
    press_client,
    quality_client,
    reader_client,
    sparkplug_host_client,
    web_client,
)
from broker.setup.configuration import MACHINE_CONNECTIONS, queue_bytes, queue_length
from broker.topics import DEFAULT_PREFIX, PressAddress, TopicSpace

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")

Port = Annotated[int, Field(ge=1, le=65535)]
Names = tuple[Identifier, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentPlan(_Part):
    """An agent and the presses it looks after."""

    agent_id: Identifier
    site: Identifier
    presses: Names
    share_group: Identifier | None = None
    """The agents that share its presses with it."""
    topic_prefix: str = DEFAULT_PREFIX
    spool_limit_mb: float = 2048.0
    sparkplug_group: Identifier | None = None
    """Id of the group, if its presses are edge nodes of Sparkplug."""

    @field_validator("topic_prefix")
    @classmethod
    def _is_a_prefix(cls, prefix: str) -> str:
        TopicSpace(prefix)
        if prefix.startswith(" "):
            raise ValueError(
                f"topic prefix {prefix[:80]!r}: begins with a space, which access rules of "
                "Mosquitto leave out"
            )
        return prefix

    @property
    def topics(self) -> TopicSpace:
        """The topic grammar its presses use."""
        return TopicSpace(self.topic_prefix)

    def addresses(self) -> list[PressAddress]:
        """Its presses."""
        return [PressAddress(self.site, press) for press in self.presses]

    def group(self) -> PressAddress | None:
        """The group it belongs to, addressed like a press."""
        return PressAddress(self.site, self.share_group) if self.share_group else None

    def spoken_of(self) -> list[PressAddress]:
        """All that the twin says something about: its presses, and its group if it has one."""
        group = self.group()
        return self.addresses() if group is None else [*self.addresses(), group]


class Plan(_Part):
    """All that the generated files depend on."""

    agents: tuple[AgentPlan, ...] = ()
    host_names: tuple[str, ...] = THIS_MACHINE
    """What clients call the broker: host names and IP addresses, for its certificate."""
    bind: str | None = None
    """The address on which machines connect; every one by default."""
    port: Port = 8883
    websockets_port: Port = 9001
    scada: Names = ("scada",)
    """Clients that read all of the twin, with a certificate."""
    quality: Names = ("quality",)
    """Clients that write quality records, with a certificate."""
    orders: Names = ()
    """Clients that write orders and events, with a certificate; presses may do so, too."""
    web: Names = ()
    """Web servers (`pur-mold-twin web`) by their `web.id`, with a certificate."""
    gateways: Names = ()
    """Gateways (`pur-mold-twin gateway`) of several presses by their `id`, with a certificate; that
    of a single press may use the press's own."""
    sparkplug_hosts: Names = ()
    """Sparkplug hosts (Ignition) by their host id, with a certificate."""
    gateway_sparkplug: Names = ()
    """Gateways that take data of other edge nodes."""
    gateway_rebirth: Names = ()
    """Of these, those that may ask any edge node for its births."""
    pages: Names = ("page",)
    """Clients that read all of the twin, with a password over websockets."""
    user: str = "mosquitto"
    """The system user Mosquitto runs as when it is started by root."""
    data: Path
    """Where the broker keeps what waits and what is retained."""

    def with_agent(self, agent: AgentPlan) -> Plan:
        """The plan with this agent added, or as it is now."""
        others = tuple(one for one in self.agents if one.agent_id != agent.agent_id)
        return self.model_copy(update={"agents": (*others, agent)})

    def groups(self) -> list[str]:
        """The groups of agents that share presses, each once."""
        return sorted({agent.share_group for agent in self.agents if agent.share_group})

    def press_clients(self) -> list[Client]:
        """One client a press, also of a press that several agents look after."""
        clients = {
            (press, agent.topic_prefix): press_client(agent.topics, press)
            for agent in self.agents
            for press in agent.addresses()
        }
        return list(clients.values())

    def certified(self) -> list[Client]:
        """Every client that shows a certificate."""
        agents = [
            agent_client(a.topics, a.agent_id, a.addresses(), a.group(), a.sparkplug_group)
            for a in self.agents
        ]
        quality = list(
            dict.fromkeys(a.topics.quality(press) for a in self.agents for press in a.addresses())
        )
        orders = list(
            dict.fromkeys(
                topic
                for a in self.agents
                for press in a.addresses()
                for topic in (a.topics.order(press), a.topics.event(press))
            )
        )
        return [
            *self.press_clients(),
            *agents,
            *(quality_client(name, quality) for name in self.quality),
            *(orders_client(name, orders) for name in self.orders),
            *(reader_client(name, self._twins()) for name in self.scada),
            *(self._web_client(name) for name in self.web),
            *(self._gateway_client(name) for name in self._gateways()),
            *(sparkplug_host_client(name, self._edge_nodes()) for name in self.sparkplug_hosts),
        ]

    def with_password(self) -> list[Client]:
        """Every client that gives a password."""
        return [reader_client(name, self._twins()) for name in self.pages]

    def max_queued_messages(self) -> int:
        """Number of messages that the broker keeps for each session that is away."""
        lengths = [queue_length(a.spool_limit_mb, len(a.presses)) for a in self.agents]
        return max(lengths, default=queue_length(0.0, 1))

    def max_queued_bytes(self) -> int:
        """Bytes that the broker keeps for each session that is away."""
        sizes = [queue_bytes(a.spool_limit_mb, len(a.presses)) for a in self.agents]
        return max(sizes, default=queue_bytes(0.0, 1))

    def max_connections(self) -> int:
        """Connections of machines at once: room for twice the plan's, and never few."""
        sessions = sum(
            len(agent.presses) * (1 if agent.sparkplug_group is None else 2) + 1
            for agent in self.agents
        )
        return max(MACHINE_CONNECTIONS, 2 * (sessions + len(self.certified())))

    def _web_client(self, name: str) -> Client:
        """A web server as the client of all agents' presses; one right is listed once."""
        parts = [web_client(name, a.topics, a.site, a.addresses()) for a in self.agents]
        writes = dict.fromkeys(topic for part in parts for topic in part.writes)
        reads = dict.fromkeys(topic for part in parts for topic in part.reads)
        return Client(name, tuple(writes), tuple(reads))

    def _gateway_client(self, name: str) -> Client:
        """A gateway as the client of all agents' presses; one right is listed once."""
        parts = [gateway_client(name, a.topics, a.addresses()) for a in self.agents]
        writes = dict.fromkeys(topic for part in parts for topic in part.writes)
        reads = dict.fromkeys(topic for part in parts for topic in part.reads)
        more = of_other_nodes(rebirth=name in self.gateway_rebirth)
        if name not in (*self.gateway_sparkplug, *self.gateway_rebirth):
            more = Client(name)
        return Client(name, (*writes, *more.writes), (*reads, *more.reads))

    def _gateways(self) -> list[str]:
        return list(dict.fromkeys([*self.gateways, *self.gateway_sparkplug, *self.gateway_rebirth]))

    def _edge_nodes(self) -> list[tuple[str, TopicSpace, list[PressAddress]]]:
        """Group, grammar and presses of each agent whose presses are edge nodes."""
        return [
            (agent.sparkplug_group, agent.topics, agent.addresses())
            for agent in self.agents
            if agent.sparkplug_group is not None
        ]

    def _twins(self) -> Sequence[str]:
        """The filters of all that the twins say, each once."""
        return list(dict.fromkeys(a.topics.twin(one) for a in self.agents for one in a.spoken_of()))
