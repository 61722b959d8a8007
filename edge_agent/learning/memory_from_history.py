"""``python -m edge_agent.learning.memory_from_history``: rows of earlier shots from a history.

Which presses comes as JSON on standard input, a row a line goes to standard output. An agent with a
new spool has it run beside itself: reading a history takes memory and time that predictions need.
The physics is that of the stored predictions; shots that another physics answered, or other
parameters, are simulated again, one by one as at the press.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from edge_agent.config.catalogue import Catalogue, read_catalogue
from edge_agent.history.read import HistoryReader, RowFilter, open_reader
from edge_agent.inference.earlier_rows import (
    Earlier,
    Record,
    in_order,
    is_known,
    measured_columns,
    poured_columns,
)
from edge_agent.inference.earlier_shots import ROWS_MAX
from edge_agent.inference.press_events import EVENTS_MAX
from edge_agent.learning.checks import Findings, Inspector
from edge_agent.learning.recall import MemoryLine, MemoryRequest
from edge_agent.logged_shots.event_rows import press_events
from edge_agent.logged_shots.from_history import shots_of_rows
from edge_agent.logged_shots.logged_shot import LoggedShot
from edge_agent.shots.scenario import reported_scenario
from twin_core import PHYSICS_HASH, simulate
from twin_core.errors import InputError, TwinError
from twin_core.learning.basis import basis_of
from twin_core.learning.columns import TARGETS
from twin_core.learning.features import (
    Row,
    as_read_columns,
    physics_columns,
    process_columns,
)
from twin_core.learning.past_results import WAITING_MAX
from twin_core.plausible_ranges import possible
from twin_core.scenario import Scenario

SPANS_MAX = 50
"""Pieces in which telemetry is read: molds that are poured into rarely leave long pauses."""

EVENTS_DAYS = 400
"""Older events of a press change nothing any more."""


async def memory_of_press(
    reader: HistoryReader, press: str, request: MemoryRequest, catalogue: Catalogue
) -> list[Earlier]:
    """Rows of the newest shots of a press, as an agent would have kept them.

    Args:
        reader: of the history.
        press: the press.
        request: the rest of the request.
        catalogue: that of the agent.

    Raises:
        StoreError: the history cannot be read.
    """
    found = await reader.newest_of_molds(request.site, press, ROWS_MAX)
    if not found:
        return []
    documents = {row["shot_key"]: row.pop("document") or {} for row in found}
    pours = [datetime.fromisoformat(row["poured_at"]) for row in found]
    logged: list[LoggedShot] = []
    which = RowFilter(min(pours) - timedelta(days=1), press=press)
    limits = request.shots.signal_age_max_s, request.shots.timeout_s
    await shots_of_rows(reader, found, logged.append, which, *limits, spans_max=SPANS_MAX)
    logged.sort(key=lambda shot: shot.poured_at or min(pours))
    shots = [shot for shot in _that_count(logged) if shot.key.site == request.site]
    horizon_s = request.shots.horizon_s
    return [_row(shot, documents[shot.key.shot_key], catalogue, horizon_s) for shot in shots]


def _that_count(shots: Iterable[LoggedShot]) -> Iterator[LoggedShot]:
    """The newest shots of each mold; older ones if the laboratory reported them."""
    of_molds: dict[str, list[LoggedShot]] = {}
    for shot in shots:
        of_molds.setdefault(shot.key.mold_id, []).append(shot)
    for of_mold in of_molds.values():
        yield from (shot for shot in of_mold[:-WAITING_MAX] if shot.records)
        yield from of_mold[-WAITING_MAX:]


def _row(
    shot: LoggedShot, document: Mapping[str, Any], catalogue: Catalogue, horizon_s: float
) -> Earlier:
    assert shot.poured_at is not None
    row = Earlier(key=tuple(shot.key), poured_at_s=shot.poured_at.timestamp())
    row.records = _records(shot)
    try:
        reported, substituted = _reported(shot, catalogue, horizon_s)
        system_id, mold_id = reported.system.system_id, reported.mold.mold_id
        how = process_columns(reported.process, reported.mold, len(substituted))
        facts = catalogue.facts_of(system_id, mold_id)
        stored = _stored(document, facts.parameters_hash)
        simulated = stored or physics_columns(simulate(catalogue.calibrated(reported)))
        physics = as_read_columns(simulated, facts.parameter_set, mold_id)
        row.poured = poured_columns(possible(how)[0] | physics)
        row.basis = basis_of(system_id, facts.parameters_hash)
    except TwinError:
        physics = {}
    if shot.closed_at is not None:
        row.closed_at_s = shot.closed_at.timestamp()
        row.end_known_s = (shot.known_at or shot.closed_at).timestamp()
        row.opened, row.aborted = shot.opened, shot.outcome == "aborted"
        if not row.aborted and physics:
            mold = catalogue.molds.get(shot.key.mold_id)
            row.measured = _measured(shot, open_cup=mold is not None and mold.open)
    return row


def _reported(
    shot: LoggedShot, catalogue: Catalogue, horizon_s: float
) -> tuple[Scenario, list[str]]:
    key, recipe = shot.key, shot.recipe
    if recipe is None:
        raise InputError(f"shot {key.shot_id}: no recipe is stored")
    parts = key.shot_id, shot.system_id, key.mold_id, recipe, shot.inputs
    return reported_scenario(*parts, catalogue, horizon_s)


def _stored(document: Mapping[str, Any], parameters_hash: str) -> Row:
    """``sim_`` columns of a stored prediction; empty if another physics made it, or none."""
    kpis, versions = document.get("kpis"), document.get("versions") or {}
    made_by = versions.get("physics_hash"), versions.get("parameters_hash")
    if not kpis or made_by != (PHYSICS_HASH, parameters_hash):
        return {}
    values = {**kpis, "t_demold_min_s": document.get("t_demold_min_s")}
    found = {target.physics: values.get(target.quantity) for target in TARGETS.values()}
    return {name: float(value) for name, value in found.items() if value is not None}


def _measured(shot: LoggedShot, *, open_cup: bool) -> Row:
    """Peaks, by the rules of a feature set."""
    inspector, row = Inspector(Findings()), Row()
    for sensor, name in (("T_core_C", "meas_T_core_max_C"), ("p_cavity_bar", "meas_p_max_bar")):
        readings = inspector.readings(shot, sensor, open_cup)
        if len(readings):
            row[name] = float(np.max(readings[:, 1]))
    return measured_columns(possible(row)[0])


def _records(shot: LoggedShot) -> list[Record]:
    """Quality records of a shot that were not measured before its pour, each once."""
    assert shot.poured_at is not None
    kept = list[Record]()
    for record in shot.records:
        if record.said is None or record.said.ts < shot.poured_at:
            continue
        new = Record.of(record, record.said)
        if not is_known(kept, new):
            kept = in_order([*kept, new])
    return kept


async def _write(request: MemoryRequest) -> None:
    """Write the rows of all presses to standard output."""
    folders = request.catalogue, request.quality, request.quality_by_mold
    catalogue, reader = read_catalogue(*folders), open_reader(request.history)
    try:
        for press in request.presses:
            for row in await memory_of_press(reader, press, request, catalogue):
                print(MemoryLine(shot=row).model_dump_json(exclude_defaults=True))
            which = RowFilter(datetime.now(UTC) - timedelta(days=EVENTS_DAYS), press=press)
            events = [e for e in await press_events(reader, which) if e.site == request.site]
            for event in events[-EVENTS_MAX:]:
                print(MemoryLine(event=event).model_dump_json(exclude_defaults=True))
    finally:
        await reader.close()


def main() -> int:
    """0 with rows on standard output, 1 with the reason on standard error."""
    try:
        asyncio.run(_write(MemoryRequest.model_validate_json(sys.stdin.buffer.read())))
    except TwinError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
