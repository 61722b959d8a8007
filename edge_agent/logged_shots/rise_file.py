"""Rise test from files: a YAML says what was poured, a table has what the instrument logged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from edge_agent.logged_shots.rise_columns import ColumnFrom, find_columns, is_header
from twin_core.calibration.rise_test import Cup, RiseTest, Series
from twin_core.checked_yaml import parse, read_yaml
from twin_core.errors import InputError
from twin_core.log_files.mapped_series import read_mapped_series
from twin_core.log_files.series import BYTES_MAX, LoggedSeries, Range
from twin_core.log_files.text_form import TextTable
from twin_core.plausible_ranges import SERIES
from twin_core.scenario import Process
from twin_core.units import P_ATM_PA, PA_PER_BAR

LONGEST_S = 4 * 3600.0
RANGES: dict[str, Range | None] = {
    "height_mm": (-1000.0, 5000.0),
    "T_core_C": (SERIES["T_core_C"].low, SERIES["T_core_C"].high),
    "p_rise_Pa": (-1e5, 1e6),
    "dielectric": None,
}
"""Least and largest possible value of each signal."""
WAY_OUT = (
    "beside the table belongs a YAML with process (m_polyol_kg, m_iso_kg, T_polyol_C, T_iso_C), "
    "cup (diameter_mm) and data (the table's name): docs/calibration.md"
)
LITTLE = 0.5
"""Share of what was mixed, below which it is asked whether so little is in the cup."""
Told = Callable[[str], None]
Signal = Literal["time_s", "height_mm", "T_core_C", "p_rise_Pa", "dielectric"]
ByHand = Literal["t_cream_s", "t_gel_s", "t_rise_s", "t_tack_free_s"]
Text = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class RiseFile(BaseModel):
    """The YAML of a rise test."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    test_id: Text
    """By default the name of the file."""
    system_id: Text | None = None
    data: Text
    """The table, beside the YAML; by default of the same name with .csv."""
    process: Process
    cup: Cup | None = None
    """Inside of the cup; needed with a height."""
    mass_kg: Annotated[float, Field(gt=0, le=1000)] | None = None
    """Foam in the cup; by default what was mixed. What stays in the mixing beaker is missing."""
    t_poured_s: Annotated[float, Field(ge=-3600, le=3600)] = 0.0
    """What the clock of the table showed at the end of mixing."""
    core_probe_height_mm: Annotated[float, Field(ge=0, le=5000)] | None = None
    """Height of the temperature probe over the floor: what it reads before the foam is there is
    left out."""
    p_ambient_bar: Annotated[float, Field(ge=0.5, le=1.2)] = P_ATM_PA / PA_PER_BAR
    columns: dict[Signal, ColumnFrom] = {}
    by_hand: dict[ByHand, Annotated[float, Field(gt=0, le=LONGEST_S)]] = {}
    """Times that a person read [s], from the end of mixing."""
    simulated: bool = False
    note: str = ""
    source: str = ""
    operator: str = ""


def load_rise_tests(paths: Sequence[Path], told: Told) -> list[tuple[RiseTest, RiseFile]]:
    """Rise tests of files and folders.

    Args:
        paths: YAML files, tables with a YAML of the same name beside them, or folders of YAMLs.
        told: called with what was left out, stands in, or is not used.

    Raises:
        InputError: names file, line, column, value and the way out.
    """
    files = [file for path in paths for file in _files(path)]
    found = [load_rise_test(file, told) for file in files]
    names = [test.test_id for test, _ in found]
    for name in names:
        if names.count(name) > 1:
            listed = ", ".join(str(f) for f, n in zip(files, names, strict=True) if n == name)
            raise InputError(f"{listed}: test_id {name} stands twice: name each test its own")
    return found


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
        if not files:
            raise InputError(f"{path}: no YAML of a rise test in this folder: {WAY_OUT}")
        return files
    if path.suffix.lower() in {".yaml", ".yml"}:
        return [path]
    beside = [path.with_suffix(suffix) for suffix in (".yaml", ".yml")]
    there = [file for file in beside if file.exists()]
    if not there:
        words = f"no {beside[0].name} beside it" if path.exists() else "no such file"
        raise InputError(f"{path}: {words}: {WAY_OUT}")
    return there[:1]


