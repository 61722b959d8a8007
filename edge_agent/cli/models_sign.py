"""``pur-mold-twin models keygen | sign | verify``: who answers for a version of a model."""

from __future__ import annotations

from pathlib import Path

import click

from edge_agent.cli.common import fail
from edge_agent.cli.models_options import label_argument, models_option
from edge_agent.cli.tables import say


@click.command("keygen", epilog="Example: pur-mold-twin models keygen signing.key")
@click.argument("file", type=click.Path(path_type=Path))
def keygen(file: Path) -> None:
    """Make a key to sign with: FILE, to be kept secret, and FILE.pub for learning.trusted_keys.

    Exit codes: 0, 1 the disk refused or cryptography is missing, 2 a file is there already.
    """
    from edge_agent.inference.signature import make_key
    from twin_core.errors import TwinError

    try:
        public, fingerprint = make_key(file)
    except TwinError as error:
        fail(error)
    say(f"{file}: private key: keep it where models are trained, or better nowhere near", "")
    say(f"{public}: public key, for learning.trusted_keys of each agent; {fingerprint[:16]}…", "")


@click.command("sign", epilog="Example: pur-mold-twin models sign pour/3 --key signing.key")
@label_argument
@click.option(
    "--key", "key_file", type=click.Path(path_type=Path), required=True, help="The private key."
)
@models_option
def sign(label: tuple[str, int], key_file: Path, folder: Path) -> None:
    """Sign a version: its manifest, its model and every other file in its folder.

    It is loaded first; what cannot be used is not signed.

    Exit codes: 0, 1 it cannot be used or written, 2 no such version, key or file.
    """
    from edge_agent.inference.registry import ModelRegistry
    from edge_agent.inference.signature import sign as signed
    from twin_core.errors import TwinError

    name, version = label
    try:
        ModelRegistry(folder).load(name, version)
        found = signed(name, version, folder / name / str(version), folder, key_file)
    except TwinError as error:
        fail(error)
    say(f"{name}/{version}: signed with {found.key[:16]}…: {', '.join(found.files)}", "")


@click.command("verify", epilog="Example: pur-mold-twin models verify pour/3 --key signing.key.pub")
@label_argument
@click.option(
    "--key", "keys", type=click.Path(path_type=Path), required=True, multiple=True,
    help="A public key that is trusted; may be repeated.",
)  # fmt: skip
@models_option
def verify(label: tuple[str, int], keys: tuple[Path, ...], folder: Path) -> None:
    """Tell whether a trusted key has signed a version, and nothing has changed since.

    Exit codes: 0 it has, 1 not, 2 no such version, key or file.
    """
    from edge_agent.inference.registry import ModelRegistry
    from edge_agent.inference.signature import verify as verified
    from twin_core.errors import TwinError

    name, version = label
    try:
        ModelRegistry(folder, keys).content(name, version)
        found = verified(name, version, folder / name / str(version), folder, keys)
    except TwinError as error:
        fail(error)
    say(f"{name}/{version}: signed with {found.key[:16]}…: {', '.join(found.files)}", "")
