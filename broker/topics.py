"""The topic grammar: which payload travels on which topic.

With the default prefix `pur/v1`, for one press:

    pur/v1/{site}/{press}/telemetry                       TelemetryFrame   from the press
    pur/v1/{site}/{press}/shot                            ShotEvent        from the press
    pur/v1/{site}/{press}/quality                         QualityRecord    from laboratory, vision
    pur/v1/{site}/{press}/event                           PressEvent       from the press
    pur/v1/{site}/{press}/order                           Order            from press, MES
    pur/v1/{site}/{press}/alert-ack                       AlertAck         from people, by a page
    pur/v1/{site}/{press}/advice-word                     AdviceWord       from people, by a page
    pur/v1/{site}/{press}/twin/mold/{mold_id}/prediction  Prediction       retained
    pur/v1/{site}/{press}/twin/mold/{mold_id}/advice      Advice           retained
    pur/v1/{site}/{press}/twin/mold/{mold_id}/handover/{shot_key}
                                                          Handover         retained
    pur/v1/{site}/{press}/twin/mold/{mold_id}/memory/{part}
                                                          Memory           retained
    pur/v1/{site}/{press}/twin/memory/{part}              Memory           retained, of the press
    pur/v1/{site}/{press}/twin/kpi                        ShotKpis
    pur/v1/{site}/{press}/twin/alert                      Alert
    pur/v1/{site}/{press}/twin/alerts                     OpenAlerts       retained
    pur/v1/{site}/{press}/twin/dead-letter                DeadLetter
    pur/v1/{site}/{press}/twin/status                     TwinStatus       retained, and last will
    pur/v1/{site}/{press}/twin/cmd/simulate               a question      MQTT 5, to an edge node
    pur/v1/{site}/{press}/twin/reply/{name}               its answer
    pur/v1/{site}/{press}/twin/sparkplug                  a number        retained, of groups
    pur/v1/{site}/{press}/twin/received                   Received         retained, for gateways
    pur/v1/{site}/{group}/twin/agent/{agent_id}           AgentStatus      retained, and last will
    pur/v1/{site}/{web_id}/twin/web-audit                 WebAudit         retained

A group of agents that share presses is addressed like a press of its site; so is a web server.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from broker.errors import PayloadError, RefusalCode
from broker.ids import identifier_fault, is_identifier, require_identifier

DEFAULT_PREFIX = "pur/v1"

PREFIX_LIMIT = 200
"""Characters of a prefix: what is left keeps every topic far below MQTT's 65,535 bytes."""


class Channel(StrEnum):
    """Channel of a topic; the models are in `broker.messages.MODELS`."""

    TELEMETRY = "telemetry"
    SHOT = "shot"
    QUALITY = "quality"
    EVENT = "event"
    ORDER = "order"
    ALERT_ACK = "alert-ack"
    ADVICE_WORD = "advice-word"
    PREDICTION = "prediction"
    ADVICE = "advice"
    KPI = "kpi"
    ALERT = "alert"
    ALERTS = "alerts"
    DEAD_LETTER = "dead-letter"
    STATUS = "status"
    RECEIVED = "received"
    HANDOVER = "handover"
    MEMORY = "memory"
    AGENT = "agent"
    WEB_AUDIT = "web-audit"


INBOUND_CHANNELS = (
    Channel.TELEMETRY,
    Channel.SHOT,
    Channel.QUALITY,
    Channel.EVENT,
    Channel.ORDER,
    Channel.ALERT_ACK,
    Channel.ADVICE_WORD,
)
"""What the twin listens to; every other channel it speaks on."""

_TWIN_CHANNELS = {
    channel.value: channel
    for channel in (
        Channel.KPI,
        Channel.ALERT,
        Channel.ALERTS,
        Channel.DEAD_LETTER,
        Channel.STATUS,
        Channel.RECEIVED,
        Channel.WEB_AUDIT,
    )
}
_PRESS_CHANNELS = {channel.value: channel for channel in INBOUND_CHANNELS}


