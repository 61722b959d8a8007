"""Settings of the pages and the REST interface (``pur-mold-twin web``), a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from edge_agent.config.section import Section

Language = Literal["en", "pl", "de"]


class WebSettings(Section):
    """Pages for people at the press, and REST for programs."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """0 takes any free port and logs which."""
    language: Language = "en"
    """Of a page whose reader has not chosen one."""
    time_zone: str = "UTC"
    """The plant's zone, in which the pages show times: ``Europe/Warsaw``."""
    worker_idle_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    """The process that simulates for the pages ends after so long without a request."""
    worker_limit_s: Annotated[float, Field(gt=0, le=3600)] = 20.0
    """A simulation that takes longer is ended."""
    scenarios: Path = Path("var/scenarios")
    """Folder of the scenarios that are saved on the what-if page."""
    every_site: bool = False
    """Show the presses of every site below the topic prefix, not of ``site`` alone."""

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            raise ValueError(
                f"{name[:80]!r} is no time zone that this machine knows: expected a name such as "
                "Europe/Warsaw (a bare container needs the package tzdata)"
            ) from None
        return name
