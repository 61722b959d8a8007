"""``pur-mold-twin web user | token | audit``: who may use pages and REST, and what they did."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import fail
from edge_agent.cli.tables import print_table, say
from edge_agent.cli.values import Age

if TYPE_CHECKING:
    from edge_agent.config.settings import Settings
    from edge_agent.web.access.audit import Head
    from edge_agent.web.access.control import Access

ROLES = ("viewer", "operator", "engineer", "admin")
SCOPES = ("read", "simulate", "quality", "alerts", "advice", "admin")
_password_file = click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help="File that holds the password; - is standard input. [default: asked for]",
)
_output = click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="What to print.",
)


@click.group("user", epilog="Example: pur-mold-twin web user add anna --role operator")
def user() -> None:
    """Who may log in: add, list, remove, password."""


@user.command("add", epilog="Example: pur-mold-twin web user add anna --role operator")
@click.argument("name")
@click.option(
    "--role", type=click.Choice(ROLES), help="[default: admin for the first user, then viewer]"
)
@_password_file
@click.pass_context
def user_add(ctx: click.Context, name: str, role: str | None, password_file: Path | None) -> None:
    """Add a user.

    Exit codes: 0 done, 2 wrong input, 1 the database refuses.
    """
    password = _password(password_file)
    with _access(ctx) as access:
        from edge_agent.web.access.roles import role_named

        given = access.users.add(name, password, role_named(role) if role else None, _by())
    click.echo(f"user {name}: {given}")


@user.command("list", epilog="Example: pur-mold-twin web user list --output json")
@_output
@click.pass_context
def user_list(ctx: click.Context, output: str) -> None:
    """Print the users and their roles.

    Exit codes: 0 done, 1 the database refuses, 2 wrong input.
    """
    with _access(ctx) as access:
        users = access.users.all()
    rows = [{"name": u.name, "role": str(u.role), "created_at": u.created_at} for u in users]
    _print(rows, ("name", "role", "created_at"), output, "no users: web user add makes the first")


@user.command("remove", epilog="Example: pur-mold-twin web user remove anna")
@click.argument("name")
@click.pass_context
def user_remove(ctx: click.Context, name: str) -> None:
    """Remove a user and end all that is open of theirs.

    Exit codes: 0 done, 2 no such user, 1 the database refuses.
    """
    with _access(ctx) as access:
        access.users.remove(name, _by())
    click.echo(f"user {name}: removed")


@user.command("password", epilog="Example: pur-mold-twin web user password anna")
@click.argument("name")
@_password_file
@click.pass_context
def user_password(ctx: click.Context, name: str, password_file: Path | None) -> None:
    """Give a user another password and end all that is open of theirs.

    Exit codes: 0 done, 2 wrong input, 1 the database refuses.
    """
    password = _password(password_file)
    with _access(ctx) as access:
        access.users.set_password(name, password, _by())
    click.echo(f"user {name}: has another password")


@click.group("token", epilog="Example: pur-mold-twin web token add mes --lasts 90d")
def token() -> None:
    """Which programs and kiosks may come: add, list, revoke."""


@token.command(
    "add",
    epilog="\b\nExamples:\n  pur-mold-twin web token add mes --role operator --scope read --scope "
    "quality\n  pur-mold-twin web token add press-1 --kiosk",
)
@click.argument("name")
@click.option(
    "--role", type=click.Choice(ROLES), default="viewer", show_default=True, help="At most."
)
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    help="What it is good for, within the role. [default: read, simulate]",
)
@click.option("--lasts", type=Age(), default="365d", show_default=True, help="How long: 12h, 30d.")
@click.option("--kiosk", is_flag=True, help="For one screen that shows the pages by itself.")
@click.pass_context
def token_add(
    ctx: click.Context, name: str, role: str, scopes: tuple[str, ...], lasts: timedelta, kiosk: bool
) -> None:
    """Make a token, and print it: it is shown this once.

    Exit codes: 0 done, 2 wrong input, 1 the database refuses.
    """
    with _access(ctx) as access:
        from edge_agent.web.access.roles import SCOPES as KNOWN
        from edge_agent.web.access.roles import role_named

        if kiosk:
            made = access.tokens.add_kiosk(name, _by())
        else:
            chosen = [scope for scope in KNOWN if scope in (scopes or ("read", "simulate"))]
            made = access.tokens.add(name, role_named(role), chosen, lasts, _by())
    click.echo(made)
    if kiosk:
        say("Type this code at the page /kiosk of the screen, within 24 hours; it works once.")
    else:
        say("Send it as Authorization: Bearer TOKEN. It is kept nowhere: store it now.")


@token.command("list", epilog="Example: pur-mold-twin web token list")
@_output
@click.pass_context
def token_list(ctx: click.Context, output: str) -> None:
    """Print the tokens, without what proves them.

    Exit codes: 0 done, 1 the database refuses, 2 wrong input.
    """
    with _access(ctx) as access:
        tokens = access.tokens.all()
    rows = [
        {
            "name": t.name,
            "kind": t.kind,
            "role": str(t.role),
            "scopes": " ".join(t.scopes),
            "created_at": t.created_at,
            "created_by": t.created_by,
            "expires_at": t.expires_at or "never",
        }
        for t in tokens
    ]
    shown = ("name", "kind", "role", "scopes", "expires_at")
    _print(rows, shown, output, "no tokens: web token add makes one")


@token.command("revoke", epilog="Example: pur-mold-twin web token revoke mes")
@click.argument("name")
@click.pass_context
def token_revoke(ctx: click.Context, name: str) -> None:
    """Make a token worthless at once.

    Exit codes: 0 done, 2 no such token, 1 the database refuses.
    """
    with _access(ctx) as access:
        access.tokens.revoke(name, _by())
    click.echo(f"token {name}: revoked")


@click.group("audit", epilog="Example: pur-mold-twin web audit verify --broker")
def audit() -> None:
    """What was done and refused: list, verify."""


@audit.command("list", epilog="Example: pur-mold-twin web audit list --limit 20")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    help="At most so many, the newest.",
)
@_output
@click.pass_context
def audit_list(ctx: click.Context, limit: int, output: str) -> None:
    """Print the newest entries, the newest first.

    Exit codes: 0 done, 1 the database refuses, 2 wrong input.
    """
    with _access(ctx) as access:
        rows = [entry.as_dict() for entry in access.audit.newest(limit)]
    if output == "json" or not rows:
        _print(rows, (), output, "empty")
    for row in rows if output == "table" else ():
        more = [f"from {row['address']}"] if row["address"] else []
        more += [f"{name} {_plain(value)}" for name, value in row["detail"].items()]
        first = " ".join([str(row["seq"]), f"{row['ts'][:19]}Z", row["who"] or "-"])
        first += f" {row['action']} {row['outcome']}"
        say(f"{first}: {', '.join(more)}" if more else first)


@audit.command("verify", epilog="Example: pur-mold-twin web audit verify --broker")
@click.option("--head", metavar="SEQ:MAC", help="A head that was noted earlier.")
@click.option("--broker", is_flag=True, help="Compare with the head that is retained on MQTT.")
@click.pass_context
def audit_verify(ctx: click.Context, head: str | None, broker: bool) -> None:
    """Look for entries that were changed, cut out, cut off or reordered.

    An older copy of the whole file is whole in itself: only a head from elsewhere, by --head or
    --broker, shows that something is missing.

    Exit codes: 0 the chain is whole, 1 it is not or the database refuses, 2 wrong input.
    """
    from twin_core.errors import TwinError

    settings = _settings(ctx)
    try:
        witnesses = [_head(head)] if head else []
        if broker:
            from edge_agent.web.access.audit_head import published_head

            witnesses.append(published_head(settings))
    except TwinError as error:
        fail(error)
    with _access(ctx) as access:
        verdict = access.audit.verify()
        problems = list(verdict.problems)
        for witness in witnesses:
            problems += [p for p in access.audit.verify(witness).problems if p not in problems]
    click.echo(f"{verdict.entries_count} entries, head {verdict.head.seq}:{verdict.head.mac}")
    if problems:
        from edge_agent.errors import StoreError

        hint = "compare with a backup of the database; who could write to it since?"
        fail(StoreError("\n".join(problems), hint=hint))
    click.echo("the chain is whole")


COMMANDS = (user, token, audit)


def _head(text: str) -> Head:
    from edge_agent.web.access.audit import Head
    from twin_core.errors import InputError

    seq, _, mac = text.partition(":")
    if not seq.isdecimal() or len(mac) != 64:
        raise InputError(f"--head {text[:100]}: expected NUMBER:HMAC, as `audit verify` prints it")
    return Head(int(seq), mac)


def _settings(ctx: click.Context) -> Settings:
    from edge_agent.config.settings import load_settings
    from twin_core.errors import TwinError

    root = ctx
    while root.parent is not None and root.command.name != "web":
        root = root.parent
    try:
        return load_settings(root.params["config"])
    except TwinError as error:
        fail(error)


@contextmanager
def _access(ctx: click.Context) -> Iterator[Access]:
    """Users, tokens and the log of the configuration; errors end the command."""
    from edge_agent.errors import MissingExtra
    from twin_core.errors import TwinError

    settings = _settings(ctx)
    try:
        try:
            from edge_agent.web.access.control import Access, options_of
        except ImportError as error:
            raise MissingExtra(f"users of the pages need {error.name}", "web") from None
        with closing(Access(options_of(settings.web), lambda: datetime.now(UTC))) as access:
            yield access
    except TwinError as error:
        fail(error)


def _by() -> str:
    try:
        return f"command:{getpass.getuser()}"
    except (OSError, KeyError):  # a container's user without a name
        return "command"


def _password(file: Path | None) -> str:
    if file is None:
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    if str(file) == "-":
        return "".join(sys.stdin.readline().splitlines())
    from edge_agent.config.secret_files import SecretFileError, read_secret
    from twin_core.errors import InputError

    try:
        return "".join(read_secret("--password-file", file).splitlines()[:1])
    except SecretFileError as error:
        fail(InputError(str(error)))


def _plain(value: object) -> str:
    """A value in words: strangers chose some, and must not steer the terminal."""
    return str(value) if str(value).isprintable() else ascii(value)


def _print(
    rows: Sequence[Mapping[str, object]], columns: tuple[str, ...], output: str, nothing: str
) -> None:
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        print_table(columns, [tuple(str(row[name]) for name in columns) for row in rows])
    else:
        say(nothing)
