"""Log bundles written into a folder, each whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from broker.timestamps import format_timestamp
from edge_agent.errors import StoreError
from edge_agent.imports.taken import Taken
from edge_agent.logged_shots.bundle import Bundle
from twin_core.errors import InputError

FILES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "sensors_core_temp.csv": {"T_core_C": ("T_core_C",)},
    "sensors_pressure.csv": {
        "p_total_bar": ("p_cavity_bar",),
        "vent_open_fraction": ("vent_open_fraction", "metric:vent_open_fraction"),
    },
    "sensors_power_mix.csv": {"power_W": ("power_W",), "rpm": ("speed_rpm", "n_mixer_rpm")},
}
"""Columns of the files of a bundle, and the sensors that they are of."""
REPLACED = "had a bundle there already, which is replaced"
KEPT = frozenset(
    sensor for columns in FILES.values() for names in columns.values() for sensor in names
)
"""Sensors that a bundle has a place for."""


class BundleFolder:
    """A folder of bundles, one folder a month."""

    needs_time = False
    sensors: frozenset[str] | None = KEPT

    def __init__(self, folder: Path) -> None:
        """Make the folder, and remove what a stopped run has left beside it.

        Raises:
            StoreError: it cannot be written.
            InputError: nothing is beside it, or on another disk.
        """
        self._folder, self._part = folder, beside_folder(folder, ".part")
        self.words = str(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self._part, ignore_errors=True)
            self._part.mkdir()
            is_other_disk = _disk(self._part) != _disk(folder)
        except OSError as error:
            raise StoreError(f"{folder}: cannot be written: {error.strerror or error}") from error
        if is_other_disk:
            self._part.rmdir()
            words = f"{folder}: is a disk of its own, and bundles are made beside their folder"
            raise InputError(f"{words}: name a folder on it, as {folder / 'bundles'}")

    async def put(self, bundles: Iterable[tuple[Bundle, bool]]) -> Taken:
        """Write bundles; one that is there is replaced.

        Args:
            bundles: each with whether it was written before, with other content.

        Raises:
            StoreError: the disk refuses.
        """
        counts = dict[str, int]()
        try:
            for bundle, changed in bundles:
                if self._write(bundle) and not changed:
                    counts[REPLACED] = counts.get(REPLACED, 0) + 1
        except OSError as error:
            where = error.filename or self._folder
            raise StoreError(f"{where}: cannot be written: {error.strerror or error}") from error
        return Taken(counts=counts)

    async def close(self) -> None:
        """Remove the folder of unfinished bundles."""
        shutil.rmtree(self._part, ignore_errors=True)

    def _write(self, bundle: Bundle) -> bool:
        """Write a bundle; whether one was there, which it replaces."""
        part = self._part / "bundle"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for name, text in texts_of(bundle).items():
            (part / name).write_text(text, encoding="utf-8")
        place = self._folder / place_of(bundle)
        place.parent.mkdir(exist_ok=True)
        was_there = place.exists()
        if was_there:
            shutil.rmtree(place)
        part.rename(place)
        return was_there


def _disk(folder: Path) -> int:
    return folder.stat().st_dev


def beside_folder(folder: Path, end: str) -> Path:
    """Place beside a folder, with its name; of ``.`` and ``..`` the name that the folder has.

    Args:
        folder: the folder.
        end: goes behind its name.

    Raises:
        InputError: nothing is beside it.
    """
    named = folder.resolve() if folder.name in ("", "..") else folder
    if not named.name:
        raise InputError(f"{folder}: is no folder of its own: name another --output-dir")
    return named.with_name(f"{named.name}{end}")


def place_of(bundle: Bundle) -> Path:
    """Place of a bundle below its folder: ``2026-05/20260501T101500Z_press1_PANEL_0117``.

    So the order of names is that of times.
    """
    meta = bundle.meta
    poured_at = meta.timestamp_start
    month = "undated" if poured_at is None else f"{poured_at:%Y-%m}"
    second = "undated" if poured_at is None else f"{poured_at:%Y%m%dT%H%M%SZ}"
    press = f"{meta.line_id}_" if meta.line_id is not None else ""
    return Path(month) / f"{second}_{press}{meta.mold_id}_{meta.shot_id}"


def texts_of(bundle: Bundle) -> dict[str, str]:
    """Texts of the files of a bundle, by their names."""
    meta, poured_at = bundle.meta, bundle.meta.timestamp_start
    known = {
        "shot_id": meta.shot_id,
        "system_id": meta.system_id,
        "mold_id": meta.mold_id,
        "operator": meta.operator or None,
        "site": meta.site,
        "line_id": meta.line_id,
        "timestamp_start": None if poured_at is None else format_timestamp(poured_at),
        **meta.references,
        "simulated": meta.simulated or None,
    }
    if "mold_id" not in meta.model_fields_set:
        del known["mold_id"]
    process = bundle.recipe.model_dump(mode="json", exclude_none=True)
    process["t_demold_actual_s"] = bundle.t_demold_actual_s
    found = {"meta.yaml": _yaml(known), "process.yaml": _yaml(process)}
    if bundle.quality is not None:
        found["qc.yaml"] = _yaml(bundle.quality)
    for name, columns in FILES.items():
        text = _series(bundle, columns)
        if text:
            found[name] = text
    return found


def _yaml(fields: Mapping[str, Any]) -> str:
    """Fields as YAML of one line each; JSON is YAML, too."""
    return "".join(
        f"{name}: {json.dumps(value)}\n" for name, value in fields.items() if value is not None
    )


def _series(bundle: Bundle, columns: Mapping[str, tuple[str, ...]]) -> str:
    there = {
        column: name
        for column, names in columns.items()
        for name in names
        if any(name in row for row in bundle.series.values())
    }
    if not there:
        return ""
    lines = [",".join(["time_s", *there])]
    for t, row in sorted(bundle.series.items()):
        values = [row.get(name) for name in there.values()]
        if any(value is not None for value in values):
            lines.append(",".join([repr(t), *("" if v is None else repr(v) for v in values)]))
    return "\n".join(lines) + "\n"
