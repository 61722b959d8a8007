"""``pur-mold-twin broker``: the files of a Mosquitto beside the press."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from broker.ids import require_identifier
from broker.setup.access import agent_name
from edge_agent.cli.common import fail
from edge_agent.errors import MissingExtra, SettingsError, StoreError, disk_hint
from twin_core.checked_yaml import describe
from twin_core.errors import InputError, TwinError

if TYPE_CHECKING:
    from broker.setup.folder import BrokerFolder
    from broker.setup.inventory import Plan
    from edge_agent.config.settings import Settings

PLAN = "plan.json"
_NAMES = {
    **{"--scada": "scada", "--quality": "quality", "--orders": "orders"},
    **{"--page": "pages", "--web": "web", "--gateway": "gateways"},
    **{"--sparkplug-host": "sparkplug_hosts", "--gateway-sparkplug": "gateway_sparkplug"},
    "--gateway-rebirth": "gateway_rebirth",
}
Port = click.IntRange(1, 65535)
EXAMPLE = """\b
Examples:
  pur-mold-twin broker init -c configs/agent.yaml --out /etc/mosquitto/pur \\
      --host-name press-pc
  pur-mold-twin broker renew --out /etc/mosquitto/pur
"""
_out = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder of the broker.",
)


@click.group("broker", epilog=EXAMPLE)
def command() -> None:
    """Set up a Mosquitto with certificates and access rules for presses, agents and SCADA."""


@command.command(
    "init", epilog="Example: pur-mold-twin broker init -c configs/agent.yaml --out broker-files"
)
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    required=True,
    help="The agent's YAML: its site, presses, topic prefix and broker.host.",
)
@_out
@click.option(
    "--host-name",
    "host_names",
    multiple=True,
    help="A name or IP address by which clients reach the broker; may be given several times.",
)
@click.option("--port", type=Port, help="For machines, with certificates.  [default: 8883]")
@click.option("--bind", help="Address on which machines connect.  [default: every one]")
@click.option("--websockets-port", type=Port, help="For pages, on this machine.  [default: 9001]")
@click.option("--scada", multiple=True, help="A client that reads the twin.  [default: scada]")
@click.option("--quality", multiple=True, help="A client that writes quality.  [default: quality]")
@click.option("--orders", multiple=True, help="A client that writes orders and events (a MES).")
@click.option("--web", multiple=True, help="A web server (`pur-mold-twin web`), by its web.id.")
@click.option("--gateway", "gateways", multiple=True, help="A gateway of all presses, by its id.")
@click.option(
    "--sparkplug-host", "sparkplug_hosts", multiple=True, help="A Sparkplug host, by its host id."
)
@click.option(
    "--gateway-sparkplug", multiple=True, help="A gateway that also reads other edge nodes."
)
@click.option(
    "--gateway-rebirth", multiple=True, help="One that may also ask any of them for its births."
)
@click.option("--page", "pages", multiple=True, help="A reader with a password.  [default: page]")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the broker keeps its store.  [default: data, in the folder]",
)
@click.option("--user", help="The user Mosquitto runs as.  [default: mosquitto]")
def init(config: Path, out: Path, **options: Any) -> None:
    """Write Mosquitto's configuration, certificates, access rules and passwords into a folder.

    A second call keeps every key and password and adds what is new: a press, another agent's
    YAML, a name. What was chosen before stays chosen; plan.json in the folder holds it.
    Exit codes: 0 done, 2 wrong input, 1 the disk refused or cryptography is missing.
    """
    from edge_agent.config.settings import load_settings

    try:
        settings = load_settings(config)
        with _errors_named():
            from broker.setup.folder import BrokerFolder

            plan = _extended(_read_plan(out), settings, out, options)
            folder = BrokerFolder(out, plan, datetime.now(UTC))
            did = folder.prepare()
    except TwinError as error:
        fail(error)
    for line in did:
        click.echo(line)
    click.echo(_next_steps(folder, plan, settings.agent_id, settings.share.group))


@command.command("renew", epilog="Example: pur-mold-twin broker renew --out broker-files server")
@_out
@click.option(
    "--within-days",
    type=click.IntRange(min=0),
    default=60,
    show_default=True,
    help="Without names: renew what ends so soon.",
)
@click.argument("names", nargs=-1)
def renew(out: Path, within_days: int, names: tuple[str, ...]) -> None:
    """New keys and certificates: for NAMES (a client, or server), or for all that end soon.

    Exit codes: 0 done, 2 wrong input, 1 the disk refused or cryptography is missing.
    """
    try:
        with _errors_named():
            from broker.setup.folder import BrokerFolder

            plan = _read_plan(out)
            if plan is None:
                raise SettingsError(f"{out}: holds no {PLAN}: give the folder that init has made")
            folder = BrokerFolder(out, plan, datetime.now(UTC))
            did = folder.renew(list(names), timedelta(days=within_days))
    except TwinError as error:
        fail(error)
    for line in did or [f"nothing ends within {within_days} days"]:
        click.echo(line)
    if did:
        click.echo(
            "Next: copy them to their clients (an agent takes them up by itself); for server: "
            "systemctl restart mosquitto"
        )


@contextmanager
def _errors_named() -> Iterator[None]:
    """What `broker` raises, as errors of the agent.

    Raises:
        MissingExtra, InputError, StoreError: see there.
    """
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "cryptography":
            raise
        words = "certificates need cryptography, which is not installed"
        raise MissingExtra(words, "broker") from None
    except ValidationError as error:
        raise SettingsError(
            "\n".join(describe(error, PLAN)), hint="put a copy of it back, or see docs/broker.md"
        ) from None
    except ValueError as error:
        raise InputError(str(error), hint="see docs/broker.md") from None
    except OSError as error:
        raise StoreError(
            f"the folder cannot be read or written: {error}", hint=disk_hint(error)
        ) from None


def _read_plan(out: Path) -> Plan | None:
    from broker.setup.inventory import Plan

    path = out / PLAN
    return Plan.model_validate_json(path.read_bytes()) if path.exists() else None


def _extended(old: Plan | None, settings: Settings, out: Path, options: dict[str, Any]) -> Plan:
    """The old plan with this agent and what the options say; names add up.

    Raises:
        ValueError: an option or the old plan holds a value that cannot be used.
    """
    from broker.setup.inventory import THIS_MACHINE, AgentPlan, Plan

    for option, names in _NAMES.items():
        for name in options[names]:
            require_identifier(option, name)
    fields: dict[str, Any] = {"data": out.absolute() / "data"} if old is None else old.model_dump()
    if options["data"] is not None:
        options["data"] = options["data"].absolute()
    for name, value in options.items():
        if isinstance(value, tuple):
            if value:
                fields[name] = dict.fromkeys([*fields.get(name, ()), *value])
        elif value is not None:
            fields[name] = value
    fields["host_names"] = dict.fromkeys(
        [*THIS_MACHINE, *fields.get("host_names", ()), settings.broker.host]
    )
    lists = {name: tuple(v) for name, v in fields.items() if isinstance(v, dict)}
    return Plan.model_validate({**fields, **lists}).with_agent(
        AgentPlan(
            agent_id=settings.agent_id,
            site=settings.site,
            presses=tuple(settings.presses),
            share_group=settings.share.group,
            topic_prefix=settings.topic_prefix,
            spool_limit_mb=settings.spool.limit_mb,
            sparkplug_group=_sparkplug_group(settings),
        )
    )


def _sparkplug_group(settings: Settings) -> str | None:
    """Id of the group of the edge nodes; None where Sparkplug is off.

    Raises:
        ValueError: it cannot stand in access rules.
    """
    if not settings.sparkplug.enabled:
        return None
    group = settings.sparkplug.group or settings.site
    require_identifier("sparkplug.group", group)
    return group


def _next_steps(folder: BrokerFolder, plan: Plan, agent_id: str, group: str | None) -> str:
    """What the person does now."""
    certificate, key = folder.files_of(agent_name(agent_id))
    missing = (
        f"\nFirst: there is no user {plan.user!r} here: install mosquitto and run init again.\n"
        if folder.broker_user_is_missing
        else ""
    )
    shared = (
        f"\n         session_secret_file: {folder.path}/groups/{group}.session-secret"
        if group
        else ""
    )
    return f"""{missing}
Next:
  1. Move {folder.path}/authority/ca.key to a medium in a safe; what is new or
     renewed needs it there again.
  2. Start the broker:  mosquitto -c {folder.path}/mosquitto.conf
  3. In the agent's YAML:
       broker:
         host: localhost
         port: {plan.port}{shared}
         tls:
           enabled: true
           ca_file: {folder.path}/ca.crt
           cert_file: {certificate}
           key_file: {key}
  4. Hand each press, SCADA and the laboratory ca.crt and its own two files of
     {folder.path}/clients, and pages their password. Then delete the keys and passwords here that
     have left this machine; the certificates stay.
More: docs/broker.md"""
