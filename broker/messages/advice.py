"""Advice to a press: what people say about it, and how it stands. Nothing of it moves a machine."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from broker.errors import RefusalCode
from broker.ids import Identifier
from broker.messages.base import (
    Label,
    Message,
    Name,
    Readings,
    Reference,
    Revision,
    Sequence,
    WireModel,
    Words,
    refusal,
)
from broker.messages.events import Component
from broker.timestamps import Timestamp

CHANGES_LIMIT = 32

AdviceSaid = Literal["proposed", "accepted", "refused", "withdrawn"]
AdviceState = Literal["proposed", "accepted", "refused", "withdrawn", "expired"]


class AdvisedChange(WireModel):
    """A set point that is advised."""

    name: Name
    """What is set, with its unit: `T_mold_C`, `m_iso_kg`, `t_open_s`."""
    value: float
    """What is advised."""
    before: float | None = None
    """What it is today; none where nobody knows."""


class AdviceProposal(WireModel):
    """The content of an advice: what to change, why, what is expected, and for which material."""

    system_id: Identifier
    """The material system that it is valid for: a pour of another one ends it."""
    lots: Annotated[dict[Component, Reference], Field(max_length=3)] = Field(default_factory=dict)
    """Lots that it is valid for, where they are known; another one ends it."""
    changes: Annotated[list[AdvisedChange], Field(min_length=1, max_length=CHANGES_LIMIT)]
    why: Words
    gain_s: float | None = None
    """Seconds less until the mold may be opened, each shot."""
    gain_money_per_year: float | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """Of the money, ISO 4217."""
    expected: Readings = Field(default_factory=dict)
    """Key figures of a shot with the changes: `t_demold_min_s`, `rho_moulded_kg_per_m3` …"""
    made_by: Label | None = None
    """What it comes from: `optimize`, and the job."""


class AdviceWord(Message):
    """A word of a person about an advice: proposed, accepted, refused or withdrawn.

    The twin answers with the `Advice` as it stands. Repeats change nothing.
    """

    ts: Timestamp
    """When it was said."""
    advice_id: Identifier
    """Of the advice; who proposes makes it."""
    mold_id: Identifier
    said: AdviceSaid
    by: Label
    """Who: a person's name, number or sign."""
    note: Words | None = None
    """Words of the person: the reason of a refusal."""
    proposal: AdviceProposal | None = None
    """Required with `proposed`."""
    device_id: Identifier | None = None
    """Who sent it."""
    seq: Sequence | None = None
    """Its place among all messages of the device."""
    received_at: Timestamp | None = None
    """When the twin received it; senders leave it away."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.said == "proposed" and self.proposal is None:
            words = "an advice that is proposed needs its proposal"
            raise refusal(RefusalCode.MISSING_FIELD, words, "proposal")
        return self


class Advice(Message):
    """An advice for a mold as it stands; retained. A person may follow it, no machine does."""

    ts: Timestamp
    """When it became what it is."""
    site: Identifier
    press: Identifier
    mold_id: Identifier
    advice_id: Identifier
    state: AdviceState
    """`expired`: another lot or material came, or a newer advice."""
    proposal: AdviceProposal
    proposed_at: Timestamp
    proposed_by: Label
    accepted_at: Timestamp | None = None
    accepted_by: Label | None = None
    ended_at: Timestamp | None = None
    """When it was refused, withdrawn or expired."""
    ended_by: Label | None = None
    """Who refused or withdrew it; none where it expired."""
    reason: Words | None = None
    """Why it ended, or what was noted when it was accepted."""
    revision: Revision
    """Counts its changes."""
