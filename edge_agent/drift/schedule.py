"""Drift on a schedule: the newest shots against those that the model in use learned from."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from broker.messages import Alert
from broker.topics import PressAddress
from edge_agent.config.settings import CatalogueSettings, HistorySettings, Settings, ShotSettings
from edge_agent.logs import get_logger
from edge_agent.monitoring.alerts import drift_alert
from edge_agent.monitoring.metrics import Metrics
from edge_agent.run_apart import last_words, run_apart
from twin_core.scenario import Quality

BASELINE = "baseline.parquet"
TIMEOUT_S = 900.0
NICE = 10
"""Predictions come first."""


class DriftRequest(BaseModel):
    """Request: what to compare with what."""

    model_config = ConfigDict(frozen=True)

    baseline: Path
    """The shots that the model learned from."""
    window_shots: int
    presses: list[str]
    site: str
    history: HistorySettings
    catalogue: CatalogueSettings
    shots: ShotSettings
    quality: Quality
    quality_by_mold: dict[str, Quality]


class DriftVerdict(BaseModel):
    """The verdict, for alert and metric."""

    model_config = ConfigDict(frozen=True)

    level: int
    """0 OK, 1 WARNING, 2 ALERT."""
    words: str
    moved: list[str] = []
    """Columns that moved, worst first."""
    level_by_kind: dict[str, int] = {}
    """Of the kinds of drift that moved (``twin_core.learning.drift_result.Kind``)."""
    shots_count: int = 0

    def is_news_after(self, before: DriftVerdict | None) -> bool:
        """Whether a person must hear of it: another level, or a kind that has risen.

        A residual that moves while the inputs have long moved is news, though the level stays.

        Args:
            before: the last verdict; None is one in which nothing moved.
        """
        if before is None:
            return self.level != 0
        earlier = before.level_by_kind
        risen = any(level > earlier.get(kind, 0) for kind, level in self.level_by_kind.items())
        return self.level != before.level or risen


class DriftWatch:
    """Schedule of ``check_newest``, and reports of what it finds.

    An alert when the level changes or another kind of drift begins, a metric always. It never stops
    anything.
    """

    def __init__(self, metrics: Metrics, told_level: Callable[[PressAddress], int]) -> None:
        """Nothing is checked yet.

        Args:
            metrics: the agent's.
            told_level: level that people of a press were told of; 0 when it is over, or never was.
        """
        self._metrics, self._told_level = metrics, told_level
        self._checked_at: datetime | None = None
        self._last: DriftVerdict | None = None
        self._running: asyncio.Task[DriftVerdict | None] | None = None

    def tick(
        self,
        now: datetime,
        settings: Settings,
        model: Path | None,
        presses: Iterable[PressAddress],
    ) -> list[Alert]:
        """Take the verdict of the last check, and begin the next one if it is due.

        Args:
            model: folder of the version in use; None if there is none.
        """
        alerts: list[Alert] = []
        if self._running is not None and self._running.done():
            verdict, self._running = self._running.result(), None
            if verdict is not None:
                alerts = self._report(verdict, now, presses)
        every_h = settings.learning.drift_every_h
        if model is None or not every_h or self._running is not None:
            return alerts
        if self._checked_at is None:  # not at once: a start has enough to do
            self._checked_at = now
        elif now - self._checked_at >= timedelta(hours=every_h):
            self._checked_at = now
            self._running = asyncio.create_task(_apart(_request(settings, model)))
        return alerts

    def _report(
        self, verdict: DriftVerdict, now: datetime, presses: Iterable[PressAddress]
    ) -> list[Alert]:
        self._metrics.drift(verdict.level, len(verdict.moved), now)
        before, self._last = self._last, verdict
        get_logger().info(
            "drift_checked", stage="infer", code=str(verdict.level), detail=verdict.words
        )
        risen = before is not None and verdict.is_news_after(before)
        return [
            drift_alert(
                press, verdict.level, verdict.words, verdict.moved, verdict.shots_count, now
            )
            for press in presses
            if risen or self._told_level(press) != verdict.level
        ]


def _request(settings: Settings, model: Path) -> DriftRequest:
    return DriftRequest(
        baseline=model / BASELINE,
        window_shots=settings.learning.drift_window_shots,
        presses=settings.presses,
        site=settings.site,
        history=settings.history,
        catalogue=settings.catalogue,
        shots=settings.shots,
        quality=settings.quality,
        quality_by_mold=settings.quality_by_mold,
    )


async def _apart(request: DriftRequest) -> DriftVerdict | None:
    """Run it in a process of its own; None and a line in the log if there is no verdict."""
    command = (sys.executable, "-m", "edge_agent.drift.check_newest")
    asked = request.model_dump_json().encode()
    try:
        done = await run_apart(command, asked, timeout_s=TIMEOUT_S, nice=NICE)
        if done.returncode == 0:
            return DriftVerdict.model_validate_json(done.stdout)
        reason = last_words(done)
    except (OSError, TimeoutError, ValueError) as error:
        reason = repr(error)[:500]
    get_logger().warning("drift_not_checked", stage="infer", reason=reason)
    return None