def load_rise_test(path: Path, told: Told) -> tuple[RiseTest, RiseFile]:
    """A rise test from its YAML and its table.

    Raises:
        InputError: names file, line, column, value and the way out.
    """
    content: dict[str, Any] = {"test_id": path.stem, "data": f"{path.stem}.csv", **read_yaml(path)}
    file = parse(RiseFile, content, str(path))
    table_path = path.parent / file.data
    if not table_path.exists():
        raise InputError(f"{path}: data: no {table_path}: name the table beside this file")
    table = TextTable(
        table_path, BYTES_MAX, [c.column for c in file.columns.values()], True, _header_test(file)
    )
    chosen = {str(signal): column for signal, column in file.columns.items()}
    found = find_columns(table, chosen, file.t_poured_s)
    logged = read_mapped_series(
        table, found.columns, RANGES, has_units=found.has_units, longest_s=LONGEST_S
    )
    for gap in logged.gaps:
        told(gap.words)
    for name in logged.unused:
        told(f"{table_path}: column {name or '(without a name)'} is not used")
    series = _series(logged, table_path, told)
    _check_cup(file, path, series)
    mixed = file.process.m_polyol_kg + file.process.m_iso_kg + file.process.m_additives_kg
    if file.mass_kg is not None and file.mass_kg > 1.001 * mixed:
        raise InputError(
            f"{path}: mass_kg {file.mass_kg:g} is more than was mixed: process.m_polyol_kg + "
            f"m_iso_kg + m_additives_kg = {mixed:g} kg: one of them is wrong, or in grams; without "
            "mass_kg all that was mixed is in the cup"
        )
    if file.mass_kg is not None and file.mass_kg < LITTLE * mixed:
        told(
            f"{path}: mass_kg {file.mass_kg:g}: only {100 * file.mass_kg / mixed:.0f} % of what "
            f"was mixed ({mixed:g} kg by the masses under process) is in the cup: is that so?"
        )
    test = RiseTest(
        test_id=file.test_id, place=str(table_path), process=file.process, cup=file.cup,
        mass_kg=mixed if file.mass_kg is None else file.mass_kg, series=series,
        by_hand_s={str(name): t for name, t in file.by_hand.items()},
        p_ambient_bar=file.p_ambient_bar, simulated=file.simulated,
    )  # fmt: skip
    if file.core_probe_height_mm is not None:
        test = _with_covered_probe(test, file.core_probe_height_mm, told)
    return test, file


def _header_test(file: RiseFile) -> Callable[[Sequence[str]], bool]:
    chosen = {c.column for c in file.columns.values()}

    def test(names: Sequence[str]) -> bool:
        return chosen <= set(names) and (bool(chosen) or is_header(names))

    return test


def _series(logged: LoggedSeries, path: Path, told: Told) -> dict[str, Series]:
    """The readings of each signal from the pour on."""
    found = {}
    before = int((logged.time_s < 0.0).sum())
    if before:
        told(f"{path}: {before} rows before the end of mixing left out")
    for name, values in logged.columns.items():
        there = ~np.isnan(values) & (logged.time_s >= 0.0)
        if there.sum() < 2:
            told(f"{path}: {name}: fewer than two readings after the end of mixing: not used")
            continue
        found[name] = (logged.time_s[there], values[there])
    if not found:
        raise InputError(
            f"{path}: no readings after the end of mixing: check t_poured_s, and that the table "
            "goes on"
        )
    return found


def _check_cup(file: RiseFile, path: Path, series: dict[str, Series]) -> None:
    if "height_mm" in series and file.cup is None:
        raise InputError(
            f"{path}: cup: is missing: a height becomes a density by the inside of the cup: give "
            "cup: {diameter_mm: …}"
        )
    if series.keys() <= {"p_rise_Pa", "dielectric"}:
        raise InputError(
            f"{path}: {file.data} has neither height nor core temperature: nothing to fit to; map "
            "them under columns"
        )


def _with_covered_probe(test: RiseTest, height_mm: float, told: Told) -> RiseTest:
    """The test without what the probe read of the air, before the foam reached it.

    Raises:
        InputError: there is no height, or the foam never reaches the probe.
    """
    if "height_mm" not in test.series or "T_core_C" not in test.series:
        raise InputError(
            f"{test.place}: core_probe_height_mm needs a height and a core temperature: leave it "
            "out"
        )
    t, h = test.series["height_mm"]
    covered = np.flatnonzero(h >= height_mm)
    if not len(covered):
        raise InputError(
            f"{test.place}: the foam rises to {h.max():.4g} mm and never reaches the probe at "
            f"{height_mm:g} mm (core_probe_height_mm)"
        )
    t_core, T = test.series["T_core_C"]
    kept = t_core >= t[covered[0]]
    if kept.sum() < 2:
        raise InputError(f"{test.place}: fewer than two core temperatures after the foam is there")
    told(
        f"{test.place}: T_core_C: {(~kept).sum()} of {len(kept)} readings left out: the foam "
        f"reaches the probe at {t[covered[0]]:.4g} s"
    )
    series = dict(test.series) | {"T_core_C": (t_core[kept], T[kept])}
    return RiseTest(**{**vars(test), "series": series})
