"""Advice of a mold: who may say what when, what ends it, and that it survives restarts."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from broker import examples
from broker.codec import encode
from broker.dead_letter_reasons import UNKNOWN_ADVICE
from broker.messages import Advice, AdviceProposal, AdviceWord, PressEvent, Recipe, ShotEvent
from broker.messages.advice import AdviceSaid
from edge_agent.clock import AcceleratedClock
from edge_agent.history.rows import columns_of
from edge_agent.pipeline.advised import AdviceBook
from edge_agent.pipeline.revisions import State
from edge_agent.spool.spool import Spool
from tests.support.agents import settings_for
from tests.support.desks import START
from tests.support.pipelines import PRESS, feed, incoming, pipeline_on

PROPOSAL = AdviceProposal.model_validate(
    examples.EXAMPLES[AdviceWord].model_dump()["proposal"] | {"lots": {"polyol": "P-1"}}
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def word(
    said: AdviceSaid, seconds: float = 0.0, advice_id: str = "a1", by: str = "eva"
) -> AdviceWord:
    proposal = PROPOSAL if said == "proposed" else None
    return AdviceWord(
        ts=at(seconds), advice_id=advice_id, mold_id="M", said=said, by=by, proposal=proposal
    )


def pour(seconds: float = 900.0, system_id: str = "SYSTEM_R1", **lots: str) -> ShotEvent:
    recipe = Recipe(m_polyol_kg=0.4, m_iso_kg=0.45)
    return ShotEvent(ts=at(seconds), shot_id="S-2", mold_id="M", event="poured",
                     system_id=system_id, recipe=recipe, **lots)  # fmt: skip


class Kept:
    """A book whose changes are kept as the spool keeps them."""

    def __init__(self) -> None:
        self.book, self.state, self.said = AdviceBook({}), State(), list[Advice]()

    def hear(self, *words: AdviceWord) -> list[str | None]:
        answers = [self.book.hear(PRESS, one) for one in words]
        self.keep()
        return answers

    def keep(self) -> None:
        state, changed = self.book.take_changes()
        self.state |= state
        self.said += changed

    @property
    def now(self) -> Advice:
        found = self.book.of(PRESS, "M")
        assert found is not None
        return found

    def again(self) -> AdviceBook:
        return AdviceBook({key: value for (_, key), value in self.state.items() if value})


def test_proposed_and_accepted_once() -> None:
    kept = Kept()
    assert (
        kept.hear(word("proposed"), word("proposed"), word("accepted", 60.0, by="max"))
        == [None] * 3
    )
    assert kept.hear(word("accepted", 90.0, by="ben")) == [None], "the first counts"
    found = kept.now
    assert (found.state, found.accepted_by, found.accepted_at) == ("accepted", "max", at(60.0))
    assert [(one.state, one.revision) for one in kept.said] == [("proposed", 1), ("accepted", 2)]
    assert kept.again().of(PRESS, "M") == found


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        (["refused"], "accepted", False),
        (["accepted"], "refused", False),
        (["accepted"], "withdrawn", True),
        ([], "withdrawn", True),
        (["withdrawn"], "accepted", False),
    ],
)
def test_what_may_follow(first: list[AdviceSaid], second: AdviceSaid, taken: bool) -> None:
    kept = Kept()
    kept.hear(word("proposed"), *(word(said, 10.0) for said in first))
    (answer,) = kept.hear(word(second, 20.0, by="max"))
    assert (answer is None) is taken, answer
    assert (kept.now.state == second) is taken
    if taken:
        assert (kept.now.ended_by, kept.now.ended_at) == ("max", at(20.0))


def test_words_that_the_broker_hands_over_again() -> None:
    """As after a crash between the commit and the acknowledgement."""
    kept, words = Kept(), [word("proposed"), word("accepted", 10.0), word("withdrawn", 20.0)]
    assert kept.hear(*words, *words) == [None] * 6
    assert [one.state for one in kept.said] == ["proposed", "accepted", "withdrawn"]


def test_a_newer_advice_takes_the_place_and_an_older_one_does_not() -> None:
    kept = Kept()
    kept.hear(word("proposed"), word("accepted", 5.0), word("proposed", 10.0, "a2"))
    assert [(one.advice_id, one.state) for one in kept.said] == [
        *(("a1", state) for state in ("proposed", "accepted", "expired")),
        ("a2", "proposed"),
    ]
    assert kept.said[2].reason == "a newer advice took its place: a2"
    late, unknown = kept.hear(word("proposed", 1.0, "a0"), word("accepted", 20.0, "a1"))
    assert "older than a2" in str(late)
    assert "which has a2" in str(unknown)


@pytest.mark.parametrize(
    ("event", "ends"),
    [
        (pour(), False),
        (pour(lot_polyol="P-1"), False),
        (pour(lot_polyol="P-2"), True),
        (pour(lot_isocyanate="I-9"), False),  # nobody knows which one it was made for
        (pour(system_id="SYSTEM_M1"), True),
        (pour(-60.0, system_id="SYSTEM_M1"), False),  # before it was made
        (PressEvent(ts=at(900.0), event="lot_change", component="polyol", lot="P-2"), True),
        (PressEvent(ts=at(900.0), event="lot_change", component="polyol", lot="P-1"), False),
        (PressEvent(ts=at(900.0), event="lot_change", component="isocyanate", lot="I-9"), True),
        (PressEvent(ts=at(900.0), event="lot_change", component="polyol", lot="P-2", mold_id="N"),
         False),
        (PressEvent(ts=at(-9.0), event="lot_change", component="polyol", lot="P-2"), False),
        (PressEvent(ts=at(900.0), event="cleaning"), False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("accepted", [True, False])
def test_another_lot_or_material_ends_it(
    event: ShotEvent | PressEvent, ends: bool, accepted: bool
) -> None:
    kept = Kept()
    kept.hear(word("proposed"), *([word("accepted", 5.0)] if accepted else []))
    if isinstance(event, ShotEvent):
        kept.book.poured(PRESS, event)
    else:
        kept.book.happened(PRESS, event)
    kept.keep()
    assert (kept.now.state == "expired") is ends
    if ends:
        assert (kept.now.ended_by, kept.now.ended_at) == (None, event.ts)
        assert kept.now.reason
        (answer,) = kept.hear(word("accepted", 1000.0))
        assert answer is None or "is expired already" in answer


def test_another_agent_of_the_group_goes_on() -> None:
    kept, other = Kept(), AdviceBook({})
    kept.hear(word("proposed"), word("accepted", 5.0))
    first, second = kept.said
    assert [other.adopt(PRESS, one) for one in (second, first, second)] == [True, False, False]
    assert other.of(PRESS, "M") == second
    forgotten = other.forgets(PRESS)
    other.forget(PRESS)
    assert (list(forgotten.values()), other.of(PRESS, "M")) == ([None], None)


async def test_through_the_pipeline_and_over_a_restart(tmp_path: Path) -> None:
    settings, clock = settings_for(tmp_path, 1883), AcceleratedClock(1.0, START)
    topic = settings.topics.advice_word(PRESS)

    async def life(*words: AdviceWord) -> None:
        work = pipeline_on(settings, clock)
        await feed(work, [incoming(topic, encode(one)) for one in words])
        work._spool.close()

    await life(word("proposed"), word("accepted", advice_id="a9"))
    await life(word("accepted"))
    work = pipeline_on(settings, clock)
    kept = work.results.advice.of(PRESS, "M")
    work._spool.close()
    assert kept is not None
    assert (kept.state, kept.accepted_by) == ("accepted", "eva")
    with closing(Spool(settings.spool.path)) as spool:
        rows = [one.entry for one in spool.to_forward(100)]
        advice = [columns_of(row) for row in rows if row.kind == "event"]
        assert [(row["kind"], row["document"]["state"]) for row in advice] == [
            ("advice", "proposed"),
            ("advice", "accepted"),
        ]
        (letter,) = (columns_of(row) for row in rows if row.kind == "dead_letter")
        assert letter["reason"] == UNKNOWN_ADVICE
