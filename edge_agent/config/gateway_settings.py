"""Settings of a gateway: one YAML with its sources, and what of them becomes readings and shots."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from broker.ids import Identifier
from broker.messages.base import Name
from broker.messages.recipe import Recipe
from broker.sensors import SUFFIXES_TEXT, has_unit
from broker.topics import DEFAULT_PREFIX, PressAddress, TopicSpace
from edge_agent.config.gateway_sources import Seconds, Source, SourceName
from edge_agent.config.section import Section
from edge_agent.config.settings import BrokerSettings, HealthSettings, LogSettings

TagRef = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}\.[A-Za-z][A-Za-z0-9_]{0,63}$")
]
"""A tag of a source: ``plc.mold_temperature``."""
Scalar = str | bool | int | float
CHANNELS_MAX = 256
"""Sensors, metrics or states of a station."""
RECIPE_FIELDS = tuple(Recipe.model_fields)


class ChannelFrom(Section):
    """A reading from a tag: value = scale · tag + offset, then converted from ``unit``."""

    tag: TagRef
    unit: Annotated[str, StringConstraints(min_length=1, max_length=20)] | None = None
    """Unit of the tag, converted to the one in the channel's name: degF, K, Pa, kPa, psi, g, lb,
    fraction …; by default it is that of the name."""
    scale: float = 1.0
    offset: float = 0.0
    range: tuple[float, float] | None = None
    """Lowest and highest plausible value, in the unit of the channel's name. What is outside is
    left out of the frame and told; the impossible is left out anyway."""

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.scale == 0:
            raise ValueError("scale 0 makes every value the same")
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError(f"range {list(self.range)}: the first must be below the second")
        return self


class TextFrom(Section):
    """An id, a lot or an order from a tag."""

    tag: TagRef
    names: dict[str, str] = Field(default_factory=dict, max_length=1000)
    """Text by the tag's value, as text: ``"1": M-01``. A value that is not in it has none; empty:
    the value itself."""
    prefix: Annotated[str, StringConstraints(max_length=40)] = ""
    """Before the value itself: ``M-`` makes 7 to M-7."""


class Condition(Section):
    """A condition on one tag."""

    tag: TagRef
    when: Literal["rises", "falls", "changes", "equals", "above", "below"]
    """``rises``, ``falls``: a truth value, or a number from or to 0. ``equals``, ``above``,
    ``below``: with ``value``, from the moment on at which it begins to hold."""
    value: Scalar | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        wants = self.when in {"equals", "above", "below"}
        if wants != (self.value is not None):
            words = "needs a value" if wants else "takes no value"
            raise ValueError(f"when: {self.when} {words}")
        if self.when in {"above", "below"} and not isinstance(self.value, int | float):
            raise ValueError(f"when: {self.when} needs a number")
        return self


class Trigger(Condition):
    """The moment of a shot's event: when a condition begins to hold."""

    for_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """It must hold so long; the event's time is when it began."""
    while_: list[Condition] = Field(default_factory=list, max_length=16, alias="while")
    """Conditions that must hold at that moment, too."""
    after: Literal["started", "poured"] | None = None
    """Counts only after this event of the same shot."""
    not_before_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    """Nor earlier than so long after it."""


class ShotIds(Section):
    """Ids of shots: from a counter or text of the machine, or made of station, time and count."""

    tag: TagRef | None = None
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")] = "S-"
    """Before a counter's value."""
    overflow: Annotated[int, Field(ge=2)] | None = None
    """The counter begins anew after this value, 65535; without it a smaller one is a reset."""


