"""Source of a datasource's settings, and the shots of it that fit a question, by the contract."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from edge_agent.config.database_address import check_address
from edge_agent.config.secret_files import SecretFileError, read_secret
from edge_agent.config.settings import HistorySettings
from edge_agent.errors import SettingsError
from edge_agent.imports.from_bundle_folder import BundleShots
from edge_agent.imports.from_folder import FolderShots
from edge_agent.imports.from_own_history import HistoryShots
from edge_agent.imports.from_rest import RestShots
from edge_agent.imports.settings import (
    BundleSource,
    Datasource,
    FolderSource,
    HistorySource,
    Mapped,
    RestSource,
    SqlSource,
)
from edge_agent.imports.source import Fetched, Kind, Problem, ProcessLogSource, Refused
from edge_agent.imports.to_contract import Transformation
from edge_agent.logged_shots.bundle import Bundle
from edge_agent.logged_shots.bundle_names import Note
from edge_agent.shots.shot_query import ShotQuery

_KINDS: dict[str, Kind] = {
    "reading_missing": "missing",
    "reading_impossible": "implausible",
    "probe_still_hot": "implausible",
    "value_impossible": "implausible",
    "name_unknown": "unused",
    "mold_missing": "missing",
}


@dataclass
class Found:
    """A shot that was read, by the contract."""

    where: str
    bundle: Bundle | None
    """None: it is refused."""
    problems: list[Problem] = field(default_factory=list)
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What could be read of it."""


def open_source(settings: Datasource) -> ProcessLogSource:
    """The source of a datasource.

    Args:
        settings: of its YAML.

    Raises:
        SettingsError, StoreError: a file that it names is not there, or cannot be read.
        MissingExtra: a driver is not installed.
    """
    match settings:
        case SqlSource():
            from edge_agent.imports.from_sql import SqlShots  # noqa: PLC0415 (SQLAlchemy is slow)

            return SqlShots(settings)
        case FolderSource():
            return FolderShots(settings)
        case RestSource():
            return RestShots(settings)
        case BundleSource():
            return BundleShots(settings.path)
        case HistorySource():
            return HistoryShots(_history(settings))


async def shots_of(
    settings: Datasource,
    source: ProcessLogSource,
    query: ShotQuery,
) -> AsyncGenerator[Found]:
    """Shots of a source that fit a question; refused ones, too, of which nobody knows whether.

    Args:
        settings: of the source.
        source: where they come from.
        query: filters and page.

    Raises:
        InputError, StoreError: as ``fetch_shots``.
    """
    transform = Transformation(settings) if isinstance(settings, Mapped) else None
    count, given = 0, 0
    async with aclosing(source.fetch_shots(query)) as fetched:
        async for one in fetched:
            found = _found(one, transform)
            if found.bundle is None and not _may_fit(query, found.fields):
                continue
            if found.bundle is not None and _has_no_time(query, found.bundle):
                shot_id = found.bundle.meta.shot_id
                words = "no time of the pour: nobody knows whether it was asked for"
                lacking = Problem("refused", found.where, "poured_at", words, shot_id)
                found = Found(found.where, None, [*found.problems, lacking])
            if found.bundle is not None:
                if not fits(query, found.bundle):
                    continue
                count += 1
                if count <= query.offset:
                    continue
                given += 1
            yield found
            if query.limit is not None and given >= query.limit:
                return


def fits(query: ShotQuery, bundle: Bundle) -> bool:
    """Whether a shot is one of those that are asked for.

    Args:
        query: filters; its page does not count.
        bundle: the shot.
    """
    meta = bundle.meta
    poured_at = meta.timestamp_start
    if query.since is not None and (poured_at is None or poured_at < query.since):
        return False
    if query.until is not None and (poured_at is None or poured_at >= query.until):
        return False
    lots = (meta.lot_polyol, meta.lot_isocyanate, meta.lot_additives)
    return (
        query.mold_id in (None, meta.mold_id)
        and query.press in (None, meta.line_id)
        and query.system_id in (None, meta.system_id)
        and query.order_id in (None, meta.order_id)
        and query.quality_status in (None, bundle.quality_status)
        and (query.lot is None or query.lot in lots)
    )


def _may_fit(query: ShotQuery, fields: Mapping[str, Any]) -> bool:
    """Whether a refused shot can be one of those that are asked for, by what was read of it."""
    poured_at = fields.get("poured_at")
    if isinstance(poured_at, datetime):
        early = query.since is not None and poured_at < query.since
        if early or (query.until is not None and poured_at >= query.until):
            return False
    names = ("mold_id", "press", "system_id", "order_id")
    return all(getattr(query, name) in (None, fields.get(name)) for name in names if name in fields)


def _has_no_time(query: ShotQuery, bundle: Bundle) -> bool:
    """Whether a time is asked for, of a shot that has none and fits otherwise."""
    if bundle.meta.timestamp_start is not None or (query.since is None and query.until is None):
        return False
    return fits(replace(query, since=None, until=None), bundle)


def _found(one: Fetched, transform: Transformation | None) -> Found:
    if isinstance(one, Refused):
        return Found(one.problem.where, None, [one.problem])
    if isinstance(one, Bundle):
        shot_id = one.meta.shot_id
        return Found(str(one.path), one, [_of_note(note, one, shot_id) for note in one.notes])
    assert transform is not None
    return Found(one.where, *transform(one))


def _of_note(note: Note, bundle: Bundle, shot_id: str) -> Problem:
    return Problem(_KINDS[note.rule], str(bundle.path), note.column, note.words, shot_id)


def _history(settings: HistorySource) -> HistorySettings:
    if settings.path is not None:
        return HistorySettings(path=settings.path)
    try:
        if settings.url is not None:
            url = settings.url.get_secret_value()
        else:
            assert settings.url_file is not None
            url = read_secret("url_file", settings.url_file).strip()
        return HistorySettings(url=check_address(url))
    except (SecretFileError, ValueError) as error:
        raise SettingsError(str(error)) from None
