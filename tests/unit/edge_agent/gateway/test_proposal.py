"""Names and units of tags, in three languages, become a draft that says what is open."""

from __future__ import annotations

import pytest

from edge_agent.gateway.draft import DraftSource, draft
from edge_agent.gateway.found_tags import read_found_tags
from edge_agent.gateway.mapping_file import check_mapping
from edge_agent.gateway.proposal import LIKELY, SURE, proposed
from edge_agent.links.tag_source import FoundTag
from twin_core.errors import InputError

NAMES = {
    "Press.MoldTemp": "T_mold_C", "Werkzeugtemperatur_Ist": "T_mold_C",
    "Temperatura formy": "T_mold_C", "mould temp": "T_mold_C", "Formtemp": "T_mold_C",
    "Polyol_Temp": "T_polyol_C", "TempPolyol": "T_polyol_C", "temperatura poliolu": "T_polyol_C",
    "IsoTemp": "T_iso_C", "Temperatur Isocyanat": "T_iso_C", "temp_izocyjanianu": "T_iso_C",
    "Kerntemperatur": "T_core_C", "Hallentemperatur": "T_ambient_C",
    "Luftfeuchte": "RH_ambient_pct", "wilgotność": "RH_ambient_pct",
    "Kavitätsdruck": "p_cavity_bar", "Forminnendruck": "p_cavity_bar",
    "CavityPressure": "p_cavity_bar", "Druck_Polyol": "p_polyol_bar",
    "ciśnienie poliolu": "p_polyol_bar", "Mischkopf Druck": "p_mix_bar",
    "Polyolmasse": "m_polyol_kg", "masa poliolu": "m_polyol_kg", "Iso_Gewicht": "m_iso_kg",
    "Durchfluss Polyol": "flow_polyol_kg_per_s", "Drehzahl Rührer": "n_mixer_rpm",
    "Schließkraft": "F_clamp_N",
}  # fmt: skip
OTHERS = {
    ("Formnummer", "Int16"): "mold", ("Numer formy", "Int16"): "mold",
    ("MoldId", "Int16"): "mold", ("Schusszähler", "UInt16"): "id",
    ("Licznik wtrysków", "UInt32"): "id", ("ShotCounter", "UInt16"): "id",
    ("Einspritzen_aktiv", "Boolean"): "poured", ("Mixer.Pouring", "Boolean"): "poured",
    ("Form_offen", "Boolean"): "demolded", ("MoldOpen", "Boolean"): "demolded",
    ("Entformt", "Boolean"): "demolded", ("Forma otwarta", "Boolean"): "demolded",
    ("Störung", "Boolean"): "aborted", ("awaria", "Boolean"): "aborted",
    ("Zyklus_Start", "Boolean"): "started", ("Auftragsnummer", "String"): "order_id",
    ("Charge_Polyol", "String"): "lot_polyol", ("Betriebsart", "String"): "mode",
    ("Platform", "Float"): None, ("Information", "String"): None, ("Uptime", "UInt32"): None,
    ("Format", "Int16"): None,
}  # fmt: skip


def _role(found):
    (item,) = proposed([found])
    return None if item.role is None else item.role.name


@pytest.mark.parametrize(("name", "role"), NAMES.items())
def test_readings(name, role):
    assert _role(FoundTag("ns=2;i=1", name, "Float")) == role


@pytest.mark.parametrize(("found", "role"), OTHERS.items())
def test_ids_texts_and_events(found, role):
    assert _role(FoundTag("ns=2;i=1", *found)) == role


@pytest.mark.parametrize(
    ("unit", "value", "sure", "written"),
    [("°C", "45", SURE, ""), ("K", "318", SURE, "K"), ("", "45", LIKELY, ""),
     ("bar", "45", "a guess", ""), ("°C", "4500", "a guess", "")],
)  # fmt: skip
def test_how_sure_it_is(unit, value, sure, written):
    (item,) = proposed([FoundTag("ns=2;i=1", "MoldTemp", "Float", unit, value)])

    assert (item.sure, item.unit) == (sure, written)
    assert bool(item.open) == (sure != SURE)


def test_names_of_tags_are_those_of_a_mapping_and_each_stands_once():
    odd = ["Press.Temp", "Temp", "Temp", "4 Zone", "Ö/Ä", "日本", "", "x" * 200]

    items = proposed([FoundTag("a", name, "Float") for name in odd])

    names = [item.tag for item in items]
    assert names[:6] == ["temp", "temp_2", "temp_3", "tag_4_zone", "a", "a_2"]
    assert len(set(names)) == len(odd)
    assert all(name.replace("_", "").isalnum() and len(name) <= 64 for name in names)


def _found(names):
    return [FoundTag(f"ns=2;s={name}", name, kind, "", "") for name, kind in names.items()]


FULL = dict.fromkeys(NAMES, "Float") | dict(list(OTHERS))


