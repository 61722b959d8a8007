"""Jobs: the list, one, its result so far, and its cancellation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from edge_agent.web.api.answers import IfNoneMatch, answer
from edge_agent.web.api.filters import known_parameters
from edge_agent.web.jobs.made_for import MadeFor
from edge_agent.web.jobs.store import Job, State
from edge_agent.web.parts import Web, web_of
from edge_agent.web.problems import NOT_AGAIN, Refused, as_json, responses

router = APIRouter(tags=["jobs"], dependencies=[Depends(known_parameters)])
Parts = Annotated[Web, Depends(web_of)]
JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{20}$")]
Document = dict[str, Any]
JOBS = "/api/v1/jobs"


class ShownJob(BaseModel):
    """A job as it stands."""

    job_id: str
    kind: str
    state: State
    """``interrupted``: the server ended while it ran; what it had found is its result."""
    made_by: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    progress: Document | None
    """``done`` of ``of`` steps, and the ``best`` so far."""
    problem: Document | None
    """Why it failed, was cancelled or interrupted: ``code``, ``detail``, ``hint``."""
    has_result: bool
    is_partial: bool
    """The result is what there is so far, or was when it ended early."""
    made_for: MadeFor | None = None
    """What was searched; None of jobs of an older version."""


class ShownJobs(BaseModel):
    """Jobs, newest first."""

    items: list[ShownJob]


class JobResult(BaseModel):
    """What a job has found."""

    job_id: str
    kind: str
    state: State
    is_partial: bool
    result: Document


@router.get("/jobs", response_model=ShownJobs, responses=NOT_AGAIN | responses(422))
async def jobs(
    request: Request,
    web: Parts,
    state: Annotated[
        Literal["queued", "running", "done", "failed", "cancelled", "interrupted"] | None, Query()
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    _known: IfNoneMatch = None,
) -> Response:
    """Jobs that wait, run or have ended, newest first."""
    found = await web.jobs.newest(limit, state)
    return answer(request, {"items": [job.as_dict() for job in found]})


@router.get("/jobs/{job_id}", response_model=ShownJob, responses=NOT_AGAIN | responses(422))
async def job(request: Request, web: Parts, job_id: JobId, _known: IfNoneMatch = None) -> Response:
    """One job: its state and progress."""
    return answer(request, known(await web.jobs.get(job_id), job_id).as_dict())


@router.get(
    "/jobs/{job_id}/result", response_model=JobResult, responses=NOT_AGAIN | responses(409, 422)
)
async def result(
    request: Request, web: Parts, job_id: JobId, _known: IfNoneMatch = None
) -> Response:
    """The result of a job; of one that runs or ended early, what there is (``is_partial``)."""
    found = known(await web.jobs.get(job_id), job_id)
    document = await web.jobs.result(job_id)
    if document is None:
        words = f"job {job_id} is {found.state} and has no result"
        hint = "ask again later" if found.alive else str((found.problem or {}).get("detail", ""))
        raise Refused(409, "NO_RESULT", words, hint)
    shown = {name: getattr(found, name) for name in ("job_id", "kind", "state", "is_partial")}
    return answer(request, {**shown, "result": document})


@router.delete(
    "/jobs/{job_id}", status_code=202, response_model=ShownJob, responses=responses(409, body=True)
)
async def cancel(web: Parts, job_id: JobId) -> Response:
    """Cancel a job: it ends within seconds, with what it has found."""
    found = known(await web.jobs.get(job_id), job_id)
    if not found.alive:
        raise Refused(409, "ENDED", f"job {job_id} has ended: {found.state}")
    return taken(known(await web.jobs.cancel(job_id), job_id))


def known(found: Job | None, job_id: str) -> Job:
    """A job that there is.

    Raises:
        Refused: there is none.
    """
    if found is None:
        raise Refused(404, "NOT_FOUND", f"there is no job {job_id}, or it was too old")
    return found


def taken(job: Job) -> Response:
    """The answer to a request that a job is made or changed by."""
    place = {"location": f"{JOBS}/{job.job_id}"}
    return Response(as_json(job.as_dict()), 202, place, "application/json")