class Shots(Section):
    """The shots of a station."""

    id: ShotIds = ShotIds()
    started: Trigger | None = None
    poured: Trigger
    demolded: Trigger | None = None
    aborted: Trigger | None = None
    debounce_s: Annotated[float, Field(ge=0, le=3600)] = 5.0
    """Two pours of a station that are closer are one."""
    settle_s: Annotated[float, Field(ge=0, le=60)] = 0.5
    """An event is decided so long after its time, so that tags which come late count."""
    read_after_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """The recipe and all else that a pour takes along are read so long after it, for machines that
    write weights or their counter only then."""
    system_id: Identifier | TextFrom
    """The material system."""
    recipe: dict[str, ChannelFrom | TagRef | float]
    """Set points and weighed masses by the names of ``Recipe``, read at the pour; a number is
    fixed."""
    order_id: TextFrom | None = None
    lot_polyol: TextFrom | None = None
    lot_isocyanate: TextFrom | None = None
    lot_additives: TextFrom | None = None

    @field_validator("recipe")
    @classmethod
    def _knows_the_fields(cls, recipe: dict[str, object]) -> dict[str, object]:
        for name in recipe:
            if name not in RECIPE_FIELDS:
                raise ValueError(
                    f"{name[:64]!r} is no field of a recipe: {', '.join(RECIPE_FIELDS)}"
                )
        for name in ("m_polyol_kg", "m_iso_kg"):
            if name not in recipe:
                raise ValueError(f"{name} is missing: without it nothing can be simulated")
        return recipe


class Station(Section):
    """A place where shots are made: a press, or one mold of it."""

    press: Identifier
    device: Identifier | None = None
    """Names the sender in its frames; by default the station."""
    mold: Identifier | TextFrom
    sensors: dict[str, ChannelFrom | TagRef] = Field(default_factory=dict, max_length=CHANNELS_MAX)
    """By the name on the wire, which ends in its unit: ``T_mold_C: plc.mold_temperature``."""
    metrics: dict[Name, ChannelFrom | TagRef] = Field(default_factory=dict, max_length=CHANNELS_MAX)
    status: dict[Name, TagRef] = Field(default_factory=dict, max_length=CHANNELS_MAX)
    shots: Shots | None = None
    """None: the press sends its events itself."""

    @field_validator("sensors")
    @classmethod
    def _carry_units(cls, sensors: dict[str, object]) -> dict[str, object]:
        for name in sensors:
            if not has_unit(name):
                raise ValueError(f"{name[:64]!r} must end in its unit, one of {SUFFIXES_TEXT}")
        return sensors


class FrameSettings(Section):
    """Frames: which readings travel together, and how often."""

    together_ms: Annotated[float, Field(ge=0, le=60_000)] = 50.0
    """Readings of a station this close in time are one frame, with the time of the newest."""
    repeat_s: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    """What has not changed is said again after so long, while its source is connected and says
    that it is good; 0: never."""


class OutboxSettings(Section):
    """Outbox: what was read, on disk until the agent says that it is committed."""

    path: Path = Path("var/gateway.db")
    limit_mb: Annotated[int, Field(ge=1)] = 1000
    """Beyond it the oldest readings go, counted and told; events of shots never do."""
    unconfirmed_h: Annotated[float, Field(gt=0, le=8760)] = 72.0
    """Kept so long after the broker took it, for an agent that never says what it has."""


class GatewaySettings(Section):
    """The configuration of ``pur-mold-twin gateway``."""

    id: Identifier = "gateway"
    site: Identifier
    topic_prefix: str = DEFAULT_PREFIX
    broker: BrokerSettings = BrokerSettings()
    outbox: OutboxSettings = OutboxSettings()
    frames: FrameSettings = FrameSettings()
    reconnect_max_s: Seconds = 30.0
    """Longest pause before a source is tried again."""
    sources: Annotated[dict[SourceName, Source], Field(min_length=1, max_length=64)]
    stations: Annotated[dict[Identifier, Station], Field(min_length=1, max_length=256)]
    health: HealthSettings = HealthSettings()
    log: LogSettings = LogSettings()

    @field_validator("topic_prefix")
    @classmethod
    def _is_a_prefix(cls, prefix: str) -> str:
        TopicSpace(prefix)
        return prefix

    @property
    def topics(self) -> TopicSpace:
        """The topic grammar under the configured prefix."""
        return TopicSpace(self.topic_prefix)

    def address(self, station: Station) -> PressAddress:
        """The press of a station."""
        return PressAddress(self.site, station.press)
