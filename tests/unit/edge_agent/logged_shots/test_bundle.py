"""Log bundles: names, starts, laboratory results and times that mean something are kept apart."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.logged_shots.bundle import Bundle, load_bundle
from edge_agent.logged_shots.from_bundles import from_bundles
from edge_agent.logged_shots.measured_series import from_folder
from twin_core.errors import InputError

FILES = {
    "meta.yaml": "shot_id: s1\nsystem_id: R11_BASER_KHAKHAR_1994\nmold_id: CUP\n",
    "process.yaml": "m_polyol: 0.05\nm_iso: 0.05\nT_mold_init_C: 40\nt_demold_actual_s: 640\n",
    "sensors_core_temp.csv": "time_s,T_core_C\n1,24\n100,60\n400,120\n",
}


def bundle(tmp_path: Path, **files: str) -> Bundle:
    """A bundle of usual files; ``meta``, ``process``, ``qc``, ``core`` come in place or beside."""
    names = {"core": "sensors_core_temp.csv", "pressure": "sensors_pressure.csv"}
    given = {names.get(name, f"{name}.yaml"): text for name, text in files.items()}
    for name, text in (FILES | given).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return load_bundle(tmp_path)


def add(name: str, line: str) -> str:
    return FILES[f"{name}.yaml"] + line + "\n"


MISSPELT = [
    ("meta", "mould_id: PANEL_A", "mould_id: is mold_id meant"),
    ("meta", "Mold_id: PANEL_A", "Mold_id: is mold_id meant"),
    ("meta", "mold-id: PANEL_A", "mold-id: is mold_id meant"),
    ("meta", "moldid: PANEL_A", "moldid: is mold_id meant"),
    ("meta", "timestamp: 2026-11-20T10:00:00Z", "timestamp: is timestamp_start meant"),
    ("meta", "time_stamp_start: 2026-11-20T10:00:00Z", "is timestamp_start meant"),
    ("meta", "line: p1", "line: is line_id meant"),
    ("meta", "simulation: true", "simulation: is simulated meant"),
    ("process", "T_mould_init_C: 60", "T_mould_init_C: is T_mold_init_C meant"),
    ("process", "T_Polyol_in_C: 22", "T_Polyol_in_C: is T_polyol_in_C meant"),
    ("process", "T_poliol_in_C: 22", "T_poliol_in_C: is T_polyol_in_C meant"),
    ("process", "T_iso_in: 22", "T_iso_in: is T_iso_in_C meant"),
    ("process", "RH_ambient_percent: 50", "is RH_ambient_pct meant"),
    ("process", "t_demould_actual_s: 600", "is t_demold_actual_s meant"),
    ("process", "m_additive: 0.001", "m_additive: is m_additives meant"),
    ("process", "mixing_efficiency: 0.9", "is mixing_eff meant"),
    ("process", "T_mold_init_F: 75", "another unit than T_mold_init_C"),
    ("process", "T_mold_K: 297", "another unit than T_mold_C"),
    ("process", "m_additives_g: 5", "another unit than m_additives_kg"),
    ("process", "t_demold_actual_min: 10", "another unit than t_demold_actual_s"),
    ("process", "pentan_pct: 5", "pentan_pct: is pentane_pct meant"),
]


@pytest.mark.parametrize(("file", "line", "words"), MISSPELT)
def test_a_name_that_is_almost_one_is_refused(
    file: str, line: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=rf"{file}\.yaml: unknown field .*{words}"):
        bundle(tmp_path, **{file: add(file, line)})


QC_MISSPELT = ["rho_molded: 60", "H_demould: 40", "H_24: 60", "hardness_H_24h: 60", "defect: [void]",
               "Defects: []", "rho_free: 40", "risk_operator: 0.1", "t_demould_safe_s: 90",
               "H_Demold: 40"]  # fmt: skip


@pytest.mark.parametrize("line", QC_MISSPELT)
def test_a_name_of_the_laboratory_is_refused_or_told(line: str, tmp_path: Path) -> None:
    name = line.partition(":")[0]
    try:
        found = bundle(tmp_path, qc=line + "\n")
    except InputError as refused:
        assert f"qc.yaml: unknown field {name}: is " in str(refused)  # noqa: PT017
    else:
        assert [note.column for note in found.notes] == [name]


def test_all_misspelt_names_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        bundle(tmp_path, meta=add("meta", "mould_id: A"), process=add("process", "T_mould_C: 6"))
    assert "mould_id" in str(refused.value)
    assert "T_mould_C" in str(refused.value)


FILE_NAMES = ["sensor_core_temp.csv", "sensors_core_temperature.csv", "Sensors_Pressure.csv",
              "sensors_pressures.csv", "sensors-pressure.csv", "sensors_pressure.CSV",
              "processes.yaml", "qc.yml", "qcs.yaml", "sensors_power-mix.csv",
              "sensors_pressure.tsv", "sensors_powermix.csv", "sensors_core_temp.txt",
              "sensors_pressure.csv.gz", "sensors_core_temp.json", "sensors_pressure.dat"]  # fmt: skip


@pytest.mark.parametrize("name", FILE_NAMES)
def test_a_file_of_almost_a_known_name_is_refused(name: str, tmp_path: Path) -> None:
    bundle(tmp_path)
    if "core" in name:
        (tmp_path / "sensors_core_temp.csv").unlink()
    if name.startswith("process"):
        (tmp_path / "process.yaml").unlink()
    (tmp_path / name).write_text("a: 1\n")
    with pytest.raises(InputError, match=rf"{name}: no file of a log bundle: is .* meant\? Rename"):
        load_bundle(tmp_path)


def test_other_names_are_told_and_those_for_people_are_not(tmp_path: Path) -> None:
    (tmp_path / "thermography.csv").write_text("x\n")
    (tmp_path / "README.md").write_text("x\n")
    (tmp_path / ".hidden.csv").write_text("x\n")
    found = bundle(
        tmp_path,
        meta=add("meta", "shift_leader: N.N.\ncitation: a book\nnotes: good"),
        process=add("process", "weather: rain"),
        core="time_s,T_core_C,Channel 4\n1,24,x\n",
    )
    assert [note.column for note in found.notes] == [
        "thermography.csv", "shift_leader", "weather", "Channel 4",
    ]  # fmt: skip
    assert all(note.rule == "name_unknown" and str(tmp_path) in note.words for note in found.notes)


STARTS = {
    "2026-11-20T10:00:00Z": 10, "2026-11-20 10:00:00Z": 10, "2026-11-20T11:00:00+01:00": 10,
    "'2026-11-20T11:00:00+01:00'": 10, "2026-11-20T11:00:00+0100": 10, "'2026-11-20T10:00Z'": 10,
    "2026-11-20 12:00:00 +02:00": 10, "1795168800": 10, "1795168800000": 10, "'1795168800'": 10,
}  # fmt: skip


@pytest.mark.parametrize("written", STARTS)
def test_a_start_with_a_zone(written: str, tmp_path: Path) -> None:
    found = bundle(tmp_path, meta=add("meta", f"timestamp_start: {written}"))
    assert found.meta.timestamp_start == datetime(2026, 11, 20, STARTS[written], tzinfo=UTC)


NO_STARTS = {
    "2026-11-20T10:00:00": "has no zone: write 2026-11-20T10:00:00Z if it is UTC",
    "2026-11-20 10:00:00": "has no zone",
    "'2026-11-20 10:00'": "has no zone",
    "2026-11-20": "is no time",
    "20.11.2026 10:00": "is no time",
    "11/20/2026": "is no time",
    "today": "is no time",
    "20261120": "is no time",
    "20261120100000": "is no time",
    "1795168800000000": "is no time",
    "true": "is no time",
    "[2026]": "is no time",
    "10:00:00": "is no time",
    "1900-01-01T00:00:00Z": "is not of the years 1980 to 2100",
    "0001-01-01T00:00:00+10:00": "is not of the years 1980 to 2100",
    "9999-12-31T23:59:59-10:00": "is not of the years 1980 to 2100",
}


@pytest.mark.parametrize("written", NO_STARTS)
def test_a_start_without_a_zone_is_asked_for(written: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"meta\.yaml: timestamp_start: ") as refused:
        bundle(tmp_path, meta=add("meta", f"timestamp_start: {written}"))
    assert NO_STARTS[written] in str(refused.value)


QC = [
    ("rho_moulded: '62,1'", "rho_moulded"), ("rho_moulded: 62,1", "rho_moulded"),
    ("H_demold: 38 Shore", "H_demold"), ("H_24h: '60'", "H_24h"), ("H_24h: 60 A", "H_24h"),
    ("rho_moulded: <60", "rho_moulded"), ("H_demold: yes", "H_demold"), ("H_demold: true", "H_demold"),
    ("H_demold: 120", "H_demold"), ("rho_moulded: -3", "rho_moulded"), ("rho_moulded: .nan", "rho_moulded"),
    ("defect_risk_operator: 30 %", "defect_risk_operator"), ("defect_risk_operator: 3", "defect_risk_operator"),
    ("defects: void", "defects"), ("ts: 2026-11-20T10:00:00", "ts"), ("ts: yesterday", "ts"),
    ("t_demold_safe_s: 2 min", "t_demold_safe_s"), ("rho_free_rise: n.m.", "rho_free_rise"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "field"), QC)
def test_laboratory_results_that_are_no_numbers_are_refused(
    line: str, field: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=rf"qc\.yaml: {field}"):
        bundle(tmp_path, qc=line + "\n")


@pytest.mark.parametrize("value", ["3276.7", "9.9e37", "32767", "0.1", "9999"])
def test_impossible_laboratory_results_are_missing_and_told(value: str, tmp_path: Path) -> None:
    found = bundle(tmp_path, qc=f"rho_moulded: {value}\nH_24h: 60\n")
    assert found.quality == {"H_24h": 60}
    assert [(note.rule, note.column) for note in found.notes] == [
        ("value_impossible", "rho_moulded")
    ]


PROCESS = [
    ("T_iso_in_C: '23,8'", "T_iso_C"), ("T_iso_in_C: 23.8 °C", "T_iso_C"), ("T_iso_in_C: 297", "T_iso_C"),
    ("T_iso_in_C: 3276.7", "T_iso_C"), ("T_iso_in_C: yes", "T_iso_C"), ("RH_ambient: 50", "RH_ambient"),
    ("RH_ambient_pct: 9999", "RH_ambient_pct"), ("m_additives: -1", "m_additives"), ("T_iso_in_C: 1:30", "T_iso_C"),
    ("mixing_eff: 95", "mixing_eff"), ("T_iso_in_C: .inf", "T_iso_C"), ("T_iso_in_C: 1_0", "1_0 is a number"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "words"), PROCESS)
def test_numbers_of_the_process_that_are_none_are_refused(
    line: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=rf"process\.yaml: .*{words}"):
        bundle(tmp_path, process=add("process", line))


DEMOLD = ["10:40", "'640'", "640 s", "0", "-5", "1763632800", "1e9", "true", ".inf", ".nan", "6_40"]


@pytest.mark.parametrize("value", DEMOLD)
def test_a_time_of_demolding_that_is_none_is_refused(value: str, tmp_path: Path) -> None:
    process = FILES["process.yaml"].replace(": 640", f": {value}")
    with pytest.raises(InputError, match=r"process\.yaml: .*(t_demold_actual_s|6_40)"):
        bundle(tmp_path, process=process)


def test_zero_padded_numbers(tmp_path: Path) -> None:
    text = FILES["process.yaml"].replace("40\n", "045\n", 1).replace("640", "0640")
    found = bundle(tmp_path, process=text)
    assert (found.recipe.T_mold_C, found.t_demold_actual_s) == (45.0, 640.0)


@pytest.mark.parametrize("shot_id", ["0001", "20261120100000101", "1e5", "12.5"])
def test_an_id_that_yaml_takes_for_a_number(shot_id: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="shot_id: is a text: put it in quotes"):
        bundle(tmp_path, meta=FILES["meta.yaml"].replace("s1", shot_id))
    assert (
        bundle(tmp_path, meta=FILES["meta.yaml"].replace("s1", f"'{shot_id}'")).meta.shot_id
        == shot_id
    )


TIMES = [
    ("milliseconds", FILES["process.yaml"], "46270,33\n389310,139\n", "line 3, .*milliseconds"),
    ("milliseconds of a quick shot", FILES["process.yaml"].replace("640", "60"), "500,33\n60000,90\n",
     "line 3, column time_s: 60000: .*milliseconds"),
    ("milliseconds, no time of demolding", "m_polyol: 1\nm_iso: 1\n", "100,33\n30000,90\n",
     "line 3, .*more than the 14400 s"),
    ("since 1970", FILES["process.yaml"], "1763632800,33\n", "line 2, .*counts from 1970"),
    ("from the start of the logger", FILES["process.yaml"], "5000,33\n5100,35\n",
     r"begins at 5000, after t_demold_actual_s \(640\)"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "process", "rows", "words"), TIMES)
def test_times_that_no_shot_has(
    name: str, process: str, rows: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words):
        bundle(tmp_path, process=process, core="time_s,T_core_C\n" + rows)


def test_readings_that_are_missing_are_told(tmp_path: Path) -> None:
    found = bundle(
        tmp_path,
        core="time_s,T_core_C\n1,24\n2,\n3,3276.7\n4,26\n",
        pressure="time_s,p_total_bar\n1,1.0\n2,9.9E37\n3,1.1\n",
    )
    assert found.series == {
        1.0: {"T_core_C": 24.0, "p_cavity_bar": 1.0}, 4.0: {"T_core_C": 26.0}, 3.0: {"p_cavity_bar": 1.1},
    }  # fmt: skip
    assert [(note.rule, note.column) for note in found.notes] == [
        ("reading_missing", "T_core_C"),
        ("reading_impossible", "T_core_C"),
        ("reading_impossible", "p_total_bar"),
    ]
    assert found.peak("T_core_C") == (4.0, 26.0)


CONTRADICTIONS = [
    ({"meta": add("meta", "process: {T_mold_init_C: 60}")}, r"T_mold_init_C: 40, and process of meta"),
    ({"process": add("process", "pentane_pct: 5\nblowing_agent_pct: 6")}, "blowing_agent_pct: 6, and pentane_pct"),
    ({"qc": "shot_id: s2\nH_demold: 40\n"}, r"qc.yaml: shot_id: 's2', and meta.yaml says 's1'"),
    ({"qc": "mold_id: PANEL_A\nH_demold: 40\n"}, "mold_id: 'PANEL_A', and meta.yaml says 'CUP'"),
    ({"qc": "simulated: true\nH_demold: 40\n"}, "simulated: True, and meta.yaml says False"),
    ({"process": FILES["process.yaml"].replace("m_iso: 0.05", "m_iso: 5000")}, "m_iso_kg: 5000 is outside .* grams"),
    ({"meta": add("meta", "line_id: Line 3")}, "meta.yaml: line_id: an id has 1 to 64 characters"),
    ({"qc": "defects: [none]\n"}, "'none' is no defect: where none was found, write "),
    ({"qc": "defects: [i.O.]\n"}, "'i.O.' is no defect"),
    ({"qc": "defects: ['Void ']\n"}, "'Void ': is void meant"),
    ({"qc": "defects: [short shot]\n"}, "is short_shot meant"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "words"), CONTRADICTIONS)
def test_places_that_contradict_and_words_that_mean_another_thing(
    files: dict[str, str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words):
        bundle(tmp_path, **files)


def test_a_defect_of_another_name_and_files_of_another_kind_are_told(tmp_path: Path) -> None:
    (tmp_path / "logger.mdf").write_text("x\n")
    (tmp_path / "sensors").mkdir()
    (tmp_path / "sensors" / "sensors_pressure.csv").write_text("time_s,p_total_bar\n1,1\n2,1\n")
    found = bundle(tmp_path, qc="defects: [void, Lunker]\n")
    assert [note.column for note in found.notes] == ["logger.mdf", "sensors", "Lunker"]


def test_readings_outside_the_cure_are_neither_peaks_nor_fitted(tmp_path: Path) -> None:
    core = "time_s,T_core_C\n-30,150\n1,24\n100,60\n400,120\n700,180\n"
    found = bundle(tmp_path, core=core)
    assert found.peak("T_core_C") == (400.0, 120.0)
    told = list[str]()
    (series,) = from_folder(tmp_path, {}, told.append)
    assert series.t_s.tolist() == [1.0, 100.0, 400.0]
    assert "2 readings before the pour or after the opening left out" in told[0]


@pytest.mark.parametrize("name", ["process.yaml", "qc.yaml", "sensors_pressure.csv"])
def test_a_link_to_nothing_is_no_missing_file(name: str, tmp_path: Path) -> None:
    bundle(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to(tmp_path / "archive" / name)
    with pytest.raises(InputError, match=f"{name}: no such file"):
        load_bundle(tmp_path)


def test_minutes_for_seconds_are_told(tmp_path: Path) -> None:
    rows = "".join(f"{i / 10},{24 + i}\n" for i in range(100))
    (note,) = bundle(tmp_path, core="time_s,T_core_C\n" + rows).notes
    assert "ends at 9.9, 0.015 of t_demold_actual_s: minutes?" in note.words


@pytest.mark.parametrize("name", ["meta.yml", "Meta.yaml", "metadata.yaml", "META.YAML"])
def test_a_folder_whose_meta_has_another_name_is_refused(name: str, tmp_path: Path) -> None:
    bundle(tmp_path)
    (tmp_path / "meta.yaml").rename(tmp_path / name)
    with pytest.raises(InputError, match=rf"{name}: no file of a log bundle: is meta\.yaml meant"):
        load_bundle(tmp_path)
    refused: list[str] = []
    assert from_bundles(tmp_path, lambda folder, reason: refused.append(reason)) == []
    assert len(refused) == 1
