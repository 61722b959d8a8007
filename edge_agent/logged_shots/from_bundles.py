"""Logged shots from folders of log bundles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from broker.messages import QualityRecord
from broker.timestamps import EARLIEST
from edge_agent.logged_shots.bundle import FILES, INPUT_SENSORS, Bundle, load_bundle
from edge_agent.logged_shots.bundle_names import Note
from edge_agent.logged_shots.logged_shot import LabRecord, LoggedShot, lab_record, series_of
from twin_core.checked_yaml import parse
from twin_core.errors import InputError
from twin_core.learning.past_results import ShotKey
from twin_core.plausible_ranges import SERIES


def from_bundles(
    folder: Path,
    refused: Callable[[str, str], None],
    noted: Callable[[str, Note], None] = lambda shot_id, note: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[LoggedShot]:
    """The shots of a bundle, or of all bundles below a folder, in order of time.

    Those without a time come first, and have no earlier shots.

    Args:
        refused: called with the name of a bundle that cannot be read, and why.
        noted: called with a shot and what was left out of its bundle, or is not used.

    Raises:
        InputError: there is no bundle.
    """
    found = bundle_folders(folder)
    shots = []
    for number, path in enumerate(found, start=1):
        try:
            bundle = load_bundle(path)
            shots.append(logged_shot_of(bundle))
        except (InputError, OverflowError) as error:  # the latter: a time after the year 9999
            refused(path.name, str(error))
        else:
            for note in bundle.notes:
                if note.rule != "probe_still_hot":  # whoever makes columns finds it again
                    noted(bundle.meta.shot_id, note)
        progress(number, len(found))
    first = datetime.min.replace(tzinfo=UTC)
    return sorted(shots, key=lambda shot: shot.poured_at or first)


def bundle_folders(folder: Path) -> list[Path]:
    """Folders of all bundles here or below, in the order of their names.

    Raises:
        InputError: there is none.
    """
    names = {*FILES, "meta.yml"}  # a folder without meta.yaml is refused by name, not passed over
    found = sorted({file.parent for file in folder.rglob("*") if file.name.lower() in names})
    if not found:
        raise InputError(f"{folder}: no log bundle (a folder with a meta.yaml) here or below")
    return found


def logged_shot_of(bundle: Bundle) -> LoggedShot:
    """The shot of a bundle.

    Raises:
        InputError: its quality record cannot be used.
    """
    meta, poured = bundle.meta, bundle.meta.timestamp_start
    closed = None
    if poured is not None and bundle.duration_s > 0.0:
        seconds = bundle.t_demold_actual_s or bundle.duration_s
        closed = poured + timedelta(seconds=seconds)
    warm = {name: getattr(bundle.recipe, name) for name in INPUT_SENSORS}
    return LoggedShot(
        key=ShotKey("", meta.line_id or "logger", meta.mold_id, meta.shot_id),
        system_id=meta.system_id,
        recipe=bundle.recipe,
        poured_at=poured,
        closed_at=closed,
        outcome="demolded" if bundle.t_demold_actual_s is not None else None,
        inputs={name: value for name, value in warm.items() if value is not None},
        series={
            name: series_of([(t, row[name]) for t, row in bundle.series.items() if name in row])
            for name in SERIES
        },
        records=_records(bundle, closed),
        simulated=meta.simulated,
        recorded_s=bundle.duration_s,
    )


def _records(bundle: Bundle, closed: datetime | None) -> tuple[LabRecord, ...]:
    """Records of ``qc.yaml``; known when the mold was opened, as in a replay."""
    if bundle.quality is None:
        return ()
    content = {"ts": EARLIEST, "shot_id": bundle.meta.shot_id} | bundle.quality
    record = parse(QualityRecord, content, str(bundle.path / "qc.yaml"))
    found = lab_record(record)
    known_at = found.known_at if "ts" in bundle.quality else closed
    return (LabRecord(known_at, found.numbers, found.defects, found.risk),)
