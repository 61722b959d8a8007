"""Recall of earlier shots from the history, once for each press of a new spool.

It runs beside the shots: the first ones may be answered before it is done, and a history that is
away is asked again until it has answered. That it was done is kept in the spool.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from broker.timestamps import format_timestamp
from broker.topics import PressAddress
from edge_agent.config.catalogue import Catalogue
from edge_agent.config.settings import CatalogueSettings, HistorySettings, Settings, ShotSettings
from edge_agent.history.any_shots import any_shots
from edge_agent.inference.earlier_rows import Earlier
from edge_agent.inference.earlier_shots import EarlierShots, State
from edge_agent.logged_shots.logged_event import LoggedEvent
from edge_agent.logs import get_logger
from edge_agent.monitoring.metrics import Metrics
from edge_agent.run_apart import last_words, run_apart
from twin_core.learning.basis import basis_of
from twin_core.learning.past_results import ShotKey
from twin_core.scenario import Quality

RECALLED_SCOPE = "recalled"
"""Scope in the spool's state, by press."""
TIMEOUT_S = 900.0
NICE = 10
"""Predictions come first."""
AGAIN_S, AGAIN_MAX_S = 10.0, 600.0
"""Pause after a history that could not be read, and the longest one."""
AT_ONCE = 20
"""Rows that are looked at before others have their turn: a millisecond or two."""


class MemoryRequest(BaseModel):
    """Request: earlier shots of which presses, and where they are."""

    model_config = ConfigDict(frozen=True)

    site: str
    presses: list[str]
    history: HistorySettings
    catalogue: CatalogueSettings
    shots: ShotSettings
    quality: Quality
    quality_by_mold: dict[str, Quality]


class MemoryLine(BaseModel):
    """Line of the answer: a shot, or what was done to a press."""

    shot: Earlier | None = None
    event: LoggedEvent | None = None


class Recalled(BaseModel):
    """Note that the history was read."""

    at: str
    materials: str
    """Fingerprint of physics, material systems and parameter sets that the rows are compared with:
    with others the history is read again."""
    shots_count: int = 0
    molds_count: int = 0


