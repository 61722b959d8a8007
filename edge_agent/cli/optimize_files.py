"""Files that ``optimize`` writes: tried before the search, kept while it runs, and written."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import write_file
from twin_core.errors import InputError, TwinError

if TYPE_CHECKING:
    from twin_core.optimization.result import OptimizationResult
    from twin_core.optimization.task import OptimizationTask

KEEP_EVERY_S = 10.0


def check_files(kept: Path | None, *others: Path | None) -> None:
    """Try every file that is to be written, before a search of an hour; none is changed.

    Args:
        kept: by ``KeptFile``, which needs its folder; others: written once.

    Raises:
        InputError: one cannot be written.
    """
    for path in (kept, *others):
        if path is None or (path.exists() and not path.is_file() and not path.is_dir()):
            continue  # none, or /dev/stdout
        if path.is_dir():
            raise InputError(f"{path}: cannot be written: is a folder: name a file")
        if path.exists() and not os.access(path, os.W_OK):
            raise InputError(f"{path}: cannot be written: Permission denied")
        if path == kept or not path.exists():
            _part(path, " ").unlink()


class KeptFile:
    """A file with the state of a search, some ten seconds old at most."""

    def __init__(self, path: Path | None) -> None:
        """Begin; None keeps nothing."""
        self._path = path
        self._kept_at = time.monotonic()
        self._failed = False

    @property
    def is_due(self) -> bool:
        """Whether it is time to keep the state again."""
        return self._path is not None and time.monotonic() - self._kept_at >= KEEP_EVERY_S

    def keep(self, text: Callable[[], str]) -> None:
        """Write the state; that it cannot be written is said once, and the search goes on."""
        if self._path is None:
            return
        self._kept_at = time.monotonic()
        try:
            replace_file(self._path, text())
        except InputError as error:
            if not self._failed:
                click.echo(f"warning: {error}; the search goes on", err=True)
            self._failed = True

    def finish(self, text: str) -> None:
        """Write the result.

        Raises:
            InputError: it cannot be written.
        """
        if self._path is not None:
            replace_file(self._path, text)


def write_results(
    result: OptimizationResult,
    task: OptimizationTask,
    kept: KeptFile,
    export_csv: Path | None,
    report: Path | None,
) -> TwinError | None:
    """Write every file that can be written; the first error, for after the result is printed."""
    from edge_agent.cli.optimize_output import as_csv, as_json

    def write_csv() -> None:
        if export_csv is not None:
            write_file(export_csv, as_csv(result))

    def write_report() -> None:
        if report is not None:
            from edge_agent.report.files import page_text
            from edge_agent.report.optimization import optimization_page

            write_file(report, page_text(optimization_page(result, task), report.suffix))

    def write_json() -> None:
        kept.finish(as_json(result))

    problem: TwinError | None = None
    for write in (write_json, write_csv, write_report):
        try:
            write()
        except TwinError as error:
            problem = problem or error
    return problem


def replace_file(path: Path, text: str) -> None:
    """Write a file so that a program killed meanwhile leaves the one before.

    Raises:
        InputError: it cannot be written.
    """
    if path.exists() and not path.is_file():  # /dev/stdout
        write_file(path, text)
        return
    part = _part(path, text)
    try:
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _part(path: Path, text: str) -> Path:
    """A file beside, written.

    Raises:
        InputError: it cannot be; names ``path``.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        write_file(part, text)
    except InputError as error:
        words = str(error).replace(str(part), str(path), 1)
        raise InputError(words, hint=error.hint) from error
    return part
