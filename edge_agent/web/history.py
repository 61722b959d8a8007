"""The history as the web reads it: opened when it is asked for, and never written."""

from __future__ import annotations

from edge_agent.config.settings import HistorySettings
from edge_agent.history.read import HistoryReader, open_reader

CONNECTIONS_KEPT = 4
"""To a database, which takes longer to connect than to answer."""


class WebHistory:
    """A history that may come later than the web server, and go away for a while."""

    def __init__(self, settings: HistorySettings) -> None:
        self._settings = settings
        self._reader: HistoryReader | None = None

    def reader(self) -> HistoryReader:
        """The history, to be read.

        Raises:
            SettingsError, StoreError, MissingExtra: there is none yet, or its address is wrong.
        """
        if self._reader is None:
            self._reader = open_reader(self._settings, CONNECTIONS_KEPT)
        return self._reader

    async def close(self) -> None:
        """Release it."""
        if self._reader is not None:
            await self._reader.close()
            self._reader = None
