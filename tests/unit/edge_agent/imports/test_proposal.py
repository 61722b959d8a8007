"""Drafts for foreign tables: German headers, English ones, and the long form."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.imports.datasource_file import load_datasource
from edge_agent.imports.draft import Draft, draft_of
from edge_agent.imports.proposal import propose
from edge_agent.imports.sample import sample_of_file
from edge_agent.imports.settings import FolderSource

GERMAN = """\
Schussnummer;Zeitstempel;Formnummer;Anlage;Polyolmenge [g];Isomenge [g];Werkzeugtemperatur [°C];\
Luftfeuchte [%];Entformzeit [s];Rohdichte [kg/m³];Shore Härte 24h;Bewertung;Ausschuss;Charge Polyol
1001;01.05.2026 06:00:00;3;P1;1030,5;1180,2;45,2;44;310;61,2;55;IO;nein;L-17
1002;01.05.2026 06:08:00;3;P1;1031,5;1181,2;45,1;44;312;61,0;;NIO;ja;L-17
"""
ENGLISH = """\
shot_no,pour_time,mold,machine,polyol_kg,iso_kg,mold_temp_F,demold_time_min,density_g_cm3,\
hardness_demold,status,lot_no,order_no,remark
A-1,2026-05-01T06:00:00Z,PANEL_A,press1,1.03,1.18,113.2,5.1,0.061,33,OK,L1,O1,
A-2,2026-05-01T06:10:00Z,PANEL_A,press1,1.03,1.18,113.2,5.2,0.062,34,FAIL,L1,O1,void
"""


def long_table() -> str:
    """Rows of (shot, signal, time, value) with a column of units."""
    rows = ["shot,mold,ts,tag,val,unit"]
    for shot in range(1, 5):
        head = f"S{shot},PANEL_A,2026-05-01T06:{shot:02d}"
        for second in range(12):
            rows.append(f"{head}:{second:02d}Z,core temperature,{300 + second},K")
            rows.append(f"{head}:{second:02d}Z,cavity pressure,{1000 + 50 * second},mbar")
        rows += [f"{head}:00Z,polyol weight,1030,g", f"{head}:00Z,iso weight,1180,g"]
    return "\n".join(rows) + "\n"


def drafted(text: str, folder: Path) -> tuple[Draft, FolderSource]:
    """The draft for a CSV file, and what it says when it is read."""
    path = folder / "shots.csv"
    path.write_text(text, encoding="utf-8")
    draft = draft_of(propose(*sample_of_file(path)), [f"kind: csv\npath: {path}"], None)
    (folder / "mes.yaml").write_text(draft.text, encoding="utf-8")
    settings = load_datasource(folder / "mes.yaml")
    assert isinstance(settings, FolderSource)
    return draft, settings


def fields_of(settings: FolderSource) -> dict[str, tuple[str | None, str | None]]:
    """Column and unit of each field."""
    return {
        name: (one.column or one.signal, one.unit)
        for name, one in settings.columns.items()
        if one.value is None
    }


def test_german_headers_need_two_decisions(tmp_path: Path) -> None:
    draft, settings = drafted(GERMAN, tmp_path)
    assert fields_of(settings) == {
        "shot_id": ("Schussnummer", None),
        "poured_at": ("Zeitstempel", None),
        "mold_id": ("Formnummer", None),
        "press": ("Anlage", None),
        "m_polyol_kg": ("Polyolmenge [g]", "g"),
        "m_iso_kg": ("Isomenge [g]", "g"),
        "T_mold_C": ("Werkzeugtemperatur [°C]", None),
        "RH_ambient_pct": ("Luftfeuchte [%]", None),
        "t_demold_actual_s": ("Entformzeit [s]", None),
        "rho_moulded_kg_per_m3": ("Rohdichte [kg/m³]", None),
        "H_24h_shore": ("Shore Härte 24h", None),
        "quality_status": ("Bewertung", None),
        "scrap": ("Ausschuss", None),
        "lot_polyol": ("Charge Polyol", None),
    }
    assert (settings.time_zone, settings.time_format) == ("Europe/Berlin", "%d.%m.%Y %H:%M:%S")
    assert settings.decimal == ","
    assert [words.split(":")[0] for words in draft.open] == [
        "the zone of the clock",
        "the names of the molds in the twin",
        "the material system",
    ], "the zone is right as it stands"


def test_english_headers_need_one(tmp_path: Path) -> None:
    draft, settings = drafted(ENGLISH, tmp_path)
    assert fields_of(settings) == {
        "shot_id": ("shot_no", None),
        "poured_at": ("pour_time", None),
        "mold_id": ("mold", None),
        "press": ("machine", None),
        "m_polyol_kg": ("polyol_kg", None),
        "m_iso_kg": ("iso_kg", None),
        "T_mold_C": ("mold_temp_F", "F"),
        "t_demold_actual_s": ("demold_time_min", "min"),
        "rho_moulded_kg_per_m3": ("density_g_cm3", "g/cm3"),
        "H_demold_shore": ("hardness_demold", None),
        "quality_status": ("status", None),
        "lot_polyol": ("lot_no", None),
        "order_id": ("order_no", None),
        "note": ("remark", None),
    }
    assert len(draft.open) == 1
    assert "SYSTEM_R1" in draft.text


def test_a_german_time_and_a_running_number_are_found(tmp_path: Path) -> None:
    rows = "".join(f"{n};0{n}.01.2025 11:18:30;A1;PUR-Hart;1,0;1,2\n" for n in (6, 7, 8))
    head = "Lfd. Nr.;{};Form;Material;Polyol [kg];Iso [kg]\n"
    for name in ("Einspritzende", "Ende"):
        draft, settings = drafted(head.format(name) + rows, tmp_path)
        fields = fields_of(settings)
        assert fields["shot_id"][0] == "Lfd. Nr."
        assert fields["poured_at"][0] == name
        assert (settings.time_zone, settings.time_format) == ("Europe/Berlin", "%d.%m.%Y %H:%M:%S")
        assert ("is it poured_at?" in draft.open) == (name == "Ende")
        assert "not used" not in draft.text


def test_what_a_history_needs_and_names_of_materials_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "shots.csv"
    path.write_text("Nr;Material\n1;PUR-Hart\n2;SYSTEM_R1\n", encoding="utf-8")
    proposal = propose(*sample_of_file(path), {"SYSTEM_R1"})
    draft = draft_of(proposal, ["kind: csv"], None)
    assert any("PUR-Hart" in words and "names:" in words for words in draft.open)
    (line,) = [line for line in draft.lines if "poured_at" in line]
    assert "TODO the column of the end of injection, which a history needs" in line
    assert (
        "  shot_id: Nr  # a guess; its values tell rows apart; TODO is it shot_id?" in draft.lines
    )


def test_the_long_form_needs_two(tmp_path: Path) -> None:
    draft, settings = drafted(long_table(), tmp_path)
    assert settings.form == "long"
    assert settings.series is not None
    assert (settings.series.signal, settings.series.value) == ("tag", "val")
    assert (settings.series.time.column, settings.series.time.unit) == ("ts", None)
    signals = {name: (one.name, one.unit) for name, one in settings.series.signals.items()}
    assert signals == {
        "T_core_C": ("core temperature", "K"),
        "p_cavity_bar": ("cavity pressure", "mbar"),
    }
    assert fields_of(settings) == {
        "shot_id": ("shot", None),
        "mold_id": ("mold", None),
        "m_polyol_kg": ("polyol weight", "g"),
        "m_iso_kg": ("iso weight", "g"),
    }
    assert len(draft.open) == 2, "press and system"


@pytest.mark.parametrize(
    ("name", "values", "unit"),
    [
        ("Polyolmenge", ["1030", "1045"], "g"),
        ("mold temperature", ["318", "319"], "K"),
        ("density", ["0.061", "0.062"], "g/cm³"),
        ("polyol_mass", ["1.03", "1.05"], ""),
    ],
)
def test_values_speak_where_a_name_says_no_unit(name: str, values: list[str], unit: str) -> None:
    (one,) = propose([name], [{name: value} for value in values]).columns
    assert one.unit == unit
    assert one.sure == ("a guess" if unit else "likely")
    assert any("values about" in reason for reason in one.reasons)


def test_a_table_of_curves_is_drafted_as_series(tmp_path: Path) -> None:
    lines = [f"S{n},{t}.5,{name},{30 + t}" for n in range(3) for t in range(9) for name in "AB"]
    text = "\n".join(["shot,time,name,value", *lines]).replace(",A,", ",T_core,") + "\n"
    draft, settings = drafted(text, tmp_path)
    series = settings.series
    assert settings.form == "long"
    assert series is not None
    assert (series.signal, series.value, series.time.column) == ("name", "value", "time")
    assert {name: one.name for name, one in series.signals.items()} == {"T_core_C": "T_core"}
    assert any("unit of the times" in one for one in draft.open)
    assert any("table of their own" in one for one in draft.open)


@pytest.mark.parametrize("names", ["shot_no,pour_time,polyol,mold_temp", "shot,time,name,value"])
def test_of_an_empty_table_every_unit_and_time_is_asked_for(names: str, tmp_path: Path) -> None:
    draft, _ = drafted(f"{names}\n", tmp_path)
    guessed = [line for line in draft.lines if "time" in line or "polyol: " in line or "T_" in line]
    assert guessed
    assert all("TODO" in line for line in guessed), guessed
