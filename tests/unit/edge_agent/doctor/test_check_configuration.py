"""``pur-mold-twin check``: where each setting comes from, and everything that is wrong at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.config.settings import load_settings
from edge_agent.errors import SettingsError
from twin_core.shipped_files import configs_folder

MINIMAL = "site: s\nagent_id: a\npresses: [p1]\n"


def written(folder: Path, text: str, name: str = "agent.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def check(path: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["check", "-c", str(path), *options])


def test_each_setting_has_its_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, MINIMAL + "broker: {host: common, port: 1884, username: u}\n")
    site = written(tmp_path, "broker: {host: of-the-site}\n", "sites/s.yaml")
    monkeypatch.setenv("TWIN_BROKER__PORT", "1885")
    monkeypatch.setenv("TWIN_LOG", '{"level": "debug"}')
    monkeypatch.setenv("TWIN_BROKER__PASSWORD", "nobody-sees-this")
    result = check(path, "--output", "json")
    assert result.exit_code == 0, result.output
    assert "nobody-sees-this" not in result.output
    found = {one["field"]: one for one in json.loads(result.stdout)["settings"]}
    wanted = {
        "site": ("s", str(path)),
        "broker.host": ("of-the-site", str(site)),
        "broker.port": ("1885", "environment: TWIN_BROKER__PORT"),
        "broker.username": ("u", str(path)),
        "broker.password": ("(not shown)", "environment: TWIN_BROKER__PASSWORD"),
        "broker.keepalive_s": ("30", "default"),
        "log.level": ("debug", "environment: TWIN_LOG"),
        "log.style": ("json", "default"),
    }
    assert {name: (found[name]["value"], found[name]["origin"]) for name in wanted} == wanted
    settings = load_settings(path)
    assert (settings.broker.host, settings.broker.port) == ("of-the-site", 1885)


def test_secrets_that_lie_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = tmp_path / "secrets"
    written(secrets, "nobody-sees-this\n", "pur_mqtt")
    url = written(secrets, "postgresql://u:nobody-sees-this@db/twin\n", "url")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(secrets))
    more = "broker: {username: u, password_file: 'credentials:mqtt'}\n"
    path = written(tmp_path, f"{MINIMAL}{more}history: {{url_file: {url}}}\n")
    result = check(path, "--output", "json")
    assert result.exit_code == 0, result.output
    assert "nobody-sees-this" not in result.output
    found = {one["field"]: one["origin"] for one in json.loads(result.stdout)["settings"]}
    assert found["broker.password"] == f"secrets folder: {secrets}/mqtt"
    assert found["history.url"] == f"secret file: {url}"
    shown = check(written(tmp_path, MINIMAL + "history: {url: 'postgres://u:sees-this@db/t'}\n"))
    assert "postgres://u@db/t" in shown.stdout
    assert "sees-this" not in shown.output


def test_the_file_of_a_site_is_of_that_site(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL)
    written(tmp_path, "site: other\n", "sites/s.yaml")
    with pytest.raises(SettingsError, match="site: is 'other': the file is named after 's'"):
        load_settings(path)


def test_all_problems_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("systems", "molds"):
        shutil.copytree(configs_folder() / name, tmp_path / name)
    written(tmp_path, "colour: red\n", "molds/WRONG.yaml")
    written(tmp_path, "system_id: HALF\nversion: 1\n", "systems/HALF.yaml")
    twin = (tmp_path / "molds" / "PANEL_A.yaml").read_text()
    written(tmp_path, twin, "molds/TWICE.yaml")
    monkeypatch.setenv("TWIN_BROKER__HOTS", "x")
    monkeypatch.setenv("TWIN_HELTH__PORT", "1")
    path = written(
        tmp_path,
        f"""site: s
agent_id: a b
presses: [p1]
broker: {{tls: {{enabled: true, ca_file: {tmp_path}/missing.crt}}}}
history: {{url_file: {tmp_path}/missing-url}}
catalogue: {{systems: {tmp_path}/systems, molds: {tmp_path}/molds}}
quality: {{H_demold_min_shore: 50, H_24h_min_shore: 40, p_max_allowable_bar: 1.0}}
quality_by_mold: {{NO_SUCH: {{t_cycle_max_s: 20000}}, PANEL_A: {{T_wall_max_C: 30}}}}
health: {{port: 9465}}
lerning: {{}}
""",
    )
    result = check(path)
    assert result.exit_code == 2
    for words in (
        "environment: TWIN_HELTH__PORT: no such section; is TWIN_HEALTH meant?",
        "environment: TWIN_BROKER__HOTS: broker.HOTS: unknown field: is host meant?",
        f"{path}: agent_id: ",
        f"{path}: health: port given, but the pages are off",
        f"{path}: lerning: unknown field: is learning meant?",
        "history.url_file: ",
        "WRONG.yaml: colour: unknown field",
        "HALF.yaml: description: is missing",
        "TWICE.yaml: mold_id: PANEL_A stands twice",
        "quality.H_24h_min_shore: 40 is below H_demold_min_shore 50",
        "shots.timeout_s: 14400 s is shorter than quality_by_mold.NO_SUCH.t_cycle_max_s",
    ):
        assert words.lower() in result.stdout.lower(), (words, result.stdout)
    assert max(len(line) for line in result.stdout.split("file 1:")[0].splitlines()) <= 80
    assert "Traceback" not in result.output


def test_contradictions_with_a_catalogue_that_is_right(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"""{MINIMAL}broker: {{tls: {{enabled: true, ca_file: {tmp_path}/missing.crt}}}}
quality: {{p_max_allowable_bar: 1.0}}
quality_by_mold: {{NO_SUCH: {{}}, PANEL_A: {{T_wall_max_C: 30}}}}
""",
    )
    result = check(path, "--output", "json")
    assert result.exit_code == 2
    problems = "\n".join(json.loads(result.stdout)["problems"])
    for words in (
        f"broker.tls.ca_file: {tmp_path}/missing.crt: no such file",
        "quality_by_mold.NO_SUCH: no such mold in the catalogue (there are: BLOCK_500x500x100, "
        "CUP, ",
        "quality.p_max_allowable_bar: 1 is not above the ambient pressure at mold PANEL_A",
        "quality_by_mold.PANEL_A.T_wall_max_C: 30 is not above the set temperature",
    ):
        assert words in problems, (words, problems)


def test_a_file_that_is_not_there_or_no_yaml(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.yaml", written(tmp_path, ": :\n  - ]")):
        result = check(path)
        assert result.exit_code == 2
        assert f"problem: {path}: " in result.stdout
    missing = tmp_path / "missing.yaml"
    assert "→ correct the path" in check(missing).stdout
    done = CliRunner().invoke(main, ["doctor", "-c", str(missing)])
    assert "correct the path" in done.stdout
    assert "check shows all settings" not in done.stdout
