"""What several commands share: options of the broker, and how an error ends a command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from twin_core.errors import InputError, TwinError

if TYPE_CHECKING:
    from edge_agent.settings import BrokerSettings

F = TypeVar("F", bound=Callable[..., object])


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


def settings_of(host: str, port: int) -> BrokerSettings:
    """Broker settings from the options."""
    from edge_agent.settings import BrokerSettings

    return BrokerSettings(host=host, port=port)


def fail(error: TwinError) -> NoReturn:
    """Say what is wrong and how to go on; exit 2 for bad input, else 1."""
    for line in str(error).splitlines():
        click.echo(f"error: {line}", err=True)
    click.echo(f"hint: {error.hint}", err=True)
    sys.exit(2 if isinstance(error, InputError) else 1)
