"""The broker: can it be reached, and may the agent read and write what it must?

Nothing is retained, no session is kept, no message is taken from an agent: the client id is a
random one, and what arrives meanwhile is not acknowledged by this session alone. One empty message
is published per press, on ``…/twin/doctor``, a topic that nobody has a use for. Only where the
broker refuses it (access rules that name single topics) the topics of results are tried with an
empty message each, that of the prediction for a mold that there is not. The topics of the status
are never tried: a listener could take it for the end of the agent.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from time import perf_counter

from broker.topics import PressAddress
from edge_agent.config.settings import Settings
from edge_agent.doctor.checkup import Finding
from edge_agent.errors import LinkError, NotAuthorized
from edge_agent.links.mqtt import Session, connect

NO_MOLD = "doctor-no-mold"
"""The mold of a prediction that is only tried."""
UNSEEN = (
    "Mosquitto grants every subscription and checks what it delivers: if the agent hears nothing, "
    "look at the access rules"
)


def check_broker(settings: Settings) -> Iterator[Finding]:
    """Connect as the agent does, and try its rights."""

    async def gather() -> list[Finding]:
        return [finding async for finding in _at_broker(settings)]

    yield from asyncio.run(gather())


async def _at_broker(settings: Settings) -> AsyncIterator[Finding]:
    broker = settings.broker
    began = perf_counter()
    client_id = f"pur-doctor-{secrets.token_hex(8)}"
    try:
        async with connect(broker, client_id, keep=False) as session:
            took_ms = 1e3 * (perf_counter() - began)
            yield _reached(settings, session, took_ms)
            for press in settings.addresses():
                yield await _reading(settings, session, press)
                yield await _writing(settings, session, press)
            if settings.group is not None:
                yield await _rights_of_group(settings, session, settings.group)
    except LinkError as error:
        yield Finding("broker", "problem", str(error), error.hint)


def _reached(settings: Settings, session: Session, took_ms: float) -> Finding:
    where = f"{settings.broker.host}:{settings.broker.port}"
    tls = "TLS" if settings.broker.tls.enabled else "no TLS"
    words = f"reached at {where} in {took_ms:.0f} ms: MQTT {session.version}, {tls}"
    if session.version == "5":
        return Finding("broker", "ok", words)
    return Finding(
        "broker",
        "warning",
        f"{words}; 3.1.1 neither tells what it refuses nor forgets what is out of date",
        "use a broker that speaks MQTT 5, as Mosquitto does from 1.6 on",
    )


async def _reading(settings: Settings, session: Session, press: PressAddress) -> Finding:
    topics = settings.topics
    wanted = [*topics.subscriptions(press), topics.status(press)]
    if settings.group is not None:
        of_press = topics.predictions(press), topics.handovers(press), topics.advices(press)
        wanted += [*of_press, *topics.memories(press)]
    refused = await _refused_subscriptions(session, wanted)
    subject = f"read {press.press}"
    if refused:
        names = ", ".join(refused)
        return Finding(subject, "problem", f"not allowed: {names}", NotAuthorized.usual_hint)
    return Finding(subject, "ok", f"{len(wanted)} subscriptions are granted ({UNSEEN})")


async def _rights_of_group(settings: Settings, session: Session, group: PressAddress) -> Finding:
    """May we see the others of the group, and does the broker know shared subscriptions?"""
    topics = settings.topics
    tried = f"doctor-{secrets.token_hex(8)}"  # a share of our own: nobody misses a message
    wanted = [topics.agents(group), *topics.shared(tried, settings.addresses()[0])[:1]]
    refused = await _refused_subscriptions(session, wanted)
    if refused:
        words = f"not allowed: {', '.join(refused)}"
        return Finding("group", "problem", words, NotAuthorized.usual_hint)
    return Finding("group", "ok", f"{group.press}: the other agents and shared subscriptions")


async def _refused_subscriptions(session: Session, topics: list[str]) -> list[str]:
    refused = []
    for topic in topics:
        try:
            await session.subscribe([topic])
            await session.unsubscribe([topic])
        except LinkError as error:
            if "the broker refused" not in str(error):  # not a right, the link
                raise
            refused.append(str(error).partition(": ")[0])
    return refused


async def _writing(settings: Settings, session: Session, press: PressAddress) -> Finding:
    subject, topics = f"write {press.press}", settings.topics
    if session.version != "5":
        words = "unknown: MQTT 3.1.1 does not tell whether a message was refused"
        return Finding(subject, "warning", words, "look into the broker's log for denied messages")
    everything = topics.twin(press)
    if await _may_publish(session, everything.replace("#", "doctor")):
        return Finding(subject, "ok", everything)
    single = [
        *(topics.kpi(press), topics.alert(press), topics.dead_letter(press)),
        topics.alerts(press),
        topics.advice(press, NO_MOLD),
        topics.prediction(press, NO_MOLD),
    ]
    refused = [topic for topic in single if not await _may_publish(session, topic)]
    if refused:
        words = f"not allowed: {', '.join(refused)}"
        return Finding(subject, "problem", words, NotAuthorized.usual_hint)
    words = (
        f"single topics are allowed; {topics.status(press)} was not tried, listeners would see it"
    )
    return Finding(subject, "warning", words, f"allow {everything}, as `broker init` does")


async def _may_publish(session: Session, topic: str) -> bool:
    try:
        await session.publish(topic, b"")
    except NotAuthorized:
        return False
    return True
