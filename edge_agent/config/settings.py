"""The agent's configuration: code < YAML file < that of the site < ``TWIN_SECTION__FIELD``.

Every problem is reported at once, with file or variable, field and the way out.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from broker.ids import Identifier
from broker.topics import DEFAULT_PREFIX, PressAddress, TopicSpace
from edge_agent.config.database_address import check_address, is_host
from edge_agent.config.layers import (
    ENV_DELIMITER,
    ENV_PREFIX,
    Layer,
    Place,
    merged,
    origin_of,
    read_layers,
)
from edge_agent.config.secret_files import SecretFileError, read_secret
from edge_agent.config.section import Section
from edge_agent.config.sparkplug_settings import SparkplugSettings, address
from edge_agent.config.web_settings import WebSettings
from edge_agent.errors import SettingsError, StoreError
from twin_core.checked_yaml import describe
from twin_core.errors import InputError
from twin_core.scenario import Quality
from twin_core.shipped_files import configs_folder

SECRETS = ("password", "session_secret", "url")
"""Fields whose values no error shows."""
YEAR_S = 31_536_000
_OTHER_VARIABLES = {"TWIN_TEST", "TWIN_CONFIG", "TWIN_DEBUG", "TWIN_FAULT_POINT"}
"""Variables with our prefix that are not settings."""
_OF_GATEWAY = "TWIN_GATEWAY_PASSWORD_"
"""Of a gateway that runs with the same environment."""


class TlsSettings(Section):
    """TLS to the broker; its certificate must be for ``broker.host``.

    Files are read at every connect, and watched: a new certificate needs no restart. A path
    ``credentials:NAME`` is the file NAME in ``$CREDENTIALS_DIRECTORY`` (systemd's LoadCredential).
    """

    enabled: bool = False
    ca_file: Path | None = None
    """The authority of the broker's certificate; by default those the machine trusts."""
    cert_file: Path | None = None
    """Our certificate, for a broker that asks for one."""
    key_file: Path | None = None
    """Its key, without a password."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        files = (self.ca_file, self.cert_file, self.key_file)
        if not self.enabled and any(files):
            raise ValueError("files are given, but TLS is off: set enabled: true or remove them")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or none")
        return self


class BrokerSettings(Section):
    """The MQTT broker beside the press or in the plant."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    """``auto`` tries MQTT 5 and falls back to 3.1.1."""
    qos: int = 1
    """Nothing else is accepted: see ``_only_one``."""
    tls: TlsSettings = TlsSettings()
    username: str | None = None
    password: SecretStr | None = None
    """From the environment only: ``TWIN_BROKER__PASSWORD``."""
    password_file: Path | None = None
    """A file that holds the password alone; ``credentials:NAME`` as in ``tls``."""
    session_secret: SecretStr | None = None
    """From the environment only: ``TWIN_BROKER__SESSION_SECRET``; see ``session_ids``."""
    session_secret_file: Path | None = None
    """A file that holds it alone, for the agents of a group, or an agent whose disk may be lost;
    ``credentials:NAME`` as in ``tls``. By default it is made beside the spool."""
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    session_expiry_s: Annotated[int, Field(ge=0, le=4_294_967_294)] = 7 * 86_400
    """How long the broker keeps messages for an agent that is away (MQTT 5)."""
    receive_maximum: Annotated[int, Field(ge=1, le=65535)] = 256
    """Messages the broker may send before the first is acknowledged: the back-pressure (MQTT 5)."""
    payload_format: Literal["json", "msgpack"] = "json"
    """What the agent publishes; it reads both."""
    reconnect_max_s: Annotated[float, Field(gt=0, le=600)] = 30.0

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, host: str) -> str:
        if not is_host(host):
            raise ValueError("must be the name or the number of a machine, as broker.local")
        return host

    @field_validator("qos")
    @classmethod
    def _only_one(cls, qos: int) -> int:
        if qos != 1:
            raise ValueError(
                "must be 1: acknowledged after the commit, with unique keys, it loses nothing and "
                "repeats harm nothing. QoS 2 loses messages in the MQTT library when the agent is "
                "killed (144 of 75,000 over 50 kills), QoS 0 whenever the link is down"
            )
        return qos

    @model_validator(mode="after")
    def _secrets_once(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file are both given: keep one")
        if self.session_secret is not None and self.session_secret_file is not None:
            raise ValueError("session_secret and session_secret_file are both given: keep one")
        if self.username is None and (self.password or self.password_file) is not None:
            raise ValueError("a password is given without a username: set username")
        return self


class ShareSettings(Section):
    """Presses that several agents share: each has one of them at a time. See docs/broker.md."""

    group: Identifier | None = None
    """The name that the agents have in common; None: the presses are this agent's alone."""
    handover_max_s: Annotated[float, Field(gt=0, le=YEAR_S)] = 600.0
    """How long an agent finishes shots on a press that another should have."""
    leave_max_s: Annotated[float, Field(ge=0, le=YEAR_S)] = 20.0
    """The same for one that is told to stop; less than systemd or Kubernetes wait."""


class SpoolSettings(Section):
    """Spool: what an agent keeps on disk until others have it."""

    path: Path = Path("var/spool.db")
    limit_mb: Annotated[float, Field(ge=1)] = 2048.0
    """Beyond it raw telemetry that waits for the history is thinned out; shots never are."""
    gather_s: Annotated[float, Field(ge=0, le=60)] = 1.0
    """Raw telemetry that leads to nothing new is gathered so long for one write to the disk."""


class HistorySettings(Section):
    """The history that everything is forwarded to: a TimescaleDB where one is named, or a file."""

    path: Path = Path("var/history.db")
    """The SQLite file, used when there is neither ``url`` nor ``url_file``."""
    url: str | None = None
    """TimescaleDB or plain PostgreSQL: ``postgresql://user:password@host:5432/database``."""
    url_file: Path | None = None
    """A file that holds the address alone, password and all; ``credentials:NAME`` too."""
    raw_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """Raw telemetry older than this is dropped (the roll-up stays); None keeps it for ever."""
    gather_s: Annotated[float, Field(ge=0, le=600)] = 10.0
    """Raw telemetry is gathered so long for one transaction of the history; results never wait."""

    @field_validator("url")
    @classmethod
    def _can_be_tried(cls, url: str | None) -> str | None:
        return None if url is None else check_address(url)

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if self.url is not None and self.url_file is not None:
            raise ValueError("give url or url_file, not both")
        return self

    def address(self) -> str | None:
        """The address of the database, or None for the file.

        Raises:
            StoreError: ``url_file`` cannot be read.
        """
        if self.url_file is None:
            return self.url
        try:
            return check_address(read_secret("history.url_file", self.url_file).strip())
        except SecretFileError as error:
            raise StoreError(str(error), hint="correct history.url_file, or the file") from None
        except ValueError as error:
            raise StoreError(
                f"history.url_file: {self.url_file}: {error}",
                hint="the file must hold the address of the database and nothing else",
            ) from None


class CatalogueSettings(Section):
    """Files of material systems, molds and quality limits."""

    systems: Path = Field(default_factory=lambda: configs_folder() / "systems")
    molds: Path = Field(default_factory=lambda: configs_folder() / "molds")
    parameter_sets: Path = Field(default_factory=lambda: configs_folder() / "parameter_sets")
    """Calibrations on production and which are in use; the folder need not be there."""


class ShotSettings(Section):
    """Rules for following shots."""

    future_skew_max_s: Annotated[float, Field(ge=0, le=YEAR_S)] = 300.0
    """Messages dated further in the future are dead letters: the sender's clock is wrong."""
    timeout_s: Annotated[float, Field(gt=0, le=YEAR_S)] = 4 * 3600.0
    """A poured shot without demolding is closed after this time."""
    live_interval_s: Annotated[float, Field(gt=0, le=YEAR_S)] = 10.0
    """Spacing of live predictions while a shot cures, in the time of the press."""
    signal_age_max_s: Annotated[float, Field(gt=0, le=YEAR_S)] = 600.0
    """A reading older than this at the pour does not count as measured."""
    horizon_s: Annotated[float, Field(gt=0, le=86_400)] = 1800.0
    """How far a shot is compared with its readings; windows end at ``quality.t_cycle_max_s``."""


class LearningSettings(Section):
    """Learned corrections beside the physics."""

    models: Path = Path("var/models")
    """The model directory; what is promoted in it is used at once. It need not exist."""
    trusted_keys: list[Path] = Field(default_factory=list)
    """Public keys (PEM files of ``models keygen``): one of them must have signed each model that is
    used. Empty: no signature is asked for."""
    drift_every_h: Annotated[float, Field(ge=0, le=8760)] = 6.0
    """How often the newest shots are compared with those that the model in use learned from; 0 is
    never."""
    no_corrections_h: Annotated[float, Field(ge=0, le=8760)] = 24.0
    """People are told of a mold whose shots were not corrected for so long, though a model is
    promoted; 0 is never."""
    drift_window_shots: Annotated[int, Field(ge=60, le=100_000)] = 300
    """How many of the newest."""


class HealthSettings(Section):
    """Metrics and health over HTTP, for this machine or for who collects them."""

    enabled: bool = False
    host: str = "127.0.0.1"
    """The address to listen on; nobody is asked who they are, so keep it inside."""
    port: Annotated[int, Field(ge=0, le=65535)] = 9464
    """0 takes any free port and logs which."""

    @model_validator(mode="after")
    def _meant(self) -> Self:
        given = sorted({"host", "port"} & self.model_fields_set)
        if given and "enabled" not in self.model_fields_set:
            raise ValueError(
                f"{' and '.join(given)} given, but the pages are off: add enabled: true "
                "(or enabled: false, to keep them off)"
            )
        return self


class LogSettings(Section):
    """Log on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    style: Literal["json", "text"] = "json"


class Settings(BaseSettings):
    """All settings of one agent."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter=ENV_DELIMITER, extra="forbid", frozen=True
    )

    site: Identifier
    agent_id: Identifier
    presses: Annotated[list[Identifier], Field(min_length=1)]
    topic_prefix: str = DEFAULT_PREFIX
    broker: BrokerSettings = BrokerSettings()
    share: ShareSettings = ShareSettings()
    spool: SpoolSettings = SpoolSettings()
    history: HistorySettings = HistorySettings()
    catalogue: CatalogueSettings = CatalogueSettings()
    shots: ShotSettings = ShotSettings()
    quality: Quality = Quality()
    """What parts must reach, for all molds."""
    quality_by_mold: dict[str, Quality] = {}
    """What parts of one mold must reach, instead."""
    learning: LearningSettings = LearningSettings()
    health: HealthSettings = HealthSettings()
    web: WebSettings = WebSettings()
    sparkplug: SparkplugSettings = SparkplugSettings()
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

    @model_validator(mode="after")
    def _group_is_no_press(self) -> Self:
        if self.share.group in self.presses:
            raise ValueError("share.group: is also the name of a press: choose another")
        return self

    @model_validator(mode="after")
    def _sparkplug_fits(self) -> Self:
        if self.sparkplug.enabled and self.sparkplug.group is None and self.site == "STATE":
            raise ValueError("sparkplug.group: a site STATE cannot be the group: name another")
        if self.share.group is not None and not self.sparkplug.plain:
            raise ValueError(
                "sparkplug.plain: false and share.group: agents of a group read the predictions of "
                "each other on the plain topics: remove one of the two"
            )
        return self

    def sparkplug_brokers(self) -> list[BrokerSettings]:
        """Brokers of the edge nodes, the first one first."""
        found = [address(one, self.broker.port) for one in self.sparkplug.brokers]
        if not found:
            return [self.broker]
        return [self.broker.model_copy(update={"host": h, "port": p}) for h, p in found]

    @property
    def topics(self) -> TopicSpace:
        """The topic grammar under the configured prefix."""
        return TopicSpace(self.topic_prefix)

    @property
    def group(self) -> PressAddress | None:
        """The group of agents, addressed like a press; None for an agent with its own presses."""
        return PressAddress(self.site, self.share.group) if self.share.group else None

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
    """Settings from a YAML file, that of its site beside it, and the environment.

    Raises:
        SettingsError: one line per problem.
    """
    try:
        layers = read_layers(path)
    except InputError as error:
        raise SettingsError(str(error), hint=error.hint) from None
    settings, problems = settings_of(layers)
    if settings is None or problems:
        hint = f"pur-mold-twin check -c {path} shows where each setting comes from"
        raise SettingsError("\n".join(problems), hint=hint)
    return settings


