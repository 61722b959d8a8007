"""The whole curves of a shot for its mold's page: what was measured before, and the prediction.

Only while somebody looks at the page: the worker process simulates the shot once.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from broker.timestamps import parse_timestamp
from edge_agent.history.read import RowFilter
from edge_agent.logs import get_logger
from edge_agent.web.live.curves import Curve, Curves
from edge_agent.web.live.state import SHOWN_READINGS, Mold, MoldKey
from edge_agent.web.results.shots import base_of, document_of, last_shots, reading
from twin_core.errors import TwinError

if TYPE_CHECKING:
    from edge_agent.web.parts import Web

AGAIN_S = 20.0
"""A shot that could not be completed is tried again after this time."""


class WholeShots:
    """Completes the curves of shots that somebody looks at."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def want(self, web: Web, key: MoldKey) -> None:
        """Complete the curves of the shot in a mold soon, unless that was done."""
        mold = web.live.molds.get(key)
        if mold is None or mold.prediction is None or mold.curves.complete:
            return
        if monotonic() - mold.curves.asked < AGAIN_S:
            return
        mold.curves.asked = monotonic()
        task = asyncio.create_task(_complete(web, mold))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End what is going on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _complete(web: Web, mold: Mold) -> None:
    curves = mold.curves
    try:
        await _measured(web, mold, curves)
        answer = await web.worker.what_if(await _base(web, mold), {})
    except TwinError as error:
        get_logger().info("curves_not_completed", mold_id=mold.key.mold_id, error=str(error))
        return
    shot: dict[str, Any] = answer["base"]
    drawn = shot["curves"]
    for name in SHOWN_READINGS:
        if name in drawn:
            curves.predicted[name] = list(zip(drawn["time_s"], drawn[name], strict=True))
    swell = shot["swell"]
    if swell:
        curves.swell_mm = list(zip(swell["opened_s"], swell["swell_mm"], strict=True))
    curves.complete = True
    web.feed.touch(mold.key)


async def _measured(web: Web, mold: Mold, curves: Curves) -> None:
    """Take up what was measured before this server listened."""
    p = mold.prediction
    assert p is not None
    found: dict[str, Curve] = {}

    def take(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if (row["site"], row["press"], row["shot_key"]) != (*mold.key[:2], p.shot_key):
                continue
            t_s = (parse_timestamp(row["ts"]) - p.poured_at).total_seconds()
            for name in SHOWN_READINGS:
                if t_s >= 0 and (row["sensors"] or {}).get(name) is not None:
                    found.setdefault(name, Curve()).add(t_s, row["sensors"][name])

    which = RowFilter(p.poured_at, until=p.poured_at + timedelta(hours=4))
    async with reading(web.settings) as reader:
        await reader.each("telemetry", which, take)
    for name, curve in found.items():
        for point in curves.measured.get(name, Curve()).points:
            curve.add(*point)
        curves.measured[name] = curve


async def _base(web: Web, mold: Mold) -> dict[str, Any]:
    """The scenario of the shot: from the history, else as its pour was heard."""
    p, event = mold.prediction, mold.event
    assert p is not None
    shots = await last_shots(web.settings, mold.key, web.clock.now())
    shot = next((shot for shot in shots if shot.shot_key == p.shot_key), None)
    if shot is not None:
        return await base_of(web.settings, mold.key, shot)
    if event is None or event.recipe is None or event.shot_id != p.shot_id:
        raise TwinError("the history does not have the shot yet")
    recipe = event.recipe.model_dump(exclude_none=True)
    return document_of(p.mold_id, p.shot_id, p.system_id, recipe, {})
