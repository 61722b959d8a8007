"""Names at the broker that nobody can guess, and the secret that they are made from."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.topics import PressAddress
from edge_agent.config.settings import Settings, load_settings
from edge_agent.errors import SettingsError
from edge_agent.links.mqtt import public
from edge_agent.presses.session_ids import HOW_TO_MAKE, SessionIds, session_ids

P1, P2 = PressAddress("s", "p1"), PressAddress("s", "p2")
SECRETS = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=22, max_size=60)


def settings(folder: Path = Path("nowhere"), group: str | None = None, **broker: Any) -> Settings:
    return Settings.model_validate(
        {
            "site": "s",
            "agent_id": "a",
            "presses": ["p1", "p2"],
            "share": {"group": group},
            "broker": broker,
            "spool": {"path": folder / "var" / "spool.db"},
        }
    )


def names(ids: SessionIds) -> list[str]:
    found = [f(press) for press in (P1, P2) for f in (ids.press, ids.reader)]
    return [*found, ids.share("line-a"), ids.status(), ids.probe(), ids.presence("x")]


@given(SECRETS, SECRETS)
def test_each_name_has_a_part_of_its_own(one: str, other: str) -> None:
    first = [*names(SessionIds(one, settings())), *names(SessionIds(one, settings(group="line-a")))]
    macs = {name.rpartition("-")[2] for name in first}
    assert all(re.fullmatch(r"[a-z2-7]{26}", mac) for mac in macs)
    assert len(macs) == 10, "the press's own sessions differ in a group, the other names do not"
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in first)
    if one != other:
        assert not set(first) & set(names(SessionIds(other, settings())))


@given(SECRETS, SECRETS)
def test_a_run_tells_only_who_has_the_secret_that_it_is_of_it(one: str, other: str) -> None:
    mine, theirs = SessionIds(one, settings()), SessionIds(other, settings())
    run = mine.new_run_id()
    assert mine.is_of_this_secret(run)
    assert theirs.is_of_this_secret(run) == (one == other)
    assert not mine.is_of_this_secret("other")
    assert run.rpartition("-")[2] not in "".join(names(mine))


def test_agents_of_a_group_name_a_press_alike() -> None:
    secret = "g" * 32
    a = SessionIds(secret, settings(group="line-a"))
    b = SessionIds(secret, settings(group="line-a").model_copy(update={"agent_id": "b"}))
    assert a.press(P1) == b.press(P1)
    assert a.share("line-a") == b.share("line-a")
    assert a.status() != b.status()


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = session_ids(settings(tmp_path))
    file = tmp_path / "var/spool.db.session-secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert names(session_ids(settings(tmp_path))) == names(first)
    assert [p.name for p in file.parent.iterdir()] == [file.name], "nothing half-written is left"


def test_a_secret_that_was_deleted_is_written_again(tmp_path: Path) -> None:
    ids = session_ids(settings(tmp_path))
    (file,) = tmp_path.rglob("*.session-secret")
    file.unlink()
    ids.keep()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert names(session_ids(settings(tmp_path))) == names(ids)


def test_a_given_secret_needs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept").write_text("k" * 32 + "\n")
    of_file = session_ids(settings(tmp_path, session_secret_file=tmp_path / "kept"))
    of_variable = session_ids(settings(tmp_path, session_secret="k" * 32))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    of_systemd = session_ids(settings(tmp_path, session_secret_file="credentials:kept"))
    assert names(of_file) == names(of_variable) == names(of_systemd)
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"group": "line-a"}, "agents of group line-a must have one secret in common"),
        ({"session_secret": "short"}, "TWIN_BROKER__SESSION_SECRET: holds no session secret"),
        ({"session_secret": "x" * 30 + "\n" + "y" * 30}, "one line of at least 22 characters"),
        ({"session_secret_file": "gone"}, "broker.session_secret_file: gone: no such file"),
    ],
)
def test_a_secret_that_cannot_be_used(more: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        session_ids(settings(tmp_path, **more))
    assert "short" not in str(refused.value)
    if "gone" not in words:
        assert HOW_TO_MAKE in str(refused.value)


def test_an_emptied_secret_is_not_replaced(tmp_path: Path) -> None:
    """A new one would leave the sessions at the broker behind without a word."""
    session_ids(settings(tmp_path))
    file = tmp_path / "var/spool.db.session-secret"
    file.write_text("")
    with pytest.raises(SettingsError, match=r"spool\.db\.session-secret: holds no session secret"):
        session_ids(settings(tmp_path))
    assert file.read_text() == ""


def test_the_yaml_holds_no_secret(tmp_path: Path) -> None:
    config = tmp_path / "agent.yaml"
    secret = "x" * 32
    config.write_text(f"site: s\nagent_id: a\npresses: [p]\nbroker: {{session_secret: {secret}}}\n")
    with pytest.raises(
        SettingsError, match=r"broker\.session_secret: not in this file.*__SESSION_"
    ):
        load_settings(config)


def test_an_error_of_the_link_does_not_name_the_share() -> None:
    assert public("$share/line-a-secret/pur/v1/s/p1/shot") == "pur/v1/s/p1/shot"
    assert public("pur/v1/s/p1/shot") == "pur/v1/s/p1/shot"
