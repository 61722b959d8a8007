"""The gate before the app: every request passes it, and is refused unless the table lets it in.

It stands outside the app's own routes, so what an app answers by itself (its OpenAPI, files, a
route that somebody forgot) is refused as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from ipaddress import IPv6Address, ip_address
from secrets import token_urlsafe
from urllib.parse import parse_qsl, quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_agent.errors import StoreError
from edge_agent.logs import get_logger
from edge_agent.web.access import csrf, who_may
from edge_agent.web.access.control import COOKIE_DAYS, KIOSK, SESSION, VISITOR, Access
from edge_agent.web.access.refusals import Refusal, RefusalLog
from edge_agent.web.access.request_body import form_token, read_body, replay
from edge_agent.web.access.roles import Principal
from edge_agent.web.access.who_may import RULES, Rule
from edge_agent.web.problems import Refused

HOLDS_EVERY_S = 5.0
"""How often it is looked whether who reads a stream may go on."""
_SAFE = {"GET", "HEAD"}
_SECRETS_IN_QUERY = {"token", "access_token", "api_key", "apikey", "password", "session"}


class Gate:
    """ASGI middleware: who makes a request, may they, and how often."""

    def __init__(self, app: ASGIApp, access: Access, rules: Iterable[Rule] = RULES) -> None:
        self._app, self._access, self._rules = app, access, tuple(rules)
        self._refusals = RefusalLog(access.audit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, self._before_the_end(receive), send)
            return
        if scope["type"] != "http":
            return  # there are no websockets
        request = _Incoming(scope)
        try:
            try:
                rule, principal = self._check(request)
                receive = await self._with_body(request, rule, principal, receive)
            except Refused as refused:
                await self._note(request, refused)
                raise
            await self._run(request, rule, principal, receive, send)
        except Refused as refused:
            await request.answer(refused)(scope, receive, send)
        except StoreError as error:  # of the users; those of the history are answered in the app
            if request.answered:
                raise
            get_logger().error("web_database_failed", error=str(error))
            closed = Refused(503, "STORE_UNAVAILABLE", str(error), error.hint)
            await request.answer(closed)(scope, receive, send)

    def _before_the_end(self, receive: Receive) -> Receive:
        """Write down what is counted while the database is open: nobody waits for it later."""

        async def receiving() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self._refusals.flush)
            return message

        return receiving

    def _check(self, request: _Incoming) -> tuple[Rule, Principal | None]:
        found = who_may.rules_of(request.path, self._rules)
        if not found:
            raise Refused(404, "NOT_FOUND", f"{request.shown_path}: there is nothing here")
        rule = request.rule = who_may.rule_for(request.method, found)
        if rule is None:
            allowed = ", ".join(sorted({one.method for one in found}))
            raise Refused(
                405,
                "METHOD_NOT_ALLOWED",
                f"{request.shown_path}: answers {allowed} alone",
                headers={"allow": allowed},
            )
        rates = self._access.rates
        principal, cookie = self._identify(request)
        request.cookie = cookie
        request.principal = principal
        who = principal.key if principal and principal.key else request.network
        if wait_s := rates.wait_s("request", who):
            raise _too_many(wait_s)
        if not who_may.allows(rule, principal):
            raise self._refusal(request, rule, principal)
        if rule.heavy and (wait_s := rates.wait_s("heavy", who)):
            raise _too_many(wait_s)
        return rule, principal

    def _identify(self, request: _Incoming) -> tuple[Principal | None, str]:
        if request.has_secret_in_query:
            raise Refused(
                401,
                "UNAUTHORIZED",
                "a token or password in the address is refused: addresses are logged and shared",
                "send it in the header Authorization: Bearer …, and revoke this one",
            )
        authorization = request.headers.get("authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            principal = None
            if scheme.casefold() == "bearer":
                principal = self._access.of_token(token.strip())
            if principal is None:
                self._count_unknown(request)
                raise Refused(
                    401,
                    "UNAUTHORIZED",
                    "the token is unknown, expired or revoked",
                    "pur-mold-twin web token add makes one; send it as Authorization: Bearer …",
                    headers={"www-authenticate": 'Bearer error="invalid_token"'},
                )
            return principal, ""
        principal, cookie = self._access.of_cookies(request.cookies)
        if principal is None:
            principal = self._access.of_nobody(request.host, request.headers)
        return principal, cookie

    def _count_unknown(self, request: _Incoming) -> None:
        if wait_s := self._access.rates.wait_s("unknown", request.network):
            raise _too_many(wait_s)

    def _refusal(self, request: _Incoming, rule: Rule, principal: Principal | None) -> Refused:
        if principal is None or principal.kind == "anonymous":
            # a script that asks for a part of a page must not get the login in its place
            is_opened = request.headers.get("sec-fetch-dest", "document") == "document"
            if rule.answer == "page" and rule.method == "GET" and is_opened:
                return Refused(303, "LOGIN", "log in", headers={"location": request.login_page})
            self._count_unknown(request)
            return Refused(
                401,
                "UNAUTHORIZED",
                "nobody is logged in, and no token was sent",
                "send Authorization: Bearer TOKEN; pur-mold-twin web token add makes one",
                headers={"www-authenticate": "Bearer"},
            )
        if rule.role is not None and principal.role < rule.role:
            words = f"{principal.name} has the role {principal.role}; this asks for {rule.role}"
        else:
            words = f"{principal.name} is not good for {rule.scope}"
        return Refused(403, "FORBIDDEN", words, "an admin can give another role or token")

    async def _with_body(
        self, request: _Incoming, rule: Rule, principal: Principal | None, receive: Receive
    ) -> Receive:
        """Read the body, and check that the page it comes from is ours."""
        if rule.method in _SAFE:
            return receive
        own = csrf.is_own_page(request.headers, request.origin, self._access.options.own_origins)
        by_browser = rule.answer == "page" or (principal is not None and principal.by_cookie)
        if own is False and (by_browser or principal is None or principal.kind == "anonymous"):
            raise _foreign()
        body = await read_body(request.headers, receive)
        replayed = replay(body, receive)
        if by_browser:
            if own is None:
                raise _foreign()
            token = request.headers.get(csrf.HEADER) or await form_token(request.scope, body)
            if not csrf.is_form_token(self._access.key, request.cookie, token):
                raise Refused(
                    403,
                    "CSRF",
                    "the form is not one that this browser was shown, or its login has ended",
                    "load the page again",
                )
        return replayed

    async def _run(
        self,
        request: _Incoming,
        rule: Rule,
        principal: Principal | None,
        receive: Receive,
        send: Send,
    ) -> None:
        new_visitor = ""
        if rule.answer == "page" and rule.method == "GET" and not request.cookie:
            new_visitor = request.cookie = token_urlsafe(24)
        state = request.scope.setdefault("state", {})
        state["principal"], state["address"] = principal, request.address
        state["cookies"] = request.cookies
        state["csrf_token"] = csrf.form_token(self._access.key, request.cookie)
        if principal is not None and principal.kind == "user":
            await asyncio.to_thread(self._access.sessions.seen, principal.key)
        watched = _Watched(self._access, principal, send, request, new_visitor)
        try:
            await self._app(request.scope, receive, watched.send)
        except* _Ended:
            pass
        if rule.changes and principal is not None:
            await asyncio.to_thread(
                self._access.audit.write, principal.name, "request",
                "done" if watched.status < 400 else "failed", request.address,
                method=rule.method, path=request.shown_path, status=watched.status,
            )  # fmt: skip

    async def _note(self, request: _Incoming, refused: Refused) -> None:
        if request.rule is None or refused.status == 303:
            return  # nothing is there that could be refused, or the login is shown
        who = request.principal.name if request.principal else ""
        noted = Refusal(who, request.address, request.method, request.rule.path, refused.code)
        await asyncio.to_thread(self._refusals.note, noted)


class _Incoming:
    """A request as the gate sees it."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.headers = Headers(scope=scope)
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.address: str = scope["client"][0] if scope.get("client") else ""
        self.secure = scope.get("scheme") == "https"
        self.rule: Rule | None = None
        self.principal: Principal | None = None
        self.cookie = ""
        self.answered = False

    @property
    def host(self) -> str:
        return self.headers.get("host", "")

    @property
    def origin(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.host}"

    @property
    def network(self) -> str:
        """Address to count by: of IPv6, the network that one customer has."""
        try:
            number = ip_address(self.address)
        except ValueError:
            return self.address
        if isinstance(number, IPv6Address):
            return str(IPv6Address(int(number) >> 64 << 64))
        return str(number)

    @property
    def shown_path(self) -> str:
        return quote(self.path[:200], safe="/-._~")

    @property
    def cookies(self) -> dict[str, str]:
        """Our cookies by their plain names; under TLS only those that cannot be planted."""
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(self.headers.get("cookie", ""))
        except CookieError:
            return {}
        found = {}
        for name in (SESSION, KIOSK, VISITOR):
            morsel = jar.get(cookie_name(name, self.secure))
            if morsel is not None and morsel.value:
                found[name] = morsel.value
        return found

    @property
    def has_secret_in_query(self) -> bool:
        query = self.scope.get("query_string", b"").decode("latin-1")
        names = {name.casefold() for name, _ in parse_qsl(query, keep_blank_values=True)}
        return bool(names & _SECRETS_IN_QUERY)

    @property
    def login_page(self) -> str:
        query = self.scope.get("query_string", b"").decode("latin-1")
        there = self.path + (f"?{query}" if query else "")
        return f"/login?next={quote(there, safe='')}"

    def answer(self, refused: Refused) -> Response:
        if refused.status == 303:
            return RedirectResponse(refused.headers["location"], 303, {"cache-control": "no-store"})
        if self.rule is not None and self.rule.answer == "page":
            words = f"{refused.status}: {refused.detail}\n{refused.hint}\n"
            headers = {"cache-control": "no-store", **refused.headers}
            return PlainTextResponse(words, refused.status, headers)
        return refused.response()


