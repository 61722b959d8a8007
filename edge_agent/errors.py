"""Errors of the agent, in the tree of ``twin_core.errors``.

TwinError
├── InputError
│   ├── SettingsError   the configuration is wrong; every wrong field is named
│   │   └── NameTaken   another agent runs with this agent_id
│   └── TableError      a table of shots cannot be read, written or compared
├── MissingExtra        something was asked for that needs packages which are not installed
├── LinkError           the broker cannot be reached or refused us (retryable)
│   ├── CredentialsError  a certificate, key or password file cannot be used just now
│   └── PublishRefused  the broker will never take this message
└── StoreError          spool or history cannot be written or read (retryable)
"""

from __future__ import annotations

from twin_core.errors import InputError, TwinError


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
    """A package of an extra is not installed; ``hint`` is the command that installs it."""

    def __init__(self, message: str, extra: str) -> None:
        super().__init__(message)
        self.hint = f"pip install 'pur-mold-twin[{extra}]'"


class LinkError(TwinError):
    """The link to the broker is down or refused a request; tried again with back-off."""

    retryable = True
    hint = "check broker.host, broker.port and the broker's log"


class CredentialsError(LinkError):
    """A file of ``broker.tls`` or ``broker.password_file`` cannot be used; a new one may come."""

    hint = "correct the named file or field; it is read again at every connect"


class PublishRefused(LinkError):
    """The broker refused a message for good (its topic or payload); it becomes a dead letter."""

    retryable = False
    hint = "check the broker's access rules and size limits"


class StoreError(TwinError):
    """The spool or the history cannot be used just now; nothing is acknowledged meanwhile."""

    retryable = True
    hint = "check that the disk is mounted, writable and not full"
