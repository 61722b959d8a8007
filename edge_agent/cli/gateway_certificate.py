"""``pur-mold-twin gateway certificate``: what an OPC UA server is given to trust."""

from __future__ import annotations

import socket
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import fail
from twin_core.errors import InputError, TwinError

if TYPE_CHECKING:
    from edge_agent.config.gateway_settings import GatewaySettings

EXAMPLE = """\b
Examples:
  pur-mold-twin gateway certificate -c gateway.yaml
  pur-mold-twin gateway certificate -c gateway.yaml --host press-pc.plant
"""


@click.command("certificate", epilog=EXAMPLE)
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), required=True,
    help="The YAML of the gateway.",
)  # fmt: skip
@click.option("--host", help="Name of this machine in the plant.  [default: its host name]")
def command(config: Path, host: str | None) -> None:
    """Make the certificates that OPC UA sources name as cert_file and key_file, signed by itself.

    Beside each lies the same in DER, to import at the server as a trusted client. Nothing is
    written over. Exit codes: 0, 2 wrong configuration, or a file that is there.
    """
    from edge_agent.clock import SystemClock
    from edge_agent.gateway.mapping_file import load_sources

    try:
        folders = _wanted(load_sources(config), config)
        for folder, name in folders:
            _make(folder, name, host or socket.gethostname(), SystemClock().now())
    except TwinError as error:
        fail(error)


def _wanted(settings: GatewaySettings, config: Path) -> list[tuple[Path, str]]:
    """Folder and name of each certificate that is to be made.

    Raises:
        InputError: no source names one, or its files have other names than this command gives.
    """
    from edge_agent.config.gateway_sources import OpcUaSource

    found: dict[tuple[Path, str], None] = {}
    for name, source in settings.sources.items():
        if not isinstance(source, OpcUaSource) or source.cert_file is None:
            continue
        cert, key = source.cert_file, source.key_file
        if str(cert).startswith("credentials:") or cert.suffix != ".pem":
            words = f"{config}: sources.{name}.cert_file: {cert}: must be a path that ends in .pem"
            raise InputError(words, hint="make it elsewhere first, and name it then as you like")
        if key != cert.with_suffix(".key"):
            words = f"{config}: sources.{name}.key_file: {key}: must be {cert.with_suffix('.key')}"
            raise InputError(words, hint="both are made in one folder, under one name")
        found[cert.parent, cert.stem] = None
    if not found:
        raise InputError(
            f"{config}: no source of the kind opcua names cert_file and key_file",
            hint="name them: cert_file: var/gateway/NAME.pem, key_file: var/gateway/NAME.key",
        )
    return list(found)


def _make(folder: Path, name: str, host: str, now: datetime) -> None:
    from edge_agent.errors import MissingExtra

    try:
        from edge_agent.links.opcua_certificate import make_certificate
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"asyncua", "cryptography"}:
            raise
        words = f"a certificate needs {error.name}, which is not installed"
        raise MissingExtra(words, "gateway") from None
    made = make_certificate(folder, name, host, now)
    click.echo(f"{made.cert_file}: certificate, valid until {made.valid_until:%Y-%m-%d}")
    click.echo(f"{made.der_file}: the same, to import at the server as a trusted client")
    click.echo(f"{made.key_file}: its key, which stays here")
    click.echo(f"application URI: {made.application_uri}")
    click.echo(f"fingerprint (SHA-256): {made.fingerprint}")
