"""`broker init` and `broker renew`: what they write, keep and refuse."""

from __future__ import annotations

import json
import pwd
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.setup import folder
from edge_agent.cli import main
from twin_core.extras import how_to_install

YAML = "site: s\nagent_id: a\npresses: [{presses}]\nbroker: {{host: press-pc}}\n"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "broker"


def init(out: Path, *options: str, presses: str = "p1") -> Result:
    config = out.parent / "agent.yaml"
    config.write_text(YAML.format(presses=presses))
    return CliRunner().invoke(
        main, ["broker", "init", "-c", str(config), "--out", str(out), *options]
    )


def renew(out: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["broker", "renew", "--out", str(out), *options])


def contents(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def refused(result: Result, *words: str, code: int = 2) -> None:
    assert result.exit_code == code, result.output
    assert not isinstance(result.exception, Exception)
    for word in words:
        assert word in result.stderr


def test_what_is_secret_is_only_its_owner_s(out: Path) -> None:
    assert init(out).exit_code == 0
    modes = {str(p.relative_to(out)): stat.S_IMODE(p.stat().st_mode) for p in out.rglob("*")}
    secret = {name for name, mode in modes.items() if mode in {0o600, 0o700}}
    assert secret == {
        "access.acl",
        "authority",
        "authority/ca.key",
        "clients",
        "clients/agent-a.key",
        "clients/page.password",
        "clients/press-s-p1.key",
        "clients/quality.key",
        "clients/scada.key",
        "data",
        "passwords",
        "server.key",
    }
    password = (out / "clients/page.password").read_text().strip()
    assert len(password) >= 32
    assert password not in (out / "passwords").read_text()
    assert (out / "passwords").read_text().startswith("page:$7$")


def test_it_says_what_it_did_and_what_comes_next(out: Path) -> None:
    said = init(out).output
    assert "made the certificate authority, until " in said
    assert "made the certificate of the broker for localhost, 127.0.0.1, ::1, press-pc" in said
    assert "made the certificate of press-s-p1, until " in said
    assert f"cert_file: {out}/clients/agent-a.crt" in said
    assert f"mosquitto -c {out}/mosquitto.conf" in said


def test_each_group_gets_a_session_secret_that_is_kept(out: Path) -> None:
    config = out.parent / "agent.yaml"
    config.write_text(YAML.format(presses="p1") + "share: {group: line-a}\n")
    command = ["broker", "init", "-c", str(config), "--out", str(out)]
    first = CliRunner().invoke(main, command)
    assert "made the session secret of group line-a" in first.output
    file = out / "groups/line-a.session-secret"
    assert f"session_secret_file: {file}" in first.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    secret = file.read_text()
    assert len(secret.strip()) == 43
    assert secret.strip() not in first.output
    second = CliRunner().invoke(main, command)
    assert "kept the session secret of group line-a" in second.output
    assert file.read_text() == secret


def test_a_second_call_changes_nothing(out: Path) -> None:
    init(out, "--port", "1234", "--scada", "ignition", "--page", "hall")
    before = contents(out)
    said = init(out).output
    assert contents(out) == before
    assert "kept the certificate of press-s-p1\n" in said
    assert "kept the password of hall\n" in said
    assert "made" not in said.partition("Next:")[0]


def test_a_press_and_names_are_added_and_the_rest_is_kept(out: Path) -> None:
    init(out)
    before = contents(out)
    said = init(out, "--scada", "ignition", "--page", "hall", presses="p1, p2").output
    after = contents(out)
    assert "made the certificate of press-s-p2" in said
    assert "made the certificate of ignition" in said
    assert "made the password of hall" in said
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"access.acl", "mosquitto.conf", "passwords", "plan.json"}
    assert b"user press-s-p2\n" in after["access.acl"]
    assert before["passwords"] in after["passwords"]


