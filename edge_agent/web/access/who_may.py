"""Who may: the table of everything the server answers, each with its least role.

What is not in the table does not exist: ``gate`` answers 404 before any code of the route runs. A
test compares the table with the routes of the app, both ways, and tries every role on each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from starlette.routing import compile_path

from edge_agent.web.access.roles import Principal, Role, Scope

PUBLIC = None
"""In place of a role: nobody is asked who they are."""
Answer = Literal["json", "page"]


@dataclass(frozen=True)
class Rule:
    """A route and who may use it."""

    method: str
    path: str
    """As the route is written: ``/api/v1/shots/{shot_key}``."""
    role: Role | None
    scope: Scope = "read"
    """What a token must be good for."""
    answer: Answer = "json"
    """A page sends who is not logged in to the login; the rest says 401."""
    changes: bool = False
    """It changes something: nobody does so without a login, and it is in the audit log."""
    heavy: bool = False
    """It computes: fewer a minute are allowed."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Pattern of the paths."""
        return compile_path(self.path)[0]


def _page(path: str, role: Role | None = Role.VIEWER) -> Rule:
    return Rule("GET", path, role, answer="page")


def _form(path: str, role: Role | None, scope: Scope) -> Rule:
    return Rule("POST", path, role, scope, answer="page", changes=True)


def _get(path: str, role: Role | None = Role.VIEWER, scope: Scope = "read") -> Rule:
    return Rule("GET", path, role, scope)


def _compute(path: str, role: Role = Role.VIEWER) -> Rule:
    return Rule("POST", path, role, "simulate", heavy=True)


def _change(path: str, role: Role, scope: Scope) -> Rule:
    return Rule("POST", path, role, scope, changes=True)


def _cancel(path: str, role: Role, scope: Scope) -> Rule:
    return Rule("DELETE", path, role, scope, changes=True)


def _start(path: str) -> Rule:
    """It asks for a job."""
    return Rule("POST", path, Role.ENGINEER, "simulate", changes=True, heavy=True)


API = "/api/v1"
RULES: tuple[Rule, ...] = (
    # pages and what belongs to them
    _page("/"),
    _page("/events"),
    _page("/molds/{site}/{press}/{mold_id}"),
    _page("/alerts"),
    _page("/alerts/strip"),
    _form("/alerts/acknowledgement", Role.OPERATOR, "alerts"),
    _form("/advice/decision", Role.OPERATOR, "advice"),
    _page("/results", Role.OPERATOR),
    _form("/results", Role.OPERATOR, "quality"),
    _form("/results/table", Role.OPERATOR, "quality"),
    _page("/what-if"),
    _page("/optimize"),
    _compute("/what-if/answer"),
    _change("/what-if/scenarios", Role.OPERATOR, "simulate"),
    Rule("POST", "/what-if/download", Role.VIEWER, "simulate", "page", heavy=True),
    _get("/what-if/scenarios/{name}"),
    Rule("GET", "/static/{path:path}", PUBLIC),
    _page("/login", PUBLIC),
    Rule("POST", "/login", PUBLIC, answer="page"),
    Rule("POST", "/logout", PUBLIC, answer="page"),
    _page("/kiosk", PUBLIC),
    Rule("POST", "/kiosk", PUBLIC, answer="page"),
    # the first generation's paths
    _get("/health", PUBLIC),
    _get("/version"),
    _compute("/simulate"),
    _start("/optimize"),
    _compute("/ml/predict"),
    # REST
    _get(f"{API}/openapi.json"),
    _get(f"{API}/twin/history"),
    _get(f"{API}/shots"),
    _get(f"{API}/shots/{{shot_key}}"),
    _get(f"{API}/molds"),
    _get(f"{API}/presses"),
    _get(f"{API}/models"),
    _get(f"{API}/alerts"),
    _change(f"{API}/alerts/{{alert_id}}/acknowledgement", Role.OPERATOR, "alerts"),
    _get(f"{API}/quality"),
    _change(f"{API}/quality", Role.OPERATOR, "quality"),
    _get(f"{API}/advice"),
    _change(f"{API}/advice", Role.ENGINEER, "advice"),
    _change(f"{API}/advice/{{advice_id}}/decision", Role.OPERATOR, "advice"),
    _change(f"{API}/advice/{{advice_id}}/withdrawal", Role.ENGINEER, "advice"),
    _start(f"{API}/optimize"),
    _get(f"{API}/jobs"),
    _get(f"{API}/jobs/{{job_id}}"),
    _get(f"{API}/jobs/{{job_id}}/result"),
    _change(f"{API}/jobs/{{job_id}}/advice", Role.ENGINEER, "advice"),
    _cancel(f"{API}/jobs/{{job_id}}", Role.ENGINEER, "simulate"),
    _get(f"{API}/audit", Role.ADMIN, "admin"),
)
"""Every route; more than one may fit a path, then the strictest counts."""


def rules_of(path: str, rules: Iterable[Rule] = RULES) -> list[Rule]:
    """The rules that a path falls under, for all methods."""
    return [rule for rule in rules if rule.pattern.fullmatch(path)]


def rule_for(method: str, found: Iterable[Rule]) -> Rule | None:
    """The strictest of these rules for a method; HEAD is GET without a body."""
    method = "GET" if method == "HEAD" else method
    fitting = [rule for rule in found if rule.method == method]
    return max(fitting, key=lambda rule: rule.role or 0, default=None)


def allows(rule: Rule, principal: Principal | None) -> bool:
    """True if who makes a request may do what the rule is for.

    Args:
        rule: of the route.
        principal: None for somebody of whom nothing is known.
    """
    if rule.role is PUBLIC:
        return True
    if principal is None or principal.role < rule.role:
        return False
    if principal.kind == "anonymous" and rule.changes:
        return False
    return rule.scope in principal.scopes