@pytest.mark.parametrize("kind", ["opcua", "mqtt", "folder"])
def test_a_draft_loads_and_says_what_is_open(tmp_path, kind):
    found = draft([DraftSource("plc", kind, proposed(_found(FULL)))], site="plant1", press="p1")
    path = tmp_path / "draft.yaml"
    path.write_text(found.text)

    checked = check_mapping(path)

    assert checked.problems == []
    assert checked.settings is not None
    station = checked.settings.stations["p1"]
    assert set(station.sensors) >= set(NAMES.values()) - {"m_polyol_kg", "m_iso_kg"}
    assert station.shots is not None
    assert found.text.count("TODO") == len(found.open) + 1 > 10


@pytest.mark.parametrize("odd", ["\x00", "\x01", "\x85", "\u2028", "\ufeff", "\n", '\\\x02"'])
@pytest.mark.parametrize("name", ["MoldTemp", "X"])
def test_a_draft_of_what_holds_control_characters_can_be_read(tmp_path, odd, name):
    tag = FoundTag(f"ns=2;s=a{odd}b", name, f"Float{odd}", f"°C{odd}", f"a{odd}b")
    found = draft([DraftSource("plc", "opcua", proposed([tag]))], site="s", press="p1")
    path = tmp_path / "draft.yaml"
    path.write_text(found.text)

    checked = check_mapping(path)

    assert not any("YAML" in one for one in checked.problems)
    if name == "MoldTemp":
        assert checked.settings is not None, checked.problems
        assert checked.settings.sources["plc"].tags["mold_temp"].node == tag.address


def test_a_draft_of_sparkplug_names_device_and_metric_and_passes_over_templates(tmp_path):
    tags = [
        FoundTag("press 3//Temperatures/Mold", "Temperatures/Mold", "DOUBLE", "°F"),
        FoundTag("//Hall//RH 1", "Hall humidity", "FLOAT", "%"),
        FoundTag("press 3//Mold UDT", "Mold temperature", "TEMPLATE"),
    ]
    found = draft([DraftSource("line", "sparkplug", proposed(tags))], site="s", press="p1")
    path = tmp_path / "draft.yaml"
    path.write_text(found.text)

    checked = check_mapping(path)

    assert checked.settings is not None, checked.problems
    mold, humidity = checked.settings.sources["line"].tags.values()
    assert (mold.device, mold.metric) == ("press 3", "Temperatures/Mold")
    assert (humidity.device, humidity.metric) == (None, "Hall//RH 1")
    assert "TEMPLATE" not in found.text


def test_a_draft_has_no_more_sensors_than_a_station_may(tmp_path):
    names = {f"Zone{number}.MoldTemp": "Float" for number in range(300)}
    found = draft([DraftSource("plc", "opcua", proposed(_found(names)))], site="s", press="p1")
    path = tmp_path / "draft.yaml"
    path.write_text(found.text)

    assert check_mapping(path).problems == []
    assert any("44 more may be sensors" in words for words in found.open)


def test_a_draft_without_what_shots_need_says_so(tmp_path):
    names = {"MoldTemp": "Float", "Speed": "Float"}
    found = draft([DraftSource("plc", "opcua", proposed(_found(names)))], site="s", press="p1")
    path = tmp_path / "draft.yaml"
    path.write_text(found.text)

    assert check_mapping(path).problems == []
    assert any("m_polyol_kg and a tag" in words for words in found.open)


def test_a_draft_of_nothing_that_is_recognized_says_what_is_open():
    found = draft(
        [DraftSource("plc", "opcua", proposed(_found({"X": "Float"})))], site="s", press="p"
    )

    assert any("no name says what a tag is for" in words for words in found.open)
    assert "# x: {node: 'ns=2;s=X'}" in found.text


@pytest.mark.parametrize(
    "text",
    [
        "address,name,data_type,unit,value\nns=2;i=1,MoldTemp,Float,°C,45\n",
        "address;name;data_type;unit\nns=2\\;i=1;MoldTemp;Float;°C\n",
        "\ufeffNodeId\tDisplayName\tDataType\tunit\nns=2;i=1\tMoldTemp\tFloat\t°C\n",
        '[{"address": "ns=2;i=1", "name": "MoldTemp", "data_type": "Float", "unit": "°C"}]',
        '{"address": "ns=2;i=1", "name": "MoldTemp", "data_type": "Float", "unit": "°C"}\n',
    ],
)
def test_lists_of_tags(tmp_path, text):
    path = tmp_path / "tags.txt"
    path.write_text(text.replace("2\\;", "2,"))

    (found,) = read_found_tags(path)

    assert (found.name, found.unit, found.data_type) == ("MoldTemp", "°C", "Float")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must name columns"),
        ("a,b\n1,2\n", "must name columns"),
        ("address\n", "no tag"),
        ("[1]", "list of objects"),
        ("[", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('[{"name": ""}]', "has no address"),
        ('{"address": 5', "no JSON"),
    ],
)
def test_lists_that_are_none(tmp_path, text, words):
    path = tmp_path / "tags.txt"
    path.write_text(text)

    with pytest.raises(InputError, match=words):
        read_found_tags(path)
