"""The routers of the REST interface, in an app."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response

from edge_agent.web.access.who_may import API
from edge_agent.web.api import (
    advice,
    errors,
    first_generation,
    history,
    jobs,
    lists,
    optimize,
    writing,
)
from edge_agent.web.api.answers import answer
from edge_agent.web.problems import Problem


def install(app: FastAPI) -> None:
    """Add the REST interface to an app."""
    errors.install(app)
    app.state.streams = history.Streams()
    app.include_router(first_generation.router)
    app.include_router(optimize.first_generation)
    for router in (
        advice.router,
        history.router,
        jobs.router,
        optimize.router,
        lists.router,
        writing.router,
    ):
        app.include_router(router, prefix=API)
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(make())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]

    @app.get(f"{API}/openapi.json", include_in_schema=False)
    async def document(request: Request) -> Response:
        return answer(request, openapi())


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with problem documents, tokens and without FastAPI's own error."""
    parts = document.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for schema in (writing.record_schema(), advice.proposal_schema()):
        schemas.update(schema.get("$defs", {}))
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "pur-mold-twin web token add"}
    }
    document["security"] = [{"token": []}, {}]
    return document
