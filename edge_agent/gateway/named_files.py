"""Files that a mapping names: what is wrong with them, before the gateway is started."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from edge_agent.config.gateway_settings import GatewaySettings
from edge_agent.config.gateway_sources import MqttSource, OpcUaSource, SparkplugSource
from edge_agent.config.secret_files import BYTES_MAX, SCHEME
from edge_agent.config.settings import BrokerSettings
from edge_agent.gateway.problem import Place, Problem
from twin_core.plain_files import NO_FILE, UNREADABLE, FileRefused, check_regular

_MADE = "; `pur-mold-twin gateway certificate` makes it"


def file_problems(settings: GatewaySettings) -> Iterator[Problem]:
    """Problems of the files that a mapping names; one that is not there yet is a note.

    Args:
        settings: a mapping that is right by itself.
    """
    yield from _of_broker(settings.broker, ("broker",))
    yield from _outbox(settings.outbox.path)
    for name, source in settings.sources.items():
        here: Place = ("sources", name)
        if isinstance(source, OpcUaSource):
            yield from _file(source.cert_file, (*here, "cert_file"), _MADE)
            yield from _file(source.key_file, (*here, "key_file"), _MADE)
            yield from _file(source.server_cert_file, (*here, "server_cert_file"))
            yield from _file(source.password_file, (*here, "password_file"))
        elif isinstance(source, MqttSource | SparkplugSource) and source.broker is not None:
            yield from _of_broker(source.broker, (*here, "broker"))


def _outbox(path: Path) -> Iterator[Problem]:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # it will be made, or only the service's user sees it
        return
    place = ("outbox", "path")
    if stat.S_ISDIR(mode):
        yield Problem(place, f"{path} is a folder: name a file in it, as {path / 'gateway.db'}")
    elif not stat.S_ISREG(mode):
        yield Problem(place, f"{path} is no regular file: name another one")


def _of_broker(broker: BrokerSettings, here: Place) -> Iterator[Problem]:
    yield from _file(broker.password_file, (*here, "password_file"))
    for name in ("ca_file", "cert_file", "key_file"):
        yield from _file(getattr(broker.tls, name), (*here, "tls", name))


def _file(path: Path | None, place: Place, way_out: str = "") -> Iterator[Problem]:
    if path is None or str(path).startswith(SCHEME):
        return
    try:
        check_regular(path, BYTES_MAX)
    except FileRefused as error:
        if error.problem == NO_FILE:
            yield Problem(place, f"{path} is not there yet{way_out}", is_note=True)
        else:  # another user than the service's may have no right to read it
            yield Problem(place, str(error), is_note=error.problem.startswith(UNREADABLE))
