"""Settings of the agent as an edge node of Sparkplug."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from broker.sparkplug.errors import SparkplugError
from broker.sparkplug.topics import check_id
from edge_agent.config.section import Section


def _is_an_id(text: str) -> str:
    try:
        check_id("id", text)
    except SparkplugError as error:
        raise ValueError(error.detail) from None
    if text == "STATE":
        raise ValueError("STATE is the level of the hosts: choose another")
    return text


_FORM = "expected a host, or host:port as mqtt-2.local:8883"
SparkplugId = Annotated[str, AfterValidator(_is_an_id)]


class SparkplugSettings(Section):
    """Sparkplug B beside the plain topics: hosts such as Ignition find press and molds themselves.

    A press is an edge node of its own, its molds are the devices.
    """

    enabled: bool = False
    """Needs the extra ``sparkplug``."""
    plain: bool = True
    """False: predictions, key figures, alerts and dead letters are not sent on the plain topics as
    well. What pages, gateways and groups need to work is sent all the same."""
    group: SparkplugId | None = None
    """Id of the group; by default the site."""
    primary_host: SparkplugId | None = None
    """Id of the host without which no data is sent: it waits in the buffer. None: there is none."""
    brokers: list[str] = Field(default_factory=list)
    """Servers to be tried in turn, ``host`` or ``host:port``, with the credentials of ``broker``;
    by default that one alone."""
    buffer_mb: Annotated[float, Field(gt=0, le=100_000)] = 256.0
    """Of a press, in the spool, for what could not be sent; the oldest is given up first."""
    host_gap_s: Annotated[float, Field(ge=0, le=120)] = 0.0
    """What was sent so long before the primary host went offline is sent again: it may have been
    dead by then, and its broker not known. What it did hear comes twice, with the same time."""
    host_return_s: Annotated[float, Field(ge=0, le=600)] = 10.0
    """After a lost link a STATE that the broker kept from before is believed only after this time:
    a broker that was killed may have us before it has the primary host again. 0: at once."""
    historical_per_s: Annotated[float, Field(gt=0, le=10_000)] = 100.0
    """Messages of the buffer that are sent in a second, at most; live ones go in between."""
    stale_after_s: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    """A reading that the press does not send any more has the quality 500 after this time."""
    mold_silent_h: Annotated[float, Field(gt=0, le=8760)] = 24.0
    """A mold of which nothing was heard for so long is said to be offline (DDEATH)."""

    @field_validator("brokers")
    @classmethod
    def _names_one(cls, brokers: list[str]) -> list[str]:
        if not brokers:  # it is checked only where it is given
            raise ValueError(
                f"none is given: {_FORM}, or leave brokers out: then it is broker.host"
            )
        return brokers

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for one in self.brokers:
            address(one, 1)
        if not self.enabled:
            given = sorted(self.model_fields_set - {"enabled"})
            if given and "enabled" not in self.model_fields_set:
                raise ValueError(
                    f"{', '.join(given)} given, but Sparkplug is off: add enabled: true "
                    "(or enabled: false, to keep it off)"
                )
            if not self.plain:
                raise ValueError("plain: false and enabled: false: then nothing is said at all")
        return self


def address(text: str, port: int) -> tuple[str, int]:
    """Host and port of a broker in a list.

    Args:
        text: ``host``, ``host:port`` or ``[IPv6]:port``.
        port: where none is given.

    Raises:
        ValueError: it is none of these.
    """
    if "/" in text or "@" in text:
        raise ValueError(
            f"brokers: {text!r}: {_FORM}, without a scheme, a user or a path: TLS and the user are "
            "those of broker"
        )
    host, colon, number = text.rpartition(":")
    if not colon or (text.count(":") > 1 and not text.startswith("[")):
        host, number = text, str(port)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not number.isdecimal() or not 0 < int(number) < 65_536:
        raise ValueError(f"brokers: {text!r}: {_FORM}")
    return host, int(number)
