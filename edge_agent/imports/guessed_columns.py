"""Columns whose names say nothing, and values that the catalogue does not have."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from broker.ids import is_identifier
from edge_agent.imports.proposed import GUESS, Proposal, Proposed
from edge_agent.imports.time_forms import has_no_zone, time_form
from edge_agent.mapping.tag_words import meanings_of

_SHOWN = 3
Cells = Mapping[str, list[Any]]
"""Cells of each column that are not empty."""


def guess_shot_and_pour(found: Proposal, of: Cells, count: int) -> None:
    """Take the one column of times for the pour, and the one number without repeats for the shot.

    Args:
        found: gets them, where no name has spoken for a column.
        of: its cells.
        count: of the rows.
    """
    if found.of("poured_at") is None:
        one = _guess(found, "poured_at", _times(found, of), "its values are times")
        if one is not None:
            form = time_form(of[one.name]) or ""
            found.take_times(form, has_no_zone(of[one.name], form))
    if found.of("shot_id") is None:
        _guess(found, "shot_id", _ids(found, of, count), "its values tell rows apart")


def ask_for_systems(one: Proposed | None, of: Cells, systems: Collection[str]) -> None:
    """Ask for the names of materials that the catalogue does not have.

    Args:
        one: the column of the material system, if there is one.
        of: cells by column.
        systems: ids of the catalogue.
    """
    if one is None:
        return
    said = dict.fromkeys(str(value).strip() for value in of[one.name])
    wrong = [text[:30] for text in said if text not in systems]
    if not wrong:
        return
    shown = ", ".join(repr(text) for text in wrong[:_SHOWN])
    more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    example = json.dumps(wrong[0], ensure_ascii=False)
    one.open = [
        f"not in the catalogue (`pur-mold-twin list systems`): {shown}{more}; "
        f"map it by names: {{{example}: SYSTEM_R1}}"
    ]


def _times(found: Proposal, of: Cells) -> list[Proposed]:
    """Columns without a field that hold times."""
    return [
        one for one in found.columns if one.field is None and time_form(of[one.name]) is not None
    ]


def _ids(found: Proposal, of: Cells, count: int) -> list[Proposed]:
    """Columns without a field that are called a number and have another id in each row."""
    chosen = []
    for one in found.columns:
        said = [str(value).strip() for value in of[one.name]]
        is_key = len(set(said)) == count > 1 and all(map(is_identifier, said))
        if one.field is None and is_key and "number" in meanings_of(one.name):
            chosen.append(one)
    return chosen


def _guess(found: Proposal, field: str, candidates: list[Proposed], reason: str) -> Proposed | None:
    """Take the first of some columns for a field, and ask."""
    if not candidates:
        return None
    one, *others = candidates
    one.field, one.sure = field, GUESS
    one.reasons = [reason]
    names = ", ".join(other.name for other in others)
    one.open.append(f"is it {field}?" + (f" Or one of: {names}?" if others else ""))
    return one
