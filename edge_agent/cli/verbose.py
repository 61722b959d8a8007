"""``-v/--verbose``, before or behind the name of any command: log lines, and causes of errors."""

from __future__ import annotations

import click

_KEY = "edge_agent.cli.verbose"


def verbose_option() -> click.Option:
    """The option; it leaves its mark in the context and gives the command no argument."""
    return click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_switch,
        help="Log lines, and the traceback of an error, on stderr.",
    )


def add_verbose(command: click.Command) -> None:
    """Give the option to a command that does not have it yet."""
    if not any("--verbose" in param.opts for param in command.params):
        command.params.append(verbose_option())


def is_verbose() -> bool:
    """Was the option given?"""
    ctx = click.get_current_context(silent=True)
    return ctx is not None and bool(ctx.meta.get(_KEY))


def show_cause(error: BaseException) -> None:
    """Print the traceback of an error and of what caused it, if that was asked for.

    A cause that was hidden on purpose (``from None``) stays hidden: it may hold a password.
    """
    if is_verbose():
        import traceback

        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)


def configure_logs(level: str = "error") -> None:
    """Log as text on stderr, from ``level`` on; everything if ``--verbose`` was given."""
    from edge_agent.logs import configure

    configure("debug" if is_verbose() else level, "text")


def _switch(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.meta.get(_KEY):
        ctx.meta[_KEY] = True
        configure_logs()
