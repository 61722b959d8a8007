"""Access control of one server: its parts, and who makes a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from edge_agent.config.web_settings import WebSettings
from edge_agent.web.access.audit import AuditLog
from edge_agent.web.access.database import AccessDatabase
from edge_agent.web.access.rates import Rates
from edge_agent.web.access.roles import ANONYMOUS, Principal
from edge_agent.web.access.secret_key import SecretKey, key_file_beside, read_key
from edge_agent.web.access.sessions import Sessions
from edge_agent.web.access.tokens import Tokens
from edge_agent.web.access.users import Users

SESSION, KIOSK, VISITOR = "session", "kiosk", "visitor"
"""Cookies: of a person, of a kiosk, and of a form that nobody has logged in at."""
COOKIE_DAYS = 400
"""Of a kiosk: the longest that browsers keep one; each visit begins it anew."""
_FORWARDED = ("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip")


@dataclass(frozen=True)
class AccessOptions:
    """Options of access control, from the settings of the web."""

    database_path: Path
    key_file: Path | None = None
    open_reading: bool = False
    """Who is on this machine may read without a login."""
    session_idle: timedelta = timedelta(hours=12)
    requests_per_minute: int = 1200
    heavy_per_minute: int = 600
    own_origins: tuple[str, ...] = ()
    """Origins of our pages besides the one that the request itself names, as behind a proxy."""


class Access:
    """Users, tokens, sessions and the audit log, as a server and the commands use them."""

    def __init__(self, options: AccessOptions, now: Callable[[], datetime]) -> None:
        """Open the database; make it and its key where there is none.

        Raises:
            StoreError: the database cannot be used.
            SettingsError: the key cannot be used.
        """
        self.options = options
        self.database = AccessDatabase(options.database_path)
        try:
            self.key = _key(options)
        except BaseException:
            self.database.close()
            raise
        self.audit = AuditLog(self.database, self.key, now)
        self.users = Users(self.database, self.audit, now)
        self.tokens = Tokens(self.database, self.audit, now)
        self.sessions = Sessions(self.database, self.audit, now, options.session_idle)
        self.rates = Rates(options.requests_per_minute, options.heavy_per_minute)

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    async def login(self, name: str, password: str, address: str) -> str | None:
        """Log in; returns the cookie of a new session, None for a wrong name or password.

        Raises:
            StoreError: the database cannot be written.
        """
        return await asyncio.to_thread(self._login, name, password, address)

    def _login(self, name: str, password: str, address: str) -> str | None:
        if self.users.has_password(name, password):
            return self.sessions.start(name, address)
        self.audit.write("", "login", "refused", address, user=name[:64])
        return None

    def of_token(self, token: str) -> Principal | None:
        """Who shows a token in the header Authorization."""
        return self.tokens.principal(token, "machine")

    def of_cookies(self, cookies: Mapping[str, str]) -> tuple[Principal | None, str]:
        """Who shows these cookies, and the cookie that the forms of this browser go with."""
        if SESSION in cookies:
            found = self.sessions.principal(cookies[SESSION])
            if found is not None:
                return found, cookies[SESSION]
        if KIOSK in cookies:
            found = self.tokens.principal(cookies[KIOSK], "kiosk")
            if found is not None:
                return found, cookies[KIOSK]
        return None, cookies.get(VISITOR, "")

    def of_nobody(self, host: str, headers: Mapping[str, str]) -> Principal | None:
        """Who reads without a login: on this machine alone, by its own name.

        The server is bound to loopback then. A page whose name was led to 127.0.0.1 (DNS
        rebinding) and a proxy that lets the world in are told by what they send.
        """
        by_proxy = any(name in _FORWARDED or name.startswith("x-forwarded-") for name in headers)
        if not self.options.open_reading or by_proxy:
            return None
        return ANONYMOUS if is_loopback(host) else None

    def holds(self, principal: Principal) -> bool:
        """True while who made a request may go on with its answer."""
        match principal.kind:
            case "user":
                return self.sessions.holds(principal.key)
            case "token" | "kiosk":
                return self.tokens.holds(principal.key)
            case _:
                return True


def options_of(settings: WebSettings) -> AccessOptions:
    """The options that the settings of the web ask for."""
    return AccessOptions(
        database_path=settings.database_path,
        key_file=settings.audit_key_file,
        open_reading=settings.open_reading == "auto"
        and is_loopback(settings.host)
        and not (settings.proxy_addresses or settings.public_origins),
        session_idle=timedelta(hours=settings.session_hours),
        requests_per_minute=settings.requests_per_minute,
        heavy_per_minute=settings.computations_per_minute,
        own_origins=tuple(settings.public_origins),
    )


def is_loopback(host: str) -> bool:
    """True for a name or number of this machine itself, with or without a port."""
    bare_ipv6 = host.count(":") > 1 and not host.startswith("[")
    has_port = not bare_ipv6 and host.rpartition(":")[2].isdecimal()
    name = (host.rsplit(":", 1)[0] if has_port else host).strip("[]").casefold()
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _key(options: AccessOptions) -> SecretKey:
    if options.key_file is not None:
        return read_key(options.key_file)
    return read_key(key_file_beside(options.database_path), make=True)
