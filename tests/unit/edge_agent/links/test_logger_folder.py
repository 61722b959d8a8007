"""Each row of a logger is read once, whatever becomes of its files."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.clock import AcceleratedClock
from edge_agent.config.gateway_sources import FolderSource
from edge_agent.errors import LinkError
from edge_agent.links import logger_places, logger_reading
from edge_agent.links.logger_folder import LoggerFolder
from edge_agent.links.tag_source import Position, Sample, SampleBatch

START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


def settings_for(folder: Path, **more: Any) -> FolderSource:
    given: dict[str, Any] = {
        "kind": "folder",
        "path": folder,
        "time_column": "time",
        "look_s": 0.001,
        "tags": {"t": {"column": "T_mold"}, "n": {"column": "count"}},
    }
    return FolderSource(**(given | more))


class Kept:
    """What a gateway has made safe of a folder."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.settings = settings_for(folder, **more)
        self.position: Position = {}
        self.samples: list[Sample] = []

    def look(self, lose_after: int | None = None) -> None:
        """Start, read all that is there, and end; or be killed before a batch is safe."""
        asyncio.run(self._look(lose_after))

    async def _look(self, lose_after: int | None) -> None:
        batches = 0

        async def deliver(batch: SampleBatch) -> None:
            nonlocal batches
            if batches == lose_after:
                raise KeyboardInterrupt
            batches += 1
            self.samples += batch.samples
            self.position = json.loads(json.dumps(batch.position))

        async def run() -> None:
            with suppress(KeyboardInterrupt):
                await LoggerFolder("log", self.settings, AcceleratedClock(1.0, START)).run(
                    deliver, self.position
                )

        sleep = asyncio.sleep

        async def ends(_delay: float) -> None:
            await sleep(0)
            raise KeyboardInterrupt  # it has looked once

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("edge_agent.links.logger_folder.asyncio.sleep", ends)
            await run()

    def of(self, tag: str) -> list[Any]:
        """Values of a tag, or its faults."""
        return [one.fault or one.value for one in self.samples if one.tag == tag]


def row(number: int) -> str:
    at = START + timedelta(seconds=number)
    return f"{at:%Y-%m-%dT%H:%M:%SZ},{number}.5,{number}"


HEADER = "time,T_mold,count"


class Logger:
    """Writes numbered rows, and does to its files what loggers and people do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number = 0
        self.half = ""
        self.rotated = 0
        self.file.write_text(HEADER + "\n")

    @property
    def file(self) -> Path:
        return self.folder / "log.csv"

    def add(self, count: int) -> None:
        """Whole rows; the one that was half written is completed first."""
        with self.file.open("a") as file:
            for _ in range(count):
                file.write((self.half or self._next()) + "\n")
                self.half = ""

    def half_row(self, cut: int) -> None:
        if not self.half:
            line = self._next()
            cut = 1 + cut % (len(line) - 1)
            self.half = line[cut:]
            with self.file.open("a") as file:
                file.write(line[:cut])

    def rename(self) -> None:
        """Rotation by a new file."""
        self.add(bool(self.half))
        self.rotated += 1
        self.file.rename(self.folder / f"log-{self.rotated}.csv")
        self.file.write_text(HEADER + "\n")

    def copy_and_cut(self) -> None:
        """Rotation as logrotate's copytruncate does it."""
        self.add(bool(self.half))
        self.rotated += 1
        shutil.copy(self.file, self.folder / f"log-{self.rotated}.csv")
        self.file.write_text(HEADER + "\n")

    def write_anew(self, keep: int) -> None:
        """The whole file again, with its newest rows only, by another file of its name."""
        self.add(bool(self.half))
        lines = self.file.read_text().splitlines()[1:]
        new = self.folder / "new.tmp"
        new.write_text("\n".join([HEADER, *lines[-keep:]]) + "\n")
        new.rename(self.file)

    def delete_old(self) -> None:
        """Remove the oldest rotated file, which was read before."""
        for old in sorted(self.folder.glob("log-*.csv"))[:1]:
            old.unlink()

    def _next(self) -> str:
        self.number += 1
        return row(self.number)


