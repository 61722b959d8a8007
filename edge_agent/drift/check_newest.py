"""``python -m edge_agent.drift.check_newest``: are the newest shots still like the learned ones?

What to compare comes as JSON on standard input, the verdict goes as JSON to standard output. An
agent has it run beside itself: reading a history takes memory and time that predictions need.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np

from broker.timestamps import parse_timestamp
from edge_agent.config.catalogue import read_catalogue
from edge_agent.drift.schedule import DriftRequest, DriftVerdict
from edge_agent.drift.windows import windows
from edge_agent.history.read import HistoryReader, RowFilter, open_reader
from edge_agent.learning.feature_set import Builder
from edge_agent.learning.tables import Columns, read_table
from edge_agent.logged_shots.from_history import from_history
from twin_core.errors import TwinError
from twin_core.learning.columns import TARGETS, ml_column
from twin_core.learning.drift import check
from twin_core.learning.drift_words import chart_words, verdict


def check_newest(request: DriftRequest) -> DriftVerdict:
    """Compare the newest shots of a history with a baseline.

    Raises:
        StoreError, InputError, MissingExtra: no verdict, and why.
    """
    current = asyncio.run(_newest(request))
    before = read_table(request.baseline)
    found = windows(before, current, (str(request.baseline), "newest shots"))
    result = check(found.before, found.now, context=found.context)
    return DriftVerdict(
        level=int(result.level),
        words=" ".join([verdict(result), *(chart_words(result)[:1] if result.alarms else [])]),
        moved=[column.name for column in result.moved],
        level_by_kind={kind.value: int(result.level_of(kind)) for kind in result.kinds},
        shots_count=result.rows_now,
    )


async def _newest(request: DriftRequest) -> Columns:
    """The newest shots as a feature set, and what a model said of them."""
    builder = Builder(read_catalogue(request.catalogue, request.quality, request.quality_by_mold))
    reader = open_reader(request.history)
    try:
        begin = datetime(1970, 1, 1, tzinfo=UTC)
        newest = await reader.shots(None, begin, request.window_shots)
        if newest:
            since = datetime.fromisoformat(newest[-1]["poured_at"])
            await from_history(
                reader,
                builder.take,
                since=since,
                signal_age_max_s=request.shots.signal_age_max_s,
                timeout_s=request.shots.timeout_s,
                take_event=builder.take_event,
            )
            predicted = await _predicted(reader, since)
    finally:
        await reader.close()
    columns = dict(builder.finish("history").columns)
    own = (columns["site"] == request.site) & np.isin(columns["press"], request.presses)
    for name in TARGETS:
        columns[ml_column(name)] = np.array(
            [
                predicted.get(shot, {}).get(name, np.nan)
                for shot in zip(*_keys(columns), strict=True)
            ]
        )
    return {name: values[own] for name, values in columns.items()}


def _keys(columns: Columns) -> list[list[Any]]:
    """Site, press, mold and moment of the pour of each row: a ``shot_id`` comes again."""
    poured_at = columns["poured_at"].astype("datetime64[us]").tolist()
    texts = ([str(value) for value in columns[name]] for name in ("site", "press", "mold_id"))
    return [*texts, poured_at]


async def _predicted(
    reader: HistoryReader, since: datetime
) -> dict[tuple[Any, ...], dict[str, float]]:
    """By mold, pour and target: what a model expected at the pour."""
    found: dict[tuple[Any, ...], dict[str, float]] = {}

    def take(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            correction = row["document"].get("correction")
            if row["basis"] == "poured" and correction:
                poured_at = parse_timestamp(row["poured_at"]).replace(tzinfo=None)
                key = row["site"], row["press"], row["mold_id"], poured_at
                found[key] = {
                    name: correction["values"][target.quantity]
                    for name, target in TARGETS.items()
                    if target.quantity in correction["values"]
                }

    await reader.each("prediction", RowFilter(since), take)
    return found


def main() -> int:
    """0 with a verdict on standard output, 1 with the reason on standard error."""
    try:
        newest = check_newest(DriftRequest.model_validate(json.load(sys.stdin)))
    except TwinError as error:
        print(error, file=sys.stderr)
        return 1
    print(newest.model_dump_json())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