def test_a_new_host_name_makes_only_the_broker_s_certificate_anew(out: Path) -> None:
    init(out)
    before = contents(out)
    said = init(out, "--host-name", "10.0.0.5").output
    assert "made the certificate of the broker for localhost, 127.0.0.1, ::1, press-pc, 10" in said
    changed = {name for name, content in contents(out).items() if content != before[name]}
    assert changed == {"server.crt", "server.key", "plan.json"}


def test_a_press_that_is_gone_loses_its_rights(out: Path) -> None:
    init(out, presses="p1, p2")
    said = init(out).output
    assert "press-s-p2 is not in the plan any more: it can connect, but may do nothing" in said
    assert "press-s-p2" not in (out / "access.acl").read_text()


def test_keys_may_leave_the_machine(out: Path) -> None:
    """What was handed out, and the authority's key, need not be here to change a port."""
    init(out)
    for gone in ("authority/ca.key", "clients/scada.key", "clients/page.password"):
        (out / gone).unlink()
    said = init(out, "--port", "1234").output
    assert "kept the certificate of scada\n" in said
    assert "kept the password of page\n" in said
    assert "listener 1234\n" in (out / "mosquitto.conf").read_text()
    refused(init(out, presses="p1, p2"), "authority/ca.key: is not here, and signs: put it back")


def test_renew_makes_new_keys_for_the_named_or_for_what_ends_soon(out: Path) -> None:
    init(out)
    before = contents(out)
    assert "nothing ends within 60 days" in renew(out).output
    assert "renewed the certificate of scada, until " in renew(out, "scada").output
    changed = {name for name, content in contents(out).items() if content != before[name]}
    assert changed == {"clients/scada.crt", "clients/scada.key"}
    said = renew(out, "--within-days", "5000").output
    assert said.count("renewed the certificate of ") == 5
    refused(renew(out, "nobody"), "'nobody' has no certificate; there are: server, press-s-p1")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("rm ca.crt", "ca.crt: is missing, its key is there: put it back"),
        ("rm server.key", "server.key: is missing: put it back"),
        ("rm clients/scada.crt", "scada.crt: is missing, its key is there: remove scada.key"),
        ("garble clients/scada.crt", "scada.crt: not a certificate"),
        ("garble clients/scada.key", "scada.crt: not a key, or one with a password"),
        ("swap clients/scada.key", "scada.crt: the key is not that of the certificate"),
        ("other ca.crt", "not from the authority in ca.crt"),
        ("garble plan.json", "plan.json: the whole: Invalid JSON"),
    ],
)
def test_files_that_cannot_be_used(out: Path, damage: str, words: str) -> None:
    init(out)
    how, _, name = damage.partition(" ")
    path = out / name
    if how == "rm":
        path.unlink()
    elif how == "garble":
        path.write_text("garbled")
    elif how == "swap":
        path.write_bytes((out / "clients/quality.key").read_bytes())
    else:
        init(out.parent / "other")
        path.write_bytes((out.parent / "other" / name).read_bytes())
    refused(init(out), words)


def test_input_that_cannot_be_used(out: Path) -> None:
    refused(init(out, "--host-name", "mqtt://x"), "'mqtt://x' is neither a host name nor an IP")
    refused(init(out, "--scada", "a b"), "--scada 'a b' is not an identifier")
    refused(init(out, "--scada", "server"), "'server' names the broker's own certificate")
    refused(init(out, "--scada", "agent-a"), "'agent-a' would name two clients")
    refused(init(out, presses="p1, p1"), "a press is listed twice")
    refused(renew(out.parent / "none"), "holds no plan.json: give the folder that init has made")


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--bind", "127.0.0.1\nallow_anonymous true", None),
        ("--bind", "127.0.0.1 x", None),
        ("--bind", "127.0.0.1#", None),
        ("--bind", "", None),
        ("--user", "mosquitto\rallow_anonymous true", None),
        ("--user", "my user", None),
        ("--data", "/var/lib/x\nallow_anonymous true", None),
        ("--data", "/var/lib/#1", None),
        ("--data", "/var/lib/x\u2028y", None),
        ("--data", "/var/lib/x\udcff", None),
        ("--scada", "a\nuser scada", None),
        ("--quality", "quality\n", None),
        ("--orders", "mes\n", None),
        ("--page", "page\x0b", None),
        ("--host-name", "press-pc\nx", "--host-name (or broker.host): "),
        ("--host-name", "fe80::1%lo\nx", "--host-name (or broker.host): "),
    ],
)
def test_an_option_is_no_second_line(out: Path, option: str, value: str, told: str | None) -> None:
    """Nothing but its own value reaches mosquitto.conf, and nothing is written."""
    refused(init(out, option, value), f"{told or option + ' '}{value!r}")
    assert not out.exists()


