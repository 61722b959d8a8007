"""Signatures of model versions: who trained, or checked, it says so, and nothing has changed since.

A signature (Ed25519) is over the name, the version and the hash of every file in the version's
folder, the manifest among them. It lies beside them in ``signature.yaml``. A site that demands one
names the public keys that it trusts (``learning.trusted_keys``). Needs ``cryptography``, of the
extras ``ml``, ``learn`` and ``broker``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.errors import StoreError, disk_hint
from edge_agent.inference.manifest import MANIFEST, MODEL, Name, Version
from twin_core.checked_yaml import parse, read_yaml
from twin_core.errors import InputError, MissingRuntime, ModelError
from twin_core.plain_files import FileRefused, read_bytes
from twin_core.yaml_text import dump_yaml

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

SIGNATURE = "signature.yaml"
SIGNATURE_BYTES_MAX = 20_000
KEY_BYTES_MAX = 10_000
FILES_MAX = 20
"""In the folder of a version; training writes five."""
FILE_BYTES_MAX = 200_000_000
"""Of a file beside the model: a baseline of 100,000 shots has 100 MB."""
_BEGIN = b"pur-mold-twin model signature 1\n"
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Signature(BaseModel):
    """Signature of a version."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    name: Name
    version: Version
    files: Annotated[dict[str, Hash], Field(max_length=FILES_MAX)]
    """SHA-256 of each file in the folder, by its name."""
    key: Hash
    """SHA-256 of the public key: whose it is."""
    signature: str
    """Of name, version and files, base64."""

    @property
    def content(self) -> bytes:
        """What is signed."""
        signed = {"files": self.files, "name": self.name, "version": self.version}
        return _BEGIN + json.dumps(signed, sort_keys=True).encode()


def make_key(path: Path) -> tuple[Path, str]:
    """Write a new private key, and the public one beside it (``.pub``).

    Returns:
        The file of the public key, and its fingerprint.

    Raises:
        InputError: a file is there already.
        StoreError: the folder cannot be written.
    """
    _need_cryptography()
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key, public = Ed25519PrivateKey.generate(), path.with_name(path.name + ".pub")
    private_text = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    public_text = key.public_key().public_bytes(
        pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo
    )
    for file, text, mode in ((path, private_text, 0o600), (public, public_text, 0o644)):
        _write_new(file, text, mode)
    return public, fingerprint(key.public_key())


def sign(name: str, version: int, folder: Path, root: Path, key_file: Path) -> Signature:
    """Sign a version as it lies there; a signature that it has is replaced.

    Args:
        name: of the model.
        version: of the model.
        folder: of the version.
        root: the model directory.
        key_file: private key, PEM.

    Raises:
        InputError: the key or a file cannot be used.
        StoreError: the folder cannot be written.
    """
    _need_cryptography()
    key = _private(key_file)
    files = hashes_of(folder, root)
    draft = Signature(
        name=name, version=version, files=files, key=fingerprint(key.public_key()), signature=""
    )
    done = draft.model_copy(
        update={"signature": base64.b64encode(key.sign(draft.content)).decode()}
    )
    path = folder / SIGNATURE
    path.unlink(missing_ok=True)
    _write_new(path, dump_yaml(done.model_dump(mode="json")).encode(), 0o644)
    return done


def verify(name: str, version: int, folder: Path, root: Path, trusted: Sequence[Path]) -> Signature:
    """The signature of a version, if one of the trusted keys made it and no file differs.

    Args:
        name: of the model.
        version: of the model.
        folder: of the version.
        root: the model directory.
        trusted: public keys, PEM files.

    Raises:
        InputError: a key or a file cannot be read.
        MissingRuntime: ``cryptography`` is not installed.
        ModelError: there is none, none of them made it, or a file differs from what was signed.
    """
    _need_cryptography()
    keys: dict[str, Ed25519PublicKey] = {}
    for file in trusted:
        key = _public(file)
        keys[fingerprint(key)] = key
    path = folder / SIGNATURE
    found = signature_of(folder, root)
    if found is None:
        raise ModelError(f"{path}: is missing: only signed models are taken here: {_HOW}")
    if found.key not in keys:
        raise ModelError(f"{path}: key: {found.key[:16]}… is none that is trusted here: {_HOW}")
    _check_signed(found, keys[found.key], path)
    if (found.name, found.version) != (name, version):
        said = f"{found.name}/{found.version}"
        raise ModelError(f"{path}: name: signed was {said}, not {name}/{version}: {_HOW}")
    here = hashes_of(folder, root)
    for file_name in sorted(set(here) | set(found.files)):
        if here.get(file_name) != found.files.get(file_name):
            raise ModelError(f"{folder / file_name}: {_differs(file_name, here, found)}: {_HOW}")
    return found


_HOW = "check where it comes from, then pur-mold-twin models sign"


def _differs(name: str, here: Mapping[str, str], found: Signature) -> str:
    if name not in here:
        return "was signed and is missing"
    return "was changed after it was signed" if name in found.files else "is not signed"


def _check_signed(found: Signature, key: Ed25519PublicKey, path: Path) -> None:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(base64.b64decode(found.signature, validate=True), found.content)
    except (InvalidSignature, binascii.Error, ValueError):
        raise ModelError(f"{path}: signature: does not fit name, version, files: {_HOW}") from None


def signature_of(folder: Path, root: Path) -> Signature | None:
    """The signature beside a version, unchecked; None if it has none.

    Raises:
        InputError: it is damaged.
    """
    path = folder / SIGNATURE
    if not os.path.lexists(path):
        return None
    return parse(Signature, read_yaml(path, SIGNATURE_BYTES_MAX, root), str(path))


def hashes_of(folder: Path, root: Path) -> dict[str, str]:
    """SHA-256 of each file in the folder of a version but the signature, by name.

    Raises:
        InputError: one cannot be read, is a folder, or there are too many.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise FileRefused(folder, f"cannot be read: {error.strerror}") from None
    if len(names) > FILES_MAX:
        raise InputError(f"{folder}: {len(names)} files, more than {FILES_MAX}: training writes 5")
    found = dict[str, str]()
    for name in names:
        if name != SIGNATURE:
            content = read_bytes(folder / name, FILE_BYTES_MAX, root)
            found[name] = hashlib.sha256(content).hexdigest()
    if missing := {MANIFEST, MODEL} - set(found):
        raise InputError(f"{folder / min(missing)}: is missing: a version has it")
    return found


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of a public key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def _need_cryptography() -> None:
    if find_spec("cryptography") is None:
        raise MissingRuntime("cryptography is not installed: signatures cannot be made or checked")


def _private(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(read_bytes(path, KEY_BYTES_MAX), None)
    except TypeError:
        raise InputError(f"{path}: has a passphrase: openssl pkey -in FILE removes it") from None
    except InputError:
        raise
    except Exception:  # the library raises classes of several kinds
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path}: no private key for Ed25519 (PEM): make one with models keygen")
    return key


def _public(path: Path) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = read_bytes(path, KEY_BYTES_MAX)
    try:
        key = load_pem_public_key(content)
    except Exception:  # the library raises classes of several kinds
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path}: no public key for Ed25519 (PEM): name the .pub of models keygen")
    return key


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with open(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise InputError(f"{path}: is there already: choose another name") from None
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written: {error.strerror}", hint=disk_hint(error)
        ) from None
