"""Results by hand: a form for touch, and a table that is dropped."""

from __future__ import annotations

import secrets
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from broker.topics import PressAddress
from edge_agent.errors import LinkError
from edge_agent.web.live.state import MoldKey
from edge_agent.web.pages.alerts import operator_of, remember
from edge_agent.web.pages.asking import mold_of, who
from edge_agent.web.pages.form_words import COMMON_DEFECTS, LABELS
from edge_agent.web.parts import Web, web_of
from edge_agent.web.results.csv_file import (
    BYTES_MAX,
    COLUMNS,
    UNKNOWN_PRESS,
    Table,
    table_of,
    text_of,
)
from edge_agent.web.results.fields import IS_MISSING, NUMBERS, Fault, Faults, record_of
from edge_agent.web.results.shots import LastShot, last_shots
from twin_core.errors import TwinError

router = APIRouter(include_in_schema=False)
Parts = Annotated[Web, Depends(web_of)]
FIELDS = ("shot_id", "shot_key", "ts", *NUMBERS, "scrap", "note", "corrects", "record_id")


@router.get("/results", response_class=HTMLResponse)
async def results(request: Request, web: Parts) -> HTMLResponse:
    """Show the form, empty or with an earlier record that is corrected."""
    asked = request.query_params
    return await _page(
        request,
        web,
        mold_of(asked.get("mold", "")),
        asked.get("shot", ""),
        asked.get("corrects", ""),
    )


@router.post("/results", response_class=HTMLResponse)
async def send(request: Request, web: Parts) -> Response:
    """Send a record; what was typed stays when it cannot be sent."""
    form = await request.form(max_files=0, max_fields=60)
    typed = {name: str(form.get(name, ""))[:4000] for name in FIELDS}
    typed["defects"] = "|".join(str(one) for one in form.getlist("defect") if one)
    more = str(form.get("more_defects", ""))
    typed["defects"] = "|".join(filter(None, (typed["defects"], more)))
    typed["operator"] = who(request) or str(form.get("operator", ""))[:300].strip()
    mold = mold_of(str(form.get("mold", "")))
    if mold is None:
        return RedirectResponse("/results", 303)
    zone = ZoneInfo(web.settings.web.time_zone)
    faults: list[Fault] = []
    try:
        fields = typed | {"mold_id": mold.mold_id}
        record = record_of(fields, web.clock.now(), zone, "page")
    except Faults as error:
        faults = error.faults
    if not typed["operator"]:
        faults.append(Fault("operator", "", IS_MISSING))
    own = {PressAddress(web.settings.site, name) for name in _presses(web)}
    if mold.address not in own | set(web.live.presses):  # else nobody would keep the record
        known = ", ".join(_presses(web))
        faults.append(Fault("shot_id", f"{mold.site}/{mold.press}", UNKNOWN_PRESS, known))
    problem, status = "", 422
    if not faults:
        try:
            await web.to_twin.record(mold.address, record)
        except LinkError as error:
            problem, status = str(error), 503
    if faults or problem:
        return await _page(
            request, web, mold, typed["shot_key"], "", typed, faults, problem, status
        )
    query = urlencode({"mold": str(mold), "sent": typed["record_id"]})
    response = RedirectResponse(f"/results?{query}", 303)
    remember(response, request, typed["operator"])
    return response


@router.post("/results/table", response_class=HTMLResponse)
async def send_table(
    request: Request,
    web: Parts,
    file: Annotated[UploadFile | None, File()] = None,
    text: Annotated[str, Form(max_length=BYTES_MAX)] = "",
    operator: Annotated[str, Form(max_length=256)] = "",
    only_good: Annotated[str, Form(max_length=8)] = "",
) -> HTMLResponse:
    """Send the rows of a table: all of them or none, or the good ones if a person says so."""
    content = text.encode() if file is None else await file.read(BYTES_MAX + 1)
    operator = who(request) or operator.strip()
    table = table_of(
        content,
        web.settings.site,
        _presses(web),
        web.clock.now(),
        ZoneInfo(web.settings.web.time_zone),
        operator or None,
    )
    sent, problem = 0, ""
    if table.rows and (not table.faults or (only_good and table.usable)):
        try:
            for row in table.rows:
                await web.to_twin.record(row.press, row.record)
                sent += 1
        except LinkError as error:
            problem = str(error)
    status = 503 if problem else 200 if sent else 422
    shown = (text_of(content) or "") if table.usable else ""
    response = await _page(
        request, web, None, "", "", None, [], problem, status, table=table, text=shown, sent=sent
    )
    if operator:
        remember(response, request, operator)
    return response


async def _page(
    request: Request,
    web: Web,
    mold: MoldKey | None,
    shot_key: str,
    corrects: str,
    typed: dict[str, str] | None = None,
    faults: list[Fault] | None = None,
    problem: str = "",
    status: int = 200,
    table: Table | None = None,
    text: str = "",
    sent: int = 0,
) -> HTMLResponse:
    shots: list[LastShot] = []
    history_problem = ""
    if mold is not None:
        try:
            shots = await last_shots(web.settings, mold, web.clock.now())
        except TwinError as error:
            history_problem = str(error)
    chosen = next((shot for shot in shots if shot.shot_key == shot_key), None)
    if chosen is None and shots and not shot_key:
        chosen = shots[0]
    if typed is None:
        typed = _empty(chosen, corrects)
    return web.renderer.page(
        request,
        "results.html",
        status=status,
        molds=sorted({*web.live.molds, *([mold] if mold else [])}),
        mold=mold,
        shots=shots,
        chosen=chosen,
        typed=typed,
        faults=faults or [],
        problem=problem,
        history_problem=history_problem,
        who=who(request),
        operator=operator_of(request),
        numbers=[(name, NUMBERS[name]) for name in LABELS],
        labels=LABELS,
        record_name=name_of,
        common_defects=COMMON_DEFECTS,
        columns=COLUMNS,
        table=table,
        text=text,
        sent=sent,
        sent_record=request.query_params.get("sent", ""),
    )


def _empty(shot: LastShot | None, corrects: str) -> dict[str, str]:
    """Fields of a new record; of a correction with what the earlier one says."""
    fields = dict.fromkeys((*FIELDS, "defects", "operator"), "")
    fields["record_id"] = f"web-{secrets.token_hex(8)}"
    if shot is None:
        return fields
    fields |= {"shot_id": shot.shot_id, "shot_key": shot.shot_key}
    earlier = next((row for row in shot.records if name_of(row) == corrects), None)
    if corrects and earlier is not None:
        document: dict[str, Any] = earlier["document"] or {}
        fields["corrects"] = corrects
        for name in (*NUMBERS, "note"):
            value = document.get(name)
            fields[name] = "" if value is None else f"{value:g}" if name in NUMBERS else str(value)
        fields["defects"] = "|".join(document.get("defects") or [])
        scrap = document.get("scrap")
        fields["scrap"] = "" if scrap is None else "yes" if scrap else "no"
    return fields


def name_of(row: dict[str, Any]) -> str:
    """Name of an earlier record for a correction: its number, or its time where it has none."""
    record_id = (row["document"] or {}).get("record_id")
    return record_id or f"ts:{row['ts']}"


def _presses(web: Web) -> list[str]:
    """Presses of our site: those of the configuration, and those that were heard of."""
    heard = [press.press for press in web.live.presses if press.site == web.settings.site]
    return sorted({*web.settings.presses, *heard})
