"""Draft of a datasource's YAML, each line with its reason and what a person has to decide."""

from __future__ import annotations

import json
from collections.abc import Iterable

from edge_agent.imports.proposed import Proposal, Proposed

TODO = "TODO"
_NEEDED = {
    "mold_id": ("{value: MOLD-1}", "the mold in the twin, or the column that names it"),
    "press": ("{value: press1}", "the press, or the column that names it"),
    "system_id": ("{value: SYSTEM_R1}", "the material system: `pur-mold-twin list systems`"),
    "m_polyol_kg": ("{value: 1.0}", "mass of the polyol [kg]: no shot is simulated without it"),
    "m_iso_kg": ("{value: 1.0}", "mass of the isocyanate [kg]"),
}


class Draft:
    """Lines of a YAML, and what is open."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.open: list[str] = []

    def add(self, line: str, notes: Iterable[str] = (), open_: Iterable[str] = ()) -> None:
        """Add a line with reasons behind it, and with what is open about it."""
        decide = list(open_)
        self.open += decide
        comment = "; ".join([*notes, *(f"{TODO} {words}" for words in decide)])
        comment = "".join(one if one.isprintable() else " " for one in comment)
        self.lines.append(f"{line}  # {comment}" if comment else line)

    @property
    def text(self) -> str:
        """The YAML."""
        return "\n".join(self.lines) + "\n"


def draft_of(proposal: Proposal, head: Iterable[str], table: str | None) -> Draft:
    """Draft a datasource.

    Args:
        proposal: what the columns may be.
        head: lines that say where the table lies.
        table: its name in a database; None for files.
    """
    found = Draft()
    found.add("# A draft: look at each line, above all at those with TODO; docs/import.md")
    for line in head:
        found.add(line)
    if proposal.form == "long":
        words = "are the shots in a table of their own? Then series: goes to it, and no form"
        found.add("form: long", open_=[] if _has_masses(proposal) else [words])
    if proposal.needs_zone:
        words = "the zone of the clock: times say none"
        found.add("time_zone: Europe/Berlin", open_=[words])
    if proposal.time_format:
        found.add(f"time_format: {json.dumps(proposal.time_format)}")
    if proposal.decimal == ",":
        found.add("decimal: ','", ["texts have decimal commas"])
    found.add("columns:")
    there = _columns(found, proposal)
    for name, (line, words) in _NEEDED.items():
        if name not in there:
            found.add(f"  {name}: {line}", open_=[words])
    if "poured_at" not in there and proposal.form == "wide":
        words = "the column of the end of injection, which a history needs; bundles do without"
        found.add("  poured_at: TIME", open_=[words])
    if proposal.form == "long":
        _series(found, proposal, table)
    _unused(found, proposal)
    return found


def _has_masses(proposal: Proposal) -> bool:
    return any(one.field in _NEEDED for one in proposal.signals)


def _columns(found: Draft, proposal: Proposal) -> set[str]:
    there = set()
    for one in proposal.columns:
        if one.field is None or (proposal.time is one):
            continue
        there.add(one.field)
        found.add(f"  {one.field}: {_entry('column', one)}", [one.sure, *one.reasons], one.open)
    if "shot_id" not in there:
        found.add("  shot_id: SHOT", open_=["the column that tells shots apart"])
    for one in proposal.signals:
        if one.field is not None and not one.options.get("is_sensor"):
            there.add(one.field)
            line = f"  {one.field}: {_entry('signal', one)}"
            found.add(line, [one.sure, *one.reasons], one.open)
    return there


def _series(found: Draft, proposal: Proposal, table: str | None) -> None:
    found.add("series:")
    if table is not None:
        found.add(f"  table: {_scalar(table)}")
    time = proposal.time
    if time is None:
        found.add("  time: {column: TIME, unit: s}", open_=["the column of times, and its unit"])
    elif time.unit:
        found.add(f"  time: {{column: {_scalar(time.name)}, unit: {time.unit}}}", (), time.open)
    else:
        found.add(f"  time: {_scalar(time.name)}", ["moments"], time.open)
    found.add(f"  signal: {_scalar(proposal.signal)}")
    found.add(f"  value: {_scalar(proposal.value)}")
    found.add("  signals:")
    sensors = [one for one in proposal.signals if one.field and one.options.get("is_sensor")]
    for one in sensors:
        found.add(f"    {one.field}: {_entry('name', one)}", [one.sure, *one.reasons], one.open)
    if not sensors:
        found.add("    T_core_C: SIGNAL", open_=["the signal of the core's temperature"])


def _unused(found: Draft, proposal: Proposal) -> None:
    for one in [*proposal.columns, *proposal.signals]:
        if one.field is None and one is not proposal.time:
            reasons = f": {'; '.join(one.reasons)}" if one.reasons else ""
            found.add(f"# not used: {_scalar(one.name)}{reasons}")


def _entry(key: str, one: Proposed) -> str:
    options = {name: value for name, value in one.options.items() if name != "is_sensor"}
    if one.unit:
        options["unit"] = one.unit
    if not options and key != "signal":
        return _scalar(one.name)
    more = "".join(f", {name}: {_scalar(value)}" for name, value in options.items())
    return f"{{{key}: {_scalar(one.name)}{more}}}"


def _scalar(value: str) -> str:
    plain = value.replace("_", "").isalnum() and value.isascii() and not value[0].isdigit()
    words = {"true", "false", "null", "yes", "no", "on", "off"}
    return (
        value if plain and value.casefold() not in words else json.dumps(value, ensure_ascii=False)
    )
