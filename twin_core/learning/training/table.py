"""A feature set in memory, and how it is divided: by mold and by time, never at random."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin_core.arrays import Array
from twin_core.errors import InputError
from twin_core.learning.columns import IDS, INPUTS, TARGETS
from twin_core.learning.past_results import USUAL_SHOTS
from twin_core.learning.residual_features import NAN
from twin_core.learning.teaching import contradiction, in_fahrenheit

Rows = NDArray[np.bool_]

BLOCKS = 5
_KNOWN = {"lab": ("lab_known_at", 86_400.0), "demold": ("end_known_at", 3600.0)}
"""By when a target is measured: the column that says when it was known, and the default [s]."""


@dataclass(frozen=True)
class FeatureSet:
    """Columns by name, arrays of shape (shots,), in order of time."""

    columns: Mapping[str, Any]

    @classmethod
    def of(cls, columns: Mapping[str, Any], needed: Sequence[str]) -> FeatureSet:
        """Check a table and put it in order of time.

        Raises:
            InputError: a column is missing, or the table is empty.
        """
        missing = [name for name in (*IDS, *needed) if name not in columns]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise InputError(
                f"feature set: column {missing[0]}{more} is missing: make it with build-features"
            )
        order = np.lexsort((columns["shot_id"], columns["poured_at"]))
        if not len(order):
            raise InputError("feature set: there are no shots in it")
        return cls({name: np.asarray(values)[order] for name, values in columns.items()})

    def __len__(self) -> int:
        return len(self.columns["poured_at"])

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]

    def rows(self, chosen: Rows) -> FeatureSet:
        """Some of the shots."""
        return FeatureSet({name: values[chosen] for name, values in self.columns.items()})

    def matrix(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Features as a model file takes them: (shots, features), NaN for missing."""
        return np.column_stack([self.columns[name] for name in names]).astype(np.float32)

    def residual(self, target: str) -> Array:
        """Residual of the physics, NaN where it is not known; see ``TARGETS``."""
        item = TARGETS[target]
        measured, physics = self[item.measured].astype(float), self[item.physics].astype(float)
        wrong = self.is_odd | np.array(
            [
                bool(contradiction(target, *values))
                for values in zip(measured.tolist(), physics.tolist(), self.inputs, strict=True)
            ]
        )
        measured = np.where(wrong, NAN, measured)
        if not item.relative:
            found: Array = measured - physics
            return found
        both = (measured > 0.0) & (physics > 0.0)
        return np.where(
            both, np.log(np.where(both, measured / np.where(both, physics, 1.0), 1.0)), NAN
        )

    def known_s(self, target: str) -> Array:
        """When the result of each shot became known, seconds since 1970.

        Where the table does not say: an hour after the pour, a day for the laboratory (assumed).
        """
        column, later_s = _KNOWN[TARGETS[target].known]
        assumed: Array = self.time_s + later_s
        if column not in self.columns:
            return assumed
        known: Array = self[column].astype("datetime64[us]").astype(np.int64) * 1e-6
        return np.where(np.isnat(self[column]), assumed, np.maximum(known, self.time_s))

    @cached_property
    def inputs(self) -> list[tuple[float, ...]]:
        """How each shot was poured, see ``columns.INPUTS``."""
        columns = (self[name].astype(float).tolist() for name in INPUTS)
        return list(zip(*columns, strict=True))

    @cached_property
    def is_odd(self) -> Rows:
        """Shots with temperatures in another unit: nothing about them is to be learned."""
        found = np.zeros(len(self), dtype=bool)
        usual: dict[str, deque[tuple[float, ...]]] = {}
        for number, mold in enumerate(self.molds.tolist()):
            before = usual.setdefault(mold, deque(maxlen=USUAL_SHOTS))
            found[number] = in_fahrenheit(self.inputs[number], before)
            if not found[number]:
                before.append(self.inputs[number])
        return found

    @cached_property
    def molds(self) -> NDArray[np.str_]:
        """Mold and press of each shot: these must not be on both sides of a split."""
        parts = (self[name].astype(str) for name in ("site", "press", "mold_id"))
        return _joined(*parts)

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """Groups that folds are made of: presses if there are three or more, else molds.

        A single mold is divided into blocks of time.
        """
        presses = _joined(self["site"].astype(str), self["press"].astype(str))
        for names in (presses, self.molds):
            if len(np.unique(names)) >= (3 if names is presses else 2):
                return names
        blocks = np.arange(len(self)) * BLOCKS // len(self)
        return blocks.astype(str)

    @cached_property
    def time_s(self) -> Array:
        """Pour of each shot, seconds since 1970."""
        found: Array = self["poured_at"].astype("datetime64[us]").astype(np.int64) * 1e-6
        return found


def held_out(
    table: FeatureSet, mold_share: float, time_share: float, seed: int
) -> tuple[Rows, Rows]:
    """Shots that no fit may see: (all shots of some molds, the latest shots of the others)."""
    molds = np.unique(table.molds)
    count = round(mold_share * len(molds)) if len(molds) > 1 else 0
    chosen = np.random.default_rng(seed).permutation(molds)[: max(count, int(len(molds) > 1))]
    other_molds = np.isin(table.molds, chosen)
    later = ~other_molds & (table.time_s > np.quantile(table.time_s, 1.0 - time_share))
    return other_molds, later


def group_folds(groups: NDArray[np.str_], count: int, seed: int) -> Iterator[Rows]:
    """Each group is in one of the folds; a fold is to be predicted from the others."""
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    for some in np.array_split(names, min(count, len(names))):
        yield np.isin(groups, some)


def later_folds(table: FeatureSet, count: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """(learn, test): tested are groups that were not learned from, later than all learned."""
    middle = np.median(table.time_s)
    for fold in group_folds(table.groups, count, seed):
        learn, test = ~fold & (table.time_s <= middle), fold & (table.time_s > middle)
        if learn.any() and test.any():
            yield learn, test


def _joined(*parts: NDArray[np.str_]) -> NDArray[np.str_]:
    found = parts[0]
    for part in parts[1:]:
        found = np.char.add(np.char.add(found, "/"), part)
    return found
