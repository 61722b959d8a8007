"""Advice and the shots that it is judged by, from the history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from broker.messages import Advice
from edge_agent.advice.review import LOOK_BACK, Review, Row, ShotAndResults, review
from edge_agent.history.read import HistoryReader, RowFilter
from edge_agent.logged_shots.quality_rows import (
    in_order,
    key_of_record,
    pours_by_id,
    replaced_at,
    said,
)
from edge_agent.logs import get_logger

ADVICE_KIND = frozenset({"advice"})
"""Events of the history that are advice as it stood."""


async def advice_in(
    reader: HistoryReader, mold_id: str | None = None, since: datetime | None = None
) -> list[Advice]:
    """Every advice as it stood last, the newest first.

    Args:
        reader: the history.
        mold_id: of one mold alone.
        since: changed since then.

    Raises:
        StoreError: the history cannot be read.
    """
    found: dict[tuple[str, str, str], Advice] = {}

    def take(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            advice = _advice_of(row)
            if advice is None:
                continue
            key = advice.site, advice.press, advice.advice_id
            known = found.get(key)
            if known is None or known.revision < advice.revision:
                found[key] = advice

    await reader.each("event", RowFilter(since, mold_id, kinds=ADVICE_KIND), take)
    return sorted(found.values(), key=lambda one: one.proposed_at, reverse=True)


async def review_of(reader: HistoryReader, advice: Advice, now: datetime) -> Review:
    """Judge an advice by the shots of its mold.

    Raises:
        StoreError: the history cannot be read.
    """
    if advice.accepted_at is None:
        return review(advice, [], now)
    since, until = advice.accepted_at - LOOK_BACK, min(now, advice.ended_at or now)
    which = RowFilter(since, advice.mold_id, until=until, press=advice.press)
    shots: list[Row] = []
    records: list[dict[str, Any]] = []
    await reader.each("shot", which, shots.extend)
    later = RowFilter(since, press=advice.press, until=now + timedelta(days=1))
    await reader.each("quality", later, records.extend)
    return review(advice, _with_results(shots, records), now)


def _with_results(shots: list[Row], records: list[dict[str, Any]]) -> list[ShotAndResults]:
    pours = pours_by_id(shots)
    of_shot: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_id = record["site"], record["press"], record["shot_id"]
        key = key_of_record(record, pours.get(by_id, []))
        if key is not None:
            of_shot.setdefault(key, []).append(record)
    found = []
    for shot in shots:
        ordered = in_order(of_shot.get(shot["shot_key"], []))
        replaced = replaced_at([said(row) for row in ordered])
        counting = [row for row, at in zip(ordered, replaced, strict=True) if at is None]
        found.append(ShotAndResults(shot, counting))
    return found


def _advice_of(row: Mapping[str, Any]) -> Advice | None:
    document = row["document"]
    try:
        return Advice.model_validate(
            json.loads(document) if isinstance(document, str) else document
        )
    except ValidationError as error:  # of another version of this program
        get_logger().warning("state_unreadable", detail="advice", error=str(error)[:500])
        return None
