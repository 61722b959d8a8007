"""Shots, and what was forgotten, as an earlier life of the agent left them."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import ValidationError

from broker.timestamps import format_timestamp, parse_timestamp
from broker.topics import PressAddress
from edge_agent.logs import get_logger
from edge_agent.pipeline.commit import SHOT_SCOPE
from edge_agent.pipeline.revisions import State
from edge_agent.shots.shot import Shot
from edge_agent.spool.thread import SpoolThread

HORIZON_SCOPE = "horizon"
"""Scope of the ends of forgotten shots in the spool's state."""


def kept_shots(spool: SpoolThread) -> tuple[list[Shot], State]:
    """Shots to go on with, oldest first, and changes to shots that an older program kept otherwise.

    A shot that cannot be read is left out, and said.
    """
    shots, renamed = list[Shot](), State()
    for key, value in spool.state_at_start(SHOT_SCOPE).items():
        try:
            shot = Shot.model_validate(value)
        except ValidationError as error:
            get_logger().error("shot_unreadable", shot_id=key, error=str(error)[:500])
            continue
        shots.append(shot)
        if key != shot.shot_key:
            renamed[SHOT_SCOPE, key] = None
            renamed[SHOT_SCOPE, shot.shot_key] = shot.model_dump(mode="json")
    shots.sort(key=begun)
    return shots, renamed


def horizon_state(of_mold: tuple[PressAddress, str], ended_at: datetime) -> State:
    """State that keeps the end of the newest shot of a mold that was forgotten."""
    (press, mold_id), ts = of_mold, format_timestamp(ended_at)
    document = {"site": press.site, "press": press.press, "mold_id": mold_id, "ended_at": ts}
    return {(HORIZON_SCOPE, f"{press}/{mold_id}"): document}


def kept_horizon(spool: SpoolThread) -> dict[tuple[PressAddress, str], datetime]:
    """Ends of the newest shots that were forgotten, by press and mold."""
    found = {}
    for document in spool.state_at_start(HORIZON_SCOPE).values():
        press = PressAddress(document["site"], document["press"])
        found[press, document["mold_id"]] = parse_timestamp(document["ended_at"])
    return found


def begun(shot: Shot) -> datetime:
    begun = shot.begun_at or shot.closed_at
    return begun if begun is not None else datetime.min.replace(tzinfo=UTC)
