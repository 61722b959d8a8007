"""Parameters that several questions share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Query, Request

from broker.ids import IDENTIFIER_PATTERN
from broker.near_names import meant
from broker.timestamps import parse_timestamp
from edge_agent.history.read import RowFilter
from edge_agent.web.access.who_may import rule_for, rules_of
from edge_agent.web.api.answers import wrong

Id = Annotated[str | None, Query(pattern=IDENTIFIER_PATTERN, max_length=64)]
Key = Annotated[str | None, Query(pattern=r"^[0-9a-f]{20}$")]
Time = Annotated[
    str | None,
    Query(max_length=64, description="RFC 3339 with an offset: 2026-05-04T08:00:00Z"),
]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Rows of a page")]


@dataclass(frozen=True)
class Asked:
    """Rows that were asked for."""

    which: RowFilter
    parameters: Mapping[str, Any]
    """As they were given, for the cursor."""

    def narrowed(self, **more: str | None) -> Asked:
        """The same rows, but only those with these values: ``shot_key``, ``device_id``."""
        which = replace(self.which, **more)  # type: ignore[arg-type]
        return Asked(which, {**self.parameters, **more})


async def asked(
    press: Id = None, mold_id: Id = None, since: Time = None, until: Time = None
) -> Asked:
    """The rows of a press or mold in a time range.

    Raises:
        Refused: a time is none.
    """
    parameters = {"press": press, "mold_id": mold_id, "since": since, "until": until}
    times: dict[str, Any] = {}
    for name in ("since", "until"):
        text = parameters[name]
        try:
            times[name] = None if text is None else parse_timestamp(text)
        except ValueError as error:
            raise wrong(name, str(error)) from None
    return Asked(RowFilter(press=press, mold_id=mold_id, **times), parameters)


async def known_parameters(request: Request) -> None:
    """Refuse parameters that the route does not read: a misspelt one would filter nothing.

    Raises:
        Refused: there is one.
    """
    rule = rule_for("GET", rules_of(request.scope["path"]))
    assert rule is not None
    described = request.app.openapi()["paths"][rule.path]["get"].get("parameters", ())
    known = {one["name"] for one in described if one["in"] == "query"}
    for name in sorted(request.query_params.keys() - known):
        near = meant(name, known)
        hint = f"is {near} meant?" if near else f"known are {', '.join(sorted(known)) or 'none'}"
        raise wrong(name[:64], f"unknown parameter: {hint}")
