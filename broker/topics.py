"""The topic grammar: which payload travels on which topic.

With the default prefix `pur/v1`, for one press:

    pur/v1/{site}/{press}/telemetry                       TelemetryFrame   from the press
    pur/v1/{site}/{press}/shot                            ShotEvent        from the press
    pur/v1/{site}/{press}/quality                         QualityRecord    from laboratory, vision
    pur/v1/{site}/{press}/twin/mold/{mold_id}/prediction  Prediction       retained
    pur/v1/{site}/{press}/twin/kpi                        ShotKpis
    pur/v1/{site}/{press}/twin/alert                      Alert
    pur/v1/{site}/{press}/twin/dead-letter                DeadLetter
    pur/v1/{site}/{press}/twin/status                     TwinStatus       retained, and last will
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from broker.errors import PayloadError, RefusalCode
from broker.ids import is_identifier, require_identifier

DEFAULT_PREFIX = "pur/v1"

PREFIX_LIMIT = 200
"""Characters of a prefix: what is left keeps every topic far below MQTT's 65,535 bytes."""


class Channel(StrEnum):
    """What a topic carries; the models are in `broker.messages.MODELS`."""

    TELEMETRY = "telemetry"
    SHOT = "shot"
    QUALITY = "quality"
    PREDICTION = "prediction"
    KPI = "kpi"
    ALERT = "alert"
    DEAD_LETTER = "dead-letter"
    STATUS = "status"


INBOUND_CHANNELS = (Channel.TELEMETRY, Channel.SHOT, Channel.QUALITY)
"""What the twin listens to; every other channel it speaks on."""

_TWIN_CHANNELS = {
    channel.value: channel
    for channel in (Channel.KPI, Channel.ALERT, Channel.DEAD_LETTER, Channel.STATUS)
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
    """What a topic says: which press, which channel and, for predictions, which mold."""

    press: PressAddress
    channel: Channel
    mold_id: str | None = None


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
        """Where the press sends `TelemetryFrame`."""
        return self._of_press(press, Channel.TELEMETRY)

    def shot(self, press: PressAddress) -> str:
        """Where the press sends `ShotEvent`."""
        return self._of_press(press, Channel.SHOT)

    def quality(self, press: PressAddress) -> str:
        """Where the laboratory sends `QualityRecord`."""
        return self._of_press(press, Channel.QUALITY)

    def prediction(self, press: PressAddress, mold_id: str) -> str:
        """Where the twin keeps the `Prediction` of a mold; ValueError for a bad `mold_id`."""
        require_identifier("mold_id", mold_id)
        return f"{self.prefix}/{press}/twin/mold/{mold_id}/{Channel.PREDICTION}"

    def kpi(self, press: PressAddress) -> str:
        """Where the twin sends `ShotKpis`."""
        return self._of_twin(press, Channel.KPI)

    def alert(self, press: PressAddress) -> str:
        """Where the twin sends `Alert`."""
        return self._of_twin(press, Channel.ALERT)

    def dead_letter(self, press: PressAddress) -> str:
        """Where the twin sends `DeadLetter`."""
        return self._of_twin(press, Channel.DEAD_LETTER)

    def status(self, press: PressAddress) -> str:
        """Where the twin keeps its `TwinStatus`, and its last will."""
        return self._of_twin(press, Channel.STATUS)

    def subscriptions(self, press: PressAddress) -> list[str]:
        """The topic filters an agent subscribes to for one press: no wildcard, no overlap."""
        return [self._of_press(press, channel) for channel in INBOUND_CHANNELS]

    def parse(self, topic: str) -> TopicAddress:
        """What `topic` says; raises PayloadError `unknown-topic` when it is outside the grammar."""
        head = self.prefix + "/"
        if not topic.startswith(head):
            raise _unknown(topic, f"expected a topic below {self.prefix}")
        site, _, rest = topic[len(head) :].partition("/")
        press, _, tail = rest.partition("/")
        if not (is_identifier(site) and is_identifier(press)):
            raise _unknown(topic, f"expected {self.prefix}/{{site}}/{{press}}/… with valid ids")
        channel, mold_id = _parse_tail(topic, tail)
        return TopicAddress(PressAddress(site, press), channel, mold_id)

    def _of_press(self, press: PressAddress, channel: Channel) -> str:
        return f"{self.prefix}/{press}/{channel}"

    def _of_twin(self, press: PressAddress, channel: Channel) -> str:
        return f"{self.prefix}/{press}/twin/{channel}"


def _parse_tail(topic: str, tail: str) -> tuple[Channel, str | None]:
    match tail.split("/"):
        case [name] if name in _PRESS_CHANNELS:
            return _PRESS_CHANNELS[name], None
        case ["twin", name] if name in _TWIN_CHANNELS:
            return _TWIN_CHANNELS[name], None
        case ["twin", "mold", mold_id, Channel.PREDICTION.value] if is_identifier(mold_id):
            return Channel.PREDICTION, mold_id
    raise _unknown(topic, "expected " + ", ".join(c.value for c in INBOUND_CHANNELS) + " or twin/…")


def _unknown(topic: str, expected: str) -> PayloadError:
    return PayloadError(RefusalCode.UNKNOWN_TOPIC, f"topic {topic[:200]!r}: {expected}")
