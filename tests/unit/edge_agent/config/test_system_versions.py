"""Versions of a material system in one folder: which is in use, promote, rollback, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.config.catalogue import changed_systems, read_catalogue
from edge_agent.config.settings import CatalogueSettings
from tests.support.scenarios import CONFIGS
from twin_core import InputError, load_systems
from twin_core.system_versions import IN_USE, file_of, load_sheets, versions_in_use

SYSTEM = "SYSTEM_R1"


def systems(*arguments: object, exit_code: int = 0) -> Result:
    found = CliRunner().invoke(main, ["systems", *map(str, arguments)])
    assert found.exit_code == exit_code, found.output
    return found


def version(folder: Path, number: int, name: str | None = None, source: str = SYSTEM) -> Path:
    """A version of a system of the catalogue as a file; its density tells which it is."""
    data = yaml.safe_load((CONFIGS / "systems" / f"{source}.yaml").read_text())
    data["version"] = number
    if "liquid" in data:
        data["liquid"]["density"]["value"] = 1000 + number
    file = folder / (name or f"{source}-v{number}.yaml")
    file.write_text(yaml.safe_dump(data))
    return file


def in_use(folder: Path) -> int:
    """The version that commands and agents take."""
    found = load_systems(folder)[SYSTEM]
    assert found.liquid.density.value == 1000 + found.version
    assert found.version == versions_in_use(folder)[SYSTEM]
    return found.version


def test_a_new_file_beside_the_old_one_changes_nothing(tmp_path: Path) -> None:
    version(tmp_path, 2, "SYSTEM_R1.yaml")
    assert in_use(tmp_path) == 2
    for number in (3, 1):  # a newer and an older one
        version(tmp_path, number)
        assert in_use(tmp_path) == 2


def test_without_a_file_named_after_the_system_the_lowest_is_in_use(tmp_path: Path) -> None:
    version(tmp_path, 12)
    version(tmp_path, 3)
    assert in_use(tmp_path) == 3
    listed = tmp_path / "list" / "catalog.yaml"
    listed.parent.mkdir()
    entries = [yaml.safe_load(version(tmp_path, n).read_text()) for n in (5, 4)]
    listed.write_text(yaml.safe_dump({"systems": entries}))
    assert in_use(listed) == 4


def test_promote_and_rollback(tmp_path: Path) -> None:
    version(tmp_path, 2, "SYSTEM_R1.yaml")
    version(tmp_path, 3)
    version(tmp_path, 4)
    said = systems("promote", SYSTEM, 3, "--systems", tmp_path).stdout
    assert "SYSTEM_R1: in use: version 3 (before: 2)" in said
    assert "systemctl reload" in said
    assert in_use(tmp_path) == 3
    assert file_of(tmp_path, SYSTEM).name == "SYSTEM_R1-v3.yaml"
    systems("promote", SYSTEM, 4, "--systems", tmp_path)
    assert "version 4, as before" in systems("promote", SYSTEM, 4, "--systems", tmp_path).stdout
    for expected in (3, 2):
        systems("rollback", SYSTEM, "--systems", tmp_path)
        assert in_use(tmp_path) == expected
    error = systems("rollback", SYSTEM, "--systems", tmp_path, exit_code=2).stderr
    assert "SYSTEM_R1: no version was in use before" in error


def test_what_is_listed(tmp_path: Path) -> None:
    version(tmp_path, 2, "SYSTEM_R1.yaml")
    version(tmp_path, 3)
    version(tmp_path, 1, source="dekolast_8if")
    config = tmp_path / "agent.yaml"
    config.write_text(
        "site: s\nagent_id: a\npresses: [p1]\n"
        f"catalogue: {{systems: {tmp_path / 'systems'}, molds: {CONFIGS / 'molds'}}}\n"
    )
    (tmp_path / "systems").mkdir()
    for file in tmp_path.glob("*-v*.yaml"):
        file.rename(tmp_path / "systems" / file.name)
    version(tmp_path / "systems", 2, "SYSTEM_R1.yaml")
    systems("promote", SYSTEM, 3, "--config", config)
    rows = json.loads(systems("list", "--config", config, "--output", "json").stdout)
    assert [(r["system_id"], r["version"], r["use"], r["kind"]) for r in rows] == [
        (SYSTEM, 2, "", "simulated"),
        (SYSTEM, 3, "in use", "simulated"),
        ("dekolast_8if", 1, "in use", "sheet only"),
    ]
    shown = systems("show", SYSTEM, "--config", config).stdout
    assert "SYSTEM_R1-v3.yaml" in shown
    assert "dekolast" not in shown


def test_a_version_that_stands_twice_is_refused_with_both_names(tmp_path: Path) -> None:
    version(tmp_path, 2, "SYSTEM_R1.yaml")
    version(tmp_path, 2, "copy.yaml")
    with pytest.raises(InputError, match="version 2 of system SYSTEM_R1 stands twice") as error:
        load_systems(tmp_path)
    assert "copy.yaml" in str(error.value)
    assert "SYSTEM_R1.yaml" in str(error.value)


@pytest.mark.parametrize("raw", ['"2"', "2.0", "true", "0"])
def test_a_version_that_is_no_whole_number_is_refused(tmp_path: Path, raw: str) -> None:
    file = version(tmp_path, 2)
    file.write_text(file.read_text().replace("version: 2", f"version: {raw}"))
    with pytest.raises(InputError, match=r"SYSTEM_R1-v2\.yaml: version: "):
        load_systems(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("systems: {SYSTEM_R1: {version: 9}}", "systems.SYSTEM_R1.version: no version 9 here"),
        ("systems: {NO_SUCH: {version: 1}}", "systems: no system 'NO_SUCH'"),
        ("systems: {SYSTEM_R1: {version: 1.5}}", "systems.SYSTEM_R1.version"),
        ("systems: [", "cannot be read as YAML"),
        ("SYSTEM_R1: 2", "unknown field"),
    ],
)
def test_a_wrong_file_of_what_is_in_use_is_said(tmp_path: Path, content: str, words: str) -> None:
    version(tmp_path, 2)
    (tmp_path / IN_USE).write_text(content)
    error = systems("list", "--systems", tmp_path, exit_code=2).stderr
    assert IN_USE in error
    assert words in error
    with pytest.raises(InputError):
        load_systems(tmp_path)


def test_what_cannot_be_used_is_not_promoted(tmp_path: Path) -> None:
    version(tmp_path, 2)
    broken = version(tmp_path, 3)
    broken.write_text(broken.read_text().replace("density:", "densty:"))
    version(tmp_path, 1, source="dekolast_8if")
    for ask, words in (
        ((SYSTEM, 3), "liquid.densty"),
        ((SYSTEM, 9), "no version 9 of SYSTEM_R1 (there are: 2, 3)"),
        (("NO_SUCH", 1), "no system 'NO_SUCH'"),
        (("dekolast_8if", 1), "known by its data sheet only"),
    ):
        assert words in systems("promote", *ask, "--systems", tmp_path, exit_code=2).stderr
    assert not (tmp_path / IN_USE).exists()
    assert (
        "must be a folder"
        in systems(
            "promote", SYSTEM, 2, "--systems", tmp_path / "SYSTEM_R1-v2.yaml", exit_code=2
        ).stderr
    )
    assert in_use(tmp_path) == 2  # a version that is not in use stops nothing


def test_a_sheet_stays_until_its_completed_version_is_promoted(tmp_path: Path) -> None:
    version(tmp_path, 1, "dekolast_8if.yaml", source="dekolast_8if")
    full = yaml.safe_load(version(tmp_path, 2).read_text()) | {"system_id": "dekolast_8if"}
    (tmp_path / "SYSTEM_R1-v2.yaml").write_text(yaml.safe_dump(full))
    assert (list(load_systems(tmp_path)), list(load_sheets(tmp_path))) == ([], ["dekolast_8if"])
    systems("promote", "dekolast_8if", 2, "--systems", tmp_path)
    assert (list(load_systems(tmp_path)), list(load_sheets(tmp_path))) == (["dekolast_8if"], [])
    systems("rollback", "dekolast_8if", "--systems", tmp_path)
    assert list(load_sheets(tmp_path)) == ["dekolast_8if"]


def test_what_changed_between_two_catalogues(tmp_path: Path) -> None:
    def read() -> list[tuple[str, int, str]]:
        return list(changed_systems(before, read_catalogue(folders)))

    folders = CatalogueSettings(systems=tmp_path, molds=CONFIGS / "molds")
    file = version(tmp_path, 2, "SYSTEM_R1.yaml")
    version(tmp_path, 3)
    before = read_catalogue(folders)
    assert read() == []
    systems("promote", SYSTEM, 3, "--systems", tmp_path)
    assert read() == [(SYSTEM, 3, "version 2 before")]
    systems("rollback", SYSTEM, "--systems", tmp_path)
    file.write_text(file.read_text().replace("value: 1002", "value: 1003"))
    version(tmp_path, 2, "SYSTEM_M1.yaml", source="SYSTEM_M1")
    assert read() == [("SYSTEM_M1", 2, "new"), (SYSTEM, 2, "other content")]