def settings_of(layers: list[Layer]) -> tuple[Settings | None, list[str]]:
    """Settings from files and the environment, None if there cannot be any; and every problem."""
    problems = list(_unknown_variables())
    for layer in layers:
        broker = layer.content.get("broker")
        for secret in ("password", "session_secret"):
            if isinstance(broker, dict) and broker.get(secret) is not None:
                problems.append(
                    f"{layer.path}: broker.{secret}: not in this file: put it into a file of its "
                    f"own (broker.{secret}_file) or into TWIN_BROKER__{secret.upper()}"
                )

    def where(place: Place) -> str:
        origin = origin_of(place, layers)
        return str(layers[0].path) if origin == "default" else origin

    try:
        return Settings(**merged(layers)), problems
    except ValidationError as error:
        problems += describe(error, where, SECRETS, Settings)
    except (ValueError, TypeError) as error:  # a variable that is not the JSON it must be
        problems.append(f"environment: {error}")
    return None, problems


def _unknown_variables() -> list[str]:
    sections = {name.upper() for name in Settings.model_fields}
    found = []
    for name in sorted(os.environ):
        if name.startswith(_OF_GATEWAY):
            continue
        if name.startswith(ENV_PREFIX) and name not in _OTHER_VARIABLES:
            section = name.removeprefix(ENV_PREFIX).split("__")[0].upper()
            if section not in sections:
                near = get_close_matches(section, sections, n=1)
                known = ", ".join(sorted(s.lower() for s in sections))
                found.append(
                    f"environment: {name}: no such section; "
                    + (f"is {ENV_PREFIX}{near[0]} meant? " if near else "")
                    + f"There are: {known}"
                )
    return found
