"""A folder into which a logger writes CSV files: rows are read as they are added.

At the first start it begins with the newest row: what stands before it is history, for which there
are ``validate`` and ``record``. From then on each row is read once, whatever is renamed, copied,
cut or written anew; a file that comes later is read from its beginning.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.config.gateway_sources import FolderSource
from edge_agent.errors import LinkError
from edge_agent.links.logger_file import end_of_lines
from edge_agent.links.logger_places import found_files
from edge_agent.links.logger_reading import HEAD_MAX, PART, FolderReading, folder_lost
from edge_agent.links.logger_rows import NoReading, cell_value
from edge_agent.links.tag_source import Deliver, FoundTag, Position, SampleBatch
from edge_agent.links.told_once import ToldOnce
from twin_core.errors import InputError
from twin_core.log_files.growing import GrowingTable


class LoggerFolder:
    """A logger's folder as a source of tags."""

    def __init__(self, name: str, settings: FolderSource, clock: Clock) -> None:
        """Make a source; nothing is opened yet.

        Args:
            name: of the source in the configuration.
            settings: where the files are, and their columns.
            clock: gives the times of rows that have none.
        """
        self.name = name
        self._settings, self._clock = settings, clock

    async def run(self, deliver: Deliver, position: Position) -> None:
        """Look for new rows until the folder cannot be read: see ``TagSource.run``."""
        told = ToldOnce(unchanged=True)
        reading = FolderReading(self._settings, position, self._clock)
        if "files" not in position:
            await asyncio.to_thread(reading.start_at_ends)
        backlog = True
        names = await asyncio.to_thread(reading.changed)
        await deliver(SampleBatch((), reading.position()))
        while True:
            for name in names:
                more = True
                while more:
                    part = await asyncio.to_thread(reading.read, name, backlog=backlog)
                    if part is None:
                        break
                    news = [sample for sample in part.samples if told.worth_telling(sample)]
                    await deliver(SampleBatch(news, reading.position(part)))
                    reading.keep(part)
                    more = part.more
            faults = [sample for sample in reading.faults() if told.worth_telling(sample)]
            if faults:
                await deliver(SampleBatch(faults, reading.position()))
            backlog = False
            await asyncio.sleep(self._settings.look_s)
            names = await asyncio.to_thread(reading.changed)

    async def browse(self) -> AsyncIterator[FoundTag]:
        """Columns of the newest file.

        Raises:
            LinkError: the folder cannot be read.
        """
        for column, cell in await asyncio.to_thread(_newest_cells, self._settings):
            try:
                value = cell_value(cell, "." if "." in cell else ",")
            except NoReading:
                value = ""
            kind = "text" if isinstance(value, str) else "number"
            yield FoundTag(column, column, kind, value=cell)


def _newest_cells(settings: FolderSource) -> list[tuple[str, str]]:
    """Columns of the newest file, and the cell of each in its last row."""
    folder = settings.path
    try:
        files = found_files(folder, settings.pattern)
        if not files:
            raise LinkError(
                f"{folder}: no file fits {settings.pattern}",
                hint="is the path right, and has the logger written yet?",
            )
        with Path(folder, files[-1].name).open("rb") as file:
            table = GrowingTable(files[-1].name, file.read(HEAD_MAX), [settings.time_column])
            ends, _ = end_of_lines(file, table.newline)
            start = max(ends[0], len(table.header))
            file.seek(start)
            rows = list(table.rows(file.read(min(PART, max(0, ends[-1] - start))), 1))
    except InputError as error:
        raise LinkError(f"{folder}: {error}", hint="correct the file") from None
    except OSError as error:
        raise folder_lost(folder, error) from error
    cells = rows[-1].cells if rows else []
    cells += [""] * (len(table.names) - len(cells))
    return [(name, cell) for name, cell in zip(table.names, cells, strict=False) if name]
