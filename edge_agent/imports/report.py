"""Report of an import: records, ranges, molds, systems, and every problem with file and row."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TextIO

from broker.timestamps import format_timestamp
from edge_agent.imports.open_source import Found
from edge_agent.imports.source import Problem
from edge_agent.logged_shots.bundle import Bundle

EXAMPLES = 20
"""Problems that a report shows; all of them are in the file of problems."""


@dataclass
class Report:
    """What an import has done."""

    target: str
    read_count: int = 0
    imported_count: int = 0
    done_before_count: int = 0
    there_count: int = 0
    """Shots that the target has already, from elsewhere or from an import that is forgotten."""
    repeated_count: int = 0
    """Shots that stand more than once in the source, each time with the same words."""
    changed_count: int = 0
    refused_count: int = 0
    readings_count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    molds: Counter[str] = field(default_factory=Counter)
    systems: Counter[str] = field(default_factory=Counter)
    presses: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    """What the target counted."""
    problems: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Counts by kind and column."""
    examples: list[Problem] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    """Columns that the mapping does not name."""
    problems_file: str = ""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was left out."""
        kinds = {kind for kind, _ in self.problems}
        return not self.refused_count and kinds <= {"unused"}

    def document(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {
            "target": self.target,
            "shots": {
                "read": self.read_count,
                "imported": self.imported_count,
                "done_before": self.done_before_count,
                "there_already": self.there_count,
                "repeated": self.repeated_count,
                "changed": self.changed_count,
                "refused": self.refused_count,
            },
            "readings": self.readings_count,
            "first_poured_at": _text(self.first_at),
            "last_poured_at": _text(self.last_at),
            "molds": dict(self.molds),
            "systems": dict(self.systems),
            "presses": dict(self.presses),
            "beside": dict(self.others),
            "problems": [
                {"kind": kind, "column": column, "count": count}
                for (kind, column), count in sorted(self.problems.items())
            ],
            "examples": [one.line for one in self.examples],
            "columns_not_mapped": self.unused,
            "problems_file": self.problems_file,
        }

    def take(self, found: Found, file: TextIO) -> None:
        """Count a shot that was read, and write its problems."""
        self.read_count += 1
        for problem in found.problems:
            self.tell(problem, file)
        bundle = found.bundle
        if bundle is None:
            self.refused_count += 1

    def tell(self, problem: Problem, file: TextIO) -> None:
        """Count a problem, and write it."""
        self.problems[problem.kind, problem.column] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(problem)
        line = {name: getattr(problem, name) for name in _PROBLEM_FIELDS}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def imported(self, bundle: Bundle, *, has_readings: bool = True) -> None:
        """Count a shot that is where it should be, its readings only where they were written."""
        meta = bundle.meta
        self.imported_count += 1
        if has_readings:
            self.readings_count += sum(len(row) for row in bundle.series.values())
        self.molds[meta.mold_id] += 1
        self.systems[meta.system_id] += 1
        self.presses[meta.line_id or "(none)"] += 1
        at = meta.timestamp_start
        if at is not None:
            self.first_at = at if self.first_at is None else min(self.first_at, at)
            self.last_at = at if self.last_at is None else max(self.last_at, at)


_PROBLEM_FIELDS = ("kind", "where", "shot_id", "column", "words")


def _text(at: datetime | None) -> str | None:
    return None if at is None else format_timestamp(at)
