"""Messages of the twin beside predictions and alerts: shot results, dead letters, status."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from broker.errors import DETAIL_LIMIT, printable
from broker.ids import Identifier, ShotKey
from broker.messages.base import (
    NAMES_LIMIT,
    Code,
    Count,
    Counts,
    Label,
    Message,
    NotNegative,
    Readings,
    Revision,
    Sequence,
    ShortText,
    WireModel,
    Words,
)
from broker.messages.prediction import Prediction
from broker.timestamps import Timestamp
from broker.topics import PressAddress

PAYLOAD_KEPT = 4096
"""Bytes of a refused payload that its dead letter carries."""

TOPIC_KEPT = 1000
"""Characters of the topic that a dead letter carries."""

PRESSES_LIMIT = 2000
"""Presses that a group can share."""

DOCUMENT_LIMIT = 100_000
"""Characters of the state of a shot."""

Outcome = Literal["demolded", "aborted", "superseded", "timed_out"]
"""How a shot ended: reported by the press, or found out by the twin."""

_BASE64_LIMIT = 4 * ((PAYLOAD_KEPT + 2) // 3)


class ShotKpis(Message):
    """A shot that has ended: what became of it, beside what was predicted."""

    site: Identifier
    press: Identifier
    shot_id: Identifier
    shot_key: ShotKey | None = None
    """Identity of the shot, also when its `shot_id` comes again; older versions did not send it."""
    mold_id: Identifier
    system_id: Identifier
    outcome: Outcome
    started_at: Timestamp | None = None
    poured_at: Timestamp | None = None
    closed_at: Timestamp
    t_demold_actual_s: NotNegative | None = None
    """From the end of injection to demolding."""
    prediction: Prediction | None = None
    """The last one before the shot ended."""
    T_core_max_C: float | None = None
    """Measured."""
    p_cavity_max_bar: float | None = None
    """Measured, absolute."""
    frames_count: Count
    """Telemetry frames that belonged to the shot."""
    readings_left_out: Counts = Field(default_factory=dict)
    """Readings of the shot that were not used, by channel and reason
    (`broker.data_quality.LEFT_OUT_REASONS`)."""
    revision: Revision | None = None
    """Tells results of one shot apart: the largest is the newest; older versions did not send
    it."""
    corrected: Annotated[list[Code], Field(max_length=NAMES_LIMIT)] = Field(default_factory=list)
    """Not empty when it corrects an earlier result by what came late: why, of
    `broker.data_quality.CORRECTED`."""
    received_at: Timestamp | None = None
    """When the newest message that it rests on was received."""


class DeadLetter(Message):
    """A payload that was refused, and why; the front of it is kept to look at."""

    ts: Timestamp
    site: Identifier
    press: Identifier
    topic: Annotated[str, StringConstraints(max_length=TOPIC_KEPT, pattern=r"^[^\x00]*$")]
    """Where it arrived; cut and escaped for printing."""
    reason: Code
    """A `broker.errors.RefusalCode`, or a code of the agent."""
    detail: Words
    payload_base64: Annotated[
        str, StringConstraints(max_length=_BASE64_LIMIT, pattern=r"^[A-Za-z0-9+/]*={0,2}$")
    ]
    """The first `PAYLOAD_KEPT` bytes."""
    payload_bytes_count: Count
    """Length of the whole payload."""
    payload_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the whole payload."""

    @classmethod
    def of(
        cls,
        payload: bytes,
        *,
        reason: str,
        detail: str,
        press: PressAddress,
        topic: str,
        ts: datetime,
    ) -> Self:
        """The dead letter of any `payload` on any `topic`, however broken both are.

        For a `PayloadError`, `reason` is its `code` and `detail` its `detail`.
        """
        return cls(
            ts=ts,
            site=press.site,
            press=press.press,
            topic=printable(topic, TOPIC_KEPT),
            reason=reason,
            detail=printable(detail, DETAIL_LIMIT),
            payload_base64=b64encode(payload[:PAYLOAD_KEPT]).decode("ascii"),
            payload_bytes_count=len(payload),
            payload_sha256=sha256(payload).hexdigest(),
        )


TwinState = Literal["starting", "online", "offline"]
AgentState = Literal["starting", "online", "leaving", "offline"]