@dataclass(frozen=True, slots=True, order=True)
class PressAddress:
    """One press of one site. Raises ValueError when either is not an identifier."""

    site: str
    press: str

    def __post_init__(self) -> None:
        require_identifier("site", self.site)
        require_identifier("press", self.press)

    def __str__(self) -> str:
        return f"{self.site}/{self.press}"


@dataclass(frozen=True, slots=True)
class TopicAddress:
    """Address in a topic: press or group, channel, and mold, shot, part or agent if one."""

    press: PressAddress
    channel: Channel
    mold_id: str | None = None
    agent_id: str | None = None
    shot_key: str | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True)
class TopicSpace:
    """All topics below one prefix. Raises ValueError when the prefix cannot start a topic."""

    prefix: str = DEFAULT_PREFIX

    def __post_init__(self) -> None:
        levels = self.prefix.split("/")
        if (
            not all(levels)
            or self.prefix.startswith("$")
            or any(character in "+#" for character in self.prefix)
            or not self.prefix.isprintable()
            or len(self.prefix) > PREFIX_LIMIT
        ):
            raise ValueError(
                f"topic prefix {self.prefix[:80]!r}: expected levels such as 'pur/v1', none empty, "
                f"without + or #, not starting with $, at most {PREFIX_LIMIT} characters"
            )

    def telemetry(self, press: PressAddress) -> str:
        """Topic on which the press sends `TelemetryFrame`."""
        return self._of_press(press, Channel.TELEMETRY)

    def shot(self, press: PressAddress) -> str:
        """Topic on which the press sends `ShotEvent`."""
        return self._of_press(press, Channel.SHOT)

    def quality(self, press: PressAddress) -> str:
        """Topic on which the laboratory sends `QualityRecord`."""
        return self._of_press(press, Channel.QUALITY)

    def event(self, press: PressAddress) -> str:
        """Where press or people send `PressEvent`."""
        return self._of_press(press, Channel.EVENT)

    def order(self, press: PressAddress) -> str:
        """Where press or MES send `Order`."""
        return self._of_press(press, Channel.ORDER)

    def alert_ack(self, press: PressAddress) -> str:
        """Topic on which people acknowledge alerts by `AlertAck`."""
        return self._of_press(press, Channel.ALERT_ACK)

    def advice_word(self, press: PressAddress) -> str:
        """Topic on which people propose and decide by `AdviceWord`."""
        return self._of_press(press, Channel.ADVICE_WORD)

    def advice(self, press: PressAddress, mold_id: str) -> str:
        """Topic of the retained `Advice` of a mold; ValueError for a bad `mold_id`."""
        require_identifier("mold_id", mold_id)
        return f"{self.prefix}/{press}/twin/mold/{mold_id}/{Channel.ADVICE}"

    def advices(self, press: PressAddress) -> str:
        """The topic filter of the advice for all molds of one press."""
        return f"{self.prefix}/{press}/twin/mold/+/{Channel.ADVICE}"

    def prediction(self, press: PressAddress, mold_id: str) -> str:
        """Topic of the retained `Prediction` of a mold; ValueError for a bad `mold_id`."""
        require_identifier("mold_id", mold_id)
        return f"{self.prefix}/{press}/twin/mold/{mold_id}/{Channel.PREDICTION}"

    def handover(self, press: PressAddress, mold_id: str, shot_key: str) -> str:
        """Topic of the retained `Handover` of a shot; ValueError for a bad `mold_id` or key."""
        require_identifier("mold_id", mold_id)
        require_identifier("shot_key", shot_key)
        return f"{self.prefix}/{press}/twin/mold/{mold_id}/{Channel.HANDOVER}/{shot_key}"

    def memory(self, press: PressAddress, mold_id: str | None, part: str) -> str:
        """Topic of a retained `Memory` of a mold, or with None of the press as a whole."""
        require_identifier("part", part)
        if mold_id is None:
            return f"{self.prefix}/{press}/twin/{Channel.MEMORY}/{part}"
        require_identifier("mold_id", mold_id)
        return f"{self.prefix}/{press}/twin/mold/{mold_id}/{Channel.MEMORY}/{part}"

    def memories(self, press: PressAddress) -> list[str]:
        """The topic filters of all that is remembered of a press."""
        twin = f"{self.prefix}/{press}/twin"
        return [f"{twin}/mold/+/{Channel.MEMORY}/+", f"{twin}/{Channel.MEMORY}/+"]

    def agent(self, group: PressAddress, agent_id: str) -> str:
        """Topic of the retained `AgentStatus` of an agent of a group, and of its last will."""
        require_identifier("agent_id", agent_id)
        return f"{self.prefix}/{group}/twin/{Channel.AGENT}/{agent_id}"

    def agents(self, group: PressAddress) -> str:
        """The topic filter of all agents of a group."""
        return f"{self.prefix}/{group}/twin/{Channel.AGENT}/+"

    def handovers(self, press: PressAddress) -> str:
        """The topic filter of the shots that an agent hands over with a press.

        It finds those of older agents, too: one a mold, without a key in the topic.
        """
        return f"{self.prefix}/{press}/twin/mold/+/{Channel.HANDOVER}/#"

    def kpi(self, press: PressAddress) -> str:
        """Topic on which the twin sends `ShotKpis`."""
        return self._of_twin(press, Channel.KPI)

    def alert(self, press: PressAddress) -> str:
        """Topic on which the twin sends `Alert`."""
        return self._of_twin(press, Channel.ALERT)

    def alerts(self, press: PressAddress) -> str:
        """Topic of the retained `OpenAlerts`."""
        return self._of_twin(press, Channel.ALERTS)

    def dead_letter(self, press: PressAddress) -> str:
        """Topic on which the twin sends `DeadLetter`."""
        return self._of_twin(press, Channel.DEAD_LETTER)

    def status(self, press: PressAddress) -> str:
        """Topic of the retained `TwinStatus`, and of the last will."""
        return self._of_twin(press, Channel.STATUS)

    def received(self, press: PressAddress) -> str:
        """Where the twin keeps its `Received`, for gateways."""
        return self._of_twin(press, Channel.RECEIVED)

    def web_audit(self, web: PressAddress) -> str:
        """Topic of the retained `WebAudit` of a web server, addressed like a press by its id."""
        return self._of_twin(web, Channel.WEB_AUDIT)

    def connect_number(self, press: PressAddress) -> str:
        """Where agents of a group retain the number of the edge node's last connect."""
        return f"{self.prefix}/{press}/twin/sparkplug"

    def simulate(self, press: PressAddress) -> str:
        """Where people and programs ask what if; see docs/sparkplug.md."""
        return f"{self.prefix}/{press}/twin/cmd/simulate"

    def reply(self, press: PressAddress, name: str) -> str:
        """Where the answer goes to the one who asked."""
        return f"{self.prefix}/{press}/twin/reply/{name}"

    def predictions(self, press: PressAddress) -> str:
        """The topic filter of the predictions for all molds of one press."""
        return f"{self.prefix}/{press}/twin/mold/+/{Channel.PREDICTION}"

    def everything(self, press: PressAddress) -> str:
        """The topic filter of all that travels for one press."""
        return f"{self.prefix}/{press}/#"

    def shown(self, site: str) -> list[str]:
        """Topic filters of what pages show of a site (`+`: of every site), without overlap."""
        press = f"{self.prefix}/{site}/+"
        heard = (Channel.TELEMETRY, Channel.SHOT)
        told = (Channel.KPI, Channel.ALERTS, Channel.STATUS)
        return [
            *(f"{press}/{channel}" for channel in heard),
            *(f"{press}/twin/mold/+/{of_mold}" for of_mold in (Channel.PREDICTION, Channel.ADVICE)),
            *(f"{press}/twin/{channel}" for channel in told),
        ]

    def press_of(self, everything: str) -> PressAddress:
        """The press of such a filter; ValueError when it is none of this prefix."""
        site, press, _ = everything.removeprefix(f"{self.prefix}/").split("/")
        return PressAddress(site, press)

    def twin(self, press: PressAddress) -> str:
        """The topic filter of all that the twin says about one press."""
        return f"{self.prefix}/{press}/twin/#"

    def subscriptions(self, press: PressAddress) -> list[str]:
        """The topic filters an agent subscribes to for one press: no wildcard, no overlap."""
        return [self._of_press(press, channel) for channel in INBOUND_CHANNELS]

    def shared(self, share: str, press: PressAddress) -> list[str]:
        """Shared subscriptions to the topics of a press: each message goes to one subscriber.

        Args:
            share: their name. Whoever knows it gets a part of the messages: it must be secret.
        """
        return [f"$share/{share}/{topic}" for topic in self.subscriptions(press)]

    @lru_cache(maxsize=4096)  # noqa: B019 (there are few topic spaces, and few topics)
    def parse(self, topic: str) -> TopicAddress:
        """Parse `topic`; raises PayloadError `unknown-topic` when it is outside the grammar."""
        head = self.prefix + "/"
        if not topic.startswith(head):
            raise _unknown(topic, f"expected a topic below {self.prefix}")
        site, _, rest = topic[len(head) :].partition("/")
        press, _, tail = rest.partition("/")
        for kind, text in (("site", site), ("press", press)):
            if not is_identifier(text):
                words = f"{kind}: {identifier_fault(text)}"
                raise _unknown(topic, f"expected {self.prefix}/{{site}}/{{press}}/…; {words}")
        return _parse_tail(topic, PressAddress(site, press), tail)

    def _of_press(self, press: PressAddress, channel: Channel) -> str:
        return f"{self.prefix}/{press}/{channel}"

    def _of_twin(self, press: PressAddress, channel: Channel) -> str:
        return f"{self.prefix}/{press}/twin/{channel}"