@pytest.mark.parametrize("name", ["a\nallow_anonymous true", "a#b", "a\tb"])
def test_a_folder_is_no_second_line(tmp_path: Path, name: str) -> None:
    bad = tmp_path / name
    for options in ([], ["--data", "/var/lib/mosquitto"]):
        refused(init(bad, *options), f"--out '{tmp_path}/", repr(name)[1:-1])
        assert not bad.exists()


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("bind", "127.0.0.1\nallow_anonymous true", "--bind '127.0.0.1\\nallow"),
        ("user", "x\nallow_anonymous true", "--user 'x\\nallow"),
        ("data", "/x\nallow_anonymous true", "--data '/x\\nallow"),
        ("pages", ["a\nb"], "plan.json: pages.0"),
        ("host_names", ["a\nb"], "'a\\nb' is neither a host name"),
    ],
)
def test_a_plan_changed_by_hand_is_no_second_line(
    out: Path, field: str, value: object, told: str
) -> None:
    init(out)
    before = contents(out)
    plan = json.loads(before["plan.json"]) | {field: value}
    (out / "plan.json").write_text(json.dumps(plan))
    refused(init(out), told)
    (out / "plan.json").write_bytes(before["plan.json"])
    assert contents(out) == before


def test_a_disk_that_refuses(out: Path) -> None:
    (out.parent / "file").write_text("no folder")
    data = out.parent / "file" / "store"
    refused(init(out, "--data", str(data)), "the folder cannot be read or written", code=1)


def test_without_cryptography_the_error_names_the_extra(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("broker.setup.folder", "broker.setup.certificates"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    refused(init(out), how_to_install("broker"), code=1)


def test_root_hands_the_broker_what_it_reads(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mosquitto reads its files after it has become its user; the rest stays root's."""
    monkeypatch.setattr(folder.os, "geteuid", lambda: 0)
    given: set[tuple[str, int, int]] = set()
    monkeypatch.setattr(
        folder.os,
        "chown",
        lambda path, user, group: given.add((path.name.removesuffix(".new"), user, group)),
    )
    absent = "First: there is no user 'no-such-user' here: install mosquitto"
    assert absent in init(out, "--user", "no-such-user").output
    assert not given
    assert "First:" not in init(out, "--user", "daemon").output
    daemon = pwd.getpwnam("daemon")
    assert given == {
        (name, daemon.pw_uid, daemon.pw_gid)
        for name in ("server.key", "access.acl", "passwords", "data")
    }


def test_the_configuration_loses_little_and_lets_nobody_in_without_a_name(out: Path) -> None:
    init(out, "--bind", "10.0.0.5", "--data", str(out.parent / "store"))
    lines = (out / "mosquitto.conf").read_text().splitlines()
    for line in (
        "autosave_on_changes true",
        "autosave_interval 100",
        "listener 8883 10.0.0.5",
        "listener 9001 127.0.0.1",
        "allow_anonymous false",
        "max_packet_size 1048576",
        "max_queued_messages 100000",
        "persistence true",
        f"persistence_location {out.parent}/store/",
        "require_certificate true",
        "set_tcp_nodelay true",
        "use_identity_as_username true",
    ):
        assert lines.count(line) == 1, line
    assert not any(line.startswith("per_listener_settings") for line in lines)
