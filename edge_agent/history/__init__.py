"""The history: ``edge_agent.ports.HistoryStore`` to write, ``read`` to ask, on file or database."""

from __future__ import annotations

from edge_agent.config.settings import HistorySettings
from edge_agent.errors import MissingExtra
from edge_agent.history.sqlite import SqliteHistory
from edge_agent.ports import HistoryStore


def open_store(settings: HistorySettings) -> HistoryStore:
    """The store that the settings name. A database need not be there yet; a file is made.

    Raises:
        StoreError: the file cannot be used.
        MissingExtra: a database is named, and its driver is not installed.
    """
    if settings.url is None and settings.url_file is None:
        return SqliteHistory(settings.path, settings.raw_days)
    try:
        from edge_agent.history.timescale import TimescaleHistory
    except ImportError as error:
        raise MissingExtra(f"history.url needs {error.name}", "timescale") from None
    return TimescaleHistory(settings)
