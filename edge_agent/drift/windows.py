"""Two feature sets made ready for a check of drift: columns of numbers, rows in order of time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from edge_agent.errors import TableError
from edge_agent.learning.tables import (
    Columns,
    leave_out_impossible,
    read_table,
    without_repeats,
)
from twin_core.arrays import Array
from twin_core.learning.drift import FEWEST_ROWS
from twin_core.learning.drift_columns import FEWEST_VALUES, residual_parts
from twin_core.learning.drift_explained import RH_HALL, T_HALL, Context
from twin_core.log_files.shot_table import LeftOut

TIME, SHOT, MOLD = "poured_at", "shot_id", "mold_id"
DAY_US = 86_400e6
GROUPS = ("mold_id", "system_id", "press", "site")
"""Texts whose new values explain much."""
MOST_NAMES = 5
REMEMBERED = ("prev_", "press_", "site_", "dev_")
"""Running means of earlier shots, compared only when asked for: each mold has its own level, which
every window takes on anew, and what they are means of is compared itself."""


@dataclass(frozen=True)
class Windows:
    """Columns that both tables have, and which shots they are."""

    before: dict[str, Array]
    now: dict[str, Array]
    texts: Columns
    """Texts and times of the current rows."""
    context: Context = field(default_factory=Context)
    """Molds, times and weather of both."""
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    """Columns of the baseline that cannot be compared with the current table, and why."""

    def row_words(self, row: int) -> str:
        """Name of the shot that a row of the current table is."""
        words = f"row {row + 1} of {len(next(iter(self.now.values())))}"
        if SHOT in self.texts:
            words = f"shot {self.texts[SHOT][row]}"
        if TIME in self.texts and not np.isnat(self.texts[TIME][row]):
            words += f", {str(self.texts[TIME][row])[:16].replace('T', ' ')} UTC"
        return words

    def with_residuals(self, names: Iterable[str]) -> tuple[dict[str, Array], dict[str, Array]]:
        """Values of these columns, residuals included."""
        wanted = list(names)
        return _chosen(self.before, wanted), _chosen(self.now, wanted)


def _chosen(table: dict[str, Array], names: list[str]) -> dict[str, Array]:
    found = {}
    for name in names:
        measured, predicted = residual_parts(name)
        found[name] = table[name] if predicted is None else table[measured] - table[predicted]
    return found


def read_windows(
    baseline: Path, current: Path, patterns: tuple[str, ...] = (), rolling: int | None = None
) -> Windows:
    """Read both files and keep what they have in common.

    Args:
        baseline: shots before.
        current: shots to judge.
        patterns: names of columns to compare; none is all.
        rolling: only so many of the newest shots of the baseline; None is all of them.

    Raises:
        TableError: a file cannot be used, or there is nothing or too little to compare.
        MissingExtra: pyarrow is not installed.
    """
    left_out: list[tuple[Path, LeftOut]] = []
    repeats: list[str] = []

    def read(path: Path) -> Columns:
        def told(cells: LeftOut) -> None:
            left_out.append((path, cells))

        table, count = without_repeats(leave_out_impossible(read_table(path, told), told))
        if count:
            repeats.append(f"{path.name}: {count} rows stand there again; each counts once")
        return table

    before, now = read(baseline), read(current)
    if rolling is not None:
        before = {name: values[-rolling:] for name, values in _in_order(before).items()}
    found = windows(before, now, (str(baseline), str(current)), patterns)
    notes = [*repeats, *(cells.words(path.name) for path, cells in left_out)]
    lost = [
        f"{cells.column} ({path.name}: {cells.examples[0]})"
        for path, cells in left_out
        if _given(before, cells.column) < FEWEST_VALUES or _given(now, cells.column) < FEWEST_VALUES
        if _wanted(cells.column, patterns)
    ]
    lost += [
        f"{name} (no numbers in {current.name})"
        for name in before
        if _wanted(name, patterns) and not name.startswith("ml_")
        if _given(before, name) >= FEWEST_VALUES and _no_numbers(now, name)
    ]
    lost += [
        f"{name} (no numbers in {baseline.name})"
        for name in now
        if _wanted(name, patterns) and name in before
        if _given(now, name) >= FEWEST_VALUES and _no_numbers(before, name)
    ]
    return replace(found, notes=(*notes, *found.notes), lost=tuple(dict.fromkeys(lost)))


def _given(table: Columns, name: str) -> int:
    """How many values a column of numbers has."""
    values = table.get(name)
    if values is None or values.dtype.kind != "f":
        return 0
    return int(np.count_nonzero(~np.isnan(values)))


def _no_numbers(table: Columns, name: str) -> bool:
    return name not in table or table[name].dtype.kind != "f"


def _wanted(name: str, patterns: tuple[str, ...]) -> bool:
    """Is this column compared, if it can be?"""
    if patterns:
        return any(fnmatchcase(name, pattern) for pattern in patterns)
    return not name.startswith(REMEMBERED)


def windows(
    before: Columns, now: Columns, whence: tuple[str, str], patterns: tuple[str, ...] = ()
) -> Windows:
    """Keep what two tables have in common, in order of time.

    Args:
        whence: where they come from, for errors.

    Raises:
        TableError: there is nothing or too little to compare.
    """
    for table, words in zip((before, now), whence, strict=True):
        rows = len(next(iter(table.values()), np.empty(0)))
        if rows < FEWEST_ROWS:
            raise TableError(
                f"{words}: {rows} rows are too few for a verdict: give at least {FEWEST_ROWS} "
                "shots, better 200"
            )
    before, now = _in_order(before), _in_order(now)
    names = _common(before, now, patterns, whence)
    texts = {name: values for name, values in now.items() if values.dtype.kind != "f"}
    notes = (
        *_order_notes(before, now),
        *_overlap_notes(before, now),
        *_column_notes(before, now),
        *_group_notes(before, now),
    )
    context = _context(before, now)
    return Windows({n: before[n] for n in names}, {n: now[n] for n in names}, texts, context, notes)


def _context(before: Columns, now: Columns) -> Context:
    molds = times = None
    if all(MOLD in table and table[MOLD].dtype.kind == "U" for table in (before, now)):
        molds = before[MOLD], now[MOLD]
    if all(TIME in table and table[TIME].dtype.kind == "M" for table in (before, now)):
        times = _days(before[TIME]), _days(now[TIME])
    before_hall, now_hall = (
        {
            name: table[name]
            for name in (T_HALL, RH_HALL)
            if name in table and table[name].dtype.kind == "f"
        }
        for table in (before, now)
    )
    return Context(molds, times, (before_hall, now_hall))


def _days(times: np.ndarray) -> Array:
    """Since 1970; NaN where there is none."""
    days = times.astype("datetime64[us]").astype(np.float64) / DAY_US
    return np.asarray(np.where(np.isnat(times), np.nan, days))


def _in_order(table: Columns) -> Columns:
    times = table.get(TIME)
    if times is None or times.dtype.kind != "M":
        return table
    order = np.argsort(times, kind="stable")
    return {name: values[order] for name, values in table.items()}


def _common(
    before: Columns, now: Columns, patterns: tuple[str, ...], paths: tuple[str, str]
) -> list[str]:
    numbers = [
        name
        for name, values in before.items()
        if values.dtype.kind == "f" and name in now and now[name].dtype.kind == "f"
    ]
    if not numbers:
        raise TableError(
            f"{paths[1]}: no column of numbers in common with {paths[0]}: compare feature sets "
            "that build-features wrote"
        )
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in numbers):
            raise TableError(
                f"--columns {pattern}: no column of numbers in both tables is called so; there "
                f"are {_some(numbers)}"
            )
    return [name for name in numbers if _wanted(name, patterns)]


def _order_notes(before: Columns, now: Columns) -> list[str]:
    times = [table.get(TIME) for table in (before, now)]
    if any(found is None or found.dtype.kind != "M" or np.isnat(found).all() for found in times):
        return [f"no {TIME}: the rows are taken to be in order of time, as they stand"]
    return [
        f"{without} shots of the {label} table have no {TIME}: they are taken to be the newest"
        for label, found in zip(("baseline", "current"), times, strict=True)
        if found is not None and (without := int(np.isnat(found).sum()))
    ]


def _overlap_notes(before: Columns, now: Columns) -> list[str]:
    if not all(SHOT in table and table[SHOT].dtype.kind == "U" for table in (before, now)):
        return []
    both = len((set(now[SHOT].tolist()) & set(before[SHOT].tolist())) - {""})
    return [f"{both} shots are in both tables: they hide what moved"] if both else []


def _column_notes(before: Columns, now: Columns) -> list[str]:
    """Numbers in one table that the other does not have, or has as text."""
    notes = []
    for label, table, other in (("baseline", before, now), ("current", now, before)):
        alone = [
            name
            for name, values in table.items()
            if values.dtype.kind == "f" and (name not in other or other[name].dtype.kind != "f")
        ]
        if alone:
            notes.append(f"numbers only in the {label} table, not compared: {_some(alone)}")
    return notes


def _some(names: list[str]) -> str:
    return ", ".join(names[:MOST_NAMES]) + (", …" if names[MOST_NAMES:] else "")


def _group_notes(before: Columns, now: Columns) -> list[str]:
    """Molds, systems and presses that the baseline does not know."""
    notes = []
    for name in GROUPS:
        if all(name in table and table[name].dtype.kind == "U" for table in (before, now)):
            new = sorted(set(now[name].tolist()) - set(before[name].tolist()) - {""})
            if new:
                share = float(np.mean(np.isin(now[name], new)))
                notes.append(f"{name} not in the baseline: {_some(new)} ({share:.0%} of the shots)")
    return notes
