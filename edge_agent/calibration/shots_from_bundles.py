"""Shots for a calibration out of folders of log bundles: choose by ``meta.yaml``, then read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_agent.calibration.calibration_shot import Reduction, ShotsFound
from edge_agent.calibration.shot_choice import Candidate, in_turn
from edge_agent.calibration.shots_from_history import lot_words
from edge_agent.config.catalogue import Catalogue
from edge_agent.config.settings import ShotSettings
from edge_agent.logged_shots.bundle import Meta, load_bundle
from edge_agent.logged_shots.from_bundles import bundle_folders, logged_shot_of
from edge_agent.shots.shot_query import ShotQuery
from twin_core.checked_yaml import parse, read_yaml
from twin_core.errors import InputError


def shots_of_bundles(
    folder: Path,
    query: ShotQuery,
    most: int,
    catalogue: Catalogue,
    limits: ShotSettings | None = None,
    progress: Callable[[str, int], None] = lambda words, done: None,
) -> ShotsFound:
    """The newest shots of bundles that fit, evenly over their molds, reduced while they are read.

    Args:
        query: its page does not count.
        most: shots that are wanted.
        progress: called with what is read, and how much of it.

    Raises:
        InputError: there is no bundle.
    """
    found = ShotsFound(f"bundles {folder}")
    candidates = list[Candidate]()
    for number, path in enumerate(bundle_folders(folder), start=1):
        progress("bundles", number)
        try:
            meta = parse(Meta, read_yaml(path / "meta.yaml"), str(path / "meta.yaml"))
        except InputError as error:
            found.leave_out("not_read", path.name, str(error).splitlines()[0])
            continue
        if not _fits(meta, query):
            continue
        at = meta.timestamp_start
        if at is None:
            found.fitting_count += 1
            found.leave_out("not_poured", meta.shot_id)
        else:
            ids = meta.mold_id, meta.system_id, at, meta.shot_id
            candidates.append(Candidate(*ids, path, bool(meta.simulated)))
    horizon_s = (limits or ShotSettings()).horizon_s
    reduction = Reduction(found, catalogue, horizon_s)
    for one in in_turn(candidates):
        if len(found.shots) >= most and query.quality_status is None:
            found.fitting_count += 1
            found.leave_out("older", one.shot_id)
            continue
        try:
            bundle = load_bundle(one.where)
            fits = query.quality_status in (None, bundle.quality_status)
            shot = logged_shot_of(bundle) if fits else None
        except (InputError, OverflowError) as error:
            found.fitting_count += 1
            found.leave_out("not_read", one.shot_id, str(error).splitlines()[0])
            continue
        if shot is None:
            continue
        found.fitting_count += 1
        if len(found.shots) >= most:
            found.leave_out("older", one.shot_id)
        elif reduction.take(shot, lot_words(bundle.meta.references) or None):
            progress("shots", len(found.shots))
    return reduction.finish()


def _fits(meta: Meta, query: ShotQuery) -> bool:
    """Everything but the quality status, which stands elsewhere."""
    at, references = meta.timestamp_start, meta.references
    lots = {value for name, value in references.items() if name != "order_id"}
    return (
        query.mold_id in (None, meta.mold_id)
        and query.press in (None, meta.line_id or "logger")
        and query.system_id in (None, meta.system_id)
        and (query.lot is None or query.lot in lots)
        and query.order_id in (None, references.get("order_id"))
        and (query.since is None or (at is not None and at >= query.since))
        and (query.until is None or (at is not None and at < query.until))
    )
