"""Login, logout and kiosks on the real app, as a browser does it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from edge_agent.web.access.control import Access
from edge_agent.web.access.rates import LOGINS_PER_MINUTE
from edge_agent.web.access.roles import Role
from tests.support.web_access import ORIGIN, PASSWORD, client_of
from tests.support.web_app import running_app, web_settings

HERE = {"Origin": ORIGIN}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[FastAPI, Access]]:
    settings = web_settings(tmp_path, web={"open_reading": "never"})
    async with running_app(settings) as (app, access):
        access.users.add("anna", PASSWORD, Role.OPERATOR, "test")
        yield app, access


async def form_of(browser: httpx.AsyncClient, page: str) -> dict[str, str]:
    """The hidden fields of the form on a page."""
    answer = await browser.get(page)
    assert answer.status_code == 200
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.text))


async def log_in(
    browser: httpx.AsyncClient, password: str = PASSWORD, page: str = "/login"
) -> httpx.Response:
    fields = await form_of(browser, page)
    return await browser.post(
        "/login", data={**fields, "name": "anna", "password": password}, headers=HERE
    )


async def test_who_is_not_logged_in_reads_no_alert(server: tuple[FastAPI, Access]) -> None:
    app, _access = server
    async with client_of(app) as browser:
        for page in ("/login", "/kiosk"):
            assert "alert-strip" not in (await browser.get(page)).text
        await log_in(browser)
        assert 'id="alert-strip"' in (await browser.get("/")).text


async def test_in_and_out(server: tuple[FastAPI, Access]) -> None:
    app, access = server
    async with client_of(app) as browser:
        sent_to = (await browser.get("/?lang=de")).headers["location"]
        assert sent_to == "/login?next=%2F%3Flang%3Dde"
        answer = await log_in(browser, page=sent_to)
        assert (answer.status_code, answer.headers["location"]) == (303, "/?lang=de")
        cookie = answer.headers["set-cookie"]
        assert re.fullmatch(r"session=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax", cookie)
        assert (await browser.get("/")).status_code == 200
        old = browser.cookies["session"]
        out = {"csrf_token": access.key.mac("csrf", old)}
        answer = await browser.post("/logout", data=out, headers=HERE)
        assert answer.status_code == 303
        assert "Max-Age=0" in answer.headers["set-cookie"]
        replayed = await browser.get("/api/v1/molds", headers={"Cookie": f"session={old}"})
        assert replayed.status_code == 401
    actions = [(one.who, one.action, one.outcome) for one in access.audit.newest(2)]
    assert actions == [("anna", "logout", "done"), ("anna", "login", "done")] or actions[0] == (
        "", "request", "refused",
    )  # fmt: skip


async def test_a_session_that_was_planted_is_not_taken_up(server: tuple[FastAPI, Access]) -> None:
    app, access = server
    planted = "x" * 43
    async with client_of(app) as browser:
        browser.cookies.set("session", planted)
        answer = await log_in(browser)
        session = re.match(r"session=([^;]+)", answer.headers["set-cookie"])
        assert session is not None
        assert session[1] != planted
        assert access.sessions.principal(planted) is None
        # a second login ends the first session: no identity survives a login
        browser.cookies.clear()
        browser.cookies.set("session", session[1])
        fields = {"csrf_token": access.key.mac("csrf", session[1]), "next": "/"}
        again = await browser.post(
            "/login", data={**fields, "name": "anna", "password": PASSWORD}, headers=HERE
        )
        assert again.status_code == 303
        assert access.sessions.principal(session[1]) is None


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " "])
async def test_a_wrong_password(server: tuple[FastAPI, Access], password: str) -> None:
    app, access = server
    async with client_of(app) as browser:
        answer = await log_in(browser, password)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert "wrong" in answer.text
        if password:
            assert password not in answer.text.replace("is wrong", "")
    assert access.audit.newest(1)[0].outcome == "refused"


async def test_passwords_cannot_be_tried_by_the_hundred(server: tuple[FastAPI, Access]) -> None:
    app, _ = server
    async with client_of(app, "10.0.0.7") as browser:
        fields = await form_of(browser, "/login")
        for number in range(LOGINS_PER_MINUTE + 1):
            answer = await browser.post(
                "/login", data={**fields, "name": f"user{number}", "password": "x"}, headers=HERE
            )
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https://evil.example", "x", "/\r\n"]
)
async def test_a_login_leads_nowhere_else(server: tuple[FastAPI, Access], path: str) -> None:
    app, _ = server
    async with client_of(app) as browser:
        fields = await form_of(browser, "/login")
        data = {**fields, "next": path, "name": "anna", "password": PASSWORD}
        answer = await browser.post("/login", data=data, headers=HERE)
        assert answer.headers["location"] == "/"


async def test_a_kiosk_is_paired_once_survives_and_is_revoked(
    server: tuple[FastAPI, Access], tmp_path: Path
) -> None:
    app, access = server
    code = access.tokens.add_kiosk("press-1", "test")
    async with client_of(app) as screen:
        fields = await form_of(screen, "/kiosk")
        answer = await screen.post("/kiosk", data={**fields, "code": code}, headers=HERE)
        assert answer.status_code == 303
        assert "Max-Age=34560000" in answer.headers["set-cookie"]
        token = screen.cookies["kiosk"]
        assert (await screen.get("/")).status_code == 200
    async with client_of(app) as other:
        fields = await form_of(other, "/kiosk")
        answer = await other.post("/kiosk", data={**fields, "code": code}, headers=HERE)
        assert answer.status_code == 401, "the code is used up"
    settings = web_settings(tmp_path, web={"open_reading": "never"})
    async with running_app(settings) as (after, _), client_of(after) as screen:
        screen.cookies.set("kiosk", token)
        assert (await screen.get("/")).status_code == 200, "after a restart of both"
        assert (await screen.get("/api/v1/audit")).status_code == 403
        access.tokens.revoke("press-1", "test")
        assert (await screen.get("/")).status_code == 303
