"""docs/import.md and the examples of datasources name what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_agent.imports.datasource_file import load_datasource
from edge_agent.imports.fields import FIELDS, RECIPE_FIELDS
from edge_agent.imports.settings import (
    Column,
    FolderSource,
    Moment,
    Paging,
    RestSource,
    Series,
    Signal,
    SqlSource,
)
from tests.support.processes import ROOT

PAGE = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"[A-Za-z_0-9]+", PAGE))
SECRETS = {"password", "token", "url"}


@pytest.mark.parametrize(
    "model", [SqlSource, FolderSource, RestSource, Column, Moment, Series, Signal, Paging]
)
def test_every_setting_is_named(model: type) -> None:
    fields = {
        field.alias or name
        for name, field in model.model_fields.items()  # type: ignore[attr-defined]
    }
    assert fields - SECRETS - {"name"} <= WORDS


def test_every_field_of_a_shot_is_named() -> None:
    assert set(FIELDS) - set(RECIPE_FIELDS) <= WORDS


@pytest.mark.parametrize("path", sorted((ROOT / "configs/datasources").glob("*.yaml")), ids=str)
def test_examples_can_be_read(path: Path) -> None:
    load_datasource(path)
    assert path.name in PAGE
