"""Attacks on the gate: tokens, sessions, forms, sizes and rates."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from edge_agent.web.access import gate as gate_module
from edge_agent.web.access.control import Access
from edge_agent.web.access.gate import Gate, cookie_name, set_cookie
from edge_agent.web.access.rates import LOGINS_PER_MINUTE, UNKNOWN_PER_MINUTE
from edge_agent.web.access.roles import Role
from tests.support.web_access import (
    ORIGIN,
    PASSWORD,
    SetClock,
    access_in,
    bearer,
    client_of,
    gated,
    token_of,
)

MOLDS, QUALITY = "/api/v1/molds", "/api/v1/quality"


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def access(tmp_path: Path, clock: SetClock) -> Iterator[Access]:
    with access_in(tmp_path, clock) as access:
        yield access


def unsigned(**claims: str) -> str:
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*encoded, ""])


async def test_tokens_that_are_none(access: Access, clock: SetClock) -> None:
    good, other = token_of(access, Role.ADMIN), token_of(access, Role.VIEWER, "other")
    revoked = token_of(access, Role.ADMIN, "revoked")
    access.tokens.revoke("revoked", "test")
    head, _, secret = good.partition("_")[2].partition("_")
    tried = {
        "alg none": unsigned(sub="machine", role="admin"),
        "the id of one with the secret of another": f"pmt_{head}_{other[17:]}",
        "altered": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "cut": good[:-1],
        "longer": good + "A",
        "the id alone": f"pmt_{head}_",
        "the secret alone": secret,
        "small letters": good.lower(),
        "SQL": "pmt_' OR 1=1 --_" + secret,
        "revoked": revoked,
        "empty": "",
        "not ASCII": "pmt_é",
    }
    async with client_of(gated(access)) as client:
        for name, token in tried.items():
            sent = {"Authorization": f"Bearer {token}".encode()}
            answer = await client.get(MOLDS, headers=sent)  # type: ignore[arg-type]
            assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED"), name
            assert token not in answer.text or not token
        for scheme in ("Basic", "Token", "bearer,"):
            answer = await client.get(MOLDS, headers={"Authorization": f"{scheme} {good}"})
            assert answer.status_code == 401, scheme
        assert (await client.get(MOLDS, headers=bearer(good))).status_code == 200
        clock.move(hours=1)
        assert (await client.get(MOLDS, headers=bearer(good))).status_code == 401, "expired"


async def test_a_wrong_token_is_refused_where_nobody_would_be_asked(tmp_path: Path) -> None:
    with access_in(tmp_path, open_reading=True) as access:
        async with client_of(gated(access)) as client:
            for path in (MOLDS, "/health"):
                assert (await client.get(path, headers=bearer("pmt_x"))).status_code == 401


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "Token", "session"])
async def test_a_token_in_the_address_is_refused(access: Access, name: str) -> None:
    token = token_of(access, Role.ADMIN)
    async with client_of(gated(access)) as client:
        answer = await client.get(MOLDS, params={name: token}, headers=bearer(token))
        assert answer.status_code == 401
        assert "revoke this one" in answer.json()["hint"]


async def test_a_token_is_no_cookie_and_a_cookie_no_token(access: Access) -> None:
    access.users.add("anna", PASSWORD, Role.ADMIN, "test")
    session, token = access.sessions.start("anna", ""), token_of(access, Role.ADMIN)
    async with client_of(gated(access)) as client:
        assert (await client.get(MOLDS, headers=bearer(session))).status_code == 401
        for name in ("session", "kiosk", "visitor", "__Host-session"):
            answer = await client.get(MOLDS, headers={"Cookie": f"{name}={token}"})
            assert answer.status_code == 401


async def test_a_session_is_worthless_after_its_logout(access: Access) -> None:
    access.users.add("anna", PASSWORD, Role.ADMIN, "test")
    session = access.sessions.start("anna", "")
    async with client_of(gated(access)) as client:
        client.cookies.set("session", session)
        assert (await client.get(MOLDS)).status_code == 200
        access.sessions.end(session, "")
        assert (await client.get(MOLDS)).status_code == 401


async def test_over_tls_only_cookies_that_cannot_be_planted_count(access: Access) -> None:
    access.users.add("anna", PASSWORD, Role.ADMIN, "test")
    session = access.sessions.start("anna", "")
    async with client_of(gated(access), origin="https://web.example") as client:
        planted = await client.get(MOLDS, headers={"Cookie": f"session={session}"})
        own = await client.get(MOLDS, headers={"Cookie": f"__Host-session={session}"})
    assert (planted.status_code, own.status_code) == (401, 200)
    assert cookie_name("session", True) == "__Host-session"
    over_tls = set_cookie("session", "x", secure=True)
    assert over_tls == "__Host-session=x; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert "Secure" not in set_cookie("session", "x", secure=False)
    assert "Max-Age=0" in set_cookie("session", "", secure=False)


class TestForms:
    """A form comes from our own page, with the token that this browser got."""

    @pytest.fixture
    def session(self, access: Access) -> str:
        access.users.add("anna", PASSWORD, Role.OPERATOR, "test")
        return access.sessions.start("anna", "")

    async def test_requests_of_other_sites(self, access: Access, session: str) -> None:
        async with client_of(gated(access)) as client:
            client.cookies.set("session", session)
            form = (await client.get("/")).json()["csrf"]
            token = {"X-CSRF-Token": form}
            tried = {
                "other origin": {**token, "Origin": "http://evil.example"},
                "other port": {**token, "Origin": "http://127.0.0.1:9999"},
                "other scheme": {**token, "Origin": ORIGIN.replace("http", "https")},
                "no origin": {**token, "Origin": "null"},
                "other referer": {**token, "Referer": "http://evil.example/a"},
                "other site": {**token, "Sec-Fetch-Site": "same-site"},
                "nothing said": token,
                "no token": {"Origin": ORIGIN},
                "wrong token": {"Origin": ORIGIN, "X-CSRF-Token": "0" * 64},
            }
            for name, headers in tried.items():
                answer = await client.post(QUALITY, json={}, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (403, "CSRF"), name
            for headers in (
                {**token, "Origin": ORIGIN},
                {**token, "Referer": f"{ORIGIN}/results"},
                {**token, "Sec-Fetch-Site": "same-origin"},
            ):
                assert (await client.post(QUALITY, json={}, headers=headers)).status_code == 200

    async def test_the_token_of_another_login(self, access: Access, session: str) -> None:
        other = access.sessions.start("anna", "")
        async with client_of(gated(access)) as client:
            theirs = (await client.get("/", headers={"Cookie": f"session={other}"})).json()["csrf"]
            headers = {"Cookie": f"session={session}", "Origin": ORIGIN, "X-CSRF-Token": theirs}
            assert (await client.post(QUALITY, json={}, headers=headers)).status_code == 403

    @pytest.mark.parametrize("multipart", [False, True])
    async def test_the_token_in_a_form(self, access: Access, multipart: bool) -> None:
        async with client_of(gated(access)) as client:
            page = await client.get("/login")
            visitor = page.headers["set-cookie"]
            assert visitor.startswith("visitor=")
            assert "HttpOnly; SameSite=Lax" in visitor
            files = {"file": ("a.csv", b"a,b")} if multipart else None
            for token, status in ((page.json()["csrf"], 200), ("0" * 64, 403), ("é", 403)):
                answer = await client.post(
                    "/login",
                    data={"csrf_token": token, "name": "x"},
                    files=files,
                    headers={"Origin": ORIGIN},
                )
                assert answer.status_code == status

    async def test_programs_on_this_machine_need_none(self, tmp_path: Path) -> None:
        with access_in(tmp_path, open_reading=True) as access:
            async with client_of(gated(access)) as client:
                assert (await client.post("/simulate", json={})).status_code == 200
                evil = {"Origin": "http://evil.example"}
                assert (await client.post("/simulate", json={}, headers=evil)).status_code == 403

    async def test_behind_a_proxy_the_own_origin_is_configured(
        self, tmp_path: Path, session: str
    ) -> None:
        with access_in(tmp_path, own_origins=("https://twin.example",)) as proxied:
            async with client_of(gated(proxied)) as client:
                client.cookies.set("session", session)
                form = (await client.get("/")).json()["csrf"]
                headers = {"Origin": "https://twin.example", "X-CSRF-Token": form}
                assert (await client.post(QUALITY, json={}, headers=headers)).status_code == 200


class TestSizesAndRates:
    """Neither size nor number of requests is without a limit."""

    async def test_a_body_that_is_too_large(self, access: Access) -> None:
        headers = bearer(token_of(access, Role.OPERATOR))

        async def parts() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b"x" * 100_000

        async with client_of(gated(access)) as client:
            for content in (b"x" * 1_000_001, parts()):
                answer = await client.post(QUALITY, content=content, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
            answer = await client.post(QUALITY, content=b"x" * 1_000_000, headers=headers)
            assert answer.status_code == 200

    async def test_a_body_that_does_not_come(
        self, access: Access, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("edge_agent.web.access.request_body.BODY_TIMEOUT_S", 0.01)

        async def slow() -> AsyncIterator[bytes]:
            yield b"x"
            await asyncio.Event().wait()

        async with client_of(gated(access)) as client:
            headers = bearer(token_of(access, Role.OPERATOR))
            answer = await client.post(QUALITY, content=slow(), headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (408, "TIMEOUT")

    async def test_too_many_requests(self, tmp_path: Path) -> None:
        with access_in(tmp_path, requests_per_minute=20, heavy_per_minute=3) as access:
            headers = bearer(token_of(access, Role.VIEWER))
            other = bearer(token_of(access, Role.VIEWER, "other"))
            async with client_of(gated(access)) as client:
                for _ in range(3):
                    assert (await client.post("/simulate", headers=headers)).status_code == 200
                answer = await client.post("/simulate", headers=headers)
                assert answer.status_code == 429
                assert 1 <= int(answer.headers["retry-after"]) <= 60
                assert answer.json()["code"] == "TOO_MANY_REQUESTS"
                for _ in range(16):
                    assert (await client.get(MOLDS, headers=headers)).status_code == 200
                assert (await client.get(MOLDS, headers=headers)).status_code == 429
                assert (await client.get(MOLDS, headers=other)).status_code == 200

    async def test_too_many_wrong_tokens_of_one_address(self, access: Access) -> None:
        good = bearer(token_of(access, Role.VIEWER))
        async with client_of(gated(access), "2001:db8::1") as client:
            for _ in range(UNKNOWN_PER_MINUTE):
                assert (await client.get(MOLDS, headers=bearer("x"))).status_code == 401
            assert (await client.get(MOLDS, headers=bearer("x"))).status_code == 429
            assert (await client.get(MOLDS, headers=good)).status_code == 200
        async with client_of(gated(access), "2001:db8::2") as client:
            assert (await client.get(MOLDS, headers=bearer("x"))).status_code == 429
        for _ in range(LOGINS_PER_MINUTE):
            assert access.rates.wait_s("login", "10.0.0.7") == 0
        assert 1 <= access.rates.wait_s("login", "10.0.0.7") <= 60


async def test_refusals_and_changes_are_in_the_log_without_filling_it(access: Access) -> None:
    viewer = bearer(token_of(access, Role.VIEWER))
    operator = bearer(token_of(access, Role.OPERATOR, "scada"))
    guarded = gated(access)
    async with client_of(guarded, "10.0.0.7") as client:
        for _ in range(50):
            await client.post(QUALITY, headers=viewer, params={"note": "canary-in-query"})
        await client.post(QUALITY, headers=operator, content=b"canary-in-body")
        await client.get(MOLDS)
    guarded._refusals.flush()
    entries = [entry.as_dict() for entry in access.audit.newest(9)]
    told = [(e["who"], e["outcome"], e["address"], e["detail"]) for e in reversed(entries[:-2])]
    quality = {"method": "POST", "path": QUALITY}
    assert told == [
        ("token:machine", "refused", "10.0.0.7", {**quality, "code": "FORBIDDEN"}),
        ("token:scada", "done", "10.0.0.7", {**quality, "status": 200}),
        ("", "refused", "10.0.0.7", {"method": "GET", "path": MOLDS, "code": "UNAUTHORIZED"}),
        (
            *("token:machine", "refused", "10.0.0.7"),
            {**quality, "code": "FORBIDDEN", "repeats_count": 49},
        ),
    ]
    assert "canary" not in str(entries)


async def test_a_stream_ends_with_its_token(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "HOLDS_EVERY_S", 0.0)
    token = token_of(access, Role.VIEWER)

    async def events(_request: Request) -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"one"
            yield b"two"
            access.tokens.revoke("machine", "test")
            while True:
                await asyncio.sleep(0)
                yield b"never"

        return StreamingResponse(parts())

    app = Gate(Starlette(routes=[Route("/events", events)]), access)
    async with client_of(app) as client:
        answer = await client.get("/events", headers=bearer(token))
        assert (answer.status_code, answer.content) == (200, b"onetwo")
        assert (await client.get("/events", headers=bearer(token))).status_code == 401


async def test_who_is_not_logged_in_comes_to_the_login_and_back(access: Access) -> None:
    async with client_of(gated(access)) as client:
        answer = await client.get("/", params={"since": "1d"})
        assert answer.status_code == 303
        assert answer.headers["location"] == "/login?next=%2F%3Fsince%3D1d"


async def test_the_cookie_of_a_kiosk_begins_anew_with_each_visit(access: Access) -> None:
    _, token = access.tokens.pair(access.tokens.add_kiosk("press-1", "test"), "") or ("", "")
    async with client_of(gated(access)) as client:
        client.cookies.set("kiosk", token)
        cookie = (await client.get("/")).headers["set-cookie"]
        assert cookie.startswith(f"kiosk={token}; ")
        assert "Max-Age=34560000" in cookie
        answer = await client.post(QUALITY, headers={"Origin": ORIGIN})
        assert answer.status_code == 403
