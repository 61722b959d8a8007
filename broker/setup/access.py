"""Access rights at the broker, as a Mosquitto ACL file: one `user` block per client.

| client | writes | reads |
|---|---|---|
| a press | its telemetry, shots, events, orders | its predictions, what is committed, its twin |
| an agent | what the twin says about its presses | what its presses send, and its own status |
| an agent of a group | also its own status | also the group's agents, and what they hand over |
| quality | quality records of every press | nothing |
| gateway | telemetry and shots of every press | what is committed of them, and their twins |
| orders (MES) | orders and events of every press | nothing |
| reader (SCADA, pages) | nothing | what the twin says about every press |
| agent as edge node | also births, data and deaths of its presses | also commands to them, STATE |
| Sparkplug host | commands to presses, its STATE, what if | all of the group, its answers |
| gateway of Sparkplug | rebirths, where asked for | births, data, deaths of edge nodes |
| web server | quality, acknowledgements, advice, head of its audit log | all of every press |

No `pattern … %u` line: it would let any user write into a branch of its own name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from broker.ids import is_identifier
from broker.sparkplug.topics import NAMESPACE, MessageKind, state_topic
from broker.topics import PressAddress, TopicSpace

_SAID = (
    *(MessageKind.NBIRTH, MessageKind.NDATA, MessageKind.NDEATH),
    *(MessageKind.DBIRTH, MessageKind.DDATA, MessageKind.DDEATH),
)
"""What edge nodes say."""


@dataclass(frozen=True, slots=True)
class Client:
    """A user of the broker: its name (the CN of its certificate) and its topic filters."""

    name: str
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


def press_name(press: PressAddress) -> str:
    """The user name of a press."""
    return f"press-{press.site}-{press.press}"


def agent_name(agent_id: str) -> str:
    """The user name of an agent."""
    return f"agent-{agent_id}"


def press_client(topics: TopicSpace, press: PressAddress) -> Client:
    """A press, or its gateway, writes what happens; it reads its predictions, its receipt, and
    whether its twin is there."""
    return Client(
        press_name(press),
        writes=(
            topics.telemetry(press),
            topics.shot(press),
            topics.event(press),
            topics.order(press),
        ),
        reads=(topics.predictions(press), topics.received(press), topics.status(press)),
    )


def gateway_client(name: str, topics: TopicSpace, presses: Iterable[PressAddress]) -> Client:
    """A gateway writes readings and shots of presses, and reads what is committed of them.

    Args:
        name: its `id`.
    """
    own = list(presses)
    return Client(
        name,
        writes=tuple(topic for p in own for topic in (topics.telemetry(p), topics.shot(p))),
        reads=tuple(topic for p in own for topic in (topics.received(p), topics.status(p))),
    )


def agent_client(
    topics: TopicSpace,
    agent_id: str,
    presses: Iterable[PressAddress],
    group: PressAddress | None = None,
    sparkplug_group: str | None = None,
) -> Client:
    """An agent reads what its presses say and writes only below their `…/twin/`.

    It reads its status there, to see whether another one runs under its name. Reading covers
    `$share/{group}/…` too: Mosquitto checks the topic of each delivery.

    Args:
        group: with whom it shares its presses; they read what each keeps for the others.
        sparkplug_group: id of the group of its edge nodes; None: it has none.
    """
    own = list(presses)
    writes = [topics.twin(press) for press in own]
    reads = [
        topic for press in own for topic in (*topics.subscriptions(press), topics.status(press))
    ]
    if group is not None:
        writes.append(topics.agent(group, agent_id))
        of_press = topics.predictions, topics.handovers, topics.alerts, topics.advices
        reads += [read(press) for press in own for read in of_press]
        reads += [topic for press in own for topic in topics.memories(press)]
        reads.append(topics.agents(group))
    if sparkplug_group is not None:
        head = f"{NAMESPACE}/{sparkplug_group}"
        for press in own:
            writes += [f"{head}/{kind}/{press.press}" for kind in _SAID if kind[0] == "N"]
            writes += [f"{head}/{kind}/{press.press}/+" for kind in _SAID if kind[0] == "D"]
            reads += [f"{head}/{MessageKind.NCMD}/{press.press}"]
            reads += [f"{head}/{MessageKind.DCMD}/{press.press}/+", topics.simulate(press)]
        reads.append(f"{NAMESPACE}/{MessageKind.STATE}/+")
        if group is not None:
            reads += [topics.connect_number(press) for press in own]
    return Client(agent_name(agent_id), tuple(writes), tuple(reads))


def quality_client(name: str, topics: Sequence[str]) -> Client:
    """A laboratory or a camera writes quality records, on these topics."""
    return Client(name, writes=tuple(topics))


def orders_client(name: str, topics: Sequence[str]) -> Client:
    """A MES or the page of a shift leader writes orders and events, on these topics."""
    return Client(name, writes=tuple(topics))


def reader_client(name: str, filters: Sequence[str]) -> Client:
    """SCADA or a page reads what the twins say, by these filters, and publishes nothing."""
    return Client(name, reads=tuple(filters))


def web_client(name: str, topics: TopicSpace, site: str, presses: Iterable[PressAddress]) -> Client:
    """A web server reads all of its site's presses, and sends what people enter there.

    Args:
        name: its `web.id`, by which the head of its audit log is addressed.
    """
    own, head = list(presses), topics.web_audit(PressAddress(site, name))
    return Client(
        name,
        writes=(
            *(
                f(press)
                for press in own
                for f in (topics.quality, topics.alert_ack, topics.advice_word)
            ),
            head,
        ),
        reads=(*(topics.everything(press) for press in own), head),
    )


def sparkplug_host_client(
    name: str, groups: Iterable[tuple[str, TopicSpace, Sequence[PressAddress]]]
) -> Client:
    """A Sparkplug host, as MQTT Engine of Ignition, reads all of the groups and commands our nodes.

    Args:
        name: its host id.
        groups: id of a group, its topic grammar and the presses that are its edge nodes.
    """
    writes, reads = [state_topic(name)], [f"{NAMESPACE}/{MessageKind.STATE}/+"]
    for group, topics, presses in groups:
        reads.append(f"{NAMESPACE}/{group}/#")
        for press in presses:
            writes.append(f"{NAMESPACE}/{group}/{MessageKind.NCMD}/{press.press}")
            writes.append(f"{NAMESPACE}/{group}/{MessageKind.DCMD}/{press.press}/+")
            writes.append(topics.simulate(press))
            reads.append(topics.reply(press, name))
    return Client(name, tuple(dict.fromkeys(writes)), tuple(dict.fromkeys(reads)))


def of_other_nodes(*, rebirth: bool) -> Client:
    """What a gateway needs beside its own rights to take data of other edge nodes.

    Args:
        rebirth: it may ask every edge node for its births.
    """
    reads = [f"{NAMESPACE}/+/{kind}/+{'/+' if kind[0] == 'D' else ''}" for kind in _SAID]
    writes = (f"{NAMESPACE}/+/{MessageKind.NCMD}/+",) if rebirth else ()
    return Client("", writes, tuple(reads))


def acl_text(clients: Iterable[Client]) -> str:
    """The ACL file.

    Raises:
        ValueError: a name is no identifier of at most 64 characters, or stands for two clients.
    """
    blocks = [
        "# Generated by pur-mold-twin broker init, which overwrites it: change the plan instead."
    ]
    seen: set[str] = set()
    for client in clients:
        if not is_identifier(client.name):
            raise ValueError(
                f"{client.name!r} cannot name a client of the broker: at most 64 characters of "
                "A-Z a-z 0-9 _ . - (a certificate holds no more); shorten site, press or agent_id"
            )
        if client.name in seen:
            raise ValueError(
                f"{client.name!r} would name two clients of the broker: rename one of them"
            )
        seen.add(client.name)
        lines = [f"user {client.name}"]
        lines += [f"topic write {topic}" for topic in client.writes]
        lines += [f"topic read {topic}" for topic in client.reads]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"
