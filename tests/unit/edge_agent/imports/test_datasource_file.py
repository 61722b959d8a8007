"""YAML of datasources: every problem with its line, and no secret in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.errors import SettingsError
from edge_agent.imports.datasource_file import load_datasource, path_of
from edge_agent.imports.settings import RestSource, SqlSource
from twin_core.errors import InputError

GOOD = """\
driver: postgresql
host: db.plant
database: mes
user: twin
table: shots
columns:
  shot_id: nr
  m_polyol: {column: pm, unit: g}
"""


def written(folder: Path, text: str) -> Path:
    """A YAML file."""
    path = folder / "mes-1.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_password_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWIN_SOURCE_PASSWORD_MES_1", "secret")
    settings = load_datasource(written(tmp_path, GOOD))
    assert isinstance(settings, SqlSource)
    assert settings.password is not None
    assert settings.password.get_secret_value() == "secret"
    assert settings.columns["m_polyol_kg"].unit == "g", "an older name is the field of today"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "password: secret\n", "line 9: password: not in this file: use password_file"),
        ("dsn: postgresql://a:secret@b/c\n" + GOOD, "line 1: dsn: not in this file: use host"),
        (GOOD.replace("unit: g", "unit: bar"), "line 8: columns: "),
        (GOOD.replace("  shot_id: nr\n", ""), "shot_id is missing"),
        (GOOD.replace("shot_id", "shot_idd"), "'shot_idd' is no field of a shot: is shot_id meant"),
        (GOOD.replace("table", "tabel"), "tabel: unknown field: is table meant"),
        (GOOD.replace("postgresql", "oracle"), "line 1: driver: "),
        (GOOD + "time_zone: Berlin\n", "line 9: time_zone: 'Berlin' is no time zone"),
        ("kind: csv2\n", "line 1: kind: must be one of sql, csv"),
        ("kind: rest\nurl: http://a:b@c/\n", "url holds a user or password"),
        (
            "kind: rest\nurl: http://c/?v=2&api_key=secret\n",
            "line 2: rest: url holds a credential, api_key=",
        ),
        ("kind: rest\nurl: http://c/?accessToken=secret\n", "url holds a credential, accessToken="),
        ("kind: rest\nurl: http://c/?Password=secret\n", "url holds a credential, Password="),
        ("kind: rest\nurl: http://c/\ntoken: x\n", "line 3: token: not in this file"),
        ("kind: history\nurl: postgresql://a:b@c/d\n", "line 2: url: not in this file"),
        ("kind: csv\npath: a\nform: long\n", "form long needs series"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_datasource(written(tmp_path, text))
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_token_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWIN_SOURCE_TOKEN_MES_1", "secret")
    settings = load_datasource(written(tmp_path, "kind: rest\nurl: http://c/\n"))
    assert isinstance(settings, RestSource)
    assert "secret" not in repr(settings)


def test_an_id_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    assert path_of("mes-1", tmp_path) == tmp_path / "mes-1.yaml"
    with pytest.raises(InputError, match=r"there are: mes-1"):
        path_of("mes", tmp_path)


def test_a_question_without_a_secret_is_none(tmp_path: Path) -> None:
    url = "http://c/?v=2&monkey=1&sort_by=keyword&sort_key=a"
    assert isinstance(load_datasource(written(tmp_path, f"kind: rest\nurl: {url}\n")), RestSource)
