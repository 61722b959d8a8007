"""Help of every command: each option is described, there is an example, and it fits 80 columns."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import lru_cache

import click
import pytest
from click.testing import CliRunner

from edge_agent.cli import COMMANDS, main

PROGRAM = "pur-mold-twin"


def commands(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it, with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            yield from commands(below, *path, name)


EVERY = dict(commands(main))


@lru_cache
def shown(path: tuple[str, ...]) -> str:
    done = CliRunner().invoke(main, [*path, "--help"], terminal_width=80, prog_name=PROGRAM)
    assert done.exit_code == 0, done.output
    return done.output


def examples(text: str) -> list[str]:
    """Command lines below "Example", whole ones: a backslash at the end goes on."""
    text = text.partition("Example")[2].replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip().startswith(PROGRAM)]


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
class TestEveryCommand:
    def test_it_is_described(self, path: tuple[str, ...]) -> None:
        assert (EVERY[path].help or "").strip()

    def test_every_option_is_described(self, path: tuple[str, ...]) -> None:
        for param in EVERY[path].params:
            if isinstance(param, click.Option):
                assert (param.help or "").strip(), f"{param.opts}"

    def test_it_fits_80_columns(self, path: tuple[str, ...]) -> None:
        for line in shown(path).splitlines():
            assert len(line) <= 80, line

    def test_its_commands_are_told_in_whole_sentences(self, path: tuple[str, ...]) -> None:
        _, _, below = shown(path).partition("\nCommands:\n")
        assert "..." not in below.partition("\n\n")[0]

    def test_it_can_be_verbose(self, path: tuple[str, ...]) -> None:
        assert "-v, --verbose" in shown(path)

    def test_its_examples_can_be_copied(self, path: tuple[str, ...]) -> None:
        """Each stands in a line of its own, and names a command and options that are there."""
        found = examples(shown(path))
        if not path[:1] or path[0] != "agent":  # there a variable stands before the program
            assert found, shown(path)
        for line in found:
            words = shlex.split(line.partition(" > ")[0].partition("  #")[0])[1:]
            context: click.Command = main
            options: set[str] = set()
            for word in words:
                if isinstance(context, click.Group) and word in context.list_commands(
                    click.Context(context)
                ):
                    context = context.get_command(click.Context(context), word) or context
                options |= {o for param in context.params for o in param.opts}
            assert context is not main, line
            assert {w.partition("=")[0] for w in words if re.match("--?[a-z]", w)} <= options, line


def test_the_list_of_commands_is_uniform() -> None:
    for words in COMMANDS.values():
        assert words[0].isupper(), words
        assert words.endswith((".", "?")), words
