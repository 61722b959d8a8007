"""Sources of a gateway: which module reads which kind; libraries are loaded when needed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from edge_agent.clock import Clock
from edge_agent.config.gateway_settings import GatewaySettings
from edge_agent.config.gateway_sources import (
    FolderSource,
    ModbusSource,
    MqttSource,
    OpcUaSource,
    Source,
    SparkplugSource,
)
from edge_agent.errors import MissingExtra
from edge_agent.links.tag_source import TagSource

LIBRARIES = {
    "opcua": ("asyncua", "asyncua", "gateway"),
    "modbus": ("pymodbus", "pymodbus", "gateway"),
    "sparkplug_source": ("google", "protobuf", "sparkplug"),
}
"""What a module of ``links`` imports, of which package and extra it is."""


def make(
    name: str, source: Source, settings: GatewaySettings, clock: Clock, secret: str = ""
) -> TagSource:
    """A source as it is configured; nothing is connected yet.

    Args:
        name: name of the source.
        source: its settings.
        settings: those of the gateway.
        clock: gives the times of arrival.
        secret: makes the client ids of kept MQTT sessions such that nobody guesses them.

    Raises:
        MissingExtra: the library of its protocol is not installed.
        SettingsError: it cannot be as it is configured.
    """
    match source:
        case OpcUaSource():
            return _load("opcua", "OpcUaLink")(name, source, clock)
        case ModbusSource():
            return _load("modbus", "ModbusLink")(name, source, clock)
        case MqttSource():
            client_id = "-".join(filter(None, ("pur-gateway", settings.id, name, secret)))
            link = _load("foreign_mqtt", "ForeignMqttLink")
            return link(name, source, settings.broker, client_id, clock)
        case SparkplugSource():
            client_id = "-".join(filter(None, ("pur-gateway", settings.id, name, secret)))
            link = _load("sparkplug_source", "SparkplugLink")
            return link(name, source, settings.broker, client_id, clock)
        case FolderSource():
            return _load("logger_folder", "LoggerFolder")(name, source, clock)


def _load(module: str, what: str) -> Callable[..., TagSource]:
    """A class of a link.

    Raises:
        MissingExtra: its library is not installed.
    """
    try:
        link: Any = getattr(importlib.import_module(f"edge_agent.links.{module}"), what)
    except ModuleNotFoundError as error:
        name, package, extra = LIBRARIES.get(module, ("", "", ""))
        if not name or (error.name or "").partition(".")[0] != name:
            raise
        kind = module.removesuffix("_source")
        words = f"a source of the kind {kind} needs {package}, which is not installed"
        raise MissingExtra(words, extra) from None
    found: Callable[..., TagSource] = link
    return found
