"""Shots, quality records and alerts of the history; molds and presses as they are now; models."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from edge_agent.history import pages
from edge_agent.inference.manifest import Manifest
from edge_agent.inference.registry import ModelRegistry
from edge_agent.web.api.answers import (
    IfNoneMatch,
    Page,
    answer,
    cursor_of,
    position_in,
)
from edge_agent.web.api.filters import Asked, Cursor, Id, Key, Limit, asked, known_parameters
from edge_agent.web.live.state import Mold, Press
from edge_agent.web.parts import Web, web_of
from edge_agent.web.problems import NOT_AGAIN, Refused, responses

router = APIRouter(tags=["twin"], dependencies=[Depends(known_parameters)])
Parts = Annotated[Web, Depends(web_of)]
Rows = Annotated[Asked, Depends(asked)]
Document = dict[str, Any]


class Shot(BaseModel):
    """All that is stored of a shot but its telemetry."""

    shot: Document
    predictions: list[Document]
    quality: list[Document]
    events: list[Document]


class Items(BaseModel):
    """All there are."""

    items: list[Document]


@router.get("/shots", response_model=Page, responses=NOT_AGAIN | responses(422))
async def shots(
    request: Request, web: Parts, rows: Rows, limit: Limit = 100, cursor: Cursor = None,
    _known: IfNoneMatch = None,
) -> Response:  # fmt: skip
    """Shots that were poured, newest first, each with its latest prediction."""
    return await _page(request, web, "shot", rows, limit, cursor)


@router.get("/shots/{shot_key}", response_model=Shot, responses=NOT_AGAIN | responses(422))
async def shot(
    request: Request,
    web: Parts,
    shot_key: Annotated[str, Path(pattern=r"^[0-9a-f]{20}$")],
    _known: IfNoneMatch = None,
) -> Response:
    """One shot: its row, predictions, quality records and events."""
    found = await pages.of_shot(web.history.reader(), shot_key)
    if not any(found.values()):
        raise Refused(404, "NOT_FOUND", f"no shot {shot_key} is in this history")
    document = {
        "shot": found["shot"][0] if found["shot"] else {},
        "predictions": found["prediction"],
        "quality": found["quality"],
        "events": found["event"],
    }
    return answer(request, document)


@router.get("/quality", response_model=Page, responses=NOT_AGAIN | responses(422))
async def quality(
    request: Request, web: Parts, rows: Rows, shot_key: Key = None, limit: Limit = 100,
    cursor: Cursor = None, _known: IfNoneMatch = None,
) -> Response:  # fmt: skip
    """Quality records, newest first."""
    return await _page(request, web, "quality", rows.narrowed(shot_key=shot_key), limit, cursor)


@router.get("/alerts", response_model=Page, responses=NOT_AGAIN | responses(422))
async def alerts(
    request: Request,
    web: Parts,
    rows: Rows,
    state: Annotated[Literal["open", "closed", "all"], Query()] = "all",
    limit: Limit = 100,
    cursor: Cursor = None,
    _known: IfNoneMatch = None,
) -> Response:
    """Alerts, the newest first: raised, acknowledged by whom, closed."""
    chosen = Asked(rows.which, {**rows.parameters, "state": state})
    return await _page(request, web, "alert", chosen, limit, cursor, state)


@router.get("/molds", response_model=Items, responses=NOT_AGAIN | responses(422))
async def molds(
    request: Request, web: Parts, press: Id = None, _known: IfNoneMatch = None
) -> Response:
    """Every mold that was heard of, with its prediction and newest readings."""
    found = [_mold(one) for one in web.live.molds_in_order() if press in (None, one.key.press)]
    return answer(request, {"items": found})


@router.get("/presses", response_model=Items, responses=NOT_AGAIN | responses(422))
async def presses(request: Request, web: Parts, _known: IfNoneMatch = None) -> Response:
    """Every press that was heard of, and whether an agent serves it."""
    known = web.live.presses
    return answer(request, {"items": [_press(known[address]) for address in sorted(known)]})


@router.get("/models", response_model=Items, responses=NOT_AGAIN | responses(422))
async def models(request: Request, web: Parts, _known: IfNoneMatch = None) -> Response:
    """Every version of every learned model, and which one corrects the physics."""
    registry = ModelRegistry(web.settings.learning.models)
    return answer(request, {"items": await asyncio.to_thread(_models, registry)})


@router.get("/audit", response_model=Page, responses=NOT_AGAIN | responses(422))
async def audit(
    request: Request,
    web: Parts,
    limit: Limit = 100,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="A smaller `seq`")] = None,
    _known: IfNoneMatch = None,
) -> Response:
    """Entries of the audit log, newest first; `next` is the `before` of the page behind."""
    entries = await asyncio.to_thread(web.access.audit.newest, limit + 1, before)
    next_ = str(entries[limit - 1].seq) if len(entries) > limit else None
    return answer(request, {"items": [one.as_dict() for one in entries[:limit]], "next": next_})


async def _page(
    request: Request, web: Web, table: str, rows: Asked, limit: int, cursor: str | None,
    state: str = "all",
) -> Response:  # fmt: skip
    after = position_in(cursor, rows.parameters, pages.position_length(table))
    reader = web.history.reader()
    found, position = await pages.newest(reader, table, rows.which, after, limit, state)
    next_ = None if position is None else cursor_of(position, rows.parameters)
    return answer(request, {"items": found, "next": next_}, next_=next_)


def _mold(mold: Mold) -> Document:
    return {
        **mold.key._asdict(),
        "prediction": mold.prediction and mold.prediction.model_dump(mode="json"),
        "last_shot": mold.kpis and mold.kpis.model_dump(mode="json"),
        "readings": mold.readings,
        "read_at": mold.read_at,
    }


def _press(press: Press) -> Document:
    return {
        "site": press.address.site,
        "press": press.address.press,
        "status": press.status and press.status.model_dump(mode="json"),
        "clock_offset_s": press.clock_offset_s,
    }


def _models(registry: ModelRegistry) -> list[Document]:
    found = []
    for entry in registry.manifests():
        if not isinstance(entry, Manifest):
            found.append({"problem": str(entry)})
            continue
        state = registry.state(entry.name)
        roles = {state.promoted: "promoted", state.shadow: "shadow"}
        use = roles.get(entry.version, "kept")
        found.append({**entry.model_dump(mode="json"), "use": use})
    return found
