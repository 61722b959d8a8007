"""YAML that would hang, crash or fill a program is refused with its line, and at little cost."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from edge_agent.config.settings import load_settings
from twin_core import InputError
from twin_core.checked_yaml import read_yaml
from twin_core.shipped_files import configs_folder
from twin_core.yaml_text import DEPTH_MAX, VALUES_MAX, dump_yaml, key_lines, parse_yaml

LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 40)
)
BAD = {
    "alias bomb": (LAUGHS, r"line 6: more than 30000 keys and values, what aliases .* repeat"),
    "merge bomb": (MERGES, r"line 1\d: more than 30000 keys and values"),
    "alias of what is around it": ("a: &a [1, *a]\n", r"line 1: \*a stands for nothing before it"),
    "alias of nothing": ("a: 1\nb: *c\n", r"line 2: \*c stands for nothing before it"),
    "many values": (
        "a:\n" + "- 1\n" * VALUES_MAX,
        r"line 29\d\d\d: more than 30000 keys and values",
    ),
    "brackets": ("a: " + "[" * 200_000, rf"line 1: nested deeper than {DEPTH_MAX} levels"),
    "brackets, closed": ("[" * 100_000 + "]" * 100_000, r"line 1: nested deeper than"),
    "braces": ("{a: " * 100_000, r"line 1: nested deeper than"),
    "dashes": ("- " * 400_000, r"line 1: nested deeper than"),
    "questions": ("? " * 400_000, r"line 1: nested deeper than"),
    "lines": ("".join(" " * i + "a:\n" for i in range(1000)), r"line 51: nested deeper than"),
    "directives": ("".join(f"%TAG !a{i}! x\n" for i in range(60_000)), r"line 1: %TAG is not"),
    "a key twice": ("a: 1\nb: 2\na: 3\n", r"line 3: 'a' stands twice"),
    "a key twice, deep": ("a:\n  - b: 1\n    b: 2\n", r"line 3: 'b' stands twice"),
    "a list as key": ("? [1, 2]\n: 3\n", r"line 1: found unhashable key"),
    "two documents": ("a: 1\n---\nb: 1\n", r"line 2: but found another document"),
    "a tab": ("a:\n\tb: 1\n", r"line 2: found character that cannot start any token"),
    "a Python object": ("a: !!python/object/apply:os.getcwd []\n", r"line 1: could not determine"),
    "no date": ("a: 2026-13-45\n", r"month must be in 1\.\.12"),
    "no number": ("a: !!int x\n", r"invalid literal for int"),
    "a long number": ("a: 1\nb: " + "9" * 10_000, r"line 2: a number of 10000 digits"),
    "a control character": (
        "a: 1\nb: \x01\n",
        r"line 2: the character U\+0001 is none of a text: remove it",
    ),
    "no name": ("a: 1\n1: 2\n", r"line 2: a field must have a name, not 1: quote it"),
    "no mapping": ("[1]", r"must hold a mapping of fields, not list"),
    "nothing": ("", r"must hold a mapping of fields, not NoneType"),
}


@pytest.mark.parametrize("name", BAD)
def test_refused_with_file_and_line(name: str, tmp_path: Path) -> None:
    text, problem = BAD[name]
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"bad\.yaml: .*{problem}") as refused:
        read_yaml(path)
    assert len(str(refused.value)) < 500 + len(str(path))


def test_a_file_may_not_be_larger_than_a_megabyte(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text("#" * 1_000_000 + "\na: 1")
    with pytest.raises(InputError, match=r"large\.yaml: 1000005 bytes, more than 1000000"):
        read_yaml(path)


def test_aliases_and_merge_keys_of_people_are_taken() -> None:
    text = """
usual: &usual {H_demold_min: 30, rho_moulded_min: 35}
quality_by_mold:
  A: *usual
  B:
    <<: *usual
    H_demold_min: 40
"""
    found = parse_yaml(text)["quality_by_mold"]
    assert found["A"] == {"H_demold_min": 30, "rho_moulded_min": 35}
    assert found["B"] == {"H_demold_min": 40, "rho_moulded_min": 35}


def test_a_large_catalogue_is_taken() -> None:
    text = "quality_by_mold:\n" + "".join(
        f"  mold{i}: {{rho_moulded_min: 35, rho_moulded_max: 45, H_demold_min: 30}}\n"
        for i in range(1500)
    )
    assert len(parse_yaml(text)["quality_by_mold"]) == 1500


NUMBERS = {
    "045": 45, "0640": 640, "08": 8, "-012": -12, "+7": 7, "0o17": 15, "0x1F": 31, "1e3": 1000.0,
    "1E-2": 0.01, "045.5": 45.5, ".5": 0.5, "5.": 5.0, "!!int 045": 45, "!!float 3": 3.0,
    ".inf": float("inf"), "true": True, "False": False,
    "yes": "yes", "no": "no", "on": "on", "off": "off", "y": "y", "1:30": "1:30", "0b11": "0b11",
    "1.2.3": "1.2.3", "'045'": "045", '"1_000"': "1_000", "A_1": "A_1", "1e": "1e", "~": None,
}  # fmt: skip


@pytest.mark.parametrize("written", NUMBERS)
def test_numbers_are_those_of_yaml_1_2(written: str) -> None:
    found = parse_yaml(f"a: {written}")["a"]
    assert found == NUMBERS[written]
    assert type(found) is type(NUMBERS[written])


@pytest.mark.parametrize("written", ["1_000", "1_00", "0x1_F", "1_000.5", "-1_0", "0b1_0", "[1_0]"])
def test_a_number_for_some_readers_alone_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"line 2: .* is a number for some readers .*: write "):
        parse_yaml(f"b: 1\na: {written}")


@pytest.mark.parametrize("written", ["!!bool x", "!!timestamp x", "!!int 1_0", "!!float 1_0"])
def test_tags_that_do_not_fit_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"tag|literal"):
        parse_yaml(f"a: {written}")


@pytest.mark.parametrize(
    "value",
    ["12e5", "1e3", "0o17", "045", "1_000", "yes", "1:30", "true", "~", "", 1e22, 1e-9, 7, True],
)
def test_what_is_written_is_read(value: object) -> None:
    text = dump_yaml({"a": value})
    assert parse_yaml(text)["a"] == value
    assert yaml.safe_load(text)["a"] == value, "older readers, too"


def test_numbers_of_the_configuration_of_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    text = (configs_folder() / "agent.yaml").read_text()
    assert "timeout_s: 14400 " in text
    path.write_text(text.replace("timeout_s: 14400 ", "timeout_s: 0600\n  signal_age_max_s: 3e2 "))
    shots = load_settings(path).shots
    assert (shots.timeout_s, shots.signal_age_max_s) == (600.0, 300.0)


def test_lines_of_keys_and_items() -> None:
    text = "a: &x\n  b: 1\nc:\n  - d\n  - {e: 2}\nf:\n  <<: *x\n  g: *x\n"

    assert key_lines(text) == {
        ("a",): 1, ("a", "b"): 2, ("c",): 3, ("c", "0"): 4, ("c", "1"): 5, ("c", "1", "e"): 5,
        ("f",): 6, ("f", "b"): 2, ("f", "g"): 8, ("f", "g", "b"): 2,
    }  # fmt: skip


def test_a_text_that_is_no_yaml_has_no_lines() -> None:
    assert key_lines("a: [") == {}
    assert key_lines("") == {}
