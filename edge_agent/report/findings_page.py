"""Findings in a history, as a page and as JSON."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import numpy as np

from edge_agent.errors import disk_hint
from edge_agent.learning.checks import RULES, Findings
from edge_agent.learning.feature_set import FeatureSet
from edge_agent.report.content import Code, Page, Section, Table, Text, Words
from edge_agent.report.files import SUFFIXES, page_text
from twin_core.errors import InputError
from twin_core.learning.columns import COLUMNS

NOTHING_FILLED = (
    "Nothing was filled in or corrected: an impossible value is missing in the feature set, "
    "everything else stands there as it was logged."
)


def check_suffix(path: Path) -> None:
    """Say early that the report cannot be written.

    Raises:
        InputError: the suffix says no known form.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: a report ends in {' or '.join(SUFFIXES)}: rename it")


def write_report(path: Path, features: FeatureSet, findings: Findings) -> Path:
    """Write the page, and the same as JSON beside it; returns the latter.

    Raises:
        InputError: the folder refuses.
    """
    summary = path.with_suffix(".json")
    content = {
        **features.metadata,
        **findings.summary(),
        "filled": {name: round(share, 4) for name, share in filled(features).items()},
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page_text(page(features, findings), path.suffix), encoding="utf-8")
        summary.write_text(
            json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error}", hint=disk_hint(error)) from None
    return summary


def filled(features: FeatureSet) -> dict[str, float]:
    """Share of rows in which a column has a value."""
    return {name: float(np.isfinite(features.columns[name]).mean()) for name in COLUMNS}


def page(features: FeatureSet, findings: Findings) -> Page:
    """The report: what was read, what is wrong, what each column holds."""
    shots = findings.shots
    lead = Text(
        f"{shots['read']} shots read, {shots['rows']} rows, {shots['simulated']} of them of a "
        f"virtual press. Source: {features.metadata['source']}. {NOTHING_FILLED}"
    )
    sections = []
    by_kind = groupby(findings.sorted(), key=lambda item: RULES[item[0][0]].kind)
    for kind, items in by_kind:
        rows: list[list[Words]] = []
        for (rule, column), finding in items:
            name: Words = Code(column) if column else ""
            rows.append([Code(rule), name, str(finding.count), ", ".join(finding.examples)])
        met = dict.fromkeys(str(row[0].words) for row in rows if isinstance(row[0], Code))
        meanings: list[list[Words]] = [[Code(rule), RULES[rule].meaning] for rule in met]
        blocks = (
            Table.of("rule|column|count|examples", rows, "count"),
            Table.of("rule|what it says", meanings, ""),
        )
        sections.append(Section(kind.capitalize(), blocks))
    if not sections:
        sections.append(Section("Findings", (Text("None."),)))
    shares: list[list[Words]] = [
        [Code(name), COLUMNS[name].known, f"{100 * share:.0f}"]
        for name, share in filled(features).items()
    ]
    columns = Table.of("column|known|rows with a value, %", shares, "rows with a value, %")
    file: list[list[Words]] = [[name, Code(value)] for name, value in features.metadata.items()]
    facts = Table.of("what|value", file, "")
    return Page(
        "Feature set: what was found",
        (lead,),
        (*sections, Section("Columns", (columns,)), Section("File", (facts,))),
    )