def _parse_tail(topic: str, press: PressAddress, tail: str) -> TopicAddress:
    match tail.split("/"):
        case [name] if name in _PRESS_CHANNELS:
            return TopicAddress(press, _PRESS_CHANNELS[name])
        case ["twin", name] if name in _TWIN_CHANNELS:
            return TopicAddress(press, _TWIN_CHANNELS[name])
        case ["twin", "mold", mold_id, *levels] if is_identifier(mold_id):
            address = _of_mold(press, mold_id, levels)
            if address is not None:
                return address
        case ["twin", Channel.MEMORY.value, part] if is_identifier(part):
            return TopicAddress(press, Channel.MEMORY, part=part)
        case ["twin", Channel.AGENT.value, agent_id] if is_identifier(agent_id):
            return TopicAddress(press, Channel.AGENT, agent_id=agent_id)
    raise _unknown(topic, "expected " + ", ".join(c.value for c in INBOUND_CHANNELS) + " or twin/…")


def _of_mold(press: PressAddress, mold_id: str, levels: list[str]) -> TopicAddress | None:
    match levels:
        case [Channel.PREDICTION.value]:
            return TopicAddress(press, Channel.PREDICTION, mold_id)
        case [Channel.ADVICE.value]:
            return TopicAddress(press, Channel.ADVICE, mold_id)
        case [Channel.HANDOVER.value]:  # of an older agent
            return TopicAddress(press, Channel.HANDOVER, mold_id)
        case [Channel.HANDOVER.value, key] if is_identifier(key):
            return TopicAddress(press, Channel.HANDOVER, mold_id, shot_key=key)
        case [Channel.MEMORY.value, part] if is_identifier(part):
            return TopicAddress(press, Channel.MEMORY, mold_id, part=part)
    return None


def _unknown(topic: str, expected: str) -> PayloadError:
    return PayloadError(RefusalCode.UNKNOWN_TOPIC, f"topic {topic[:200]!r}: {expected}")
