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
LOG_FACTOR_MAX = math.log(30.0)
KEPT = 0.98
"""Share of an advantage that is left after each result: 50 results are remembered."""
TRUST = 1.0
"""Advantage that a learner begins with, in squared errors: it was better elsewhere (assumed)."""
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
    """

    log_factor: float = 0.0
    surprise: float = 0.0
    advantage: float = 0.0
    count: int = 0
    inside: int = 0
    last: str = ""
    worst: int | None = None

    def told(self, said: Said, residual: float, coverage: float) -> AdaptiveState:
        """The state after a result became known.

        Args:
            said: at the pour of its shot.
            residual: what was measured, as a residual of the physics.
            coverage: share of results that is to be inside.
        """
        inside = abs(residual - said.value) <= said.half
        gain = GAIN * (1.0 + FASTER / (1.0 + self.count))
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
            log_factor=max(-LOG_FACTOR_MAX, min(LOG_FACTOR_MAX, self.log_factor + gain * off)),
            surprise=SURPRISE_KEPT * self.surprise + off,
            advantage=advantage,
            count=self.count + 1,
            inside=self.inside + inside,
            last=last,
            worst=worst,
        )

    def document(self) -> dict[str, Any]:
        """Plain data, for a file or the wire."""
        return dict(self.__dict__)

    @classmethod
    def of(cls, document: dict[str, Any]) -> AdaptiveState:
        """The state that a document holds.

        Raises:
            TypeError: it holds something else.
        """
        return cls(**document)


class Seen(NamedTuple):
    """What the press has seen of the corrections of a target on a mold, as the next one needs it.

    Attributes:
        share: of the learner in the correction, 0 to 1.
        factor: on the width of the interval.
    """

    share: float
    factor: float

    @classmethod
    def of(cls, mold: AdaptiveState, site: Iterable[AdaptiveState]) -> Seen:
        """From the state of the mold, and those of all molds of the site, this one among them."""
        surprise, advantage = 0.0, TRUST
        for state in site:
            surprise += state.surprise
            advantage += state.advantage
        share = 1.0 / (1.0 + math.exp(-0.5 * max(-60.0, min(60.0, advantage))))
        wider = mold.log_factor + SURPRISE_GAIN * surprise
        return cls(share, math.exp(max(-LOG_FACTOR_MAX, min(LOG_FACTOR_MAX, wider))))


NOTHING_SEEN = Seen.of(AdaptiveState(), ())
