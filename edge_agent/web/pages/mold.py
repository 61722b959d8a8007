"""The page of a mold: curves and window of this shot, last shots with records, trends, alerts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse

from broker.ids import is_identifier
from edge_agent.history.read import RowFilter, open_reader
from edge_agent.logged_shots.quality_rows import in_order, replaced_at, said
from edge_agent.web.live.lamps import lamps_of
from edge_agent.web.live.state import MoldKey
from edge_agent.web.pages.alerts import operator_of
from edge_agent.web.pages.asking import who
from edge_agent.web.pages.drawing import Chart, chart
from edge_agent.web.pages.this_shot import alerts_of, charts_of
from edge_agent.web.pages.tiles import tile_of
from edge_agent.web.parts import Web, web_of
from twin_core.errors import TwinError

router = APIRouter(include_in_schema=False)
SHOTS_SHOWN, TREND_SHOTS = 12, 60
LOOK_BACK = timedelta(days=90)
TRENDS = ("t_demold_actual_s", "T_core_max_C", "p_cavity_max_bar", "rho_moulded_kg_per_m3")


@dataclass(frozen=True)
class Past:
    """The last shots of a mold from the history."""

    shots: list[dict[str, Any]] = field(default_factory=list)
    """Newest first; each with its quality ``records``, without those that were corrected."""
    problem: str | None = None


@router.get("/molds/{site}/{press}/{mold_id}", response_class=HTMLResponse)
async def mold(
    request: Request, web: Annotated[Web, Depends(web_of)], site: str, press: str, mold_id: str
) -> HTMLResponse:
    """A mold."""
    key = MoldKey(site, press, mold_id)
    past = await past_of(web, key) if all(map(is_identifier, key)) else Past()
    if key not in web.live.molds and not past.shots:
        raise HTTPException(404, "no such mold: nothing was heard of it, and no shot is kept")
    web.live.mold(key)
    words = web.renderer.words[web.renderer.language_of(request)]
    return web.renderer.page(
        request,
        "mold.html",
        stream=f"/events?mold={key}",
        key=key,
        one=tile_of(web.live, key, words, web.clock.now()),
        lamps=lamps_of(web.live),
        broker_away=web.live.broker is not None,
        charts=charts_of(web.live, key),
        prediction=web.live.molds[key].prediction,
        alerts=alerts_of(web.live, key),
        advice=web.live.molds[key].advice,
        operator=operator_of(request),
        who=who(request),
        sent=request.query_params.get("sent", ""),
        past=past,
        shown=past.shots[:SHOTS_SHOWN],
        trends=trends_of(past),
    )


async def past_of(web: Web, key: MoldKey) -> Past:
    """The last shots of a mold with their quality records."""
    since = datetime.now(UTC) - LOOK_BACK
    records: dict[tuple[Any, Any], list[dict[str, Any]]] = {}

    def take(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if (row["site"], row["press"]) == key[:2]:
                records.setdefault((row["shot_key"], row["shot_id"]), []).append(row)

    try:
        reader = open_reader(web.settings.history)
        try:
            shots = await reader.shots(key.mold_id, since, TREND_SHOTS)
            if shots:
                first = datetime.fromisoformat(min(shot["poured_at"] for shot in shots))
                await reader.each("quality", RowFilter(since=first, mold_id=key.mold_id), take)
        finally:
            await reader.close()
    except TwinError as error:
        return Past(problem=str(error))
    own = [shot for shot in shots if (shot["site"], shot["press"]) == key[:2]]
    for shot in own:
        shot["poured_at"] = datetime.fromisoformat(shot["poured_at"])
        shot["records"] = _that_count(records.get((shot["shot_key"], shot["shot_id"]), []))
    return Past(own)


def _that_count(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records of a shot that no correction has taken the place of."""
    ordered = in_order(records)
    replaced = replaced_at([said(row) for row in ordered])
    return [dict(row) for row, at in zip(ordered, replaced, strict=True) if at is None]


def trends_of(past: Past) -> dict[str, Chart]:
    """How the last shots went, oldest first."""
    drawn = {}
    in_order = list(reversed(past.shots))
    for name in TRENDS:
        points = [
            (float(number), value)
            for number, shot in enumerate(in_order)
            if (value := _value(shot, name)) is not None
        ]
        made = chart({"measured": points}, per_x=0.0) if len(points) > 1 else None
        if made is not None:
            drawn[name] = made
    return drawn


def _value(shot: dict[str, Any], name: str) -> float | None:
    if name in shot:
        return None if shot[name] is None else float(shot[name])
    values = [record[name] for record in shot["records"] if record.get(name) is not None]
    return float(values[-1]) if values else None
