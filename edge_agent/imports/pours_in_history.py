"""Shots that a history has already, beside those of an import."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any

from broker.timestamps import parse_timestamp
from broker.topics import PressAddress
from edge_agent.history.pours_of_device import pours_of_device
from edge_agent.history.read import HistoryReader
from edge_agent.history.shot_pages import known_pours, senders_of_pours
from edge_agent.logged_shots.bundle import Bundle

SAME_POUR = timedelta(seconds=60)
"""Pours of one id into one mold within this time are one shot: two clocks have told of it."""
ZONES, ZONE_STEP = timedelta(hours=14), timedelta(minutes=15)
"""Clocks of the world differ from UTC by quarters of an hour, and by no more than this."""


class PoursInHistory:
    """Shots of one press whose ids are those of some bundles."""

    def __init__(self, rows: Iterable[dict[str, Any]], own_keys: Iterable[str]) -> None:
        """Take rows of ``known_pours``, and the keys of those that this source has imported."""
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._own_keys = frozenset(own_keys)
        for row in rows:
            if row["poured_at"] is not None:
                self._rows.setdefault(row["shot_id"], []).append(row)

    def same(self, bundle: Bundle, key: str) -> dict[str, Any] | None:
        """The shot itself: its id and mold, poured within a minute; None where there is none.

        Args:
            bundle: the shot, with the time of its pour.
            key: that it has as an imported one; a shot with it is taken first.
        """
        fitting = [
            row
            for row in self._rows.get(bundle.meta.shot_id, ())
            if row["mold_id"] == bundle.meta.mold_id and abs(later_by(bundle, row)) <= SAME_POUR
        ]
        first = next(iter(fitting), None)
        return next((row for row in fitting if row["shot_key"] == key), first)

    def moved(self, bundle: Bundle, of_this_run: Collection[int]) -> tuple[str, str]:
        """Column and words, where the shot may be one that an earlier import has put elsewhere.

        Ids that a counter gives again are no reason alone: it takes the distance of two time zones,
        the same pour in another mold, or the same recipe and time of demolding.

        Args:
            bundle: the shot, which ``same`` does not know.
            of_this_run: hashes of the keys that are imported now: the source says those and this.
        """
        for row in self._rows.get(bundle.meta.shot_id, ()):
            if hash(row["shot_key"]) in of_this_run or not self.is_own(row):
                continue
            apart = abs(later_by(bundle, row))
            other_mold = row["mold_id"] != bundle.meta.mold_id
            is_zone = apart <= ZONES and not apart % ZONE_STEP
            if is_zone or apart <= SAME_POUR or is_as_poured(bundle, row):
                words = f"poured {apart / timedelta(hours=1):.4g} h apart" if apart else ""
                if other_mold:
                    words = f"in mold {row['mold_id']}{', ' if words else ''}{words}"
                return (
                    "mold_id" if apart <= SAME_POUR else "poured_at",
                    f"this source has imported the same id and press before, {words}: was the time "
                    "zone or a name changed? If ids come again, --ids-repeat adds it",
                )
        return "", ""

    def has_own(self, bundle: Bundle, key: str) -> bool:
        """Whether this source has imported a shot, under the key that it has now."""
        there = self.same(bundle, key)
        return there is not None and there["shot_key"] == key and self.is_own(there)

    def is_own(self, row: dict[str, Any]) -> bool:
        """Whether this source has imported a shot."""
        return row["shot_key"] in self._own_keys


class PoursElsewhere:
    """Shots that a source has imported in the time of some bundles, at whatever press."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take rows of ``pours_of_device``."""
        self._rows: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            self._rows.setdefault(row["shot_id"], []).append(row)

    def renamed(
        self, press: PressAddress, bundle: Bundle, of_this_run: Collection[int]
    ) -> tuple[str, str]:
        """Column and words, where an earlier import has put the shot at a press of another name.

        It takes the same id, mold, recipe and time of demolding, poured in the same moment: a mold
        is at one press at a time.

        Args:
            press: of the shot.
            bundle: the shot.
            of_this_run: hashes of the keys that are imported now: the source says those and this.
        """
        for row in self._rows.get(bundle.meta.shot_id, ()):
            there = PressAddress(row["site"], row["press"])
            if there == press or hash(row["shot_key"]) in of_this_run:
                continue
            same_mold = row["mold_id"] == bundle.meta.mold_id
            if same_mold and not later_by(bundle, row) and is_as_poured(bundle, row):
                return (
                    "press" if there.site == press.site else "site",
                    "this source has imported the same id, mold and pour before, at "
                    f"{there.site}/{there.press}: was a press or the site called otherwise? If ids "
                    "come again, --ids-repeat adds it",
                )
        return "", ""


async def pours_elsewhere(
    reader: HistoryReader, bundles: Sequence[Bundle], device_id: str
) -> PoursElsewhere:
    """Ask a history for shots that this source has imported, of the ids and times of some bundles.

    Args:
        reader: of the history.
        bundles: at most some hundred.
        device_id: that shots of this source have.

    Raises:
        StoreError: the history cannot be read.
    """
    times = [at for bundle in bundles if (at := bundle.meta.timestamp_start) is not None]
    if not times:
        return PoursElsewhere(())
    ids = {bundle.meta.shot_id for bundle in bundles}
    return PoursElsewhere(await pours_of_device(reader, device_id, ids, min(times), max(times)))


async def pours_in_history(
    reader: HistoryReader, press: PressAddress, bundles: Iterable[Bundle], device_id: str
) -> PoursInHistory:
    """Ask a history for the shots that it has of the ids of some bundles.

    Args:
        reader: of the history.
        press: of the bundles.
        bundles: at most some hundred.
        device_id: that shots of this source have.

    Raises:
        StoreError: the history cannot be read.
    """
    ids = {bundle.meta.shot_id for bundle in bundles}
    rows = await known_pours(reader, press.site, press.press, ids)
    if not rows:
        return PoursInHistory((), ())
    senders = await senders_of_pours(reader, [(row["shot_id"], row["shot_key"]) for row in rows])
    return PoursInHistory(rows, [key for key, names in senders.items() if device_id in names])


def later_by(bundle: Bundle, row: dict[str, Any]) -> timedelta:
    """How much later a shot was poured than one of a history."""
    poured_at = bundle.meta.timestamp_start
    assert poured_at is not None
    return poured_at - parse_timestamp(row["poured_at"])


def is_as_poured(bundle: Bundle, row: dict[str, Any]) -> bool:
    """Whether system, recipe and time of demolding are those of a shot of a history."""
    said = (bundle.meta.system_id, bundle.recipe.model_dump(mode="json"), bundle.t_demold_actual_s)
    return said == (row["system_id"], row["recipe"], row["t_demold_actual_s"])
