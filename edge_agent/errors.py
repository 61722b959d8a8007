"""Errors of the agent, in the tree of ``twin_core.errors``.

TwinError
├── InputError
│   ├── SettingsError   the configuration is wrong; every wrong field is named
│   │   └── NameTaken   another agent runs with this agent_id
│   └── TableError      a table of shots cannot be read, written or compared
├── MissingExtra        something was asked for that needs packages which are not installed
├── LinkError           the broker cannot be reached or refused us (retryable)
│   ├── PacketError       the broker sent what is not MQTT
│   ├── CredentialsError  a certificate, key or password file cannot be used just now
│   ├── NotAuthorized   the broker's access rules do not allow it
│   └── PublishRefused  the broker will never take this message
└── StoreError          spool or history cannot be written or read (retryable)
"""

from __future__ import annotations

from twin_core.errors import InputError, TwinError
from twin_core.extras import how_to_install


class SettingsError(InputError):
    """A configuration file or environment variable that cannot be used."""

    hint = "correct the named field; see configs/agent.yaml for an example"


class NameTaken(SettingsError):
    """Another agent with this site and agent_id was there before this one."""

    hint = (
        "stop one of them, or give this one an agent_id, a certificate and a spool of its own; "
        "of a copied machine, remove the copied spool and session secret, too"
    )


class TableError(InputError):
    """A Parquet or CSV file of shots that cannot be used, or two that do not fit together."""

    hint = "give feature sets, a row a shot, as Parquet or CSV with names in the first line"


class MissingExtra(TwinError):
    """A package of an extra is not installed; ``hint`` says how to install it."""

    def __init__(self, message: str, extra: str) -> None:
        super().__init__(message)
        self.hint = how_to_install(extra)


class LinkError(TwinError):
    """The link to the broker is down or refused a request; tried again with back-off."""

    retryable = True
    hint = "check broker.host, broker.port and the broker's log"


class PacketError(LinkError):
    """The broker sent a packet that cannot be read; the connection was given up."""

    hint = "look at broker and proxies: what they sent is not what MQTT says"


class CredentialsError(LinkError):
    """A file of ``broker.tls`` or ``broker.password_file`` cannot be used; a new one may come."""

    hint = "correct the named file or field; it is read again at every connect"


class NotAuthorized(LinkError):
    """The broker's access rules do not allow it; they may be changed, so it is tried again."""

    hint = "check the broker's access rules: docs/broker.md has who may write what"


class PublishRefused(LinkError):
    """The broker refused a message for good (its topic or payload); it becomes a dead letter."""

    retryable = False
    hint = "check the broker's access rules and size limits"


class StoreError(TwinError):
    """The spool or the history cannot be used just now; nothing is acknowledged meanwhile."""

    retryable = True
    hint = "check that the disk is mounted, writable and not full"
