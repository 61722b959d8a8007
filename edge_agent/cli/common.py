"""What several commands share: options of the broker, and how an error ends a command."""

from __future__ import annotations

import functools
import getpass
import os
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import click

from edge_agent.cli.verbose import show_cause
from twin_core.errors import InputError, TwinError

if TYPE_CHECKING:
    from edge_agent.config.settings import BrokerSettings, HistorySettings
    from twin_core import Scenario

F = TypeVar("F", bound=Callable[..., object])

_TLS = {
    "ca_file": "Authority of the broker's certificate; turns TLS on.",
    "cert_file": "Certificate to show.",
    "key_file": "Key of the certificate.",
}
_LOGIN = {
    **_TLS,
    "username": "User at the broker.",
    "password_file": "File that holds the password.",
}


config_option = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    default=Path("configs/agent.yaml"),
    show_default=True,
    help="The YAML configuration of the agent.",
)


quality_option = click.option(
    "-q",
    "--quality",
    type=click.Path(path_type=Path),
    help="File, or a preset (rigid_panel); its fields override the scenario's quality.",
)


def with_quality(scenario: Scenario, path: Path | None) -> Scenario:
    """The scenario with the fields of a quality file, or of a preset, in place of its own."""
    if path is None:
        return scenario
    from twin_core import Quality
    from twin_core.checked_yaml import parse
    from twin_core.files import load_quality

    given = load_quality(path).model_dump(exclude_unset=True)
    both = scenario.quality.model_dump(exclude_unset=True) | given
    return scenario.model_copy(update={"quality": parse(Quality, both, str(path))})


def broker_options(function: F) -> F:
    """--host and --port."""
    for option in (
        click.option(
            "--port",
            type=click.IntRange(1, 65535),
            default=1883,
            show_default=True,
            help="Port of the MQTT broker.",
        ),
        click.option("--host", default="127.0.0.1", show_default=True, help="MQTT broker."),
    ):
        function = option(function)
    return function


def login_options(function: F) -> F:
    """TLS and password, one argument ``login`` for ``settings_of``."""

    @functools.wraps(function)
    def with_login(**options: Any) -> object:
        login = {name: options.pop(name) for name in _LOGIN}
        return function(login=login, **options)

    decorated: Any = with_login
    for name, words in reversed(_LOGIN.items()):
        kind = str if name == "username" else click.Path(path_type=Path)
        decorated = click.option(f"--{name.replace('_', '-')}", type=kind, help=words)(decorated)
    return cast("F", decorated)


def settings_of(host: str, port: int, login: dict[str, Any] | None = None) -> BrokerSettings:
    """Broker settings from the options.

    Raises:
        SettingsError: what they say of TLS or the password does not fit together.
    """
    from pydantic import ValidationError

    from edge_agent.config.settings import BrokerSettings
    from edge_agent.errors import SettingsError
    from twin_core.checked_yaml import describe

    given = {name: value for name, value in (login or {}).items() if value is not None}
    tls = {name: given.pop(name) for name in _TLS if name in given}
    try:
        return BrokerSettings.model_validate(
            {"host": host, "port": port, **given, "tls": {**tls, "enabled": bool(tls)}}
        )
    except ValidationError as error:
        raise SettingsError("\n".join(describe(error, "options"))) from None


def by_option(words: str) -> str:
    """Words with the options of a command in place of the settings of an agent."""
    words = words.replace("set broker.tls.enabled to false", "leave --ca-file away")
    for name in ("host", "port", *_LOGIN):
        setting = f"broker.{'tls.' if name in _TLS else ''}{name}"
        words = re.sub(rf"\b{re.escape(setting)}\b", f"--{name.replace('_', '-')}", words)
    return words


def history_at(where: str) -> HistorySettings:
    """The history that a person names: a file, or the address of a database.

    Raises:
        SettingsError: it is neither; a password in it is not shown.
    """
    from edge_agent.config.database_address import check_address
    from edge_agent.config.settings import HistorySettings
    from edge_agent.errors import SettingsError

    if not where.strip():
        raise SettingsError("--history: is empty: name a file or the address of a database")
    if "://" not in where:
        return HistorySettings(path=Path(where))
    try:
        return HistorySettings(url=check_address(where))
    except ValueError as error:
        raise SettingsError(f"--history: {error}") from None


def fail(
    error: TwinError, exit_code: int | None = None, named: Callable[[str], str] = str
) -> NoReturn:
    """End a command: say what is wrong and how to go on; exit 2 for bad input, else 1, or as given.

    There is no other way for a command to end with an error.

    Args:
        exit_code: instead of the usual one.
        named: puts the names that the command has into words; `by_option` for one without YAML.
    """
    show_cause(error)
    for line in str(error).splitlines():
        click.echo(f"error: {named(line)}", err=True)
    if error.hint:
        click.echo(f"hint: {named(error.hint)}", err=True)
    sys.exit(exit_code or (2 if isinstance(error, InputError) else 1))


def who() -> str:
    """Account that runs a command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in a container
        return f"uid {os.getuid()}"


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file that a person asked for by an option; its folders are made.

    Raises:
        InputError: it cannot be written.
    """
    from edge_agent.errors import disk_hint

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        words = f"{path}: cannot be written: {error.strerror or error}"
        raise InputError(words, hint=disk_hint(error)) from error


def fault(error: Exception, exit_code: int = 1) -> NoReturn:
    """Say that the program, not the input, is wrong; with --verbose or TWIN_DEBUG=1 also where."""
    if os.environ.get("TWIN_DEBUG"):
        traceback.print_exception(error)
    else:
        show_cause(error)
    words = " ".join(f"{type(error).__name__}: {error}".split())[:500]
    click.echo(f"error: a fault of this program, not of what it was given: {words}", err=True)
    click.echo("hint: run it again with --verbose and report what is printed", err=True)
    sys.exit(exit_code)


COMPILING = "compiling the model, once on this machine: a minute or two, more when it is busy"


def say_when_compiling() -> None:
    """Say so on stderr when a simulation has to wait for the compiler."""
    from twin_core.compiled import before_compiling

    before_compiling(lambda: click.echo(COMPILING, err=True))
