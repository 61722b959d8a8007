"""decode: payload -> message, or a dead letter with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import ValidationError

from broker.codec import decode as decode_payload
from broker.data_quality import IMPOSSIBLE
from broker.dead_letter_reasons import CLOCK_SKEW, INTERNAL_ERROR, NOT_INBOUND, UNREADABLE
from broker.errors import PayloadError, RefusalCode
from broker.messages import (
    AdviceWord,
    AlertAck,
    DeadLetter,
    LeftOut,
    Message,
    Order,
    PressEvent,
    QualityRecord,
    Recipe,
    ShotEvent,
    TelemetryFrame,
)
from broker.messages.recipe import MASSES
from broker.remarks import Remark, remarks
from broker.topics import INBOUND_CHANNELS, Channel, PressAddress, TopicSpace
from edge_agent.links.publish_packet import Incoming
from twin_core.plausible_ranges import (
    CHANNELS,
    RESULTS,
    all_plausible,
    impossible_result,
    plausible,
)

RECIPE_CHANNELS = tuple(name for name in Recipe.model_fields if name in CHANNELS)
"""Fields of a recipe that are readings of a well-known channel elsewhere."""

FromPress = TelemetryFrame | ShotEvent | QualityRecord | PressEvent | Order | AlertAck | AdviceWord


@dataclass(slots=True)  # frozen would cost as much as a fifth of reading it
class Decoded:
    """A message and the press it came from."""

    press: PressAddress
    message: FromPress | None
    """None when there were no bytes: a retained message was cleared, which is no fault."""
    remarks: tuple[Remark, ...] = ()
    """What is in the message, not used, and should be known to people."""


def decode(
    incoming: Incoming,
    topics: TopicSpace,
    fallback: PressAddress,
    now: datetime,
    future_skew_max_s: float,
    ahead: Callable[[PressAddress, timedelta], None] = lambda _press, _ahead: None,
) -> Decoded | DeadLetter:
    """Read a message. Never raises: what is wrong becomes a dead letter.

    Args:
        fallback: the press a dead letter is filed under when the topic names none.
        now: the agent's time, against which the future is refused.
        ahead: called when a message is refused for being of the future, with how far it is ahead.
    """
    press = fallback
    try:
        if incoming.unreadable is not None:
            packet = replace(incoming, topic=topics.everything(press))  # it has none
            return _dead(packet, press, now, UNREADABLE, incoming.unreadable)
        address = topics.parse(incoming.topic)
        press = address.press
        if address.channel not in INBOUND_CHANNELS:
            return _dead(incoming, press, now, NOT_INBOUND, "only the twin publishes here")
        decoded = _read(incoming, press, address.channel)
    except PayloadError as error:
        return _dead(incoming, press, now, error.code, error.detail)
    except Exception as error:  # one message must not stop the others, nor come back for ever
        return _dead(incoming, press, now, INTERNAL_ERROR, f"please report it: {error!r}")
    words = _ahead(decoded, now, future_skew_max_s)
    if words is None:
        return decoded
    assert decoded.message is not None
    ahead(press, decoded.message.ts - now)
    return _dead(incoming, press, now, CLOCK_SKEW, words)


def _read(incoming: Incoming, press: PressAddress, channel: Channel) -> Decoded:
    if not incoming.payload:
        return Decoded(press, None)
    message: Message = decode_payload(channel, incoming.payload, incoming.content_type)
    assert isinstance(message, FromPress)
    if isinstance(message, TelemetryFrame):
        message = _possible_readings(message)
        return Decoded(press, message, tuple(remarks(message)))
    if isinstance(message, QualityRecord):
        message = _possible_results(message)
    if isinstance(message, ShotEvent | Order) and message.recipe is not None:
        message = _possible_set_points(message, message.recipe)
    return Decoded(press, message, tuple(remarks(message)))


def _ahead(decoded: Decoded, now: datetime, future_skew_max_s: float) -> str | None:
    """Words for a message of the future; None for every other one."""
    if decoded.message is None:
        return None
    ts = decoded.message.ts
    ahead = ts - now
    if ahead <= timedelta(seconds=future_skew_max_s):
        return None
    return (
        f"ts: {ts.isoformat()} is {ahead.total_seconds():.0f} s ahead of the agent, "
        f"at most {future_skew_max_s:.0f} s are accepted: set the sender's clock"
    )


def _possible_set_points(message: ShotEvent | Order, recipe: Recipe) -> ShotEvent | Order:
    """The message with set points that no press can have in ``left_out``, and a gap instead.

    Raises:
        PayloadError: a mass is impossible; without it nothing can be simulated.
    """
    said = {name: getattr(recipe, name) for name in RECIPE_CHANNELS}
    wrong = {
        name: words
        for name, value in said.items()
        if value is not None and (words := plausible(name, value)) is not None
    }
    for name in set(wrong).intersection(MASSES):
        raise PayloadError(RefusalCode.INVALID_FIELD, wrong[name], f"recipe.{name}")
    if not wrong:
        return message
    left = {name: LeftOut(reason=IMPOSSIBLE, words=words) for name, words in wrong.items()}
    gaps = recipe.model_copy(update=dict.fromkeys(wrong))
    return message.model_copy(update={"recipe": gaps, "left_out": message.left_out | left})


def _possible_readings(message: TelemetryFrame) -> TelemetryFrame:
    """The frame with readings that no sensor can have in ``left_out``."""
    if all_plausible(message.sensors):
        return message
    wrong = {
        name: words
        for name, value in message.sensors.items()
        if (words := plausible(name, value)) is not None
    }
    good = {name: value for name, value in message.sensors.items() if name not in wrong}
    left = {name: LeftOut(reason=IMPOSSIBLE, words=words) for name, words in wrong.items()}
    return message.model_copy(update={"sensors": good, "left_out": message.left_out | left})


def _possible_results(record: QualityRecord) -> QualityRecord:
    """The record with results that no part can have in ``left_out``.

    Raises:
        PayloadError: no other result is left.
    """
    values = {name: getattr(record, name) for name in RESULTS}
    wrong = {
        name: words
        for name, value in values.items()
        if value is not None and (words := impossible_result(name, value)) is not None
    }
    if not wrong:
        return record
    left = {name: LeftOut(reason=IMPOSSIBLE, words=words) for name, words in wrong.items()}
    changed = dict.fromkeys(wrong) | {"left_out": record.left_out | left}
    try:
        return QualityRecord.model_validate(record.model_dump(exclude_unset=True) | changed)
    except ValidationError:
        name, words = next(iter(wrong.items()))
        raise PayloadError(RefusalCode.INVALID_FIELD, f"{words}; no other result", name) from None


def _dead(
    incoming: Incoming, press: PressAddress, now: datetime, reason: str, detail: str
) -> DeadLetter:
    return DeadLetter.of(
        incoming.payload,
        reason=reason,
        detail=detail,
        press=press,
        topic=incoming.topic,
        ts=now,
    )