class Recall:
    """Recall for all presses of an agent."""

    def __init__(
        self,
        earlier: EarlierShots,
        kept: Mapping[str, Mapping[str, Any]],
        state: Callable[[], State],
        metrics: Metrics,
    ) -> None:
        """Nothing is read yet.

        Args:
            earlier: takes the shots.
            kept: notes of the spool, by press.
            state: gives what is written next.
            metrics: counts.
        """
        self.earlier, self._state, self._metrics = earlier, state, metrics
        self._read_with = {press: _materials_of(note) for press, note in kept.items()}
        """Materials with which the history was read, by press."""
        self._materials = ""
        self._running: asyncio.Task[bool] | None = None
        self._asking = set[str]()
        self._delay_s = AGAIN_S
        self._due_at: datetime | None = None

    def renew(self, catalogue: Catalogue) -> None:
        """Go on with these materials; shots of those that have changed are simulated again."""
        facts = catalogue.all_facts
        bases = sorted(basis_of(system_id, of.parameters_hash) for system_id, of in facts)
        self._materials = sha256("\n".join(bases).encode()).hexdigest()[:16]

    def tick(self, now: datetime, settings: Settings, presses: Iterable[PressAddress]) -> None:
        """Begin to read for presses that need it, if it is time."""
        if self._running is not None and self._running.done():
            ended, self._running = self._running, None
            worked = not ended.cancelled() and ended.result()
            self._delay_s = AGAIN_S if worked else min(2.0 * self._delay_s, AGAIN_MAX_S)
            self._due_at = None if worked else now + timedelta(seconds=self._delay_s)
        presses = list(presses)
        for press in presses:
            molds = Counter(row.shot.mold_id for row in self.earlier.rows_of(press))
            self._metrics.memory_shots.labels(press.press).set(molds.total())
            self._metrics.memory_molds.labels(press.press).set(len(molds))
        read_with, now_with = self._read_with, self._materials
        wanted = [press for press in presses if read_with.get(str(press)) != now_with]
        due = self._due_at is None or now >= self._due_at
        if wanted and self._running is None and due:
            self._asking = {str(press) for press in wanted}
            reading = self._read(_request(settings, wanted), wanted, now, now_with)
            self._running = asyncio.create_task(reading)

    def forgets(self, press: PressAddress) -> State:
        """What goes from the disk when a press is forgotten, with all that is remembered of it."""
        return {(RECALLED_SCOPE, str(press)): None} | self.earlier.forgets(press)

    def forget(self, press: PressAddress) -> None:
        """Forget a press that another agent has now; the history is read when it comes back."""
        self._read_with.pop(str(press), None)
        self._asking.discard(str(press))
        self.earlier.forget(press)

    async def take_over(
        self,
        press: PressAddress,
        ours: Sequence[Earlier],
        theirs: Sequence[Earlier],
        events: Sequence[LoggedEvent],
        intervals: Sequence[tuple[tuple[str, str], Mapping[str, Any]]] = (),
    ) -> None:
        """Go on with what is retained of a press.

        Args:
            press: this agent has it from now on.
            ours: rows as this agent left them.
            theirs: rows as another agent left them, which has had the press since.
            events: what was done to the press.
            intervals: what was seen of corrections, by mold; those of most results count.
        """
        for mold, document in intervals:
            self.earlier.intervals.take(mold, document, self._state())
        self.earlier.recall_events(events, self._state())
        await self.keep(await self.earlier.merge(press, ours, "fill"))
        taken = await self.earlier.merge(press, theirs, "replace")
        await self.keep(taken)
        self._metrics.recalled.labels(press.press, "handover").inc(len(taken))
        if taken:
            get_logger().info(
                "earlier_shots_taken_over", stage="infer", press=press.press, count=len(taken)
            )

    async def stop(self) -> None:
        """Break off; the next life of the agent begins anew."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _read(
        self,
        request: MemoryRequest,
        presses: Sequence[PressAddress],
        now: datetime,
        materials: str,
    ) -> bool:
        """Read the history and merge what it knows; false if it could not be read."""
        lines = await _lines(request)
        if lines is None:
            return False
        rows, events = await _read_lines(lines)
        for press in presses:
            if str(press) not in self._asking:
                continue
            of_press = [event for event in events if event.address == str(press)]
            self.earlier.recall_events(of_press, self._state())
            taken = await self.earlier.merge(press, rows, "renew")
            if str(press) not in self._asking:  # another agent has got it meanwhile
                continue
            await self.keep(taken)
            note = Recalled(
                at=format_timestamp(now),
                materials=materials,
                shots_count=len(taken),
                molds_count=len({shot.mold_id for shot in taken}),
            )
            self._state()[RECALLED_SCOPE, str(press)] = note.model_dump()
            self._read_with[str(press)] = materials
            self._metrics.recalled.labels(press.press, "history").inc(len(taken))
            get_logger().info(
                "earlier_shots_recalled",
                stage="infer",
                press=press.press,
                count=note.shots_count,
                detail=f"{note.shots_count} shots of {note.molds_count} molds from the history",
            )
        return True

    async def keep(self, shots: Sequence[ShotKey]) -> None:
        """Write the rows of these shots, some in each transaction."""
        for start in range(0, len(shots), AT_ONCE):
            self.earlier.keep(shots[start : start + AT_ONCE], self._state())
            await asyncio.sleep(0)


def _materials_of(note: Mapping[str, Any]) -> str:
    try:
        return Recalled.model_validate(note).materials
    except ValidationError:
        return "unknown"


def _request(settings: Settings, presses: Sequence[PressAddress]) -> MemoryRequest:
    return MemoryRequest(
        site=settings.site,
        presses=[press.press for press in presses],
        history=settings.history,
        catalogue=settings.catalogue,
        shots=settings.shots,
        quality=settings.quality,
        quality_by_mold=settings.quality_by_mold,
    )


async def _read_lines(lines: Sequence[bytes]) -> tuple[list[Earlier], list[LoggedEvent]]:
    rows, events = list[Earlier](), list[LoggedEvent]()
    for number, line in enumerate(lines, start=1):
        try:
            found = MemoryLine.model_validate_json(line)
            rows += [] if found.shot is None else [found.shot]
            events += [] if found.event is None else [found.event]
        except ValidationError as error:
            get_logger().warning("earlier_shot_unreadable", error=str(error)[:500])
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    return rows, events


async def _lines(request: MemoryRequest) -> list[bytes] | None:
    """Rows of the history, as lines; None if it cannot be read now."""
    if request.history.url is None and request.history.url_file is None:
        path = request.history.path
        known = await asyncio.to_thread(any_shots, path, request.site, request.presses)
        if not known:  # no process for an empty file; one that is not there may come
            return None if known is None else []
    return await _apart(request)


async def _apart(request: MemoryRequest) -> list[bytes] | None:
    """Read in a process of its own; None and a line in the log if that fails."""
    command = (sys.executable, "-m", "edge_agent.learning.memory_from_history")
    asked = request.model_dump_json().encode()
    try:
        done = await run_apart(command, asked, timeout_s=TIMEOUT_S, nice=NICE)
    except (OSError, TimeoutError) as error:
        reason = repr(error)[:500]
    else:
        if done.returncode == 0:
            return done.stdout.splitlines()
        reason = last_words(done)
    get_logger().warning("earlier_shots_not_recalled", stage="infer", reason=reason)
    return None
