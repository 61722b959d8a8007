"""Advice as the server handles it: words of people to the twin, checked against what it retains."""

from __future__ import annotations

from broker.messages import Advice, AdviceProposal, AdviceSaid, AdviceWord
from broker.topics import PressAddress
from edge_agent.web.live.state import LiveState, Mold
from edge_agent.web.parts import Web
from edge_agent.web.problems import Refused

FROM = {"accepted": ("proposed",), "refused": ("proposed",), "withdrawn": ("proposed", "accepted")}
"""States of an advice that a word may follow."""

CLOSED_HINT = "the list of advice says how it stands; a newer one takes its place"


def advised_molds(live: LiveState) -> list[Mold]:
    """Molds that have an advice, in order."""
    return [mold for mold in live.molds_in_order() if mold.advice is not None]


def advice_of(live: LiveState, advice_id: str) -> Advice:
    """The advice of this id.

    Raises:
        Refused: no mold has it.
    """
    for mold in advised_molds(live):
        if mold.advice is not None and mold.advice.advice_id == advice_id:
            return mold.advice
    raise Refused(404, "NOT_FOUND", f"no mold has an advice {advice_id}")


async def propose(
    web: Web, press: PressAddress, mold_id: str, advice_id: str, proposal: AdviceProposal, by: str,
    note: str | None = None, *, simulated: bool,
) -> AdviceWord:  # fmt: skip
    """Propose an advice to the twin, which retains it for the mold.

    Args:
        web: sends it.
        press: of the mold.
        mold_id: that it is for.
        advice_id: its name.
        proposal: what is advised.
        by: who proposes.
        note: words of the person.
        simulated: the shots of the mold are a simulator's; it is judged by such ones.

    Raises:
        LinkError: the broker is away: nothing was sent.
    """
    word = AdviceWord(
        ts=web.clock.now(), advice_id=advice_id, mold_id=mold_id, said="proposed", by=by,
        note=note, proposal=proposal, simulated=simulated,
    )  # fmt: skip
    await web.to_twin.advise(press, word)
    return word


async def decide(
    web: Web, advice_id: str, said: AdviceSaid, by: str, note: str | None = None
) -> AdviceWord:
    """Accept, refuse or withdraw an advice; the twin says what became of it.

    Raises:
        Refused: there is none of this id, or it is not open any more.
        LinkError: the broker is away: nothing was sent.
    """
    advice = advice_of(web.live, advice_id)
    if advice.state not in FROM[said]:
        words = f"the advice {advice_id} is {advice.state} already"
        raise Refused(409, "CLOSED", words, CLOSED_HINT)
    word = AdviceWord(
        ts=web.clock.now(), advice_id=advice_id, mold_id=advice.mold_id, said=said, by=by,
        note=note, simulated=advice.simulated,
    )  # fmt: skip
    await web.to_twin.advise(PressAddress(advice.site, advice.press), word)
    return word
