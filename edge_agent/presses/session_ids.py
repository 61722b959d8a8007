"""Client ids and the name of shared subscriptions, which nobody else can guess.

A broker gives a session to whoever names its client id, and messages of a shared subscription to
whoever names the share. So each name carries a part that is computed (HMAC-SHA256) from a secret of
the agent, or of its group: one name tells nothing of the others, nor of the secret.
"""

from __future__ import annotations

import hmac
import os
import secrets
from base64 import b32encode
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from broker.topics import PressAddress
from edge_agent.config.secret_files import SecretFileError, read_secret
from edge_agent.config.settings import Settings
from edge_agent.errors import SettingsError
from edge_agent.logs import get_logger

SECRET_CHARACTERS_MIN = 22
"""128 bits as base64."""
SECRET_CHARACTERS_MAX = 1000
MAC_CHARACTERS = 26
"""130 bits as base32."""
HOW_TO_MAKE = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"


class SessionIds:
    """All names that an agent gives to its sessions at the broker."""

    def __init__(self, secret: str, settings: Settings, kept_at: Path | None = None) -> None:
        """Compute nothing yet.

        Args:
            secret: the agent's own, or that of its group.
            kept_at: the file beside the spool, if that is where it came from.
        """
        self._secret, self._kept_at = secret.encode(), kept_at
        self._site, self._agent_id = settings.site, settings.agent_id
        self._group = settings.share.group

    def keep(self) -> None:
        """Write the secret again if its file was deleted, as with all that lies beside the spool.

        Without it the next start would not find what the broker keeps for this agent.
        """
        path = self._kept_at
        if path is not None and path.parent.is_dir() and not path.exists():
            with suppress(OSError):  # the disk is away: at the next look
                _write_new(path, self._secret.decode() + "\n")
                get_logger().warning("session_secret_restored", path=str(path))

    def press(self, press: PressAddress) -> str:
        """The session that receives what a press says; in a group the same for all agents."""
        if self._group is not None:
            mac = self._mac("group press", str(press), self._group)
            return f"pur-group-{self._group}-{press.press}-{mac}"
        mac = self._mac("press", str(press), self._agent_id)
        return f"pur-twin-{self._agent_id}-{press.press}-{mac}"

    def share(self, group: str) -> str:
        """The name of the shared subscriptions of a group."""
        return f"{group}-{self._mac('share', group)}"

    def sparkplug(self, press: PressAddress) -> str:
        """The session of a press as edge node; in a group each agent has its own."""
        mac = self._mac("sparkplug", str(press), self._agent_id)
        return f"pur-twin-{self._agent_id}-{press.press}-node-{mac}"

    def node_reader(self, press: PressAddress) -> str:
        """The session that reads and keeps the number of a node's connect, in a group."""
        mac = self._mac("node reader", str(press), self._agent_id)
        return f"pur-twin-{self._agent_id}-node-reader-{mac}"

    def status(self) -> str:
        """The session that keeps an agent's status in its group."""
        return f"pur-twin-{self._agent_id}-group-{self._mac('status', self._agent_id)}"

    def probe(self) -> str:
        """The session, and the share, that try whether a broker knows shared subscriptions."""
        return f"pur-twin-{self._agent_id}-probe-{self._mac('probe', self._agent_id)}"

    def reader(self, press: PressAddress) -> str:
        """The session that reads what is retained of a press."""
        mac = self._mac("reader", str(press), self._agent_id)
        return f"pur-twin-{self._agent_id}-reader-{mac}"

    def presence(self, run_id: str) -> str:
        """The session of one process that looks for others of its name."""
        return f"pur-twin-{self._agent_id}-presence-{self._mac('presence', run_id)}"

    def new_run_id(self) -> str:
        """A name for this process, which tells those that have the same secret that it is so."""
        nonce = secrets.token_hex(8)
        return f"{nonce}-{self._mac('run', nonce)}"

    def is_of_this_secret(self, run_id: str) -> bool:
        """Was this name of a process made with the same secret?"""
        nonce, _, mac = run_id.partition("-")
        return hmac.compare_digest(mac.encode(), self._mac("run", nonce).encode())

    def _mac(self, role: str, *names: str) -> str:
        message = "\0".join((role, self._site, *names))
        digest = hmac.new(self._secret, message.encode(), sha256).digest()
        return b32encode(digest).decode("ascii").lower()[:MAC_CHARACTERS]


def session_ids(settings: Settings) -> SessionIds:
    """The names, from the secret that is configured, or kept beside the spool.

    Raises:
        SettingsError: it cannot be had, or is too short; an agent of a group has none.
    """
    broker, path = settings.broker, None
    if broker.session_secret is not None:
        where, secret = "TWIN_BROKER__SESSION_SECRET", broker.session_secret.get_secret_value()
    elif broker.session_secret_file is not None:
        where = f"broker.session_secret_file: {broker.session_secret_file}"
        secret = _read("broker.session_secret_file", broker.session_secret_file)
    elif settings.share.group is not None:
        raise SettingsError(
            f"broker.session_secret_file: is missing: the agents of group {settings.share.group} "
            "must have one secret in common. `pur-mold-twin broker init` makes it in its folder "
            f"(groups/{settings.share.group}.session-secret); or make it on one machine with "
            f"{HOW_TO_MAKE} and give all of them the file"
        )
    else:
        path = kept_file(settings)
        where = str(path)
        secret = _kept(path)
    secret = secret.strip()
    if not (SECRET_CHARACTERS_MIN <= len(secret) <= SECRET_CHARACTERS_MAX and secret.isprintable()):
        raise SettingsError(
            f"{where}: holds no session secret: one line of at least {SECRET_CHARACTERS_MIN} "
            f"characters that nobody can guess is expected; make it with {HOW_TO_MAKE}"
        )
    return SessionIds(secret, settings, path)


def kept_file(settings: Settings) -> Path:
    """File of the secret that an agent made itself, beside its spool."""
    return settings.spool.path.with_name(settings.spool.path.name + ".session-secret")


def _read(field: str, path: Path) -> str:
    try:
        return read_secret(field, path)
    except SecretFileError as error:
        raise SettingsError(str(error)) from None


def _kept(path: Path) -> str:
    """The secret in a file of the agent's own; made once."""
    if not path.exists():
        try:
            _write_new(path, secrets.token_urlsafe(32) + "\n")
        except OSError as error:
            raise SettingsError(
                f"{path}: the session secret cannot be written: {error.strerror}: let the "
                "agent's user write there, or set spool.path to another folder"
            ) from None
    return _read("session secret", path)


def _write_new(path: Path, text: str) -> None:
    """Make a file that only its owner reads; whole and on the disk, or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(new, path)  # of two that start at once, the first one's stays
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