STEPS = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 4)),
    st.tuples(st.just("half_row"), st.integers(0, 30)),
    st.tuples(st.just("rename")),
    st.tuples(st.just("copy_and_cut")),
    st.tuples(st.just("write_anew"), st.integers(2, 5)),
    st.tuples(st.just("look"), st.one_of(st.none(), st.integers(0, 3))),
)


@settings(max_examples=40)
@given(steps=st.lists(STEPS, max_size=14))
def test_each_row_comes_once(
    steps: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A row that was overwritten before anybody looked is lost with the machine: none else is."""
    logger = Logger(tmp_path_factory.mktemp("log"))
    kept = Kept(logger.folder)
    kept.look()
    for name, *arguments in steps:
        if name == "look":
            kept.look(*arguments)
            continue
        if name == "write_anew":
            kept.look()  # what is cut away was read
        getattr(logger, name)(*arguments)
    logger.add(1)
    kept.look()
    assert kept.of("n") == list(range(1, logger.number + 1))
    assert kept.of("t") == [number + 0.5 for number in range(1, logger.number + 1)]


def write(folder: Path, text: str | bytes, name: str = "log.csv") -> None:
    content = text.encode() if isinstance(text, str) else text
    (folder / name).write_bytes(content)


def started(folder: Path, **more: Any) -> Kept:
    """A gateway that has seen the folder while it was empty."""
    kept = Kept(folder, **more)
    kept.look()
    return kept


def test_the_first_start_begins_with_the_newest_row(tmp_path: Path) -> None:
    write(tmp_path, "\n".join([HEADER, row(1), row(2), ""]), "older.csv")
    write(tmp_path, "\n".join([HEADER, row(3), row(4), row(5)[:9]]), "newer.csv")
    kept = Kept(tmp_path)
    kept.look()
    assert kept.of("n") == [4]
    assert kept.samples[0].historical
    assert kept.samples[0].ts == START + timedelta(seconds=4)
    with (tmp_path / "newer.csv").open("a") as file:
        file.write(row(5)[9:] + "\n")
    kept.look()
    write(tmp_path, "\n".join([HEADER, row(6), ""]), "newest.csv")
    kept.look()
    assert kept.of("n") == [4, 5, 6]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-8"])
def test_semicolons_decimal_commas_and_encodings(tmp_path: Path, encoding: str) -> None:
    kept = started(tmp_path)
    lines = ["sep=;", "Zeit;T_mold;count;Stoff", "01.03.2026 07:00:01;45,3;7;Weiß"]
    tags = {"t": {"column": "T_mold"}, "n": {"column": "count"}, "m": {"column": "stoff"}}
    kept.settings = settings_for(tmp_path, time_column="zeit", time_zone="Europe/Berlin", tags=tags)
    text = "\r\n".join([*lines, ""])
    content = text.encode(encoding)
    write(tmp_path, content)
    kept.look()
    mark = codecs.BOM_UTF16_LE if encoding == "utf-16" else b""
    more = "01.03.2026 07:00:02,5;1,25;8;Öl\r\n".encode("utf-16-le" if mark else encoding)
    with (tmp_path / "log.csv").open("ab") as file:
        file.write(more.removeprefix(codecs.BOM_UTF8))
    kept.look()
    assert [kept.of(tag) for tag in "tnm"] == [[45.3, 1.25], [7, 8], ["Weiß", "Öl"]]
    assert [one.ts for one in kept.samples if one.tag == "t"] == [
        datetime(2026, 3, 1, 6, 0, 1, tzinfo=UTC),
        datetime(2026, 3, 1, 6, 0, 2, 500_000, tzinfo=UTC),
    ]


def test_a_bad_row_costs_itself(tmp_path: Path) -> None:
    kept = started(tmp_path)
    rows = [row(1), "2026-03-01T06:00:02Z,2.5", row(3), '"', row(4), "yesterday,5.5,5", row(6)]
    write(tmp_path, "\n".join([HEADER, *rows, ""]))
    kept.look()
    one, cut, three, quote, four, timeless, six = kept.of("n")
    assert (one, three, four, six) == (1, 3, 4, 6)
    assert "log.csv: line 3: has 2 cells, the header has 3 names" in cut
    assert "line 5" in quote
    assert "line 7, time: 'yesterday' is no time" in timeless


def test_a_missing_column_and_empty_cells_cost_their_tag(tmp_path: Path) -> None:
    kept = started(tmp_path, tags={"t": {"column": "T_mold"}, "n": {"column": "counter"}})
    lines = ["2026-03-01T06:00:01Z,--,1", "2026-03-01T06:00:02Z,#NV,2", row(3)]
    write(tmp_path, "\n".join([HEADER, *lines, ""]))
    kept.look()
    assert kept.of("n") == ["log.csv: no column 'counter' in the header (is 'count' meant?)"]
    assert kept.of("t") == [
        "log.csv: column T_mold: no value ('--')",
        "log.csv: column T_mold: no value ('#NV')",
        3.5,
    ]


def test_a_row_of_units_and_headers_again_are_no_rows(tmp_path: Path) -> None:
    kept = started(tmp_path)
    write(tmp_path, "\n".join([HEADER, ",°F,-", row(1), HEADER, row(2), ""]))
    kept.look()
    assert kept.of("n") == [1, 2]


def test_another_header_within_a_file_ends_it(tmp_path: Path) -> None:
    kept = started(tmp_path)
    write(tmp_path, "\n".join([HEADER, row(1), "time,count,T_mold", "x,2,2.5", ""]))
    kept.look()
    kept.look()
    assert kept.of("n")[0] == 1
    assert all("another header within the file" in fault for fault in kept.of("n")[1:])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04rest of it\n", "an Excel workbook"),
        (b"when,what\n1,2\n", "no column 'time' in the header"),
        (b"time,count,count\n1,2,3\n", "column count stands 2 times"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    kept = started(tmp_path)
    write(tmp_path, content, "x.csv")
    kept.look()
    assert words in kept.of("t")[0]
    write(tmp_path, "\n".join([HEADER, row(1), ""]), "y.csv")
    kept.look()
    assert kept.of("t")[1:] == [1.5], "a newer file that can be read counts"


def test_what_a_power_cut_leaves(tmp_path: Path) -> None:
    kept = started(tmp_path)
    write(tmp_path, "\n".join([HEADER, row(1), row(2)[:12]]).encode() + b"\0" * 5000)
    kept.look()
    assert kept.of("n") == [1]
    write(
        tmp_path,
        ("\n".join([HEADER, row(1), ""])).encode() + b"\0" * 40 + b"\n" + row(3).encode() + b"\n",
    )
    kept.look()
    assert kept.of("n")[-1] == 3


def test_a_last_line_without_end_counts_when_nobody_writes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = started(tmp_path)
    write(tmp_path, "\n".join([HEADER, row(1)]))
    kept.look()
    assert kept.of("n") == []
    reading = logger_reading.FolderReading(
        kept.settings, kept.position, AcceleratedClock(1.0, START)
    )
    assert reading.changed() == ["log.csv"]
    assert reading.read("log.csv", backlog=False) is None
    monkeypatch.setattr(logger_reading, "LAST_LINE_S", 0.0)
    assert reading.changed() == ["log.csv"]
    part = reading.read("log.csv", backlog=False)
    assert part is not None
    assert [one.value for one in part.samples] == [1.5, 1]
    reading.keep(part)
    kept.position = reading.position()
    with (tmp_path / "log.csv").open("a") as file:
        file.write("\n" + row(2) + "\n")
    kept.look()
    assert kept.of("n") == [2]


def test_a_file_in_which_nobody_ends_a_line(tmp_path: Path) -> None:
    kept = started(tmp_path)
    write(tmp_path, HEADER + "\n" + "1" * 1_200_000)
    kept.look()
    assert "a line is longer than" in kept.of("t")[0]


def test_a_folder_that_is_gone_is_a_lost_link(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "nowhere")
    with pytest.raises(LinkError) as caught:
        kept.look()
    assert "nowhere" in str(caught.value)
    assert caught.value.hint


def test_a_backlog_of_many_parts_is_whole(tmp_path: Path) -> None:
    kept = started(tmp_path)
    write(tmp_path, "\n".join([HEADER, *(row(number) for number in range(6000)), ""]))
    kept.look(lose_after=2)
    assert 0 < len(kept.of("n")) < 6000
    kept.look()
    assert kept.of("n") == list(range(6000))


def test_a_link_to_a_file_is_no_second_file(tmp_path: Path) -> None:
    kept = started(tmp_path)
    write(tmp_path, "\n".join([HEADER, row(1), ""]), "log-1.csv")
    (tmp_path / "current.csv").symlink_to(tmp_path / "log-1.csv")
    for number in (2, 3):
        kept.look()
        with (tmp_path / "log-1.csv").open("a") as file:
            file.write(row(number) + "\n")
    kept.look()
    assert kept.of("n") == [1, 2, 3]


def test_many_files_are_known_by_their_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file a shot, and none is ever moved away: the position stays small, nothing comes twice."""
    monkeypatch.setattr(logger_places, "FILES_KEPT", 5)
    for number in range(1, 20):
        write(tmp_path, "\n".join([HEADER, row(number), ""]), f"{number:03}.csv")
        os.utime(tmp_path / f"{number:03}.csv", (number, number))
    kept = started(tmp_path)
    for number in range(20, 60):
        write(tmp_path, "\n".join([HEADER, row(number), ""]), f"{number:03}.csv")
        os.utime(tmp_path / f"{number:03}.csv", (number, number))
        if number % 3:
            kept.look()
        assert len(kept.position["files"]) <= 10
    kept.look()
    assert kept.of("n") == list(range(19, 60))


def test_a_network_drive_that_is_empty_for_a_while(tmp_path: Path) -> None:
    """A folder on which nothing is mounted is empty; then the files are there again."""
    (tmp_path / "log").mkdir()
    kept = started(tmp_path / "log")
    write(tmp_path / "log", "\n".join([HEADER, row(1), ""]))
    kept.look()
    (tmp_path / "log").rename(tmp_path / "away")
    (tmp_path / "log").mkdir()
    kept.look()
    (tmp_path / "log").rmdir()
    (tmp_path / "away").rename(tmp_path / "log")
    with (tmp_path / "log" / "log.csv").open("a") as file:
        file.write(row(2) + "\n")
    kept.look()
    assert kept.of("n") == [1, 2]


def test_a_file_that_may_not_be_read_costs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = started(tmp_path)
    write(tmp_path, "\n".join([HEADER, row(1), ""]), "a.csv")
    write(tmp_path, "\n".join([HEADER, row(2), ""]), "b.csv")
    opened = Path.open

    def locked(path: Path, *arguments: Any) -> Any:
        if path.name == "a.csv":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", locked)
        kept.look()
        assert kept.of("n") == [2]
    kept.look()
    assert kept.of("n") == [2, 1]


async def test_browsing_shows_the_newest_row(tmp_path: Path) -> None:
    source = LoggerFolder("log", settings_for(tmp_path), AcceleratedClock(1.0, START))
    with pytest.raises(LinkError, match="no file fits"):
        _ = [tag async for tag in source.browse()]
    write(tmp_path, "\n".join(["time;T_mold;Stoff", "1;2;x", "2;45,3;PU", "3;9"]))
    found = [tag async for tag in source.browse()]
    assert [(tag.address, tag.data_type, tag.value) for tag in found] == [
        ("time", "number", "2"),
        ("T_mold", "number", "45,3"),
        ("Stoff", "text", "PU"),
    ]
    write(tmp_path, b"PK\x03\x04", "z.csv")
    with pytest.raises(LinkError, match="an Excel workbook"):
        _ = [tag async for tag in source.browse()]
