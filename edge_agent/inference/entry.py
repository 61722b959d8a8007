"""A version that is promoted or in shadow: examined, then ready to answer, or refused and why."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from time import perf_counter

from broker.ml_status import ERROR, NO_EXTRA, OK
from edge_agent.inference.registry import ModelRegistry
from twin_core.errors import MissingRuntime, ModelError
from twin_core.learning.columns import Known
from twin_core.learning.inference import Model

ANSWER_MAX_S = 0.005
"""The event loop waits for each answer; ours take 0.1 to 0.3 ms. Two versions may answer a shot."""
ANSWERS_TIMED = 25


@dataclass(frozen=True)
class Entry:
    """A version that is promoted, or in shadow."""

    name: str
    version: int
    known_at: Known | None
    """None if not even that can be read."""
    model: Model | None
    status: str = OK
    words: str = ""
    """Why it is refused."""
    may_pass: bool = False
    """Is it refused for what may be over later, not for what it is?"""

    @property
    def label(self) -> str:
        """Name as in a prediction: ``pour/3``."""
        return f"{self.name}/{self.version}"


def examined(registry: ModelRegistry, name: str, version: int) -> Entry:
    """A version as it is: loaded, timed, or refused; never raises."""
    known_at: Known | None = None
    try:
        known_at = registry.manifest(name, version).known_at
        model = registry.load(name, version)
        check_time(model)
    except Exception as error:  # a file from anywhere, read by a library not ours
        return refused(name, version, known_at, error)
    return Entry(name, version, known_at, model)


def refused(name: str, version: int, known_at: Known | None, error: Exception) -> Entry:
    """A version that cannot be used, and why."""
    status = NO_EXTRA if isinstance(error, MissingRuntime) else ERROR
    return Entry(name, version, known_at, None, status, words_of(error))


def check_time(model: Model) -> None:
    """Refuse a model whose answers take too long on this machine.

    Raises:
        ModelError: the median of some is above ``ANSWER_MAX_S``.
    """
    times = []
    for _ in range(ANSWERS_TIMED):
        begin = perf_counter()
        model.run(model.middle)
        times.append(perf_counter() - begin)
        if sum(times) > ANSWERS_TIMED * ANSWER_MAX_S and len(times) > ANSWERS_TIMED // 2:
            break
    if (found := statistics.median(times)) > ANSWER_MAX_S:
        raise ModelError(
            f"an answer takes {1e3 * found:.1f} ms here, more than {1e3 * ANSWER_MAX_S:.0f} ms, "
            "and predictions wait for it: train a smaller one"
        )


def words_of(error: Exception) -> str:
    """First line of an error, for an alert."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:500]
