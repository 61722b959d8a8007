"""Configuration of a gateway, read from its YAML."""

from __future__ import annotations

from pathlib import Path

from edge_agent.config.gateway_settings import GatewaySettings
from edge_agent.errors import SettingsError
from twin_core.checked_yaml import parse, read_yaml
from twin_core.errors import InputError


def load_gateway(path: Path) -> GatewaySettings:
    """Settings from a YAML file.

    Raises:
        SettingsError: one line per problem.
    """
    try:
        return parse(GatewaySettings, read_yaml(path), str(path))
    except InputError as error:
        raise SettingsError(str(error), hint=error.hint) from None
