"""Shots in work, found by key, by their id, and by their mold; bounded for every press."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from broker.topics import PressAddress
from edge_agent.pipeline.spans import Spans
from edge_agent.shots.shot import Shot

OPEN_MAX = 1_000
"""Open shots of a press; more are a fault of the sender."""
ENDED_MAX = 64
"""Ended shots of a mold that late messages may still reach."""


class ShotsInWork:
    """All shots of an agent, open or ended not long ago."""

    def __init__(self, shots: Iterable[Shot] = ()) -> None:
        self._by_key: dict[str, Shot] = {}
        self._by_id: dict[tuple[PressAddress, str], dict[str, Shot]] = {}
        self._of_mold: dict[PressAddress, dict[str, dict[str, Shot]]] = {}
        self._open: dict[PressAddress, dict[str, Shot]] = {}
        self._mold: dict[str, str] = {}
        self._spans: dict[tuple[PressAddress, str], Spans] = {}
        for shot in shots:
            self.add(shot)

    def __contains__(self, shot_key: object) -> bool:
        return shot_key in self._by_key

    def __iter__(self) -> Iterator[Shot]:
        return iter(list(self._by_key.values()))

    def __len__(self) -> int:
        return len(self._by_key)

    def add(self, shot: Shot) -> None:
        """Follow a shot."""
        press = shot.address
        self._by_key[shot.shot_key] = shot
        self._by_id.setdefault((press, shot.shot_id), {})[shot.shot_key] = shot
        self._put(shot)

    def remove(self, shot: Shot) -> None:
        """Follow a shot no longer."""
        self._by_key.pop(shot.shot_key, None)
        of_id = self._by_id.get((shot.address, shot.shot_id), {})
        of_id.pop(shot.shot_key, None)
        if not of_id:
            self._by_id.pop((shot.address, shot.shot_id), None)
        self._take_away(shot)

    def moved(self, shot: Shot) -> None:
        """The mold of a shot, its times, or whether it is open, may be others now."""
        self._spans.pop((shot.address, shot.mold_id), None)
        if self._mold.get(shot.shot_key) != shot.mold_id:
            self._take_away(shot)
            self._put(shot)
        elif shot.closed_at is not None:
            self._open.get(shot.address, {}).pop(shot.shot_key, None)
        else:
            self._open.setdefault(shot.address, {})[shot.shot_key] = shot

    def of_id(self, press: PressAddress, shot_id: str) -> list[Shot]:
        """Shots of this id, in the order in which they came."""
        return list(self._by_id.get((press, shot_id), {}).values())

    def of_mold(self, press: PressAddress, mold_id: str) -> list[Shot]:
        """Shots of a mold, in the order in which they came."""
        return list(self._of_mold.get(press, {}).get(mold_id, {}).values())

    def spans(self, press: PressAddress, mold_id: str) -> Spans:
        """When the shots of a mold were in it."""
        found = self._spans.get((press, mold_id))
        if found is None:
            found = self._spans[press, mold_id] = Spans(self.of_mold(press, mold_id))
        return found

    def of_press(self, press: PressAddress) -> list[Shot]:
        """All shots of a press."""
        return [shot for of in self._of_mold.get(press, {}).values() for shot in of.values()]

    def molds_of(self, press: PressAddress) -> list[str]:
        """Molds with shots on a press."""
        return list(self._of_mold.get(press, {}))

    def molds(self, press: PressAddress) -> int:
        """Count of the molds with shots on a press."""
        return len(self._of_mold.get(press, {}))

    def open_of(self, press: PressAddress) -> list[Shot]:
        """Open shots of a press, in the order in which they came."""
        return list(self._open.get(press, {}).values())

    def too_many(self, press: PressAddress) -> Shot | None:
        """The oldest open shot, if the press has more than it can have."""
        shots = self._open.get(press, {})
        return next(iter(shots.values())) if len(shots) > OPEN_MAX else None

    def left_over(self, press: PressAddress, mold_id: str) -> list[Shot]:
        """Ended shots of a mold beyond those that late messages may still reach."""
        of_mold = self._of_mold.get(press, {}).get(mold_id, {})
        if len(of_mold) <= ENDED_MAX:
            return []
        ended = [shot for shot in of_mold.values() if shot.closed_at is not None]
        return ended[: len(of_mold) - ENDED_MAX]

    def _put(self, shot: Shot) -> None:
        press, key = shot.address, shot.shot_key
        self._spans.pop((press, shot.mold_id), None)
        self._mold[key] = shot.mold_id
        self._of_mold.setdefault(press, {}).setdefault(shot.mold_id, {})[key] = shot
        if shot.closed_at is None:
            self._open.setdefault(press, {})[key] = shot

    def _take_away(self, shot: Shot) -> None:
        press, key = shot.address, shot.shot_key
        molds, mold_id = self._of_mold.get(press, {}), self._mold.pop(key, shot.mold_id)
        self._spans.pop((press, mold_id), None)
        molds.get(mold_id, {}).pop(key, None)
        if not molds.get(mold_id):
            molds.pop(mold_id, None)
        if not molds:
            self._of_mold.pop(press, None)
        self._open.get(press, {}).pop(key, None)
