"""The folder of a broker: certificates, access rules, passwords and configuration, from a plan.

    mosquitto.conf  access.acl  ca.crt  server.crt    everyone may know them
    server.key  passwords                             read by the broker
    clients/{name}.crt .key .password                 handed to each client, once
    groups/{group}.session-secret                     handed to each agent of the group
    authority/ca.key                                  signs: belongs on a medium in a safe
    plan.json                                         what all this is made from

What is secret is made once and kept; the rest is written anew by every call.
"""

from __future__ import annotations

import os
import pwd
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.x509 import Certificate

from broker.setup.access import acl_text
from broker.setup.certificates import (
    CertificateError,
    Issued,
    general_name,
    host_names_of,
    is_from,
    new_authority,
    new_client,
    new_server,
    parse_certificate,
    parse_issued,
)
from broker.setup.configuration import BrokerFiles, broker_configuration
from broker.setup.inventory import Plan
from broker.setup.passwords import new_password, new_session_secret, password_line

PLAN = "plan.json"
SERVER = "server"
AUTHORITY = "PUR-MOLD-TWIN broker authority"
EXPIRES_SOON = timedelta(days=60)

_OPEN, _SECRET = 0o644, 0o600


class BrokerFolder:
    """A folder and the plan it follows. Every method says what it did, a line each.

    Every method raises CertificateError when a file in the folder cannot be used, ValueError when
    the plan names two clients alike or does not fit into the files, and OSError when the disk
    refuses.
    """

    def __init__(self, path: Path, plan: Plan, now: datetime) -> None:
        self.path = path.absolute()
        self._plan = plan
        self._now = now
        self._owner = _account(plan.user) if os.geteuid() == 0 else None

    @property
    def broker_user_is_missing(self) -> bool:
        """True if root has made files for a broker user that this machine does not have."""
        return os.geteuid() == 0 and self._owner is None

    def files_of(self, name: str) -> tuple[Path, Path]:
        """Certificate and key of a client, or of the `server`."""
        folder = self.path if name == SERVER else self.path / "clients"
        return folder / f"{name}.crt", folder / f"{name}.key"

    @property
    def _ca(self) -> tuple[Path, Path]:
        return self.path / "ca.crt", self.path / "authority" / "ca.key"

    def prepare(self) -> list[str]:
        """Make what is missing, keep every key and password, write rules and configuration."""
        plan = self._plan
        self._check_names()  # this and the next two refuse before anything is written
        rules = acl_text([*plan.certified(), *plan.with_password()])
        configuration = self._configuration()
        private = (*_PRIVATE, "groups") if plan.groups() else _PRIVATE
        for folder, mode in ((self.path, 0o755), *((self.path / n, 0o700) for n in private)):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(mode)
        did = self._authority()
        did += self._server()
        self._hand_over(self.files_of(SERVER)[1])  # also one made before there was such a user
        for client in plan.certified():
            did += self._client(client.name)
        did += self._groups()
        did += self._passwords()
        did += self._strangers()
        self._write(self.path / "access.acl", rules.encode(), _SECRET, for_broker=True)
        plan.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._hand_over(plan.data)
        self._write(self.path / "mosquitto.conf", configuration.encode(), _OPEN)
        self._write(self.path / PLAN, plan.model_dump_json(indent=2).encode() + b"\n", _OPEN)
        return did

    def renew(self, names: list[str], within: timedelta) -> list[str]:
        """New keys and certificates for these clients (or `server`), or for all that end so soon.

        Also raises CertificateError when a name is none of the plan's.
        """
        known = [SERVER, *(client.name for client in self._plan.certified())]
        for name in names:
            if name not in known:
                raise CertificateError(
                    f"{name!r} has no certificate; there are: {', '.join(known)}"
                )
        did: list[str] = []
        for name in known:
            old = self._existing(name)
            if old is None:
                continue
            ends_soon = old.not_valid_after_utc - self._now < within
            if name in names or (not names and ends_soon):
                did.append(f"renewed the certificate of {name}, {self._issue(name)}")
        return did

    def _authority(self) -> list[str]:
        certificate, key = self._ca
        if certificate.exists():
            return []
        if key.exists():
            raise CertificateError(f"{certificate}: is missing, its key is there: put it back")
        authority = new_authority(AUTHORITY, self._now)
        self._write(key, authority.key_pem, _SECRET)
        self._write(certificate, authority.certificate_pem, _OPEN)
        return [f"made the certificate authority, {_until(authority.certificate)}"]

    def _server(self) -> list[str]:
        names = self._plan.host_names
        old = self._existing(SERVER)
        if old is not None:
            if not self.files_of(SERVER)[1].exists():
                raise CertificateError(f"{self.files_of(SERVER)[1]}: is missing: put it back")
            if set(names) <= set(host_names_of(old)):
                return [self._kept(SERVER, old)]
        return [f"made the certificate of the broker for {', '.join(names)}, {self._issue(SERVER)}"]

    def _client(self, name: str) -> list[str]:
        old = self._existing(name)
        if old is not None:
            return [self._kept(name, old)]
        return [f"made the certificate of {name}, {self._issue(name)}"]

    def _issue(self, name: str) -> str:
        """Write a new certificate with a new key; say how long it is valid."""
        authority = self._signer()
        if name == SERVER:
            new = new_server(authority, self._plan.host_names, self._now)
        else:
            new = new_client(authority, name, self._now)
        certificate, key = self.files_of(name)
        self._write(key, new.key_pem, _SECRET, for_broker=name == SERVER)
        self._write(certificate, new.certificate_pem, _OPEN)
        return _until(new.certificate)

    def _signer(self) -> Issued:
        certificate, key = self._ca
        if not key.exists():
            raise CertificateError(f"{key}: is not here, and signs: put it back for this call")
        try:
            return parse_issued(certificate.read_bytes(), key.read_bytes())
        except CertificateError as error:
            raise CertificateError(f"{certificate} and {key}: {error}: put back both") from None

    def _kept(self, name: str, certificate: Certificate) -> str:
        words = f"kept the certificate of {name}"
        if certificate.not_valid_after_utc - self._now < EXPIRES_SOON:
            words += f", {_until(certificate)}: renew it"
        return words

    def _existing(self, name: str) -> Certificate | None:
        """The certificate in the folder, None without; the key of a client may be gone to it."""
        path, key = self.files_of(name)
        if not path.exists():
            if key.exists():
                raise CertificateError(f"{path}: is missing, its key is there: remove {key.name}")
            return None
        try:
            certificate = parse_certificate(path.read_bytes())
            if key.exists():
                parse_issued(path.read_bytes(), key.read_bytes())
            if not is_from(certificate, parse_certificate(self._ca[0].read_bytes())):
                raise CertificateError("not from the authority in ca.crt")
        except CertificateError as error:
            raise CertificateError(
                f"{path}: {error}: put back what was there, or remove it and {key.name}"
            ) from None
        return certificate

    def _groups(self) -> list[str]:
        did: list[str] = []
        for group in self._plan.groups():
            file = self.path / "groups" / f"{group}.session-secret"
            kept = file.exists()
            if not kept:
                self._write(file, new_session_secret().encode() + b"\n", _SECRET)
            did.append(f"{'kept' if kept else 'made'} the session secret of group {group}")
        return did

    def _passwords(self) -> list[str]:
        did: list[str] = []
        path = self.path / "passwords"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = {line.partition(":")[0]: line for line in lines}
        wanted: list[str] = []
        for client in self._plan.with_password():
            line = kept.pop(client.name, None)
            if line is None:
                file = self.path / "clients" / f"{client.name}.password"
                if not file.exists():
                    self._write(file, new_password().encode() + b"\n", _SECRET)
                line = password_line(client.name, file.read_text(encoding="utf-8").strip())
                did.append(f"made the password of {client.name}")
            else:
                did.append(f"kept the password of {client.name}")
            wanted.append(line)
        did += [f"took the password of {name} away: the plan has no such page" for name in kept]
        text = "".join(line + "\n" for line in wanted)
        self._write(path, text.encode(), _SECRET, for_broker=True)
        return did

    def _strangers(self) -> list[str]:
        known = {client.name for client in self._plan.certified()}
        return [
            f"{file.stem} is not in the plan any more: it can connect, but may do nothing"
            for file in sorted((self.path / "clients").glob("*.crt"))
            if file.stem not in known
        ]

    def _check_names(self) -> None:
        for name in self._plan.host_names:
            try:
                general_name(name)
            except CertificateError as error:
                raise CertificateError(f"--host-name (or broker.host): {error}") from None
        if SERVER in {client.name for client in self._plan.certified()}:
            raise ValueError(f"{SERVER!r} names the broker's own certificate: choose another name")

    def _configuration(self) -> str:
        plan = self._plan
        files = BrokerFiles(
            authority=self.path / "ca.crt",
            certificate=self.path / "server.crt",
            key=self.path / "server.key",
            acl=self.path / "access.acl",
            passwords=self.path / "passwords",
            data=plan.data,
        )
        return broker_configuration(
            files,
            port=plan.port,
            bind=plan.bind,
            websockets_port=plan.websockets_port,
            max_queued_messages=plan.max_queued_messages(),
            max_queued_bytes=plan.max_queued_bytes(),
            max_connections=plan.max_connections(),
            user=plan.user,
        )

    def _write(self, path: Path, content: bytes, mode: int, *, for_broker: bool = False) -> None:
        """Replace a file at once, so that nobody reads half of it or with the wrong rights."""
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(mode)
        if for_broker:
            self._hand_over(new)
        new.replace(path)

    def _hand_over(self, path: Path) -> None:
        """Give the broker what it reads: later than 2.0.17 it asks for its user and its group."""
        if self._owner is not None:
            os.chown(path, self._owner.pw_uid, self._owner.pw_gid)


_PRIVATE = ("authority", "clients")


def _until(certificate: Certificate) -> str:
    return f"until {certificate.not_valid_after_utc:%Y-%m-%d}"


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
