"""Presses that have a mold, by what was heard and by the history."""

from __future__ import annotations

from edge_agent.history import pages
from edge_agent.history.read import RowFilter
from edge_agent.web.live.state import Mold, MoldKey
from edge_agent.web.parts import Web
from twin_core.errors import TwinError


def press_names(web: Web) -> list[str]:
    """Presses that the twin looks after, in order."""
    return sorted({one.press for one in web.live.presses} | set(web.settings.presses))


async def simulated_by_press(web: Web, mold_id: str) -> dict[str, bool]:
    """Presses with shots in a mold, and whether the newest one there is a simulator's.

    Of a history that cannot be read only what was heard since the start is known.
    """
    found = {}
    for press in press_names(web):
        heard = _simulated_now(web.live.molds.get(MoldKey(web.settings.site, press, mold_id)))
        flag = await _in_history(web, press, mold_id) if heard is None else heard
        if flag is not None:
            found[press] = flag
    return found


async def is_simulated(web: Web, key: MoldKey) -> bool:
    """Whether the shots of a mold are those of a simulator, as the newest one says.

    Of a mold without shots: as those of its press; false where nothing is known.
    """
    own = (await simulated_by_press(web, key.mold_id)).get(key.press)
    if own is not None:
        return own
    heard = [_simulated_now(m) for k, m in web.live.molds.items() if k.address == key.address]
    known = [flag for flag in heard if flag is not None]
    return known[-1] if known else bool(await _in_history(web, key.press, None))


def _simulated_now(mold: Mold | None) -> bool | None:
    newest = None if mold is None else mold.event or mold.prediction or mold.kpis
    return None if newest is None else newest.simulated


async def _in_history(web: Web, press: str, mold_id: str | None) -> bool | None:
    which = RowFilter(mold_id=mold_id, press=press)
    try:
        rows, _ = await pages.newest(web.history.reader(), "shot", which, None, 1)
    except TwinError:  # there may be none yet; a lamp says when it is away
        return None
    return bool(rows[0]["simulated"]) if rows else None
