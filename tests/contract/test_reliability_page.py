"""docs/reliability.md: every test that it names exists, and every test of tests/chaos is named."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.processes import ROOT

TEXT = (ROOT / "docs" / "reliability.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", TEXT)))


def names_in(path: str) -> set[str]:
    """Names of the test functions of a file."""
    tree = ast.parse((ROOT / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node.name
        for node in tree.body
        if isinstance(node, functions) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("named", NAMED)
def test_what_is_named_exists(named: str) -> None:
    path, _, function = named.partition("::")
    assert (ROOT / path).is_file()
    if function:
        assert function in names_in(path)


def test_every_promise_names_a_test() -> None:
    rows = re.findall(r"^\| (?!promise|---)(.+?) \| (.+?) \|", TEXT, re.MULTILINE)
    assert len(rows) > 10
    for promise, proof in rows:
        assert proof.strip("`") in NAMED, promise


def test_every_test_of_chaos_is_a_promise() -> None:
    files = sorted((ROOT / "tests" / "chaos").glob("test_*.py"))
    found = {
        f"tests/chaos/{file.name}::{name}"
        for file in files
        for name in names_in(f"tests/chaos/{file.name}")
    }
    assert found <= set(NAMED)
