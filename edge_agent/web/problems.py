"""Problem documents (RFC 9457); ``detail`` and ``code`` are as in the first generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """A field of the request that is wrong."""

    detail: str
    pointer: str | None = None
    """JSON pointer into the body (RFC 6901) as a URI fragment: ``#/process/m_iso_kg``."""
    parameter: str | None = None
    """Name of a parameter of the path or the query."""


class Problem(BaseModel):
    """A problem document."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    """For programs; it does not change with the words."""
    hint: str = ""
    """What to do, where ``detail`` does not say it."""
    errors: list[FieldProblem] = []
    """Each field that is wrong."""


@dataclass(eq=False)
class Refused(Exception):
    """A request that is answered by a problem document."""

    status: int
    code: str
    detail: str
    hint: str = ""
    errors: list[FieldProblem] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.detail)

    def response(self) -> Response:
        """The answer."""
        problem = Problem(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            code=self.code,
            hint=self.hint,
            errors=self.errors,
        )
        return Response(
            problem.model_dump_json(exclude_none=True),
            self.status,
            {"cache-control": "no-store", **self.headers},
            MEDIA_TYPE,
        )


def pointer(place: tuple[Any, ...]) -> str:
    """The JSON pointer of a place: ``("process", "layers", 0)`` is ``#/process/layers/0``."""
    return "#" + "".join("/" + str(one).replace("~", "~0").replace("/", "~1") for one in place)


NOT_AGAIN: dict[int | str, dict[str, Any]] = {304: {"description": "As you have it"}}
ALWAYS = (400, 401, 403, 404, 405, 429, 503)
"""Statuses that the gate, or a disk that refuses, may answer with on any route."""
WITH_BODY = (408, 413, 422)


def responses(*statuses: int, body: bool = False) -> dict[int | str, dict[str, Any]]:
    """Problem documents that a route may answer with, for its OpenAPI.

    Args:
        statuses: besides those of any route.
        body: the route takes a body.
    """
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*ALWAYS, *(WITH_BODY if body else ()), *statuses})
    }


def as_json(document: Any) -> bytes:
    """A document as JSON; what is no number is null."""
    return to_json(document, inf_nan_mode="null")


def field_refused(field: str, detail: str) -> Refused:
    """A refusal of one field of what was sent, with words on it."""
    problem = FieldProblem(pointer=pointer((field,)), detail=detail)
    return Refused(422, "INVALID_INPUT", f"{field}: {detail}", errors=[problem])


def fields_refused(problems: list[FieldProblem]) -> Refused:
    """A refusal of fields of what was sent; the words are on the first."""
    words = f"{problems[0].pointer}: {problems[0].detail}"
    return Refused(422, "INVALID_INPUT", words, errors=problems)


def problems_of(error: ValidationError) -> list[FieldProblem]:
    """What is wrong with fields, without what was sent in them."""
    return [
        FieldProblem(pointer=pointer(item["loc"]), detail=item["msg"])
        for item in error.errors(include_url=False, include_input=False, include_context=False)
    ]
