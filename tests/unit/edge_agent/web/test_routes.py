"""The real app and the table of who may: the same routes, and what refuses refuses here, too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from edge_agent.clock import SystemClock
from edge_agent.web.access.roles import Role
from edge_agent.web.access.who_may import RULES
from edge_agent.web.app import create_app
from tests.support.web_access import bearer, client_of, token_of
from tests.support.web_app import client, running_app, web_settings


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    made = create_app(web_settings(tmp_path), SystemClock())
    with closing(made.state.web.access):
        yield made


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """Method and path of everything that the app answers."""
    found = set()
    for route in iter_route_contexts(app.routes):
        original = route.original_route
        if isinstance(original, Mount):
            found.add(("GET", f"{original.path}/{{path:path}}"))
            continue
        for method in (route.methods or set()) - {"HEAD"}:
            found.add((method, route.path or ""))
    return found


def test_the_table_has_every_route_and_no_other(app: FastAPI) -> None:
    table = {(rule.method, rule.path) for rule in RULES}
    assert routes_of(app) - table == set(), "routes that nobody may use: add them to who_may.RULES"
    assert table - routes_of(app) == set(), "rules of no route: remove them"


async def test_nobody_from_elsewhere_gets_in(tmp_path: Path) -> None:
    async with client(web_settings(tmp_path, web={"host": "0.0.0.0"})) as other:
        for rule in RULES:
            if rule.role is None:
                continue
            path = rule.path.replace("{", "").replace("}", "")
            answer = await other.request(rule.method, path)
            expected = {303} if rule.answer == "page" and rule.method == "GET" else {401, 403}
            assert answer.status_code in expected, rule


async def test_every_role_gets_what_the_table_says(tmp_path: Path) -> None:
    async with running_app(web_settings(tmp_path, web={"host": "0.0.0.0"})) as (app, access):
        tokens = {role: token_of(access, role, f"t{role}") for role in Role}
        async with client_of(app) as anyone:
            for rule in RULES:
                if rule.role is None or rule.answer == "page" or rule.heavy:
                    continue
                path = rule.path.replace("{", "").replace("}", "")
                for role, token in tokens.items():
                    answer = await anyone.request(rule.method, path, headers=bearer(token))
                    refused = answer.status_code == 403
                    assert refused is (role < rule.role), (rule, role, answer.text)


async def test_headers_that_keep_browsers_safe_are_on_refusals_too(tmp_path: Path) -> None:
    async with client(web_settings(tmp_path, web={"open_reading": "never"})) as reader:
        answer = await reader.get("/api/v1/molds")
        assert answer.status_code == 401
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["content-type"] == "application/problem+json"


async def test_pages_of_other_origins_only_where_they_are_named(tmp_path: Path) -> None:
    mes = "https://mes.example"
    preflight = {"Origin": mes, "Access-Control-Request-Method": "POST"}
    async with client(web_settings(tmp_path, web={"cors_origins": [mes]})) as reader:
        answer = await reader.options("/simulate", headers=preflight)
        assert answer.headers["access-control-allow-origin"] == mes
        assert "access-control-allow-credentials" not in answer.headers
        answer = await reader.options(
            "/simulate", headers={**preflight, "Origin": "https://evil.example"}
        )
        assert "access-control-allow-origin" not in answer.headers
    (tmp_path / "b").mkdir()
    async with client(web_settings(tmp_path / "b")) as reader:
        answer = await reader.options("/simulate", headers=preflight)
        assert "access-control-allow-origin" not in answer.headers
