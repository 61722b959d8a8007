"""Rise tests from files of instruments; what does not fit is refused with the way out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.logged_shots.rise_file import load_rise_test, load_rise_tests
from twin_core import InputError
from twin_core.calibration.rise_test import RiseTest

YAML = """\
process: {m_polyol_kg: 0.1, m_iso_kg: 0.1, T_polyol_C: 20, T_iso_C: 20}
cup: {diameter_mm: 100}
"""
GERMAN = """\
Probe: Versuch 7
Datum;29.11.2026

Zeit [s];Steighöhe [cm];Geschwindigkeit [mm/s];Temperatur [°C];Druck [mbar];DMP [-]
0,0;2,5;0,0;20,5;0,0;250
1,0;2,6;1,0;21,0;0,1;249
2,0;2,8;2,0;22,5;0,2;240
"""


def read(
    folder: Path, table: str, more: str = "", yaml: str = YAML, encoding: str = "utf-8"
) -> tuple[RiseTest, list[str]]:
    (folder / "a.csv").write_bytes(table.encode(encoding))
    (folder / "a.yaml").write_text(yaml + more)
    told: list[str] = []
    return load_rise_test(folder / "a.yaml", told.append)[0], told


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_german_export_with_lines_above_the_header(tmp_path: Path, encoding: str) -> None:
    found, told = read(tmp_path, GERMAN, encoding=encoding)
    t, height = found.series["height_mm"]
    assert t.tolist() == [0.0, 1.0, 2.0]
    assert height == pytest.approx([25.0, 26.0, 28.0])
    assert found.series["T_core_C"][1] == pytest.approx([20.5, 21.0, 22.5])
    assert found.series["p_rise_Pa"][1] == pytest.approx([0.0, 10.0, 20.0])
    assert found.series["dielectric"][1] == pytest.approx([250.0, 249.0, 240.0])
    assert found.mass_kg == pytest.approx(0.2)
    assert told == [f"{tmp_path / 'a.csv'}: column Geschwindigkeit [mm/s] is not used"]


FORMS = {
    "english": "time (s),height (mm),core temperature (degC)\n0,25,20\n60,30,40\n",
    "contract": "time_s,height_mm,T_core_C\n0,25,20\n60,30,40\n",
    "kelvin and minutes": "t [min]\tHeight [m]\tTemp [K]\n0\t0.025\t293.15\n1\t0.030\t313.15\n",
    "row of units": "Zeit;Höhe;Kern\ns;mm;°C\n0;25;20\n60;30;40\n",
    "unit behind a comma": "Zeit, s;Höhe, mm;Temperatur, °C\n0;25;20\n60;30;40\n",
    "unit behind a slash": "Zeit/s;Höhe/mm;Temperatur/°C\n0;25;20\n60;30;40\n",
    "sep": "sep=;\nZeit in s;Höhe in mm;Temperatur in °C\n0;25;20\n60;30;40\n",
}


@pytest.mark.parametrize("table", FORMS.values(), ids=FORMS)
def test_names_and_units_of_other_instruments(tmp_path: Path, table: str) -> None:
    found, _ = read(tmp_path, table)
    assert found.series["height_mm"][0] == pytest.approx([0.0, 60.0])
    assert found.series["height_mm"][1] == pytest.approx([25.0, 30.0])
    assert found.series["T_core_C"][1] == pytest.approx([20.0, 40.0])


def test_columns_that_are_mapped_with_scale_and_offset(tmp_path: Path) -> None:
    table = "Zeit [s];Abstand;T1 [°C];T2 [°C]\n0;47,5;20;30\n60;47,0;40;50\n"
    columns = (
        "columns:\n  height_mm: {column: Abstand, unit: cm, scale: -1, offset: 50}\n"
        "  T_core_C: T2 [°C]\n"
    )
    found, told = read(tmp_path, table, columns)
    assert found.series["height_mm"][1] == pytest.approx([25.0, 30.0])
    assert found.series["T_core_C"][1] == pytest.approx([30.0, 50.0])
    assert [words.rpartition(": ")[2] for words in told] == ["column T1 [°C] is not used"]


def test_the_clock_counts_from_the_end_of_mixing(tmp_path: Path) -> None:
    rows = "".join(f"{t};{25 + t};{20 + t}\n" for t in range(10))
    found, told = read(tmp_path, f"Zeit [s];Höhe [mm];Temp [°C]\n{rows}", "t_poured_s: 4\n")
    assert found.series["height_mm"][0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert "4 rows before the end of mixing left out" in told[0]


def test_a_probe_that_the_foam_has_not_reached_reads_the_air(tmp_path: Path) -> None:
    rows = "".join(f"{t};{25 + t};{20 + t}\n" for t in range(10))
    table = f"Zeit [s];Höhe [mm];Temp [°C]\n{rows}"
    found, told = read(tmp_path, table, "core_probe_height_mm: 30\n")
    assert found.series["T_core_C"][0].tolist() == [5.0, 6.0, 7.0, 8.0, 9.0]
    assert "5 of 10 readings left out: the foam reaches the probe at 5 s" in told[0]
    with pytest.raises(InputError, match="never reaches the probe at 300 mm"):
        read(tmp_path, table, "core_probe_height_mm: 300\n")


BODY = "0;25;20\n60;30;40\n"
REFUSED = {
    "no unit": ("Zeit [s];Höhe;Temp [°C]\n" + BODY, "", r"line 1, column Höhe: its unit is not said"),
    "foreign unit": (
        "Zeit [s];Höhe [mm];Temp [°C]\n" + BODY,
        "columns: {height_mm: {column: 'Höhe [mm]', unit: bar}}\n",
        r"column Höhe \[mm\]: bar is a pressure.*correct columns\.height_mm\.unit",
    ),
    "two that may be it": (
        "Zeit [s];Temp 1 [°C];Temp 2 [°C]\n" + BODY,
        "",
        r"line 1: columns 'Temp 1 \[°C\]' and 'Temp 2 \[°C\]' may both be T_core_C",
    ),
    "no time": ("Höhe [mm];Temp [°C]\n0;20\n", "", "is known as time_s: name it"),
    "a name that is not there": (
        "Zeit [s];Höhe [mm]\n0;25\n60;30\n",
        "columns: {T_core_C: Kern}\n",
        r"no column 'Kern' for T_core_C \(there are: .*correct columns\.T_core_C",
    ),
    "no number": ("Zeit [s];Höhe [mm]\n0;25\n60;abc\n", "", r"line 3, column Höhe \[mm\]: 'abc' is no"),
    "time runs back": ("Zeit [s];Höhe [mm]\n60;25\n0;30\n", "", r"line 3, column Zeit \[s\]: 0: time runs"),
    "only the dielectric signal": ("Zeit [s];DMP\n0;25\n60;30\n", "", "neither height nor core temperature"),
    "no cup": (
        "Zeit [s];Höhe [mm]\n0;25\n60;30\n",
        "no cup",
        "cup: is missing: a height becomes a density",
    ),
    "more foam than mixed": ("Zeit [s];Höhe [mm]\n0;25\n60;30\n", "mass_kg: 200\n", "more than was mixed"),
    "all before the pour": ("Zeit [s];Höhe [mm]\n0;25\n60;30\n", "t_poured_s: 90\n", "ends at -30"),
    "unknown field": ("Zeit [s];Höhe [mm]\n0;25\n60;30\n", "diameter: 3\n", "diameter"),
}  # fmt: skip


@pytest.mark.parametrize(("table", "more", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(tmp_path: Path, table: str, more: str, words: str) -> None:
    yaml = YAML
    if more == "no cup":
        yaml, more = YAML.partition("cup:")[0], ""
    with pytest.raises(InputError, match=words):
        read(tmp_path, table, more, yaml)


def test_a_mass_beside_masses_that_contradict_it_is_asked_about(tmp_path: Path) -> None:
    rows = "\n".join(f"{t};{30 + t}" for t in range(12))
    _, told = read(tmp_path, f"Zeit [s];Höhe [mm]\n{rows}", "mass_kg: 0.05\n")
    assert "only 25 % of what was mixed (0.2 kg by the masses under process)" in told[0]


def test_a_table_alone_and_a_folder(tmp_path: Path) -> None:
    read(tmp_path, GERMAN)
    for path in (tmp_path, tmp_path / "a.csv", tmp_path / "a.yaml"):
        ((test, file),) = load_rise_tests([path], lambda words: None)
        assert test.test_id == "a"
        assert file.data == "a.csv"
    with pytest.raises(InputError, match="test_id a stands twice"):
        load_rise_tests([tmp_path, tmp_path / "a.csv"], lambda words: None)
    (tmp_path / "a.yaml").unlink()
    with pytest.raises(InputError, match=r"no a\.yaml beside it: beside the table belongs a YAML"):
        load_rise_tests([tmp_path / "a.csv"], lambda words: None)
    with pytest.raises(InputError, match="no such file"):
        load_rise_tests([tmp_path / "b.csv"], lambda words: None)


def test_a_sentinel_is_no_reading_in_any_unit(tmp_path: Path) -> None:
    rows = "".join(f"{t};{2.5 + t};20\n" for t in range(12)) + "12;-999;20\n"
    found, told = read(tmp_path, f"Zeit [s];Höhe [cm];Temp [°C]\n{rows}")
    assert np.all(found.series["height_mm"][1] > 0.0)
    assert "1 of 13 readings impossible" in told[0]
