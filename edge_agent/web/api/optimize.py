"""Optimise: a job that looks for a shorter safe cycle, and its result as advice to the press."""

from __future__ import annotations

import re
from secrets import token_hex
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from broker.ids import Identifier
from broker.messages.base import Reference, Words
from broker.messages.events import Component
from edge_agent.web.advice import propose
from edge_agent.web.api.advice import SaidOfAdvice
from edge_agent.web.api.first_generation import SimulationRequest, must_be_text
from edge_agent.web.api.jobs import JobId, ShownJob, known, taken
from edge_agent.web.api.known_press import known_press
from edge_agent.web.api.task_fields import refusal_in_body
from edge_agent.web.jobs.as_advice import lots_in, proposal_of
from edge_agent.web.jobs.made_for import MadeFor, check_goes_to, made_for
from edge_agent.web.live.state import MoldKey
from edge_agent.web.molds_on_presses import is_simulated
from edge_agent.web.parts import Web, web_of
from edge_agent.web.problems import Refused, as_json, responses
from twin_core.errors import InputError

router = APIRouter(tags=["jobs"])
first_generation = APIRouter(tags=["first generation"])
Parts = Annotated[Web, Depends(web_of)]
Document = dict[str, Any]
WAIT_MAX_S = 60.0
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*(\d{1,6})(?:$|[,;\s])", re.ASCII)


class OptimizationRequest(SimulationRequest):
    """A scenario, and how it is to be optimised."""

    optimizer_config: Document | None = None
    """``variables`` (``bounds``), ``constraints``, ``goals``, ``prices``, ``samples``, ``seed``,
    ``t_cycle_max`` …: see docs/rest.md."""
    press: Identifier | None = None
    """That it is for: its result can be advised to no other."""
    simulated: bool | None = None
    """Whether the shot of the scenario is a simulator's; the advice says so. Left out: as the
    newest shot of the mold when it is advised."""


class SaidOfJob(SaidOfAdvice):
    """A word that the broker has taken, and what was searched."""

    made_for: MadeFor


class AdviceOfJob(BaseModel):
    """Whom the result of a job is advised to."""

    model_config = ConfigDict(extra="forbid")

    press: Identifier
    mold_id: Identifier
    point: Annotated[int, Field(ge=0)] | None = None
    """Number in the ``front`` of the result; without one the point that was chosen."""
    lots: dict[Component, Reference] | None = None
    """Lots that it is valid for; without them those of the mold's newest pour."""
    note: Words | None = None


@router.post(
    "/optimize", status_code=202, response_model=ShownJob, responses=responses(409, body=True)
)
async def optimize(
    request: Request,
    asked: OptimizationRequest,
    web: Parts,
    prefer: Annotated[str, Header(max_length=200)] = "",
) -> Response:
    """Ask for an optimisation: the job, which ``/jobs/{job_id}`` tells of.

    With ``Prefer: wait=SECONDS`` (60 at most) the answer waits so long for the end.
    """
    return await _begin(request, asked, web, prefer)


@first_generation.post(
    "/optimize", status_code=202, response_model=ShownJob, responses=responses(409, body=True)
)
async def optimize_as_before(
    request: Request,
    asked: OptimizationRequest,
    web: Parts,
    prefer: Annotated[str, Header(max_length=200)] = "",
) -> Response:
    """As ``/api/v1/optimize``; the result has baseline, optimized, candidate and history."""
    return await _begin(request, asked, web, prefer)


@router.post(
    "/jobs/{job_id}/advice",
    status_code=202,
    response_model=SaidOfJob,
    responses=responses(409, body=True),
)
async def advise(request: Request, web: Parts, job_id: JobId, given: AdviceOfJob) -> Response:
    """Advise the result of a job, or a point of its front, to the mold that it searched."""
    job = known(await web.jobs.get(job_id), job_id)
    press = known_press(web, given.press)
    result = await web.jobs.result(job_id) if job.kind == "optimize" else None
    if result is None:
        raise Refused(409, "NO_RESULT", f"job {job_id} has nothing that could be advised")
    key = MoldKey(press.site, press.press, given.mold_id)
    lots = lots_in(web.live, key) if given.lots is None else dict(given.lots)
    asked = await web.jobs.asked(job_id)
    made = made_for(job, asked, web.settings.site)
    await check_goes_to(web, made, key)
    try:
        proposal = proposal_of(result, asked, job_id, given.point, lots)
    except InputError as error:
        raise Refused(409, "NO_RESULT", str(error), error.hint) from None
    by = request.state.principal.name
    simulated = await is_simulated(web, key) if made.simulated is None else made.simulated
    word = await propose(
        web, press, given.mold_id, token_hex(10), proposal, by, given.note, simulated=simulated
    )
    shown = word.model_dump(include=set(SaidOfAdvice.model_fields))
    shown |= {"press": press.press, "made_for": made.model_dump()}
    return Response(as_json(shown), 202, media_type="application/json")


async def _begin(request: Request, asked: OptimizationRequest, web: Web, prefer: str) -> Response:
    document = asked.model_dump(exclude_unset=True, exclude_none=True)
    must_be_text(document)
    press, simulated = document.pop("press", None), document.pop("simulated", None)
    site = web.settings.site if press is None else known_press(web, press).site
    try:
        checked = await web.worker.check_optimization(document)
    except InputError as error:
        raise refusal_in_body(error, document) from None
    made = MadeFor(
        site=site,
        press=press,
        mold_id=checked["mold_id"],
        system_id=checked["system_id"],
        in_catalogue=isinstance(asked.mold, str),
        simulated=simulated,
    )
    if press is not None:
        await check_goes_to(web, made, MoldKey(site, press, made.mold_id))
    by, address = request.state.principal.name, request.state.address
    job = await web.jobs.ask("optimize", document, by, address, made.model_dump())
    waits = _WAIT.search(prefer)
    if waits is not None:
        wait_s = min(float(waits[1]), WAIT_MAX_S)
        job = known(await web.jobs.ended(job.job_id, wait_s), job.job_id)
    return taken(job)
