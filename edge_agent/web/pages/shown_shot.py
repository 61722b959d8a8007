"""The shot that a page of simulations begins with: of a mold, live, or an example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_agent.web.live.state import MoldKey
from edge_agent.web.pages.asking import mold_of
from edge_agent.web.parts import Web
from edge_agent.web.results.shots import LastShot, base_of, document_of, last_shots
from twin_core.errors import TwinError

EXAMPLE: dict[str, Any] = {
    "scenario_id": "rigid_panel",
    "system_id": "RIGID_PANEL",
    "mold": "PANEL_500x500x50",
    "process": {
        "m_polyol_kg": 0.191,
        "m_iso_kg": 0.341,
        "T_polyol_C": 23.0,
        "T_iso_C": 23.0,
        "T_mold_C": 40.0,
        "T_ambient_C": 23.0,
        "RH_ambient_pct": 50.0,
    },
}
"""A panel of the catalogue that comes with the product, where no shot is known."""


@dataclass(frozen=True)
class ShownShot:
    """What a page shows at first.

    Attributes:
        shots: last shots of the mold; chosen: one of them.
        base: scenario to begin with; ``EXAMPLE`` where no shot is known.
        problem: why the history was not read; empty if it was.
    """

    mold: MoldKey | None
    shots: Sequence[LastShot] = ()
    chosen: LastShot | None = None
    base: dict[str, Any] = field(default_factory=lambda: EXAMPLE)
    problem: str = ""


async def shown_shot(web: Web, mold_name: str, shot_key: str) -> ShownShot:
    """The shot of this key, else the newest of the mold.

    Args:
        mold_name: mold as the page's address has it.
        shot_key: key of a shot; of none, the newest is taken.
    """
    mold, shots, chosen = mold_of(mold_name), [], None
    if mold is None:
        return ShownShot(None)
    try:
        shots = await last_shots(web.settings, mold, web.clock.now())
        fitting = [shot for shot in shots if shot.shot_key == shot_key]
        chosen = next(iter([*fitting, *shots]), None)
        base = EXAMPLE if chosen is None else await base_of(web.settings, mold, chosen)
    except TwinError as error:
        return ShownShot(mold, shots, chosen, live_base(web, mold) or EXAMPLE, str(error))
    return ShownShot(mold, shots, chosen, base)


def live_base(web: Web, mold: MoldKey) -> dict[str, Any] | None:
    """The shot in a mold as its pour was heard, while the history is away."""
    known = web.live.molds.get(mold)
    event = None if known is None else known.event
    if event is None or event.recipe is None:
        return None
    recipe = event.recipe.model_dump(exclude_none=True)
    return document_of(mold.mold_id, event.shot_id, event.system_id, recipe, {})
