"""Errors as problem documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from edge_agent.errors import LinkError, MissingExtra, PublishRefused, StoreError
from edge_agent.logs import get_logger
from edge_agent.web.jobs.store import TooManyJobs
from edge_agent.web.problems import FieldProblem, Refused, pointer
from edge_agent.what_if.worker import WorkerBusy, WorkerError, WorkerTimeout
from twin_core.errors import InputError, SolverError, TwinError

_CODES = {400: "BAD_REQUEST", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE"}
_FIELD = re.compile(r"[^:]*: ([A-Za-z_][\w.\[\]-]*): (.*)", re.DOTALL)
"""A line of an ``InputError``: place, field, what is wrong with it."""
BUSY_RETRY_S = "5"
_NO_JSON = {
    RecursionError: "is JSON that is nested too deep to be read",
    UnicodeDecodeError: "is no JSON: it is not UTF-8",
}
"""What is wrong with a body, by what the parser said; else, a number of too many digits."""


def install(app: FastAPI) -> None:
    """Let an app answer every error with a problem document."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(TwinError, _of_twin)
    app.add_exception_handler(Exception, _unforeseen)


_BY_KIND: tuple[tuple[type[TwinError], int, str], ...] = (
    (InputError, 422, "INVALID_INPUT"),
    (SolverError, 422, "SIMULATION_FAILED"),
    (WorkerTimeout, 422, "SIMULATION_TIMEOUT"),
    (WorkerBusy, 503, "BUSY"),
    (TooManyJobs, 503, "BUSY"),
    (WorkerError, 503, "SIMULATION_UNAVAILABLE"),
    (StoreError, 503, "HISTORY_UNAVAILABLE"),
    (PublishRefused, 503, "BROKER_REFUSED"),
    (LinkError, 503, "BROKER_UNAVAILABLE"),
    (MissingExtra, 503, "NOT_INSTALLED"),
)


def refusal_of(error: TwinError) -> Refused:
    """The refusal that an error of the product leads to."""
    words = str(error)
    for kind, status, code in _BY_KIND:
        if isinstance(error, kind):
            errors = list(fields_in(words)) if kind is InputError else []
            headers = {"retry-after": BUSY_RETRY_S} if error.retryable else {}
            return Refused(status, code, words, error.hint, errors, headers)
    return Refused(500, "INTERNAL_ERROR", words, error.hint)


def fields_in(words: str) -> Iterator[FieldProblem]:
    """Fields that the lines of an ``InputError`` name, as places in a scenario."""
    for line in words.splitlines():
        match = _FIELD.fullmatch(line)
        if match is not None:
            place = tuple(match[1].split("."))
            yield FieldProblem(pointer=pointer(place), detail=match[2])


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.response()


async def _of_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400 and _says_json(request):  # a body that the parser gave up
        return _body_refused(_NO_JSON.get(type(error.__cause__), "is no JSON")).response()
    code = _CODES.get(error.status_code, "REFUSED")
    return Refused(
        error.status_code, code, str(error.detail), headers=error.headers or {}
    ).response()


def _says_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _body_refused(detail: str) -> Refused:
    problem = FieldProblem(pointer="#", detail=detail)
    return Refused(422, "INVALID_INPUT", f"the body {detail}", errors=[problem])


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if not _says_json(request) and any(
        item["loc"] == ("body",) and item["type"] != "missing" for item in error.errors()
    ):
        sent = request.headers.get("content-type") or "nothing"
        detail = f"is not marked as JSON: Content-Type is {sent[:80]}, not application/json"
        return _body_refused(detail).response()
    problems = [_problem(item) for item in error.errors()]
    first = problems[0]
    place = first.parameter or first.pointer
    return Refused(422, "INVALID_INPUT", f"{place}: {first.detail}", errors=problems).response()


def _problem(item: dict[str, Any]) -> FieldProblem:
    kind, *place = item["loc"]
    words = str(item["msg"]).removeprefix("Value error, ")
    if kind == "body":
        if item["type"] == "json_invalid":
            return FieldProblem(pointer="#", detail=f"is not JSON: {words}")
        return FieldProblem(pointer=pointer(tuple(place)), detail=words)
    return FieldProblem(parameter=str(place[0]) if place else str(kind), detail=words)


async def _of_twin(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TwinError)
    refused = refusal_of(error)
    if refused.status >= 500:
        get_logger().warning("request_failed", code=refused.code, error=str(error))
    return refused.response()


async def _unforeseen(_request: Request, _error: Exception) -> Response:
    return Refused(
        500,
        "INTERNAL_ERROR",
        "a fault of this program, not of the request",
        "report it with the log of the web server at this time",
    ).response()
