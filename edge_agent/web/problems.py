"""Problem documents (RFC 9457); ``detail`` and ``code`` are as in the first generation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """A field of the request that is wrong."""

    pointer: str
    """JSON pointer into the body (RFC 6901), or ``#/query/NAME``, ``#/path/NAME``."""
    detail: str


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
            problem.model_dump_json(),
            self.status,
            {"cache-control": "no-store", **self.headers},
            MEDIA_TYPE,
        )


def pointer(place: tuple[Any, ...]) -> str:
    """The JSON pointer of a place: ``("process", "layers", 0)`` is ``/process/layers/0``."""
    return "".join("/" + str(one).replace("~", "~0").replace("/", "~1") for one in place)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problem documents that a route may answer with, for its OpenAPI."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def as_json(document: Any) -> bytes:
    """A document as JSON, without NaN."""
    return json.dumps(document, allow_nan=False, ensure_ascii=False).encode()
