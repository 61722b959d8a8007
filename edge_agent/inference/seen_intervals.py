"""What an agent has seen of its corrections at the pour, for each mold: how wide intervals must be.

A state changes when a result becomes known, in the transaction that keeps the result, and each
result counts once: what was said of it at the pour goes from its row then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from broker.messages.prediction import IntervalRecord
from broker.topics import PressAddress
from edge_agent.logs import get_logger
from twin_core.learning.adaptive_interval import RECENT, AdaptiveState, Said, Seen

INTERVALS_SCOPE = "intervals"
"""Scope in the spool's state, by press and mold."""
DIGITS = 6
"""Significant digits of what is kept of an answer."""
State = dict[tuple[str, str], dict[str, Any] | None]
Mold = tuple[str, str]
"""Address of the press, and ``mold_id``."""
OfMold = dict[str, AdaptiveState]
"""By target."""
Kept = tuple[float, float | None, float, float, float, float]
"""A ``Said`` and the coverage that was asked for, as a row keeps them."""


def kept_of(said: Said, coverage: float) -> Kept:
    """What is kept of an answer.

    Args:
        said: at the pour.
        coverage: that its interval was to have.
    """
    learner = None if said.learner is None else _short(said.learner)
    memory, *rest = map(_short, (said.memory, said.value, said.half, said.error, coverage))
    return (memory, learner, *rest)  # type: ignore[return-value]


def _short(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


class SeenIntervals:
    """States of all molds of an agent."""

    def __init__(self, kept: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Go on from the spool's state; what cannot be read begins anew."""
        self._states: dict[Mold, OfMold] = {}
        for key, value in (kept or {}).items():
            press, _, mold_id = key.rpartition("/")
            self._states[press, mold_id] = states_of(value)

    def seen(self, mold: Mold, at_s: float) -> dict[str, Seen]:
        """What an answer for a mold follows from, by target.

        Args:
            mold: the mold; the share of the learner is that of its site.
            at_s: when it is poured [s].
        """
        site = mold[0].partition("/")[0]
        of_site = [of for (press, _), of in self._states.items() if press.startswith(f"{site}/")]
        own = self._states.get(mold, {})
        names = {name for of in of_site for name in of}
        return {
            name: Seen.of(
                own.get(name, AdaptiveState()), [of[name] for of in of_site if name in of], at_s
            )
            for name in names
        }

    def records(self, mold: Mold) -> dict[str, IntervalRecord]:
        """How the intervals of a mold have held, by target."""
        return {
            name: IntervalRecord(
                results_count=state.count,
                inside_fraction=state.inside / state.count,
                worst_fraction=None if state.worst is None else state.worst / RECENT,
            )
            for name, state in self._states.get(mold, {}).items()
            if state.count
        }

    def told(
        self,
        mold: Mold,
        results: Mapping[str, float],
        kept: Mapping[str, Kept],
        at_s: float,
        state: State,
    ) -> None:
        """Hold results against what was said of them.

        Args:
            mold: the mold.
            results: residuals by target.
            kept: what was said of each.
            at_s: when they became known [s].
            state: takes what is to be kept.
        """
        of_mold = dict(self._states.get(mold, {}))
        for name, residual in results.items():
            memory, learner, value, half, error, coverage = kept[name]
            before = of_mold.get(name, AdaptiveState())
            said = Said(memory, learner, value, half, error)
            of_mold[name] = before.told(said, residual, coverage, at_s)
        self._states[mold] = of_mold
        state[INTERVALS_SCOPE, "/".join(mold)] = self.document(mold)

    def document(self, mold: Mold) -> dict[str, Any]:
        """States of a mold, as plain data."""
        return {name: state.document() for name, state in self._states.get(mold, {}).items()}

    def take(self, mold: Mold, document: Mapping[str, Any], state: State) -> None:
        """Go on with states that another agent has left, where they have seen more results.

        Args:
            mold: the mold.
            document: of that agent.
            state: takes what is to be kept.
        """
        own, more = self._states.get(mold, {}), states_of(document)
        none = AdaptiveState()
        newer = {n: s for n, s in more.items() if s.count >= own.get(n, none).count}
        if newer:
            self._states[mold] = own | newer
            state[INTERVALS_SCOPE, "/".join(mold)] = self.document(mold)

    def of_press(self, press: PressAddress) -> Iterator[Mold]:
        """Molds of a press that have a state."""
        yield from (mold for mold in self._states if mold[0] == str(press))

    def forget(self, press: PressAddress) -> None:
        """Forget a press that another agent has."""
        for mold in list(self.of_press(press)):
            del self._states[mold]


def states_of(document: Mapping[str, Any]) -> OfMold:
    """States of a document; what does not fit is left out."""
    found: OfMold = {}
    for name, value in document.items():
        try:
            found[name] = AdaptiveState.of(dict(value))
        except (TypeError, ValueError) as error:  # of another version of this program
            get_logger().warning("intervals_unreadable", error=str(error)[:500])
    return found
