"""A press by the name that a request has."""

from __future__ import annotations

from broker.topics import PressAddress
from edge_agent.web.molds_on_presses import press_names
from edge_agent.web.parts import Web
from edge_agent.web.problems import field_refused


def known_press(web: Web, name: object) -> PressAddress:
    """The press of this name.

    Raises:
        Refused: it is none that the twin looks after.
    """
    known = press_names(web)
    if not isinstance(name, str) or name not in known:
        raise field_refused("press", f"is none of {', '.join(known)}")
    return PressAddress(web.settings.site, name)
