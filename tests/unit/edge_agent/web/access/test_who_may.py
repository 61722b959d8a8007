"""Every route and every role: what the table says is what happens, and the rest is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from edge_agent.config.web_settings import WebSettings
from edge_agent.web.access.control import Access, options_of
from edge_agent.web.access.roles import SCOPES, Role
from edge_agent.web.access.who_may import RULES, Rule, Scope, rule_for, rules_of
from tests.support.web_access import (
    ORIGIN,
    PASSWORD,
    access_in,
    bearer,
    client_of,
    gated,
    token_of,
)

FOREIGN = "192.0.2.7"


@pytest.fixture
def access(tmp_path: Path) -> Iterator[Access]:
    with access_in(tmp_path) as access:
        yield access


def path_of(rule: Rule) -> str:
    return rule.path.replace(":path}", "}").replace("{", "").replace("}", "")


def expected(rule: Rule, role: Role | None) -> bool:
    return rule.role is None or (role is not None and role >= rule.role)


@pytest.mark.parametrize("role", [None, *Role], ids=str)
async def test_every_route_with_a_token_of_every_role(access: Access, role: Role | None) -> None:
    headers = {} if role is None else bearer(token_of(access, role))
    async with client_of(gated(access), FOREIGN) as client:
        for rule in RULES:
            if rule.answer == "page" and rule.method == "POST":
                continue  # for browsers, see below
            answer = await client.request(rule.method, path_of(rule), headers=headers)
            wanted = 200 if expected(rule, role) else 401 if role is None else 403
            if role is None and wanted == 401 and rule.answer == "page":
                wanted = 303
            assert answer.status_code == wanted, (rule, answer.text)


@pytest.mark.parametrize("role", Role, ids=str)
async def test_every_route_with_a_login_of_every_role(access: Access, role: Role) -> None:
    access.users.add("anna", PASSWORD, role, "test")
    cookies = {"session": access.sessions.start("anna", "")}
    async with client_of(gated(access), FOREIGN) as client:
        client.cookies.update(cookies)
        form = (await client.get("/")).json()["csrf"]
        for rule in RULES:
            headers = {"Origin": ORIGIN, "X-CSRF-Token": form}
            answer = await client.request(rule.method, path_of(rule), headers=headers)
            assert answer.status_code == (200 if expected(rule, role) else 403), rule


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_token_is_good_for_its_scope_alone(access: Access, scope: Scope) -> None:
    headers = bearer(token_of(access, Role.ADMIN, scopes=(scope,)))
    async with client_of(gated(access), FOREIGN) as client:
        for rule in RULES:
            if rule.role is None or (rule.answer == "page" and rule.method == "POST"):
                continue
            answer = await client.request(rule.method, path_of(rule), headers=headers)
            assert answer.status_code == (200 if rule.scope == scope else 403), rule


async def test_on_this_machine_everybody_reads_and_nobody_changes(tmp_path: Path) -> None:
    with access_in(tmp_path, open_reading=True) as access:
        async with client_of(gated(access)) as client:
            for rule in RULES:
                if rule.role is None or (rule.answer == "page" and rule.method == "POST"):
                    continue  # forms have a token: TestForms
                answer = await client.request(rule.method, path_of(rule))
                open_to_all = rule.role is Role.VIEWER and not rule.changes
                assert (answer.status_code == 200) is open_to_all, rule


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({}, "http://plant.example:8080"),  # DNS rebinding
        ({"X-Forwarded-For": "192.0.2.7"}, ORIGIN),  # a proxy on this machine
        ({"Forwarded": "for=192.0.2.7"}, ORIGIN),
        ({"X-Forwarded-Proto": "https"}, ORIGIN),
    ],
)
async def test_open_reading_is_for_this_machine_alone(
    tmp_path: Path, headers: dict[str, str], origin: str
) -> None:
    with access_in(tmp_path, open_reading=True) as access:
        async with client_of(gated(access), origin=origin) as client:
            answer = await client.get("/api/v1/molds", headers=headers)
            assert answer.status_code == 401


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, True),
        ({"host": "::1"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "::"}, False),
        ({"open_reading": "never"}, False),
        ({"proxy_addresses": ["127.0.0.1"]}, False),
        ({"public_origins": ["https://twin.example"]}, False),
    ],
)
def test_nobody_reads_through_a_proxy_that_hides(
    settings: dict[str, object], expected: bool
) -> None:
    assert options_of(WebSettings.model_validate(settings)).open_reading is expected


@pytest.mark.parametrize(
    "path",
    ["/api/v1/unknown", "/docs", "/openapi.json", "/api/v1/molds/", "//api/v1/molds", "/static",
     "/API/v1/molds", "/api/v1/molds/%2e%2e/audit", "/api/v1/%61udit/x", "/\n"],
)  # fmt: skip
async def test_what_is_not_in_the_table_does_not_exist(access: Access, path: str) -> None:
    headers = bearer(token_of(access, Role.ADMIN))
    async with client_of(gated(access)) as client:
        answer = await client.get(path.replace("\n", "%0A"), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE", "post"])
async def test_other_methods_are_refused(access: Access, method: str) -> None:
    async with client_of(gated(access)) as client:
        answer = await client.request(method, "/api/v1/molds")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_the_strictest_rule_of_a_path_counts() -> None:
    rules = [
        Rule("GET", "/a/{x}", None),
        Rule("GET", "/a/b", Role.ADMIN),
        Rule("POST", "/a/b", None),
    ]
    assert rule_for("GET", rules_of("/a/b", rules)) is rules[1]
    assert rule_for("HEAD", rules_of("/a/c", rules)) is rules[0]
    assert rule_for("DELETE", rules_of("/a/b", rules)) is None


def test_no_route_that_changes_something_is_for_everybody() -> None:
    assert set(SCOPES) == set(get_args(Scope))
    for rule in RULES:
        if rule.changes:
            assert rule.role is not None
            assert rule.role >= Role.OPERATOR, rule
