"""Every problem of a mapping is told at once, with file, line, field and tag."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_agent.config.gateway_sources import TAGS_MAX
from edge_agent.errors import SettingsError
from edge_agent.gateway.mapping_file import BYTES_MAX, check_mapping, load_gateway, problems_of
from twin_core.shipped_files import configs_folder

GOOD = """\
site: plant1
sources:
  plc:
    kind: opcua
    url: opc.tcp://10.0.0.5:4840
    tags:
      mold_temperature: {node: "ns=2;s=Mold.Temp"}
      pressure: {node: "ns=2;s=Cavity"}
      pour: {node: "ns=2;s=Pour"}
      p_kg: {node: "ns=2;s=P"}
      i_kg: {node: "ns=2;s=I"}
  thermo:
    kind: modbus
    host: 10.0.0.6
    tags:
      t: {address: 40, scale: 0.1}
      text: {address: 50, type: text, length: 4}
stations:
  press1:
    press: press1
    mold: M-01
    sensors:
      T_mold_C: plc.mold_temperature
      p_cavity_bar: {tag: plc.pressure, unit: kPa, range: [0.5, 20]}
    metrics: {thermo: thermo.t}
    status: {text: thermo.text}
    shots:
      poured: {tag: plc.pour, when: falls}
      system_id: SYSTEM_R1
      recipe: {m_polyol_kg: plc.p_kg, m_iso_kg: {tag: plc.i_kg, unit: g}, T_mold_C: 45}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(GOOD)
    return path


def _problems(file, old, new):
    assert old in GOOD
    file.write_text(GOOD.replace(old, new, 1))
    found = [one.removeprefix(f"{file}: ") for one in problems_of(file)]
    assert all(
        one.startswith(("line ", "sources: is missing", "site: is missing")) for one in found
    ), found
    return found


