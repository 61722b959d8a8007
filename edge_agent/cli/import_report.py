"""Report of ``import-logs`` as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.cli.tables import say

if TYPE_CHECKING:
    from edge_agent.imports.report import Report
    from edge_agent.shots.shot_query import ShotQuery


def print_report(report: Report, query: ShotQuery) -> None:
    """Print what an import has done."""
    say(f"asked for: {query.words}")
    say(
        f"{report.read_count} shots read, {report.imported_count} imported into {report.target}, "
        f"{report.done_before_count} done before, {report.refused_count} refused"
    )
    if report.changed_count:
        say(f"{report.changed_count} of them have changed since they were imported")
    if report.there_count:
        say(f"{report.there_count} are there already and stay as they are")
    if report.repeated_count:
        say(f"{report.repeated_count} stand there again in the same words, and count once")
    for words, count in sorted(report.others.items()):
        say(f"{count} shots: {words}")
    if report.first_at is not None and report.last_at is not None:
        first, last = (f"{at:%Y-%m-%d %H:%M}" for at in (report.first_at, report.last_at))
        say(f"poured from {first} to {last} UTC; {report.readings_count} readings")
    for name in ("molds", "systems", "presses"):
        counts = getattr(report, name)
        if counts:
            say(f"{name}: " + ", ".join(f"{one} ({n})" for one, n in counts.most_common(12)))
    for words in report.unused:
        say(f"note: {words}")
    for (kind, column), count in sorted(report.problems.items()):
        say(f"{kind}: {column or 'shot'}: {count}")
    for problem in report.examples:
        say(problem.line, "  ")
    if sum(report.problems.values()) > len(report.examples):
        say(f"all problems: {report.problems_file}")
