"""Shots by the id that the laboratory names, hours after they were poured.

A ``shot_id`` comes again. A quality record belongs to the newest shot of its id that was poured
before it was measured; where two molds of the press have one, and the record names no mold, nobody
knows, and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from broker.messages import QualityRecord
from broker.topics import PressAddress
from edge_agent.logs import get_logger
from edge_agent.shots.shot import Shot

NAMED_SCOPE = "named"
"""Scope in the spool's state, by site, press and ``shot_id``."""
NAMES_MAX = 3_000
"""Ids of a press that are kept: two days, with a shot each minute."""
POURS_MAX = 8
"""Shots of one id that are kept."""
State = dict[tuple[str, str], dict[str, Any] | None]


class Pour(BaseModel):
    """A shot that was poured."""

    shot_key: str
    mold_id: str
    poured_at: datetime


class _Pours(BaseModel):
    pours: list[Pour]


class NamedShots:
    """Keys of the poured shots of an agent, by id."""

    def __init__(self, kept: Mapping[str, Mapping[str, Any]]) -> None:
        """Go on from the spool's state; a damaged row is left out."""
        self._pours: dict[str, dict[str, list[Pour]]] = {}
        """By press and by ``shot_id``, the newest id last."""
        rows: list[tuple[str, list[Pour]]] = []
        for name, value in kept.items():
            try:
                pours = _Pours.model_validate(value).pours
            except ValidationError as error:
                get_logger().warning("named_shot_unreadable", error=str(error)[:500])
                continue
            if pours:
                rows.append((name, pours))
        for name, pours in sorted(rows, key=lambda row: row[1][-1].poured_at.timestamp()):
            press, _, shot_id = name.rpartition("/")
            self._pours.setdefault(press, {})[shot_id] = pours

    def poured(self, shot: Shot, state: State) -> None:
        """Keep a shot that was poured; nothing changes when it is known as it is.

        Args:
            shot: has a ``poured_at``.
            state: takes what is to be kept.
        """
        assert shot.poured_at is not None
        press = str(shot.address)
        names = self._pours.setdefault(press, {})
        old = names.get(shot.shot_id, [])
        poured_at = shot.poured_at - shot.clock_offset
        pour = Pour(shot_key=shot.shot_key, mold_id=shot.mold_id, poured_at=poured_at)
        if pour in old:
            return
        pours = [*(other for other in old if other.shot_key != shot.shot_key), pour][-POURS_MAX:]
        names.pop(shot.shot_id, None)
        names[shot.shot_id] = pours
        state[NAMED_SCOPE, f"{press}/{shot.shot_id}"] = _Pours(pours=pours).model_dump(mode="json")
        while len(names) > NAMES_MAX:
            oldest = next(iter(names))
            del names[oldest]
            state[NAMED_SCOPE, f"{press}/{oldest}"] = None

    def pours_of(self, press: PressAddress, record: QualityRecord) -> list[Pour]:
        """Shots that a quality record may be about: the newest of each mold before it was measured.

        One is the shot. Of several, molds that share the id, nobody knows which.
        """
        pours = self._pours.get(str(press), {}).get(record.shot_id, [])
        return newest_before(pours, record.mold_id, record.ts)

    def knows(self, press: PressAddress, shot_id: str) -> bool:
        """Was a shot of this id poured not long ago?"""
        return shot_id in self._pours.get(str(press), {})

    def key_of(self, press: PressAddress, record: QualityRecord) -> str | None:
        """Key of the shot that a quality record is about; None where it is not known."""
        pours = self.pours_of(press, record)
        return record.shot_key or (pours[0].shot_key if len(pours) == 1 else None)


def newest_before(pours: Iterable[Pour], mold_id: str | None, ts: datetime) -> list[Pour]:
    """Shots of an id that a record may be about: of each mold the newest that was poured before it.

    Args:
        pours: of the shots of the id.
        mold_id: mold that the record names; None where it names none.
        ts: when it was measured.
    """
    newest: dict[str, Pour] = {}
    for pour in pours:
        if mold_id in (None, pour.mold_id) and pour.poured_at <= ts:
            known = newest.get(pour.mold_id)
            if known is None or known.poured_at <= pour.poured_at:
                newest[pour.mold_id] = pour
    return list(newest.values())