def test_a_good_mapping(file):
    checked = check_mapping(file)

    assert checked.problems == []
    assert load_gateway(file).stations["press1"].press == "press1"
    assert [note.partition(": ")[2] for note in checked.notes] == [
        "line 19: stations.press1: its readings are of 2 sources, each with its own clock, so they "
        "are sent as press1-plc, press1-thermo",
        "line 27: stations.press1.shots: has no trigger demolded: a shot is open until the next "
        "pour, and when a mold was opened is not learned",
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("T_mold_C: plc.mold_temperature", "T_mold_C: plc.mold_temprature",
         "line 23: stations.press1.sensors.T_mold_C: plc.mold_temprature: source plc has no tag "
         "mold_temprature: is mold_temperature meant?"),
        ("plc.pour,", "plx.pour,",
         "line 28: stations.press1.shots.poured.tag: plx.pour: there is no source plx: is plc "
         "meant?"),
        ("plc.pressure, unit: kPa", "plc.pressure, unit: barg",
         "line 24: stations.press1.sensors.p_cavity_bar.unit: unit 'barg': write bar; gauge or "
         "absolute is not guessed"),
        ("unit: kPa", "unit: K",
         "line 24: stations.press1.sensors.p_cavity_bar.unit: K is a temperature, and cannot be "
         "converted to bar"),
        ("[0.5, 20]", "[200, 900]",
         "line 24: stations.press1.sensors.p_cavity_bar.range: 200 to 900 is outside of what is "
         "possible, 0.5 to 60"),
        ("[0.5, 20]", "[20, 5]",
         "line 24: stations.press1.sensors.p_cavity_bar: range [20.0, 5.0]"),
        ("T_mold_C: plc", "T_mold: plc",
         "line 23: stations.press1.sensors.T_mold: 'T_mold' must end in its unit"),
        ("T_mold_C: plc.mold_temperature", "T_mold_C: 5",
         "line 23: stations.press1.sensors.T_mold_C: is no tag: write source and tag"),
        ("T_mold_C: plc.mold_temperature", "T_mold_C: [plc.mold_temperature]",
         "line 23: stations.press1.sensors.T_mold_C: is no tag: write source and tag"),
        ("T_mold_C: plc.mold_temperature", "T_mold_C: mold_temperature",
         "line 23: stations.press1.sensors.T_mold_C: is no tag: write source and tag"),
        ("unit: kPa", "unti: kPa",
         "line 24: stations.press1.sensors.p_cavity_bar.unti: unknown field: is unit meant?"),
        ("{address: 40, scale: 0.1}", "{adress: 40}", "line 16: sources.thermo.tags.t.address: is"),
        ("metrics: {thermo: thermo.t}", "metrics: {thermo: thermo.text}",
         "line 25: stations.press1.metrics.thermo: thermo.text is a text, and a number belongs"),
        ("tag: plc.pour", "tag: thermo.text",
         "line 28: stations.press1.shots.poured.tag: thermo.text is a text"),
        ("when: falls", "when: above", "line 28: stations.press1.shots.poured: when: above needs"),
        ("when: falls", "when: falls, after: started",
         "line 28: stations.press1.shots.poured.after: there is no trigger started"),
        ("when: falls", "when: falls, after: poured",
         "line 28: stations.press1.shots.poured.after: poured cannot count after poured"),
        ("when: falls", "when: falls, not_before_s: 3",
         "line 28: stations.press1.shots.poured.not_before_s: counts from the event in after"),
        ("when: falls", "when: falls, while: [{tag: plc.pour, when: changes}]",
         "line 28: stations.press1.shots.poured.while.0.when: a change does not last"),
        ("T_mold_C: 45", "T_mold_C: 900",
         "line 30: stations.press1.shots.recipe.T_mold_C: 900.0: -50 to 250 is possible"),
        ("m_polyol_kg: plc.p_kg", "m_polyol_kg: 0",
         "line 30: stations.press1.shots.recipe.m_polyol_kg: 0 kg: more than 0"),
        ("m_polyol_kg: plc.p_kg, ", "",
         "line 30: stations.press1.shots.recipe: m_polyol_kg is missing"),
        ("T_mold_C: 45", "T_mould_C: 45",
         "line 30: stations.press1.shots.recipe.T_mould_C: 'T_mould_C' is no field of a recipe"),
        ("system_id: SYSTEM_R1", "system_id: 17",
         "line 29: stations.press1.shots.system_id: is a text: put it in quotes"),
        ("system_id: SYSTEM_R1", "system_id: {tag: plc.pour, names: {'1': 'A B'}}",
         "line 29: stations.press1.shots.system_id.names.1: 'A B' is no id"),
        ("mold: M-01", "mold: {tag: plc.pour, names: {'1': 'PANEL/+#'}}",
         "line 21: stations.press1.mold.names.1: 'PANEL/+#' is no id, for plc.pour: '/' in"),
        ("mold: M-01", "mold: {tag: plc.pour, prefix: 'M/'}",
         "line 21: stations.press1.mold.prefix: 'M/' begins no id, for plc.pour: '/' in"),
        ("kind: opcua", "kind: opc", "line 3: sources.plc: kind must be one of opcua, modbus"),
        ("url: opc.tcp://10.0.0.5:4840", "url: http://x", "line 5: sources.plc.url: String should"),
        ("opc.tcp://10.0.0.5:4840", "'opc.tcp://[::1'",
         "line 5: sources.plc.url: is no address of a server: Invalid IPv6 URL: write opc.tcp:"),
        ("opc.tcp://10.0.0.5:4840", "opc.tcp://10.0.0.5:99999",
         "line 5: sources.plc.url: is no address of a server: Port out of range"),
        ("opc.tcp://10.0.0.5:4840", "opc.tcp://:4840", "line 5: sources.plc.url: names no host"),
        ("kind: opcua", "kind: opcua\n    username: a\n    password: hunter2",
         "line 6: sources.plc.password: not in this file: use password_file, or the variable "
         "TWIN_GATEWAY_PASSWORD_PLC"),
        ('node: "ns=2;s=Pour"', 'node: "Pour"', "line 9: sources.plc.tags.pour.node: 'Pour' is no"),
        ("status: {text: thermo.text}", "status: {thermo: thermo.text}",
         "line 26: stations.press1.status.thermo: is in metrics, too"),
        ("site: plant1", "site: plant 1", "line 1: site: an id has 1 to 64 characters"),
        ("site: plant1\n", "", "site: is missing: add it"),
        ("sources:\n", "sourcs:\n", "line 2: sourcs: unknown field: is sources meant?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(file, old, new, problem):
    found = _problems(file, old, new)

    assert any(one.startswith(problem) for one in found), found
    assert not any("hunter2" in one for one in found)


def test_all_problems_are_told_at_once_also_those_that_others_hide(file):
    text = GOOD.replace("kPa", "kpsi").replace("plc.pour,", "plc.por,").replace("M-01", "M 01")
    file.write_text(text.replace("T_mold_C: plc", "T_mold_C: 5\n      RH: plc"))

    words = "\n".join(problems_of(file))

    for part in ("kpsi", "plc.por:", "mold: an id", "T_mold_C: is no tag", "'RH' must end"):
        assert part in words


def test_two_stations_that_are_one(file):
    second = GOOD[GOOD.index("  press1:") :].replace("  press1:", "  press1b:", 1)
    file.write_text(GOOD + second + "    device: press1\n")

    words = "\n".join(problems_of(file))

    assert "stations.press1b.device: station press1 of press press1 has the device press1" in words
    assert "stations.press1b.mold: M-01 of press press1 is the mold of station press1, too" in words


def test_a_tag_that_nobody_uses_is_a_note(file):
    file.write_text(GOOD.replace("    status: {text: thermo.text}\n", ""))

    checked = check_mapping(file)

    assert checked.settings is not None
    assert f"{file}: line 17: sources.thermo.tags.text: is not used" in checked.notes


def test_passwords_come_from_the_environment(file, monkeypatch):
    monkeypatch.setenv("TWIN_GATEWAY_PASSWORD_PLC", "hunter2")
    file.write_text(GOOD.replace("kind: opcua", "kind: opcua\n    username: twin"))

    password = load_gateway(file).sources["plc"].password

    assert password.get_secret_value() == "hunter2"


def test_a_password_that_nothing_asks_for(file, monkeypatch):
    monkeypatch.setenv("TWIN_GATEWAY_PASSWORD_PLX", "hunter2")

    (problem,) = problems_of(file)

    assert problem == (
        "environment: TWIN_GATEWAY_PASSWORD_PLX: there is no source plx: is plc meant?"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must hold a mapping"),
        ("a: [", "line"),
        ("site: x\nsite: y\n", "stands twice"),
        ("{}", "is missing"),
        ("- 1", "must hold a mapping"),
        ("1: 2", "must have a name"),
        ("\x00", "cannot be read as YAML"),
    ],
)
def test_what_is_no_mapping(file, text, words):
    file.write_text(text)

    with pytest.raises(SettingsError, match=words):
        load_gateway(file)


def test_a_source_of_as_many_tags_as_it_may_have(file):
    def checked(count):
        tags = "".join(f"      x{n}: {{node: 'ns=2;i={n}', deadband: 1}}\n" for n in range(count))
        file.write_text(GOOD.replace("    tags:\n", f"    tags:\n{tags}", 1))
        return check_mapping(file)

    of_file = GOOD.count("{node")
    assert checked(TAGS_MAX - of_file).problems == []
    (problem,) = checked(TAGS_MAX - of_file + 1).problems
    assert "sources.plc.tags: " in problem
    assert "at most 5000" in problem


def test_a_file_that_is_too_large_says_what_to_do(file):
    file.write_text(GOOD + "#" * BYTES_MAX)

    with pytest.raises(SettingsError, match="more than 10000000, the limit here") as caught:
        load_gateway(file)
    assert caught.value.hint == "leave out what is not needed"


def test_no_file(tmp_path):
    with pytest.raises(SettingsError, match="no such file") as caught:
        load_gateway(tmp_path / "nothing.yaml")
    assert caught.value.hint


@pytest.mark.parametrize(
    "path", sorted((configs_folder() / "gateway").glob("*.yaml")), ids=lambda path: path.stem
)
def test_examples_that_are_shipped(path: Path):
    checked = check_mapping(path)

    assert checked.problems == []
    assert not any(re.search("not used|meant", note) for note in checked.notes)
