"""A simulated logger: it adds rows to CSV files in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge_agent.clock import SystemClock
from edge_agent.config.gateway_sources import FolderSource
from edge_agent.links.logger_folder import LoggerFolder
from edge_agent.links.tag_source import Value
from tests.support.machines.machine import MISSING, TAGS, Spoil, Traits, Trouble


class FolderMachine:
    """Adds a row of all its values at each change; a restart begins a new file."""

    traits = Traits(own_time=True, keeps=True, every_value=True, half_open_s=None)

    def __init__(self, folder: Path) -> None:
        self.offset_s = 0.0
        self.folder, self._away = folder / "logger", folder / "away"
        self._now_in = self.folder
        self._number = 1
        self._values: dict[str, Value | None] = dict(TAGS)

    async def __aenter__(self) -> Self:
        self.folder.mkdir()
        self._add()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def source(self, **settings: Any) -> LoggerFolder:
        """The source; ``settings`` replace those of the suite."""
        given: dict[str, Any] = {
            "kind": "folder",
            "path": self.folder,
            "time_column": "Time",
            "look_s": 0.02,
            "tags": {name: {"column": name.title()} for name in [*TAGS, MISSING]},
        }
        return LoggerFolder("logger", FolderSource(**(given | settings)), SystemClock())

    @property
    def file(self) -> Path:
        """The file to which it adds rows."""
        return self._now_in / f"log-{self._number}.csv"

    def _add(self) -> None:
        file = self.file
        if not file.exists():
            file.write_text(f"Time;{';'.join(name.title() for name in TAGS)}\n")
        now = datetime.now(UTC) + timedelta(seconds=self.offset_s)
        cells = ["" if value is None else _cell(value) for value in self._values.values()]
        with file.open("a") as rows:
            rows.write(f"{now:%Y-%m-%dT%H:%M:%S.%fZ};{';'.join(cells)}\n")

    async def write(self, tag: str, value: Value) -> None:
        self._values[tag] = value
        self._add()

    async def burst(self, tag: str, values: Sequence[Value]) -> None:
        for value in values:
            await self.write(tag, value)

    async def spoil(self, tag: str, how: Spoil) -> None:
        self._values[tag] = None if how == "bad quality" else "warm"
        self._add()

    async def break_link(self, trouble: Trouble) -> None:
        if self._now_in == self.folder:
            self._now_in = self.folder.rename(self._away)

    async def heal(self) -> None:
        if self._now_in == self._away:
            self._now_in = self._away.rename(self.folder)

    async def restart(self) -> None:
        self._number += 1


def _cell(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
