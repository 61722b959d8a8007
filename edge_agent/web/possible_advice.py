"""What may be advised: set points of a press, with values that one can have."""

from __future__ import annotations

from collections.abc import Iterator

from broker.messages import AdviceProposal
from edge_agent.web.problems import FieldProblem, pointer
from twin_core.plausible_ranges import CHANNELS, plausible
from twin_core.set_points import SET_POINTS, impossible_set_point, near_set_point

SECONDS_MAX = 86_400.0
"""Of a gain: no shot takes longer than a day."""


def impossible_in(proposal: AdviceProposal) -> list[FieldProblem]:
    """What is wrong with a proposal: each field, with words."""
    return list(_problems(proposal))


def _problems(proposal: AdviceProposal) -> Iterator[FieldProblem]:
    seen = set[str]()
    for number, change in enumerate(proposal.changes):
        place = ("changes", number)
        name, known = change.name, change.name in SET_POINTS
        is_channel = name.partition(".")[0] in CHANNELS
        if name in seen:
            yield _problem((*place, "name"), f"{name} is advised twice")
        seen.add(name)
        if not known and not is_channel:
            near = near_set_point(name)
            meant = f": is {near} meant?" if near else f" (there are: {', '.join(SET_POINTS)})"
            yield _problem((*place, "name"), f"{name} is no set point of a press{meant}")
            continue
        why = impossible_set_point(name, change.value) if known else plausible(name, change.value)
        if why:
            yield _problem((*place, "value"), f"{name}: {why}")
        if change.before is not None:  # a plant may be outside what is advised
            check = plausible if is_channel else impossible_set_point
            if why := check(name, change.before):
                yield _problem((*place, "before"), f"{name}: {why}")
    if proposal.gain_s is not None and abs(proposal.gain_s) > SECONDS_MAX:
        words = f"{proposal.gain_s:g} s are more than a day"
        yield _problem(("gain_s",), words)
    for name, value in proposal.expected.items():
        if why := plausible(name, value):
            yield _problem(("expected", name), why)


def _problem(place: tuple[str | int, ...], words: str) -> FieldProblem:
    return FieldProblem(pointer=pointer(place), detail=words)
