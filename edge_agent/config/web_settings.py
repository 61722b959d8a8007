"""Settings of the pages and the REST interface (``pur-mold-twin web``), a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, field_validator, model_validator

from broker.ids import Identifier
from edge_agent.config.section import Section

Language = Literal["en", "pl", "de"]
Origin = Annotated[
    str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+$", max_length=300)
]
"""Scheme, host and port of pages, as ``https://twin.example``."""


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
    id: Identifier = "web"
    """Names this server on MQTT and in the audit log, where there are several."""
    database_path: Path = Path("var/web.db")
    """A SQLite file of users, tokens, sessions, jobs and the audit log."""
    audit_key_file: Path | None = None
    """A file with the key of the audit log, ``credentials:NAME`` too; by default it is made beside
    the database. On another disk, who can change the one cannot forge the other."""
    open_reading: Literal["auto", "never"] = "auto"
    """``auto``: who is on this machine reads without a login, if ``host`` is loopback and neither
    ``proxy_addresses`` nor ``public_origins`` tells of a proxy."""
    session_hours: Annotated[float, Field(gt=0, le=720)] = 12.0
    """A login ends after so long without a request."""
    cert_file: Path | None = None
    """The server's certificate (with those between it and its authority): https. Both files are
    read at the start."""
    key_file: Path | None = None
    """Its key, without a password; ``credentials:NAME`` too."""
    proxy_addresses: list[str] = Field(default_factory=list)
    """Addresses of proxies in front, whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    public_origins: list[Origin] = Field(default_factory=list)
    """Origins under which people open the pages, where a proxy changes the name."""
    cors_origins: list[Origin] = Field(default_factory=list)
    """Origins of other pages whose scripts may ask the REST interface, with a token."""
    requests_per_minute: Annotated[int, Field(ge=1, le=10_000_000)] = 1200
    """Of one person, machine or address; more are answered 429."""
    computations_per_minute: Annotated[int, Field(ge=1, le=10_000_000)] = 600
    """Likewise, of what computes a shot."""
    jobs_at_once: Annotated[int, Field(ge=1, le=64)] = 1
    """Jobs that run at the same time, each in a process of its own with low priority."""
    jobs_waiting: Annotated[int, Field(ge=1, le=1000)] = 20
    """Jobs that wait for their turn; more are refused."""
    job_limit_s: Annotated[float, Field(gt=0, le=604_800)] = 14_400.0
    """A job that takes longer is cancelled; what it has found is kept."""
    jobs_kept: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Jobs that have ended and are kept with their results; the oldest go."""
    jobs_kept_days: Annotated[float, Field(gt=0, le=3650)] = 30.0
    """They go after so long in any case."""

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

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or none")
        return self
