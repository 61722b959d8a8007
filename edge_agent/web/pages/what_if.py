"""What if: a shot as it was, and as it would be with other temperatures, masses or molds."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from edge_agent.errors import StoreError
from edge_agent.logs import get_logger
from edge_agent.web.pages.form_words import CHARTS, FIGURES, SCRIPT, SLIDERS
from edge_agent.web.pages.shown_shot import EXAMPLE, shown_shot
from edge_agent.web.parts import Web, web_of
from edge_agent.what_if.saved import SavedScenarios
from edge_agent.what_if.worker import WorkerError
from twin_core.errors import InputError, TwinError

router = APIRouter(include_in_schema=False)
Parts = Annotated[Web, Depends(web_of)]
CHARACTERS_MAX = 200_000


class Question(BaseModel):
    """A shot, and changes of it."""

    model_config = ConfigDict(extra="forbid")

    base: dict[str, Any]
    changes: dict[str, Any] = Field(default_factory=dict)
    name: Annotated[str, Field(max_length=64)] = ""


@router.get("/what-if", response_class=HTMLResponse)
async def what_if(request: Request, web: Parts) -> HTMLResponse:
    """Show sliders and curves of a shot."""
    asked = request.query_params
    say = web.renderer.words[web.renderer.language_of(request)].say
    shown = await shown_shot(web, asked.get("mold", ""), asked.get("shot", ""))
    return web.renderer.page(
        request,
        "what_if.html",
        molds=sorted(web.live.molds),
        mold=shown.mold,
        shots=shown.shots,
        chosen=shown.chosen,
        base=script_text(shown.base),
        is_example=shown.base is EXAMPLE,
        saved=SavedScenarios(web.settings.web.scenarios).names(),
        history_problem=shown.problem,
        sliders=SLIDERS,
        figures=FIGURES,
        charts=CHARTS,
        texts=script_text({name: say(words) for name, words in SCRIPT.items()}),
    )


@router.post("/what-if/answer")
async def answer(web: Parts, question: Question) -> JSONResponse:
    """Curves, window and swell of a shot as it was, and with the changes."""
    return await _asked(web, question)


@router.post("/what-if/scenarios")
async def save(web: Parts, question: Question) -> JSONResponse:
    """Save the changed scenario under a name."""
    return await _asked(web, question, save=True)


@router.post("/what-if/download")
async def download(
    web: Parts,
    base: Annotated[str, Form(max_length=CHARACTERS_MAX)],
    changes: Annotated[str, Form(max_length=CHARACTERS_MAX)] = "{}",
) -> Response:
    """The changed scenario as a file that ``run-sim`` takes."""
    try:
        found = await web.worker.what_if(dict(json.loads(base)), dict(json.loads(changes)))
    except (ValueError, TypeError):
        return _problem(422, "the scenario is no JSON object")
    except TwinError as error:
        return _problem(_status(error), str(error), error.hint)
    return _file(found["yaml"], "scenario")


@router.get("/what-if/scenarios/{name}")
async def saved(web: Parts, name: str) -> Response:
    """A scenario that was saved, as a file."""
    try:
        return _file(SavedScenarios(web.settings.web.scenarios).read(name), name)
    except InputError as error:
        return _problem(404, str(error))


def script_text(content: Any) -> str:
    """JSON that no text in it can end early."""
    return json.dumps(content).replace("<", "\\u003c")


async def _asked(web: Web, question: Question, save: bool = False) -> JSONResponse:
    try:
        found = await web.worker.what_if(question.base, question.changes)
        if save:
            folder = SavedScenarios(web.settings.web.scenarios)
            path = folder.save(question.name, found["yaml"])
            get_logger().info("scenario_saved", path=str(path))
            return JSONResponse({"saved": question.name})
    except TwinError as error:
        return _problem(_status(error), str(error), error.hint)
    return JSONResponse(found)


def _status(error: TwinError) -> int:
    if isinstance(error, WorkerError | StoreError):
        return 503
    return 422


def _problem(status: int, words: str, hint: str = "") -> JSONResponse:
    """A problem document (RFC 9457)."""
    content = {"type": "about:blank", "status": status, "detail": words, "hint": hint}
    return JSONResponse(content, status, media_type="application/problem+json")


def _file(text: str, name: str) -> Response:
    disposition = f'attachment; filename="{name}.yaml"'
    return Response(
        text, media_type="application/yaml", headers={"Content-Disposition": disposition}
    )
