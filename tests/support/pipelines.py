"""A pipeline without a broker: messages in through an inlet, results out of its spool."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.config.catalogue import Catalogue, load_catalogue
from edge_agent.config.settings import Settings
from edge_agent.links.publish_packet import Incoming
from edge_agent.monitoring.metrics import Metrics
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.pipeline.receive import Inlet
from edge_agent.spool.spool import Spool
from edge_agent.spool.thread import SpoolThread
from twin_core.window_interval import WindowInterval

PRESS = PressAddress("s", "p1")
_INTERVALS: dict[Hashable, WindowInterval] = {}
"""By recipe, computed once for all tests of a process: one takes as long as 17 shots."""


def pipeline_on(
    settings: Settings,
    clock: Clock,
    metrics: Metrics | None = None,
    spool: Spool | None = None,
    catalogue: Catalogue | None = None,
) -> Pipeline:
    """A pipeline on its spool that simulates at once, not in a thread.

    It knows the intervals of the recipes that others have poured.
    """
    thread = SpoolThread(Spool(settings.spool.path) if spool is None else spool)
    found = Pipeline(
        settings, catalogue or load_catalogue(settings), thread, clock, metrics=metrics
    )
    found._simulations.compiled = True
    found._predictions.intervals._known = _INTERVALS
    return found


def spool_of(work: Pipeline) -> Spool:
    """The file, for a look from the thread of the test."""
    return work._spool._spool


def incoming(topic: str, payload: bytes, mid: int = 1, content_type: str | None = None) -> Incoming:
    """A message as the session hands it over."""
    return Incoming(topic, payload, content_type, mid, 1)


async def feed(
    work: Pipeline, messages: Sequence[Incoming], at_once: int = 64, press: PressAddress = PRESS
) -> None:
    """Work on messages and write them, some at once."""
    await work.reserve()
    inlet = Inlet(press)
    work.open(inlet)
    for start in range(0, len(messages), at_once):
        inlet.put(messages[start : start + at_once])
        while inlet.waiting:
            if not await work.step():  # it waits for numbers, which are reserved on disk
                await work.batches.flush()
        await work.batches.flush()
    work.close(inlet)
