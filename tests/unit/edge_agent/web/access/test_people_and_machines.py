"""Users, sessions and tokens: what is kept of them, and when they end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from edge_agent.errors import StoreError
from edge_agent.web.access.control import Access, is_loopback
from edge_agent.web.access.roles import Role
from tests.support.web_access import PASSWORD, SetClock, access_in, token_of
from twin_core.errors import InputError


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def access(tmp_path: Path, clock: SetClock) -> Iterator[Access]:
    with access_in(tmp_path, clock) as access:
        yield access


def test_the_first_user_is_an_admin_the_next_a_viewer(access: Access) -> None:
    assert access.users.add("anna", PASSWORD, None, "cli:root") is Role.ADMIN
    assert access.users.add("ben", PASSWORD, None, "cli:root") is Role.VIEWER
    assert access.users.add("eva", PASSWORD, Role.ENGINEER, "cli:root") is Role.ENGINEER
    assert [(user.name, str(user.role)) for user in access.users.all()] == [
        ("anna", "admin"), ("ben", "viewer"), ("eva", "engineer"),
    ]  # fmt: skip
    assert [entry.action for entry in access.audit.newest(9)] == ["user_added"] * 3


@pytest.mark.parametrize(
    ("name", "password", "words"),
    [
        ("a b", PASSWORD, "the blank"),
        ("anna", "short", "has 5 characters"),
        ("anna", "x" * 300, "has 300 characters"),
        ("annabellina", "Annabellina", "can be guessed"),
        ("anna", "aaaaaaaaaaaaaaaa", "can be guessed"),
    ],
)
def test_what_cannot_be_a_user(access: Access, name: str, password: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        access.users.add(name, password, None, "cli")
    assert access.audit.head().seq == 0


def test_a_name_is_taken_once(access: Access) -> None:
    access.users.add("anna", PASSWORD, None, "cli")
    with pytest.raises(InputError, match="is there already"):
        access.users.add("anna", PASSWORD, None, "cli")
    for unknown in (access.users.remove, access.tokens.revoke):
        with pytest.raises(InputError, match="there is none of this name"):
            unknown("nobody", "cli")
    with pytest.raises(InputError, match="there is none of this name"):
        access.users.set_password("nobody", PASSWORD, "cli")


async def test_a_login_is_a_new_session_each_time(access: Access) -> None:
    access.users.add("anna", PASSWORD, None, "cli")
    one = await access.login("anna", PASSWORD, "10.0.0.7")
    two = await access.login("anna", PASSWORD, "10.0.0.7")
    assert one is not None
    assert one != two
    assert await access.login("anna", PASSWORD + "!", "10.0.0.7") is None
    assert await access.login("nobody", PASSWORD, "10.0.0.7") is None
    entries = [(e.action, e.outcome, e.who, e.address) for e in access.audit.newest(4)]
    assert entries[:2] == [("login", "refused", "", "10.0.0.7")] * 2
    assert entries[2:] == [("login", "done", "anna", "10.0.0.7")] * 2


async def test_a_session_ends(access: Access, clock: SetClock) -> None:
    access.users.add("anna", PASSWORD, None, "cli")

    async def login() -> str:
        session = await access.login("anna", PASSWORD, "")
        assert session is not None
        principal = access.sessions.principal(session)
        assert principal is not None
        assert access.holds(principal)
        return session

    session = await login()
    access.sessions.end(session, "")
    assert access.sessions.principal(session) is None, "by logging out"
    session = await login()
    clock.move(hours=12)
    assert access.sessions.principal(session) is None, "by itself"
    session = await login()
    access.users.set_password("anna", PASSWORD + " 2", "cli")
    assert access.sessions.principal(session) is None, "by another password"
    session = await access.login("anna", PASSWORD + " 2", "") or ""
    principal = access.sessions.principal(session)
    access.users.remove("anna", "cli")
    assert access.sessions.principal(session) is None, "with its user"
    assert principal is not None
    assert not access.holds(principal)


async def test_a_session_in_use_goes_on_for_a_month(access: Access, clock: SetClock) -> None:
    access.users.add("anna", PASSWORD, None, "cli")
    session = await access.login("anna", PASSWORD, "") or ""
    for _ in range(71):
        principal = access.sessions.principal(session)
        assert principal is not None
        access.sessions.seen(principal.key)
        clock.move(hours=10)
    assert access.sessions.principal(session) is not None
    clock.move(hours=10)
    assert access.sessions.principal(session) is None


def test_a_token_is_shown_once_and_ends(access: Access, clock: SetClock) -> None:
    token = token_of(access, Role.OPERATOR, scopes=("read", "quality"))
    principal = access.of_token(token)
    assert principal is not None
    assert (principal.name, principal.role) == ("token:machine", Role.OPERATOR)
    assert principal.scopes == {"read", "quality"}
    (listed,) = access.tokens.all()
    assert listed.expires_at == "2026-05-04T09:00:00Z"
    assert token.split("_", 2)[2] not in str(listed)  # a secret may have a "_" of its own
    clock.move(minutes=60)
    assert access.of_token(token) is None
    assert not access.holds(principal)


def test_no_secret_lies_in_the_file(access: Access, tmp_path: Path) -> None:
    access.users.add("anna", PASSWORD, None, "cli")
    secrets = [PASSWORD, access.sessions.start("anna", "")]
    secrets.append(token_of(access, Role.ADMIN)[17:])
    code = access.tokens.add_kiosk("press-1", "cli")
    secrets += [code[17:], (access.tokens.pair(code, "") or ("", ""))[1][17:]]
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert all(len(secret) > 20 and secret.encode() not in files for secret in secrets)


def test_the_code_of_a_kiosk_is_good_for_one_device_once(access: Access, clock: SetClock) -> None:
    code = access.tokens.add_kiosk("press-1", "cli")
    assert access.of_token(code) is None
    assert access.tokens.principal(code, "kiosk") is None
    name, token = access.tokens.pair(f" {code} ", "10.0.0.9") or ("", "")
    assert name == "press-1"
    assert access.tokens.pair(code, "10.0.0.9") is None
    assert access.of_token(token) is None, "a cookie is no token of a machine"
    clock.move(days=3000)
    principal, _ = access.of_cookies({"kiosk": token})
    assert principal is not None
    assert (principal.name, principal.role, principal.kind) == (
        "kiosk:press-1", Role.VIEWER, "kiosk",
    )  # fmt: skip
    access.tokens.revoke("press-1", "cli")
    assert access.of_cookies({"kiosk": token}) == (None, "")
    late = access.tokens.add_kiosk("press-2", "cli")
    clock.move(hours=24)
    assert access.tokens.pair(late, "") is None


@pytest.mark.parametrize(
    ("name", "scopes", "words"),
    [("a b", ("read",), "the blank"), ("a", (), "scope"), ("a", ("everything",), "scope")],
)
def test_what_cannot_be_a_token(access: Access, name: str, scopes: tuple, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=words):
        access.tokens.add(name, Role.VIEWER, scopes, timedelta(1), "cli")


def test_the_file_of_another_program_is_left_alone(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(tmp_path / "web.db")) as db:
        db.execute("CREATE TABLE other (x)")
    with pytest.raises(StoreError, match="another program"), access_in(tmp_path):
        pass


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:8080", True), ("127.0.0.1", True), ("[::1]:80", True), ("::1", True),
        ("127.0.0.1.evil.example", False), ("evil.example:80", False), ("0.0.0.0", False),
        ("", False),
    ],
)  # fmt: skip
def test_names_of_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
