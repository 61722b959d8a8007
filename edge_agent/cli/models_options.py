"""Options and arguments that the commands of ``models`` share."""

from __future__ import annotations

import re
from pathlib import Path

import click

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def _name(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if not NAME.fullmatch(value):
        raise click.BadParameter("lower-case letters, digits, - and _, at most 32")
    return value


def _label(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, int]:
    name, _, version = value.partition("/")
    if not NAME.fullmatch(name) or not re.fullmatch(r"[1-9][0-9]{0,8}", version):
        raise click.BadParameter(f"{value!r} is no NAME/VERSION, as pour/3")
    return name, int(version)


models_option = click.option(
    "--models", "folder", type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/models"), show_default=True, help="The model directory.",
)  # fmt: skip
output_option = click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="What to print.",
)  # fmt: skip
trusted_option = click.option(
    "--trusted-key", "trusted", type=click.Path(path_type=Path), multiple=True,
    help="Public key that must have signed, as of learning.trusted_keys; may be repeated.",
)  # fmt: skip
name_argument = click.argument("name", callback=_name)
version_argument = click.argument("version", type=click.IntRange(1, 999_999_999))
label_argument = click.argument("label", metavar="NAME/VERSION", callback=_label)