class _Ended(Exception):
    """Who reads a stream may not go on."""


class _Watched:
    """The way back of an answer: its status is noted, and a stream ends with its session."""

    def __init__(
        self,
        access: Access,
        principal: Principal | None,
        send: Send,
        request: _Incoming,
        new_visitor: str,
    ) -> None:
        self._access, self._principal, self._send = access, principal, send
        self._request, self._new_visitor = request, new_visitor
        self._looked = time.monotonic()
        self.status = 500

    async def send(self, message: Message) -> None:
        """Hand a part of the answer on."""
        if message["type"] == "http.response.start":
            self.status, self._request.answered = message["status"], True
            headers, secure = MutableHeaders(scope=message), self._request.secure
            if self._new_visitor:
                headers.append("set-cookie", set_cookie(VISITOR, self._new_visitor, secure))
            elif self._is_visit_of_kiosk():
                again = set_cookie(KIOSK, self._request.cookie, secure, lasting=True)
                headers.append("set-cookie", again)
        elif message.get("more_body") and not self._may_go_on():
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            raise _Ended
        await self._send(message)

    def _is_visit_of_kiosk(self) -> bool:
        rule = self._request.rule
        is_kiosk = self._principal is not None and self._principal.kind == "kiosk"
        return is_kiosk and rule is not None and rule.answer == "page" and self.status == 200

    def _may_go_on(self) -> bool:
        now = time.monotonic()
        if self._principal is None or now - self._looked < HOLDS_EVERY_S:
            return True
        self._looked = now
        return self._access.holds(self._principal)


def cookie_name(name: str, secure: bool) -> str:
    """Name of a cookie; ``__Host-`` keeps others from planting one, and asks for TLS."""
    return f"__Host-{name}" if secure else name


def set_cookie(name: str, value: str, secure: bool, *, lasting: bool = False) -> str:
    """The header that gives a browser a cookie; without a value it takes it away.

    Args:
        name: plain.
        value: of the cookie.
        secure: over TLS.
        lasting: it survives the end of the browser.
    """
    parts = [f"{cookie_name(name, secure)}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if secure:
        parts.append("Secure")
    if not value:
        parts.append("Max-Age=0")
    elif lasting:
        parts.append(f"Max-Age={COOKIE_DAYS * 86_400}")
    return "; ".join(parts)


def _too_many(wait_s: int) -> Refused:
    return Refused(
        429,
        "TOO_MANY_REQUESTS",
        f"too many requests in a minute: the next is taken in {wait_s} s",
        headers={"retry-after": str(wait_s)},
    )


def _foreign() -> Refused:
    return Refused(
        403,
        "CSRF",
        "the request comes from a page of another site, or does not say from which",
        "open the page of this server itself",
    )