class TwinStatus(Message):
    """The twin's birth and last will, retained."""

    ts: Timestamp
    site: Identifier
    press: Identifier
    agent_id: Identifier
    state: TwinState
    """`starting`: it looks whether another agent runs under its name; never retained."""
    reason: ShortText | None = None
    version: Label | None = None
    started_at: Timestamp | None = None
    """When the process started."""
    run_id: Identifier | None = None
    """The process: another one at each start."""
    answers_run_id: Identifier | None = None
    """Another process of this name, whose status this one answers: both are alive."""
    spool: Readings | None = None
    """How full the spool is, each name with its unit."""


class AgentStatus(Message):
    """An agent of a group that shares presses, retained, and its last will."""

    ts: Timestamp
    site: Identifier
    group: Identifier
    agent_id: Identifier
    state: AgentState
    """`starting`: it looks whether another agent runs under its name; never retained. `leaving`: it
    takes no press any more, and hands over those that it holds."""
    presses: Annotated[list[Identifier], Field(max_length=PRESSES_LIMIT)] = Field(
        default_factory=list
    )
    """What it holds: no other agent of the group touches these."""
    reason: ShortText | None = None
    version: Label | None = None
    started_at: Timestamp | None = None
    """When the process started."""
    run_id: Identifier | None = None
    """The process: another one at each start."""
    answers_run_id: Identifier | None = None
    """Another process of this name, whose status this one answers: both are alive."""


class SeqRange(WireModel):
    """Messages of a device that are missing: from the first to the last number, both included."""

    first_seq: Sequence
    last_seq: Sequence


class ReceivedOf(WireModel):
    """Messages of one device that are committed: the twin never needs them again.

    A gateway forgets those up to `seq` that are not missing, and sends the others again at each new
    connection.
    """

    seq: Sequence
    """The largest number that is committed, of all topics."""
    ts: Timestamp
    """Time of that message by the clock of the device: a device that counts from 0 again has a
    smaller `seq` with a later `ts`."""
    missing: Annotated[list[SeqRange], Field(max_length=NAMES_LIMIT)] = Field(default_factory=list)
    """Gaps below `seq`, from 0 on: also what was before the first message that the twin heard. Of
    too many the oldest are put together, with what lies between them."""


class Received(Message):
    """What is committed of each device of a press, for gateways; retained, at most once a second.

    That a broker took a message does not mean that it is safe; that it is named here does.
    """

    ts: Timestamp
    site: Identifier
    press: Identifier
    agent_id: Identifier | None = None
    devices: Annotated[dict[Identifier, ReceivedOf], Field(max_length=NAMES_LIMIT)]
    """By the `device_id` of the messages."""


class WebAudit(Message):
    """The newest entry of a web server's audit log, retained: a witness outside its machine.

    A log that lacks this entry, or has another one in its place, was cut or exchanged:
    `pur-mold-twin web audit verify --broker` compares.
    """

    ts: Timestamp
    """When the entry was made."""
    site: Identifier
    web_id: Identifier
    """The server."""
    entries_count: Count
    """Number of the entry, so of all entries."""
    head_hmac: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """HMAC-SHA256 of the entry, which covers all before it."""


class Handover(Message):
    """A shot as its agent follows it, for the agent that comes after; retained.

    Only agents that share presses send it.
    """

    ts: Timestamp
    site: Identifier
    press: Identifier
    mold_id: Identifier
    shot_id: Identifier
    shot_key: ShotKey | None = None
    """Identity of the shot; older versions did not send it."""
    agent_id: Identifier
    """Who follows the shot."""
    document: Annotated[str, StringConstraints(max_length=DOCUMENT_LIMIT, pattern=r"^[^\x00]*$")]
    """Its state: JSON that only agents read, and of which nothing is promised."""


class Memory(Message):
    """A part of what an agent remembers of earlier shots, for the agent that comes after; retained.

    Only agents that share presses send it. An empty payload takes a part away.
    """

    ts: Timestamp
    site: Identifier
    press: Identifier
    mold_id: Identifier | None = None
    """Mold of the shots; without one it is of the press as a whole."""
    part: Identifier
    """Which part: shots stay in theirs, so that a result writes one part anew."""
    agent_id: Identifier
    """Who remembers it."""
    document: Annotated[str, StringConstraints(max_length=DOCUMENT_LIMIT, pattern=r"^[^\x00]*$")]
    """JSON that only agents read, and of which nothing is promised."""
