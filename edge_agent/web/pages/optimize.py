"""Optimise: ask for a job, look at its front, choose a point, advise it to the press."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from edge_agent.web.access.roles import Role
from edge_agent.web.jobs.store import Job
from edge_agent.web.pages.asking import mold_of
from edge_agent.web.pages.form_words import GOALS, JOB_STATES, OPTIMIZE_SCRIPT, SETTINGS
from edge_agent.web.pages.what_if import EXAMPLE, live_base, script_text
from edge_agent.web.parts import Web, web_of
from edge_agent.web.results.shots import LastShot, base_of, last_shots
from twin_core.errors import TwinError

router = APIRouter(include_in_schema=False)
Parts = Annotated[Web, Depends(web_of)]
JOBS_SHOWN = 12
OPENINGS_MIN = 3
_JOB_ID = re.compile(r"[0-9a-f]{20}")


@router.get("/optimize", response_class=HTMLResponse)
async def optimize(request: Request, web: Parts) -> HTMLResponse:
    """Show the form, the jobs, and the job that was chosen."""
    asked = request.query_params
    say = web.renderer.words[web.renderer.language_of(request)].say
    mold, problem = mold_of(asked.get("mold", "")), ""
    shots: list[LastShot] = []
    base: dict[str, Any] = EXAMPLE
    chosen = None
    if mold is not None:
        try:
            shots = await last_shots(web.settings, mold, web.clock.now())
            fitting = [shot for shot in shots if shot.shot_key == asked.get("shot", "")]
            chosen = next(iter([*fitting, *shots]), None)
            if chosen is not None:
                base = await base_of(web.settings, mold, chosen)
        except TwinError as error:
            problem = str(error)
            base = live_base(web, mold) or EXAMPLE
    jobs = [job for job in await web.jobs.newest(JOBS_SHOWN) if job.kind == "optimize"]
    principal = request.state.principal
    return web.renderer.page(
        request,
        "optimize.html",
        molds=sorted(web.live.molds),
        mold=mold,
        shots=shots,
        chosen=chosen,
        base=script_text(base),
        opened_s=_opened_s(shots),
        is_example=base is EXAMPLE,
        history_problem=problem,
        may_ask=principal is not None
        and principal.role >= Role.ENGINEER
        and principal.kind != "anonymous",
        job=await _job(web, asked.get("job", "")),
        jobs=jobs,
        job_states=JOB_STATES,
        goals=GOALS,
        settings=SETTINGS,
        usual=("T_polyol_C", "T_iso_C", "T_mold_C"),
        labels=script_text(
            {
                "goals": [(name, say(label), unit, digits) for name, label, unit, digits in GOALS],
                "settings": [
                    (n, say(label), unit, digits) for n, label, unit, digits, _ in SETTINGS
                ],
            }
        ),
        texts=script_text({name: say(words) for name, words in OPTIMIZE_SCRIPT.items()}),
    )


def _opened_s(shots: Sequence[LastShot]) -> float | None:
    """When a mold is opened today: the median of its last shots; None where too few are known."""
    known = [shot.opened_s for shot in shots if shot.opened_s is not None and shot.opened_s > 0]
    return median(known) if len(known) >= OPENINGS_MIN else None


async def _job(web: Web, job_id: str) -> Job | None:
    """The job that the address names; None where there is none."""
    return await web.jobs.get(job_id) if _JOB_ID.fullmatch(job_id) else None
