"""Shots for a calibration out of a history: choose them first, then read what belongs to them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from broker.timestamps import parse_timestamp
from edge_agent.calibration.calibration_shot import Reduction, ShotsFound
from edge_agent.calibration.shot_choice import Candidate, Choose
from edge_agent.config.catalogue import Catalogue
from edge_agent.config.settings import ShotSettings
from edge_agent.history.read import HistoryReader, RowFilter
from edge_agent.history.shot_pages import page_of_shots
from edge_agent.logged_shots.from_history import shots_of_rows
from edge_agent.logged_shots.logged_shot import LoggedShot
from edge_agent.shots.shot_query import ShotQuery

PAGE = 5_000
SPANS_MAX = 50
"""Pieces in which telemetry is read: chosen shots may lie far apart."""
SECOND = timedelta(seconds=1)
LOTS = {"lot_polyol": "polyol", "lot_isocyanate": "isocyanate", "lot_additives": "additives"}

Progress = Callable[[str, int], None]
Press = tuple[str, str]
"""Site and press."""


async def shots_of_history(
    reader: HistoryReader,
    query: ShotQuery,
    choose: Choose,
    catalogue: Catalogue,
    limits: ShotSettings | None = None,
    progress: Progress = lambda words, done: None,
) -> ShotsFound:
    """Shots of a history that fit, reduced while they are read.

    Args:
        query: of quality statuses that of the prediction counts; its page does not.
        choose: takes the shots that can be used, and gives those that are wanted.
        limits: how old a reading may be, and how long a shot may last, as in the agent.
        progress: called with what is read, and how much of it.

    Raises:
        StoreError: the history cannot be read.
    """
    limits = limits or ShotSettings()
    found = ShotsFound(f"history {reader.words}")
    chosen = await _chosen(reader, query, choose, found, progress)
    if not chosen:
        return found
    first, last = (end(one.poured_at for one in chosen.values()) for end in (min, max))
    rows: list[dict[str, Any]] = []

    def keep(some: list[dict[str, Any]]) -> None:
        rows.extend(row for row in some if _key(row) in chosen)

    span = RowFilter(first - SECOND, query.mold_id, until=last + SECOND, press=query.press)
    await reader.each("shot", span, keep)
    lots = await _lots(reader, span, chosen)
    reduction = Reduction(found, catalogue, limits.horizon_s)

    def take(shot: LoggedShot) -> None:
        reduction.take(shot, lots.get((shot.key.site, shot.key.press, shot.key.shot_key or "")))

    await shots_of_rows(
        reader, rows, take, RowFilter(first - timedelta(days=1), press=query.press),
        limits.signal_age_max_s, limits.timeout_s,
        lambda table, count: progress(f"rows of {table}", count), SPANS_MAX,
    )  # fmt: skip
    return reduction.finish()


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["site"], row["press"], row["shot_key"]


async def _chosen(
    reader: HistoryReader, query: ShotQuery, choose: Choose, found: ShotsFound, progress: Progress
) -> dict[tuple[str, str, str], Candidate]:
    candidates: list[Candidate] = []
    while True:
        page = replace(query, limit=PAGE, offset=found.fitting_count)
        rows = await page_of_shots(reader, page)
        for row in rows:
            found.fitting_count += 1
            if row["poured_at"] is None or row["recipe"] is None or row["system_id"] is None:
                found.leave_out("not_poured", row["shot_id"])
            elif row["outcome"] == "aborted":
                found.leave_out("aborted", row["shot_id"])
            elif row["closed_at"] is None:
                found.leave_out("curing", row["shot_id"])
            else:
                at = parse_timestamp(row["poured_at"])
                ids = row["mold_id"], row["system_id"], at, row["shot_id"]
                candidates.append(Candidate(*ids, _key(row), bool(row["simulated"])))
        progress("shots", found.fitting_count)
        if len(rows) < PAGE:
            break
    chosen = {one.where: one for one in choose(candidates)}
    for one in candidates:
        if one.where not in chosen:
            found.leave_out("older", one.shot_id)
    return chosen


async def _lots(
    reader: HistoryReader, span: RowFilter, chosen: Mapping[tuple[str, str, str], Candidate]
) -> dict[tuple[str, str, str], str]:
    """Lots of chosen shots: what their pour says, else the newest change of each component."""
    lots: dict[tuple[str, str, str], str] = {}
    changes: dict[Press, dict[str, list[tuple[datetime, str]]]] = {}

    def of_pours(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            said = _document(row)
            if _key(row) in chosen and (words := lot_words(said)):
                lots[_key(row)] = words

    def of_changes(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            said = _document(row)
            if said.get("component") and said.get("lot"):
                of_press = changes.setdefault((row["site"], row["press"]), {})
                change = parse_timestamp(row["ts"]), str(said["lot"])
                of_press.setdefault(said["component"], []).append(change)

    await reader.each("event", replace(span, mold_id=None, kinds=frozenset({"poured"})), of_pours)
    which = RowFilter(until=span.until, press=span.press, kinds=frozenset({"lot_change"}))
    await reader.each("event", which, of_changes)
    for key, one in chosen.items():
        said = {
            f"lot_{component}": _newest(of_component, one.poured_at)
            for component, of_component in changes.get(key[:2], {}).items()
        }
        if key not in lots and (words := lot_words(said)):
            lots[key] = words
    return lots


def lot_words(references: Mapping[str, Any]) -> str:
    """Lots as a text, by component; empty where none is known.

    Args:
        references: may hold ``lot_polyol``, ``lot_isocyanate``, ``lot_additives``.
    """
    return ", ".join(
        f"{component} {references[name]}"
        for name, component in LOTS.items()
        if references.get(name)
    )


def _newest(changes: list[tuple[datetime, str]], at: datetime) -> str | None:
    ordered = sorted(changes)
    place = bisect_right(ordered, at, key=itemgetter(0))
    return ordered[place - 1][1] if place else None


def _document(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return row["document"] if isinstance(row["document"], dict) else {}
