"""The press and mold that a job is about, and whether its result may be advised to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from edge_agent.web.jobs.store import Job
from edge_agent.web.live.state import MoldKey
from edge_agent.web.molds_on_presses import simulated_by_press
from edge_agent.web.parts import Web
from edge_agent.web.problems import Refused


class MadeFor(BaseModel):
    """What a job is about."""

    site: str
    press: str | None = None
    """None: of a bare scenario, for any press that has the mold."""
    mold_id: str
    """Of the scenario that was simulated."""
    system_id: str
    in_catalogue: bool
    """The mold is that of the plant's catalogue, not one of the request's own."""
    simulated: bool | None = None
    """Whether the shots that it began with are a simulator's; None: nobody said."""


def made_for(job: Job, asked: Mapping[str, Any], site: str) -> MadeFor:
    """The press and mold of a job; of one of an older version, as far as its scenario has them.

    Args:
        job: as it is kept.
        asked: its document.
        site: of this server.
    """
    if job.made_for is not None:
        return MadeFor.model_validate(job.made_for)
    mold, system = asked.get("mold"), asked.get("system") or {}
    named = isinstance(mold, str)
    mold_id = mold if named else (mold or {}).get("mold_id") or "mold"
    system_id = asked.get("system_id") or system.get("system_id") or "system"
    return MadeFor(site=site, mold_id=str(mold_id), system_id=str(system_id), in_catalogue=named)


async def check_goes_to(web: Web, made: MadeFor, key: MoldKey) -> None:
    """Refuse to advise what was found for a mold to another one, or to a press without it.

    Args:
        web: knows molds and presses.
        made: what was searched.
        key: the mold and press that it is to be advised to.

    Raises:
        Refused: 409, with both names.
    """
    if key.mold_id != made.mold_id:
        raise _other(f"mold {made.mold_id} was searched, not {key.mold_id}")
    if made.site != key.site or made.press not in (None, key.press):
        place = f"{made.press} of {made.site}" if made.site != key.site else made.press
        raise _other(f"mold {made.mold_id} on {place} was searched, not on {key.press}")
    presses = await simulated_by_press(web, key.mold_id)
    if key.press in presses:
        return
    if presses:
        names = " and ".join(sorted(presses))
        raise _other(f"mold {key.mold_id} has shots on {names}, and none on {key.press}")
    if not made.in_catalogue:
        raise _other(
            f"mold {key.mold_id} is none of the catalogue, and {key.press} has no shot of it"
        )


def _other(words: str) -> Refused:
    return Refused(409, "OTHER_MOLD", words, "search anew for the mold that is to be advised")
