"""Parameter sets in a folder: promote, go back, refusals, what is listed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from edge_agent.cli import main
from edge_agent.config.catalogue import changed_sets
from edge_agent.config.parameter_sets import IN_USE, load_set, sets_in_use
from edge_agent.config.settings import load_settings
from edge_agent.doctor.computing import check_catalogue
from tests.support.parameter_sets import (
    MADE,
    MOLD,
    OTHER,
    SYSTEM,
    catalogue,
    made_set,
    run,
    sets_of,
    used,
    written,
)
from twin_core import InputError
from twin_core.calibration.parameter_set import Verdict


def test_promote_and_go_back(plant: Path) -> None:
    both: dict[str, dict[str, float]] = {MOLD: {}, OTHER: {"T_core_offset_C": 1.0}}
    written(sets_of(plant), made_set(0.5, both), made_set(0.6, both), made_set(0.7))
    before = catalogue(plant)
    said = run(plant, "promote", SYSTEM, 1).stdout
    assert said.splitlines()[0] == "PANEL_A: in use: SYSTEM_R1-c1 (before: no set)"
    assert "by itself" in said
    assert used(plant) == {MOLD: "SYSTEM_R1-c1", OTHER: "SYSTEM_R1-c1"}
    (first, _) = changed_sets(before, catalogue(plant))
    assert first == ((MOLD, SYSTEM), "SYSTEM_R1-c1", "no set before")
    run(plant, "promote", SYSTEM, 2, "--mold", OTHER)
    assert used(plant) == {MOLD: "SYSTEM_R1-c1", OTHER: "SYSTEM_R1-c2"}
    assert "by itself" not in run(plant, "promote", SYSTEM, 2, "--mold", OTHER).stdout
    error = run(plant, "rollback", SYSTEM, exit_code=2).stderr
    assert "different sets" in error
    assert "--mold" in error
    run(plant, "promote", SYSTEM, 3)
    for mold, expected in ((OTHER, "SYSTEM_R1-c1"), (MOLD, "SYSTEM_R1-c1"), (OTHER, None)):
        run(plant, "rollback", SYSTEM, "--mold", mold)
        assert used(plant).get(mold) == expected
    assert "PANEL_A: in use: no set (before: SYSTEM_R1-c1)" in run(plant, "rollback", SYSTEM).stdout
    assert used(plant) == {}
    assert "no parameter set is in use" in run(plant, "rollback", SYSTEM, exit_code=2).stderr
    error = run(plant, "rollback", SYSTEM, "--mold", MOLD, exit_code=2).stderr
    assert "mold PANEL_A: no set was in use before" in error


@pytest.mark.parametrize(
    ("made", "more", "words", "anyway"),
    [
        (made_set(use=False), (), "SYSTEM_R1-c1: its verdict is not to use it: no better", True),
        (
            made_set(verdict=Verdict(use=False, words="not used: 1 % less error")),
            (),
            "its verdict is not to use it: 1 % less error; --anyway promotes it",
            True,
        ),
        (made_set(physics_hash="ab" * 8), (), "was fitted with another physics", True),
        (made_set(), ("--mold", OTHER), "without shots of mold PANEL_B (molds: PANEL_A)", True),
        (made_set(molds={}), (), "names no mold: say which with --mold", False),
        (made_set(), ("--mold", "NONE"), "mold NONE is not in the catalogue", False),
        (
            made_set(system_version=1, system_hash="ab" * 8),
            (),
            "fitted to SYSTEM_R1 version 1, and version 2 is in use: calibrate anew",
            False,
        ),
        (
            made_set(system_version=1),
            (),
            "system_version is 1, and the system with that system_hash has version 2",
            False,
        ),
        (
            made_set(system_hash="ab" * 8),
            (),
            "version 2 with other numbers than those in use: calibrate anew",
            False,
        ),
    ],
)
def test_what_cannot_be_used_is_not_promoted(
    plant: Path, made: Any, more: tuple[str, ...], words: str, anyway: bool
) -> None:
    written(sets_of(plant), made)
    assert words in run(plant, "promote", SYSTEM, 1, *more, exit_code=2).stderr
    assert sets_in_use(sets_of(plant)) == {}
    run(plant, "promote", SYSTEM, 1, *more, "--anyway", exit_code=0 if anyway else 2)
    assert bool(sets_in_use(sets_of(plant))) == anyway


def test_a_set_that_is_not_there(plant: Path) -> None:
    written(sets_of(plant), made_set())
    error = run(plant, "promote", SYSTEM, 9, exit_code=2).stderr
    assert "no parameter set 9 of SYSTEM_R1 (there are: 1)" in error
    assert "(there are: none)" in run(plant, "show", "NONE", 1, exit_code=2).stderr


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "held_out_count: 30",
            "held_out_count: -3",
            r"c1.yaml: line \d+: provenance.held_out_count",
        ),
        ("number: 1", "number: 2", r"c1.yaml: line 3: number: is 2, and the file's name says 1"),
        ("verdict:", "verdicts:", r"c1.yaml: line \d+: verdicts: unknown field: is verdict meant"),
        ("system_id: SYSTEM_R1", "system_id: [", r"c1.yaml: cannot be read as YAML: line"),
    ],
)
def test_a_damaged_file_is_named_with_line_and_field(
    plant: Path, old: str, new: str, words: str
) -> None:
    (file,) = written(sets_of(plant), made_set())
    run(plant, "promote", SYSTEM, 1)
    file.write_text(file.read_text().replace(old, new))
    for arguments in (("list",), ("show", SYSTEM, 1)):
        assert re.search(words, run(plant, *arguments, exit_code=2).stderr)
    with pytest.raises(InputError, match=words):
        catalogue(plant)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("value: 0.9206,", "value: 1.0499,"),
        ("use: true", "use: false"),
        ("words: better", "words: far better"),
        ("system_version: 2", "system_version: 1"),
        ("made_by: tester", "made_by: somebody"),
        ("shots_count: 120", "shots_count: 120.0"),
        ("\ncontent_hash: ", "\n# content_hash: "),
        ("\ncontent_hash: ", "\ncontent_hash: 0"),
    ],
)
def test_an_edited_set_is_refused(plant: Path, old: str, new: str) -> None:
    written(sets_of(plant), made_set())
    (file,) = written(sets_of(plant), made_set(None, {MOLD: {"cavity_volume_factor": 0.9206}}))
    run(plant, "promote", SYSTEM, 1)
    whole = file.read_text()
    assert whole.count(old) == 1
    file.write_text(whole.replace(old, new))
    for arguments in (("promote", SYSTEM, 2), ("show", SYSTEM, 2)):
        said = run(plant, *arguments, exit_code=2).stderr
        assert re.search(r"SYSTEM_R1-c2\.yaml: (line \d+: )?content_hash: is ", said)
        assert "edited or damaged: calibrate anew, or bring back the file" in said
    assert used(plant) == {MOLD: "SYSTEM_R1-c1"}
    file.write_text("# a remark changes no number\n" + whole)
    run(plant, "promote", SYSTEM, 2)


def test_whatever_a_set_says_is_read_as_it_was_written(plant: Path) -> None:
    odd = {"made_by": "Müller: 12e5 ", "command": "a\n\tb 'c' \x85 \u2028 #"}
    made = made_set(
        0.1 + 0.2, {MOLD: {"T_core_offset_C": -1e-17}}, provenance=MADE.model_copy(update=odd)
    )
    written(sets_of(plant), made)
    assert load_set(sets_of(plant), SYSTEM, 1) == made


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("sets: {PANEL_A: {SYSTEM_R1: {number: 9}}}", "sets.PANEL_A.SYSTEM_R1.number: "),
        ("sets: {PANEL_A: {SYSTEM_R1: {number: 0}}}", "line 1: sets.PANEL_A.SYSTEM_R1.number"),
        ("sets: [", "cannot be read as YAML"),
    ],
)
def test_a_damaged_file_of_what_is_in_use(plant: Path, content: str, words: str) -> None:
    written(sets_of(plant), made_set())
    (sets_of(plant) / IN_USE).write_text(content)
    with pytest.raises(InputError) as error:
        catalogue(plant)
    assert IN_USE in str(error.value)
    assert words in str(error.value)


def test_check_tells_of_it(plant: Path) -> None:
    written(sets_of(plant), made_set())
    (sets_of(plant) / IN_USE).write_text("sets: {PANEL_A: {SYSTEM_R1: {number: 9}}}")
    checked = CliRunner().invoke(main, ["check", "--config", str(plant / "agent.yaml")])
    assert checked.exit_code == 2
    assert "sets.PANEL_A.SYSTEM_R1.number: " in checked.output + checked.stderr


def test_a_file_of_another_name_is_told(plant: Path) -> None:
    (file,) = written(sets_of(plant), made_set())
    file.rename(sets_of(plant) / "copy.yaml")
    assert "copy.yaml: no name of a parameter set" in run(plant, "list", exit_code=2).stderr


def test_one_wrong_file_hides_no_other(plant: Path) -> None:
    files = written(sets_of(plant), *[made_set(0.5 + 0.01 * i) for i in range(4)])
    run(plant, "promote", SYSTEM, 1)
    for file in (files[1], files[2]):
        file.write_text(file.read_text().replace("use: true", "use: false"))
    (sets_of(plant) / "copy.yaml").write_text("x: 1\n")
    found = run(plant, "list", exit_code=2)
    assert re.findall(r"(?m)^SYSTEM_R1-c\d(?= )", found.stdout) == ["SYSTEM_R1-c1", "SYSTEM_R1-c4"]
    assert [line.partition(": line")[0] for line in found.stderr.splitlines()] == [
        f"error: {files[1]}", f"error: {files[2]}",
        f"error: {sets_of(plant)}/copy.yaml: no name of a parameter set: rename it SYSTEM-c1.yaml, "
        "or move it",
    ]  # fmt: skip
    rows = json.loads(run(plant, "list", "--output", "json", exit_code=2).stdout)
    assert [row["set"] for row in rows] == ["SYSTEM_R1-c1", "SYSTEM_R1-c4"]
    said = list(check_catalogue(load_settings(plant / "agent.yaml")))
    assert [one.status for one in said] == ["warning"] * 3 + ["ok"] * 2
    assert "c2.yaml: line" in said[0].words
    assert written(sets_of(plant), made_set())[0].name == "SYSTEM_R1-c5.yaml"


def test_wrong_sets_in_use_are_named_each_with_its_molds(plant: Path) -> None:
    both: dict[str, dict[str, float]] = {MOLD: {}, OTHER: {}}
    files = written(sets_of(plant), made_set(0.5, both), made_set(0.6, both), made_set(0.7))
    run(plant, "promote", SYSTEM, 1)
    run(plant, "promote", SYSTEM, 2, "--mold", OTHER)
    files[0].write_text(files[0].read_text()[:-9])
    files[1].unlink()
    found = run(plant, "list", exit_code=2)
    assert "SYSTEM_R1-c3" in found.stdout
    damaged, gone = found.stderr.splitlines()
    assert "c1.yaml: line" in damaged
    assert "(in use: PANEL_A)" in damaged
    assert f"{IN_USE}: sets.PANEL_B.SYSTEM_R1.number: " in gone
    with pytest.raises(InputError, match="in use: PANEL_A") as error:
        list(check_catalogue(load_settings(plant / "agent.yaml")))
    assert "bring its file back, or promote another set" in str(error.value)
    run(plant, "promote", SYSTEM, 3)  # the way out of both
    run(plant, "promote", SYSTEM, 3, "--mold", OTHER, "--anyway")
    assert used(plant) == {MOLD: "SYSTEM_R1-c3", OTHER: "SYSTEM_R1-c3"}
    (sets_of(plant) / IN_USE).write_text("sets: [")
    found = run(plant, "list", exit_code=2)
    assert "SYSTEM_R1-c3" in found.stdout
    assert f"{IN_USE}: cannot be read as YAML" in found.stderr


def test_who_promoted_is_recorded_and_listed(plant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both: dict[str, dict[str, float]] = {MOLD: {}, OTHER: {}}
    written(sets_of(plant), made_set(0.5, both), made_set(0.6, both))
    (sets_of(plant) / IN_USE).write_text("sets: {PANEL_B: {SYSTEM_R1: {number: 1}}}\n")  # of old
    assert "put into use" not in run(plant, "list").stdout
    monkeypatch.setenv("LOGNAME", "anna")
    run(plant, "promote", SYSTEM, 1)
    assert "promoted_" not in str(sets_in_use(sets_of(plant))[OTHER, SYSTEM].model_fields_set)
    used_by = sets_in_use(sets_of(plant))[MOLD, SYSTEM]
    assert used_by.promoted_by == "anna"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", used_by.promoted_at or "")
    words = rf"SYSTEM_R1-c1: put into use {used_by.promoted_at} by anna for PANEL_A\n"
    assert re.search(words, run(plant, "list").stdout)
    monkeypatch.setenv("LOGNAME", "bert")
    run(plant, "promote", SYSTEM, 2, "--mold", MOLD)
    run(plant, "rollback", SYSTEM, "--mold", MOLD)
    first = json.loads(run(plant, "list", "--output", "json").stdout)[0]["promoted"]
    assert first[MOLD]["promoted_by"] == "bert"
    assert first[OTHER] == {"promoted_at": None, "promoted_by": None}


def test_what_is_listed_and_shown(plant: Path) -> None:
    assert "no parameter sets" in run(plant, "list").stdout
    written(sets_of(plant), made_set(0.5, {MOLD: {"T_core_offset_C": 2.0}}), made_set(use=False))
    run(plant, "promote", SYSTEM, 1)
    first, second = json.loads(run(plant, "list", "--output", "json").stdout)
    assert (first["set"], first["in_use_for"], first["verdict_use"]) == (
        *("SYSTEM_R1-c1", [MOLD]),
        True,
    )
    assert first["shots_hash"] == "ab" * 32
    assert (second["in_use_for"], second["verdict_use"]) == ([], False)
    assert "fitted to simulated shots" in run(plant, "list").stdout
    assert max(map(len, run(plant, "list").stdout.splitlines())) <= 80
    shown = run(plant, "show", SYSTEM, 1).stdout
    for words in ("gelling.A", "T_core_offset_C", "120 simulated shots", "verdict: use it"):
        assert words in shown
    document = json.loads(run(plant, "show", SYSTEM, 1, "--output", "json").stdout)
    assert document["parameters_hash"] == load_set(sets_of(plant), SYSTEM, 1).parameters_hash()


def test_another_version_of_the_system_leaves_its_sets_behind(plant: Path) -> None:
    written(sets_of(plant), made_set())
    run(plant, "promote", SYSTEM, 1)
    data = yaml.safe_load((plant / "systems" / f"{SYSTEM}.yaml").read_text()) | {"version": 3}
    (plant / "systems" / f"{SYSTEM}-v3.yaml").write_text(yaml.safe_dump(data))
    ask = ["systems", "promote", SYSTEM, "3", "--config", str(plant / "agent.yaml")]
    said = CliRunner().invoke(main, ask)
    assert said.exit_code == 0
    words = "PANEL_A: predictions go without a parameter set: SYSTEM_R1-c1 was fitted to SYSTEM_R1"
    assert words in said.stdout
    assert used(plant) == {}
    assert "calibrate anew" in catalogue(plant).sets_refused[MOLD, SYSTEM]
    assert "not used: SYSTEM_R1-c1 was fitted" in run(plant, "list").stdout
    ask = ["systems", "rollback", SYSTEM, "--config", str(plant / "agent.yaml")]
    assert "without a parameter set" not in CliRunner().invoke(main, ask).stdout
    assert used(plant) == {MOLD: "SYSTEM_R1-c1"}


def test_a_system_is_promoted_though_another_one_is_damaged(plant: Path) -> None:
    written(sets_of(plant), made_set())
    run(plant, "promote", SYSTEM, 1)
    folder = plant / "systems"
    data = yaml.safe_load((folder / f"{SYSTEM}.yaml").read_text())
    (folder / f"{SYSTEM}-v3.yaml").write_text(yaml.safe_dump(data | {"version": 3}))
    odd = data | {"system_id": "ODD", "gelling": {"A": "much"}}
    (folder / "ODD.yaml").write_text(yaml.safe_dump(odd))
    where = ["--config", str(plant / "agent.yaml")]
    said = CliRunner().invoke(main, ["systems", "promote", SYSTEM, "3", *where])
    assert said.exit_code == 0, said.output
    assert "SYSTEM_R1: in use: version 3 (before: 2)" in said.stdout
    assert "whether parameter sets fit cannot be told: " in said.stdout
    assert "ODD.yaml" in said.stdout
    said = CliRunner().invoke(main, ["systems", "rollback", "NOBODY", *where])
    assert said.exit_code == 2, said.output
    assert "no system 'NOBODY'" in said.stderr


def test_facts_of_a_mold_with_a_set(plant: Path) -> None:
    written(sets_of(plant), made_set(0.5))
    run(plant, "promote", SYSTEM, 1)
    found = catalogue(plant)
    facts, plain = found.facts_of(SYSTEM, MOLD), found.facts_of(SYSTEM, OTHER)
    assert plain == found.facts[SYSTEM]
    assert (facts.set_id, facts.version) == ("SYSTEM_R1-c1", 2)
    assert facts.parameters_hash == found.parameter_sets[MOLD, SYSTEM].parameters_hash()
    assert len({of.parameters_hash for _, of in found.all_facts}) == 2
