"""Optimise: ask for a job, look at its front, choose a point, advise it to the press."""

from __future__ import annotations

import re
from statistics import median
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from edge_agent.web.access.roles import Role
from edge_agent.web.jobs.store import Job
from edge_agent.web.live.state import MoldKey
from edge_agent.web.pages.form_words import GOALS, JOB_STATES, OPTIMIZE_SCRIPT, SETTINGS
from edge_agent.web.pages.shown_shot import EXAMPLE, ShownShot, shown_shot
from edge_agent.web.pages.what_if import script_text
from edge_agent.web.parts import Web, web_of

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
    job = await _job(web, asked.get("job", ""))
    mold = asked.get("mold") or (mold_place(job) if job else "")
    shown = await shown_shot(web, mold, asked.get("shot", ""))
    jobs = [one for one in await web.jobs.newest(JOBS_SHOWN) if one.kind == "optimize"]
    principal = request.state.principal
    return web.renderer.page(
        request,
        "optimize.html",
        molds=sorted(web.live.molds),
        mold=shown.mold,
        shots=shown.shots,
        chosen=shown.chosen,
        base=script_text(shown.base),
        opened_s=opened_today_s(shown),
        is_example=shown.base is EXAMPLE,
        history_problem=shown.problem,
        may_ask=principal is not None
        and principal.role >= Role.ENGINEER
        and principal.kind != "anonymous",
        job=job,
        jobs=[(one, mold_place(one)) for one in jobs],
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


def opened_today_s(shown: ShownShot) -> float | None:
    """When a mold is opened today with the material of the chosen shot, s after the pour.

    The median of its last shots; None where too few are known.
    """
    if shown.chosen is None:
        return None
    known = [
        shot.opened_s
        for shot in shown.shots
        if shot.system_id == shown.chosen.system_id and shot.opened_s is not None
    ]
    known = [time for time in known if time > 0.0]
    return median(known) if len(known) >= OPENINGS_MIN else None


def mold_place(job: Job) -> str:
    """The mold of a job as the page's address has it; empty where it is for no press."""
    made = job.made_for
    if made is None or made["press"] is None:
        return ""
    return str(MoldKey(made["site"], made["press"], made["mold_id"]))


async def _job(web: Web, job_id: str) -> Job | None:
    """The job that the address names; None where there is none."""
    return await web.jobs.get(job_id) if _JOB_ID.fullmatch(job_id) else None
