"""Reading of an OPC UA source over one connection: what was missed first, then what happens.

An earlier subscription is taken up where it was left: with its session, or moved to a new one. Its
messages that were not acknowledged come again, then what the server queued. Where it is gone the
server's history fills the gap up to the first value of the new subscription.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from edge_agent.clock import Clock
from edge_agent.config.gateway_sources import OpcUaSource
from edge_agent.errors import LinkError
from edge_agent.links.opcua_decoding import DataValue, Notification
from edge_agent.links.opcua_history import HistoryReader, Span
from edge_agent.links.opcua_items import (
    create_items,
    create_subscription,
    examine,
    find_nodes,
    is_alive,
    transfer,
)
from edge_agent.links.opcua_notices import Notices
from edge_agent.links.opcua_position import Place, following, mapping_of
from edge_agent.links.opcua_publisher import Publisher
from edge_agent.links.opcua_samples import SampleMaker, TaggedValue, by_time, first_times
from edge_agent.links.opcua_session import OpcUaSession
from edge_agent.links.opcua_values import status_words
from edge_agent.links.tag_source import Deliver, Sample, SampleBatch

LOOK_S = 0.25
"""Longest wait before what is due is looked at."""
RETRY_S = 60.0
"""How often tags that could not be subscribed are tried again."""
CAUGHT_UP_S = 3.0
"""Once a history is read in less, the rest is read beside the new subscription."""
FIRST_VALUES_S = 2.0
"""How long the first value of each tag is waited for, where it ends a gap."""
HISTORIAN_S = 0.25
"""A historian writes so much later than it happens."""
TOGETHER_MAX = 50_000
"""Values of a backlog that are put into the order of their times at once."""
AHEAD_MAX, AGAIN_MAX = 1_000_000, 1000
"""Messages that can be missing between two, and how many of them are asked for."""
_TRANSFERRED = 0x002D_0000


class Reader:
    """Reads one connection to its end."""

    def __init__(
        self,
        name: str,
        settings: OpcUaSource,
        session: OpcUaSession,
        place: Place,
        deliver: Deliver,
        clock: Clock,
    ) -> None:
        self._where = f"sources.{name}: {settings.url}"
        self._settings, self._session = settings, session
        self._place, self._deliver, self._clock = place, deliver, clock
        self._maker = SampleMaker(settings, place, clock)
        self._notices = Notices(name, settings.url)
        self._nodes = find_nodes(settings, session.facts.namespaces, place.namespaces)
        self._history = HistoryReader(session, name, self._nodes.by_tag)
        self._told: dict[str, str] = {}
        """Faults of tags that are not subscribed."""
        self._present: dict[str, DataValue] = {}
        """Values that stand since before the link was had, and are to be said again."""
        self._present_at = self._retry_at = 0.0
        self._connected = 0
        """When the link was had, by the server [100 ns since 1601]."""
        self._values: list[TaggedValue] = []
        """Taken and not delivered yet; ``_messages`` are those that they came with."""
        self._messages: list[Notification] = []
        self._taken = place.sequence
        """Number of the last message that was taken."""
        self._same_server = False
        """It was not started anew since."""
        self._again: set[int] = set()
        """Numbers of messages that were asked for again."""
        self._behind = False
        """What comes is what the server kept for us."""
        self._requests: Publisher | None = None

    async def run(self) -> None:
        """Deliver until the link is lost.

        Raises:
            LinkError: it is; errors of asyncua and of the network, too.
        """
        place, session = self._place, self._session
        self._notices.moved(self._nodes.namespaces, session.facts.namespaces)
        pinned = self._settings.server_cert_file is not None
        self._notices.certificate(place.certificate, session.facts, pinned=pinned)
        place.namespaces = self._nodes.namespaces
        place.session, place.certificate = session.state(), session.facts.certificate
        await examine(session, self._nodes, self._settings.tags)
        self._connected = await session.now()
        try:
            requests = await self._take_up() or await self._begin()
            self._retry_at = self._time() + RETRY_S
            while True:
                await self._step(requests)
                await self._say_present()
                if self._time() > self._retry_at:
                    await self._try_missing()
        finally:
            if self._requests is not None:
                self._requests.close()

    async def _take_up(self) -> Publisher | None:
        """Go on with the earlier subscription; None if it is gone or is for other tags."""
        place, session = self._place, self._session
        known, place.server = place.server, session.facts.started
        self._same_server = known != "" and known == place.server
        if not place.subscription or not self._same_server:
            alive = False
        elif session.resumed:
            alive = await is_alive(session, place.subscription)
        else:
            alive = await transfer(session, place.subscription)
        if not alive:
            place.subscription = 0
            return None
        if place.gap:  # what was before it has not been read to its end
            await self._end_earlier()
            return None
        other_tags = place.mapping != mapping_of(self._settings)
        if not other_tags:
            await self._commit((), seamless=True)
            await self._tell(self._nodes.faults)
            await self._look_at_present()
            await self._try_missing()
        requests = self._open()
        self._behind = True
        await self._take_again(requests)
        while self._behind and other_tags:
            await self._step(requests)
        if other_tags:
            await self._end_earlier()
            return None
        return requests

    async def _begin(self) -> Publisher:
        """Make a subscription, and deliver before its values what only the history knows."""
        place, session = self._place, self._session
        place.mapping = mapping_of(self._settings)
        place.gap = self._settings.history and bool(self._nodes.historized & place.last.keys())
        tags = [tag for tag in self._nodes.by_tag if tag not in self._nodes.faults]
        if place.gap:
            if self._same_server and self._nodes.historized & place.last.keys() >= set(tags):
                await self._commit((), seamless=True)  # the history has all that happened
            await self._catch_up()
        subscription, interval_ms, place.silence_s = await create_subscription(
            session, self._settings
        )
        self._notices.slowed(self._settings.subscription_ms, interval_ms)
        created = await create_items(session, self._settings, subscription, self._nodes, tags)
        self._notices.reduced(created)
        faults = self._nodes.faults | created.faults
        place.subscription, place.sequence, self._taken = subscription, 0, 0
        self._again.clear()
        place.missing, place.own_deadband = list(faults), created.own_deadband
        await self._tell(faults)
        requests = self._open()
        if place.gap:
            await self._take_first(requests, set(tags) - faults.keys())
            await asyncio.sleep(HISTORIAN_S)
            await self._fill(self._nodes.historized, await session.now())
            place.gap = False
            await self._flush(requests)
        return requests

    def _open(self) -> Publisher:
        """The open requests; those of an earlier subscription serve the next one, too."""
        if self._requests is None:
            self._requests = Publisher(self._session, self._where)
        self._requests.silence_s = self._place.silence_s + self._settings.timeout_s
        return self._requests

    async def _end_earlier(self) -> None:
        await self._session.client.uaclient.delete_subscriptions([self._place.subscription])
        self._place.subscription = 0

    async def _catch_up(self) -> None:
        """Read the history until it can be read as fast as it is written."""
        while True:
            began = self._time()
            await self._fill(self._nodes.historized, await self._session.now())
            if self._time() - began < CAUGHT_UP_S:
                return

    async def _fill(self, tags: Iterable[str], end: int) -> None:
        """Deliver from the history what happened up to the values that are taken.

        Args:
            tags: those that may have lost some.
            end: for tags without a taken value, by the server [100 ns since 1601].
        """
        last, ends = self._place.last, first_times(self._values)
        spans = {tag: Span(last[tag], ends.get(tag) or end) for tag in tags if tag in last}
        async for values in self._history.read(spans):
            await self._commit(self._maker.samples(values, past=True))

    async def _step(self, requests: Publisher) -> None:
        """Take what comes, deliver it, and acknowledge it then."""
        notifications = await requests.next(LOOK_S)
        for one in notifications:
            await self._take(one, requests)
        more = self._behind and not (notifications and not notifications[-1].more)
        if not more or len(self._values) > TOGETHER_MAX:
            await self._flush(requests)
            self._behind = more
        requests.refill()

    async def _take_first(self, requests: Publisher, tags: set[str]) -> None:
        """Take the first value of each tag without delivering it."""
        end = self._time() + FIRST_VALUES_S
        while tags and self._time() < end:
            for one in await requests.next(LOOK_S):
                await self._take(one, requests)
            tags -= {tag for tag, _ in self._values}
            requests.refill()

    async def _take_again(self, requests: Publisher) -> None:
        """Take the messages that were not acknowledged."""
        while True:
            number = following(self._taken)
            one = await requests.again(self._place.subscription, number)
            if one is not None:
                await self._add(one, requests)
                self._again.add(number)
            if one is None or len(self._values) > TOGETHER_MAX:
                await self._flush(requests)
            if one is None:
                return

    async def _take(self, one: Notification, requests: Publisher) -> None:
        """Take a notification, after messages that were lost on the way."""
        if one.subscription != self._place.subscription or one.sequence in self._again:
            return  # of an earlier one; or it was asked for while it was under way
        if one.status:
            self._raise_end(one.status)
        expected = following(self._taken)
        messages = []
        if 0 < one.sequence - expected < AHEAD_MAX:
            first = max(expected, one.sequence - AGAIN_MAX)
            for number in range(first, one.sequence):
                if again := await requests.again(self._place.subscription, number):
                    messages.append(again)
            if len(messages) < one.sequence - expected:
                why = "messages were lost"
                await self._make_good([*messages, one], requests, self._nodes.by_tag, why)
        for message in (*messages, one):
            await self._add(message, requests)

    async def _add(self, one: Notification, requests: Publisher) -> None:
        """Take the values of a message, after those for which the server had no room."""
        values = self._maker.tagged(one.items)
        if overflowed := self._maker.overflowed(values):
            why = "the server's queue was too short"
            await self._make_good([one], requests, overflowed, why)
        self._values += values
        if not one.is_keep_alive:
            self._messages.append(one)
            self._taken = one.sequence

    async def _make_good(
        self, later: Sequence[Notification], requests: Publisher, tags: Iterable[str], why: str
    ) -> None:
        """Read from the history what was lost before some messages, where there is one."""
        self._notices.lost(tags, why)
        known = self._nodes.historized.intersection(tags)
        if self._place.gap or not self._settings.history or not known:
            return
        await self._flush(requests)
        self._values = [item for one in later for item in self._maker.tagged(one.items)]
        await self._fill(known, later[-1].publish_time or await self._session.now())
        self._values = []

    async def _flush(self, requests: Publisher) -> None:
        """Deliver what was taken; the messages are acknowledged with the next requests."""
        if self._messages:
            if self._behind:
                samples = self._maker.samples(by_time(self._values), self._connected)
            else:
                samples = self._maker.samples(self._values)
            self._place.sequence = self._taken
            await self._commit(samples)
            for tag, _ in self._values if self._present else ():
                self._present.pop(tag, None)
        for one in self._messages:
            requests.acknowledge(one)
        self._values, self._messages = [], []

    async def _look_at_present(self) -> None:
        """Ask for the values of all tags: the server does not send again what has not changed."""
        tags = [tag for tag in self._nodes.by_tag if tag not in self._place.missing]
        values = await self._session.read_values([self._nodes.by_tag[tag] for tag in tags])
        self._present = dict(zip(tags, values, strict=True))
        self._present_at = self._time() + 2 * self._settings.subscription_ms / 1000 + LOOK_S

    async def _say_present(self) -> None:
        """Say the values that did not come with the backlog, nor changed since."""
        if self._present and not self._behind and self._time() > self._present_at:
            present, self._present = self._present, {}
            await self._commit(self._maker.samples(list(present.items())))

    async def _try_missing(self) -> None:
        """Try tags again that are not in the subscription."""
        place = self._place
        self._retry_at = self._time() + RETRY_S
        if not place.missing:
            return
        await examine(self._session, self._nodes, place.missing)
        tags = [tag for tag in place.missing if tag not in self._nodes.faults]
        created = await create_items(
            self._session, self._settings, place.subscription, self._nodes, tags
        )
        faults = self._nodes.faults | created.faults
        place.missing = [tag for tag in place.missing if tag in faults]
        place.own_deadband += created.own_deadband
        await self._tell({tag: faults[tag] for tag in place.missing})

    async def _tell(self, faults: Mapping[str, str]) -> None:
        """Deliver faults of tags that are new, and where the source stands."""
        now = self._clock.now()
        new = {tag: words for tag, words in faults.items() if self._told.get(tag) != words}
        self._told |= new
        await self._commit(
            [Sample(tag, now, None, words, of_arrival=True) for tag, words in new.items()]
        )

    async def _commit(self, samples: Sequence[Sample], *, seamless: bool = False) -> None:
        position = self._place.position(self._settings)
        await self._deliver(SampleBatch(samples, position, seamless=seamless))

    def _raise_end(self, status: int) -> None:
        if status == _TRANSFERRED:
            raise LinkError(
                f"{self._where}: another client has taken our subscription",
                hint="does a second gateway run with a copy of this outbox? End one of them",
            )
        raise LinkError(f"{self._where}: the server ended our subscription: {status_words(status)}")

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()
