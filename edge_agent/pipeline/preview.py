"""What messages would lead to that the disk does not take: a copy of the pipeline, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.ports import Envelope, Outgoing
from edge_agent.spool.spool import Spool, SpoolThread

PREVIEWED = 1000
"""Messages of a press that are published from memory."""


class Preview(Pipeline):
    """Knows what a pipeline knows; nothing it does reaches that pipeline or a disk."""

    def __init__(self, of: Pipeline) -> None:
        memory = SpoolThread(Spool(Path(":memory:")))
        super().__init__(of._settings, of._catalogue, memory, of._clock, lambda: None)
        self._assembler = deepcopy(of._assembler)
        self._inference = of._inference.glance()
        self._answers = dict(of._answers)
        self._warm = of._warm


async def preview(of: Pipeline, envelopes: Sequence[Envelope]) -> list[Outgoing]:
    """What these messages would publish now; they will be processed when they are in the inbox."""
    copy = Preview(of)
    spool = copy._spool
    try:
        await spool.call(spool.spool.append, envelopes)
        await copy.drain()
        found = []
        for press in copy._settings.addresses():
            found += await spool.call(spool.spool.to_publish, str(press), PREVIEWED)
        return [stored.entry for stored in found]
    finally:
        spool.close()
