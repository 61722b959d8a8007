"""What a press has seen of its corrections: how wide intervals must be, and whom to believe.

An interval is trained on other presses, and holds its coverage there. Here its width follows what
is seen: after each result a factor grows by much when it lay outside and shrinks by little when
inside, so that in the long run the asked share is inside whatever the press does (adaptive
conformal inference, Gibbs and Candès 2021; on the logarithm of the width instead of on the level,
as the quantile tracker of Angelopoulos, Candès and Tibshirani 2023, eq. (4), does). Results come
late: each is held against what was said at its own pour, with the factor of that time.

A learner that was better than the memory on the presses it learned from need not be so here. Both
are held against each result, and the share of the learner follows (exponential weights,
Cesa-Bianchi and Lugosi 2006, section 2.1, with old results forgotten): where it is no better, the
memory answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

GAIN = 0.1
"""Growth of ln(width) for a result outside, before the part that balances it."""
FASTER = 4.0
"""The first results move it faster: by this factor at the first, fading like 1/n."""
LOG_FACTOR_MIN, LOG_FACTOR_MAX = math.log(0.4), math.log(30.0)
"""Nothing is so sure, or so unsure (assumed): results that only repeat what was foretold for a
while must not make intervals too narrow for the next ones."""
SURPRISE_MAX, COUNT_MAX = 10.0, 10**9
KEPT = 0.98
"""Share of an advantage that is left after each result: 50 results are remembered."""
TRUST = 1.0
"""Advantage that a learner begins with, in squared errors: it was better elsewhere (assumed)."""
ADVANTAGE_MAX = 10.0
"""Of one mold: no mold decides for a site for ever."""
HALF_LIFE_S = 7 * 86_400.0
"""After so long without a result a mold counts half in what its site shares (assumed)."""
SURPRISE_KEPT, SURPRISE_GAIN = 0.9, 0.06
"""Of what all molds of a site share: what surprises one, another lot, surprises the others."""
LOSS_MAX = 9.0
RECENT = 100
"""Consecutive results whose coverage is shown."""


@dataclass(frozen=True)
class Said:
    """What was said of a target at the pour, in units of the residual.

    Attributes:
        memory: what the memory expected.
        learner: what the learner did, None where it did not answer.
        value: the residual that was said.
        half: half the width of the interval that was said.
        error: usual size of an error of the memory then.
    """

    memory: float
    learner: float | None
    value: float
    half: float
    error: float


@dataclass(frozen=True)
class AdaptiveState:
    """What was seen of a target on a mold; a plain value, kept and handed over as a document.

    Attributes:
        log_factor: ln of the factor on the width of intervals.
        surprise: how many more of the last results than asked for lay outside.
        advantage: by how much the learner was better than the memory, old results forgotten.
        count, inside: results, and those inside their interval.
        last: the latest of them, oldest first: 1 inside, 0 outside.
        worst: fewest inside among ``RECENT`` consecutive results; None before there are as many.
        at_s: when the latest result became known [s].
    """

    log_factor: float = 0.0
    surprise: float = 0.0
    advantage: float = 0.0
    count: int = 0
    inside: int = 0
    last: str = ""
    worst: int | None = None
    at_s: float = 0.0

    def told(self, said: Said, residual: float, coverage: float, at_s: float) -> AdaptiveState:
        """The state after a result became known.

        Args:
            said: at the pour of its shot.
            residual: what was measured, as a residual of the physics.
            coverage: share of results that is to be inside.
            at_s: when the result became known [s].
        """
        if not (said.error > 0.0 and math.isfinite(said.value) and math.isfinite(said.half)):
            return self  # of another agent, and nothing that was ever said
        inside = abs(residual - said.value) <= said.half
        gain = GAIN * (1.0 + FASTER / (1.0 + self.count)) * (1.0 + abs(self.log_factor))
        off = (0.0 if inside else 1.0) - (1.0 - coverage)
        advantage = KEPT * self.advantage
        if said.learner is not None:
            losses = (
                min(((residual - one) / said.error) ** 2, LOSS_MAX)
                for one in (said.memory, said.learner)
            )
            of_memory, of_learner = losses
            advantage += of_memory - of_learner
        last = (self.last + "01"[inside])[-RECENT:]
        worst = self.worst
        if len(last) == RECENT:
            worst = min(last.count("1"), RECENT if worst is None else worst)
        return replace(
            self,
            log_factor=max(LOG_FACTOR_MIN, min(LOG_FACTOR_MAX, self.log_factor + gain * off)),
            surprise=SURPRISE_KEPT * self.surprise + off,
            advantage=max(-ADVANTAGE_MAX, min(ADVANTAGE_MAX, advantage)),
            count=self.count + 1,
            inside=self.inside + inside,
            last=last,
            worst=worst,
            at_s=max(at_s, self.at_s),
        )

    def document(self) -> dict[str, Any]:
        """Plain data, for a file or the wire."""
        return dict(self.__dict__)

    @classmethod
    def of(cls, document: dict[str, Any]) -> AdaptiveState:
        """The state that a document holds.

        Raises:
            TypeError, ValueError: it holds something else, or what no results can lead to.
        """
        state = cls(**document)
        numbers = (state.log_factor, state.surprise, state.advantage, state.at_s)
        counts = (state.count, state.inside, *([] if state.worst is None else [state.worst]))
        if not all(type(one) in (int, float) and math.isfinite(one) for one in numbers):
            raise ValueError("a state of intervals with no numbers")
        if not all(type(one) is int and 0 <= one <= COUNT_MAX for one in counts):
            raise ValueError("a state of intervals with no counts")
        fits = (
            LOG_FACTOR_MIN <= state.log_factor <= LOG_FACTOR_MAX
            and abs(state.surprise) <= SURPRISE_MAX
            and abs(state.advantage) <= ADVANTAGE_MAX
            and state.inside <= state.count
            and (state.worst or 0) <= RECENT
            and type(state.last) is str
            and len(state.last) == min(state.count, RECENT)
            and set(state.last) <= {"0", "1"}
        )
        if not fits:
            raise ValueError("a state of intervals that no results lead to")
        return state


class Seen(NamedTuple):
    """What the press has seen of the corrections of a target on a mold, as the next one needs it.

    Attributes:
        share: of the learner in the correction, 0 to 1.
        factor: on the width of the interval.
    """

    share: float
    factor: float

    @classmethod
    def of(cls, mold: AdaptiveState, site: Iterable[AdaptiveState], at_s: float) -> Seen:
        """From the state of the mold, and those of all molds of the site, this one among them.

        Args:
            at_s: the moment [s]: what nothing was heard of for long counts little.
        """
        surprise, advantage = 0.0, TRUST
        for state in site:
            left = 0.5 ** (max(at_s - state.at_s, 0.0) / HALF_LIFE_S)
            surprise += left * state.surprise
            advantage += left * state.advantage
        share = 1.0 / (1.0 + math.exp(-0.5 * max(-60.0, min(60.0, advantage))))
        wider = mold.log_factor + SURPRISE_GAIN * surprise
        return cls(share, math.exp(max(LOG_FACTOR_MIN, min(LOG_FACTOR_MAX, wider))))


NOTHING_SEEN = Seen.of(AdaptiveState(), (), 0.0)
