"""The agent's configuration: code < YAML file < environment ``TWIN_SECTION__FIELD``.

Every problem is reported at once, with file or variable, field and the way out.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from broker.ids import Identifier
from broker.topics import DEFAULT_PREFIX, PressAddress, TopicSpace
from edge_agent.errors import SettingsError
from twin_core.errors import InputError
from twin_core.files import configs_folder, describe, read_yaml
from twin_core.shot import Quality

ENV_PREFIX = "TWIN_"
_OTHER_VARIABLES = {"TWIN_TEST", "TWIN_CONFIG"}
"""Variables with our prefix that are not settings."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BrokerSettings(_Section):
    """The MQTT broker beside the press or in the plant."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    """``auto`` tries MQTT 5 and falls back to 3.1.1."""
    username: str | None = None
    password_file: Path | None = None
    """A file that holds the password alone."""
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    session_expiry_s: Annotated[int, Field(ge=0, le=4_294_967_294)] = 7 * 86_400
    """How long the broker keeps messages for an agent that is away (MQTT 5)."""
    receive_maximum: Annotated[int, Field(ge=1, le=65535)] = 256
    """Messages the broker may send before the first is acknowledged: the back-pressure (MQTT 5)."""
    payload_format: Literal["json", "msgpack"] = "json"
    """What the agent publishes; it reads both."""
    reconnect_max_s: Annotated[float, Field(gt=0, le=600)] = 30.0


class SpoolSettings(_Section):
    """Inbox and outbox on disk."""

    path: Path = Path("var/spool.db")
    limit_mb: Annotated[float, Field(ge=1)] = 2048.0
    """Beyond it raw telemetry that waits for the history is thinned out; shots never are."""


class HistorySettings(_Section):
    """The history that everything is forwarded to."""

    path: Path = Path("var/history.db")


class CatalogueSettings(_Section):
    """Where material systems, molds and quality limits are described."""

    systems: Path = Field(default_factory=lambda: configs_folder() / "systems")
    molds: Path = Field(default_factory=lambda: configs_folder() / "molds")


class ShotSettings(_Section):
    """How shots are followed."""

    future_skew_max_s: Annotated[float, Field(ge=0)] = 300.0
    """Messages dated further in the future are dead letters: the sender's clock is wrong."""
    timeout_s: Annotated[float, Field(gt=0)] = 4 * 3600.0
    """A poured shot without demolding is closed after this time."""
    live_interval_s: Annotated[float, Field(gt=0)] = 10.0
    """Spacing of live predictions while a shot cures, in the time of the press."""
    signal_age_max_s: Annotated[float, Field(gt=0)] = 600.0
    """A reading older than this at the pour does not count as measured."""
    horizon_s: Annotated[float, Field(gt=0, le=86_400)] = 1800.0
    """How far a shot is compared with its readings; windows end at ``quality.t_cycle_max_s``."""


class LogSettings(_Section):
    """What is logged to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    style: Literal["json", "text"] = "json"


class Settings(BaseSettings):
    """All settings of one agent."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    site: Identifier
    agent_id: Identifier
    presses: Annotated[list[Identifier], Field(min_length=1)]
    topic_prefix: str = DEFAULT_PREFIX
    broker: BrokerSettings = BrokerSettings()
    spool: SpoolSettings = SpoolSettings()
    history: HistorySettings = HistorySettings()
    catalogue: CatalogueSettings = CatalogueSettings()
    shots: ShotSettings = ShotSettings()
    quality: Quality = Quality()
    """What parts must reach, for all molds."""
    quality_by_mold: dict[str, Quality] = {}
    """What parts of one mold must reach, instead."""
    log: LogSettings = LogSettings()

    @field_validator("presses")
    @classmethod
    def _each_once(cls, presses: list[str]) -> list[str]:
        if len(set(presses)) != len(presses):
            raise ValueError("a press is listed twice: list each once")
        return presses

    @field_validator("topic_prefix")
    @classmethod
    def _is_a_prefix(cls, prefix: str) -> str:
        TopicSpace(prefix)
        return prefix

    @property
    def topics(self) -> TopicSpace:
        """The topic grammar under the configured prefix."""
        return TopicSpace(self.topic_prefix)

    def addresses(self) -> list[PressAddress]:
        """The presses of this agent."""
        return [PressAddress(self.site, press) for press in self.presses]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over file; the file's content comes in as init arguments."""
        return env_settings, init_settings


def load_settings(path: Path) -> Settings:
    """Settings from a YAML file and the environment.

    Raises:
        SettingsError: one line per problem.
    """
    try:
        content: dict[str, Any] = read_yaml(path)
    except InputError as error:
        raise SettingsError(str(error)) from None
    problems = list(_unknown_variables())
    try:
        settings = Settings(**content)
    except ValidationError as error:
        problems += describe(error, f"{path} or environment")
    except (ValueError, TypeError) as error:  # a variable that is not the JSON it must be
        problems.append(f"environment: {error}")
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def _unknown_variables() -> list[str]:
    sections = {name.upper() for name in Settings.model_fields}
    found = []
    for name in sorted(os.environ):
        if name.startswith(ENV_PREFIX) and name not in _OTHER_VARIABLES:
            section = name.removeprefix(ENV_PREFIX).split("__")[0].upper()
            if section not in sections:
                known = ", ".join(sorted(s.lower() for s in sections))
                found.append(f"environment: {name}: no such section; there are: {known}")
    return found
