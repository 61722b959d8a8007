"""``pur-mold-twin advice``: advice to presses, and what came of it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import config_option, fail
from edge_agent.cli.tables import print_table, say
from edge_agent.cli.values import Moment

if TYPE_CHECKING:
    from broker.messages import Advice
    from edge_agent.advice.review import Review

EXAMPLE = """\b
Examples:
  pur-mold-twin advice --since 90d
  pur-mold-twin advice --review --mold PANEL_500x500x50 --output json

Ends with 0, with 1 where there is no advice or no history, with 2 when an option is wrong.
"""


@click.command("advice", epilog=EXAMPLE)
@config_option
@click.option("--mold", "mold_id", help="Only of this mold.")
@click.option(
    "--since", type=Moment(), default="90d", show_default=True,
    help="Changed then or later: 24h, 90d back, or 2026-05-01.",
)  # fmt: skip
@click.option(
    "--review", "judge", is_flag=True,
    help="Judge what was accepted by the shots before and after: opening time, key figures, "
    "quality.",
)  # fmt: skip
@click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True,
    help="What to print.",
)  # fmt: skip
def command(config: Path, mold_id: str | None, since: datetime, judge: bool, output: str) -> None:
    """List advice as it stands, from the history; with --review what came of it."""
    show_advice(config, mold_id, since, judge, output)


def show_advice(
    config: Path, mold_id: str | None, since: datetime, judge: bool, output: str
) -> None:
    """Print advice, or what came of it; ends the program with 1 where there is none."""
    from edge_agent.advice.from_history import advice_in, review_of
    from edge_agent.config.settings import load_settings
    from edge_agent.history.read import open_reader
    from twin_core.errors import TwinError

    others = set[str]()

    async def ask() -> tuple[list[Advice], list[Review]]:
        reader = open_reader(load_settings(config).history)
        try:
            found = await advice_in(reader, mold_id, since)
            if not found and mold_id is not None:
                others.update(one.mold_id for one in await advice_in(reader, None, since))
            now = datetime.now(UTC)
            return found, [await review_of(reader, one, now) for one in found if judge]
        finally:
            await reader.close()

    try:
        found, reviews = asyncio.run(ask())
    except TwinError as error:
        fail(error)
    if output == "json":
        documents = [one.as_dict() for one in reviews] if judge else [
            one.model_dump(mode="json", exclude_none=True) for one in found
        ]  # fmt: skip
        click.echo(json.dumps(documents, indent=2))
    elif judge:
        for one in reviews:
            _print_review(one)
    elif found:
        _print_list(found)
    if not found:
        what = "no advice" if mold_id is None else f"no advice for mold {mold_id}"
        known = f"; there is for {', '.join(sorted(others))}" if others else ""
        click.echo(f"{what} is in this history{known}", err=True)
        raise SystemExit(1)


def _print_list(found: list[Advice]) -> None:
    print_table(
        ["proposed", "press", "mold", "state", "by", "changes"],
        (
            [
                f"{one.proposed_at:%Y-%m-%d %H:%M}",
                one.press,
                one.mold_id,
                one.state,
                one.ended_by or one.accepted_by or one.proposed_by,
                _changes(one),
            ]
            for one in found
        ),
        folds=["changes"],
        whole=True,
    )


def _print_review(one: Review) -> None:
    advice = one.advice
    say(f"{advice.advice_id}  {advice.press} {advice.mold_id}: {_changes(advice)}")
    say(f"{one.words}.", "  ")
    if one.accepted_at is None:
        return
    by = f" by {advice.accepted_by}" if advice.accepted_by else ""
    say(
        f"accepted {one.accepted_at:%Y-%m-%d %H:%M}{by}; shots: {one.before_count} before, "
        f"{one.followed_count} after as advised, {one.others_count} after with other set points",
        "  ",
    )
    if one.not_checked:
        say(f"in no recipe, so not checked: {', '.join(one.not_checked)}", "  ")
    rows = [
        [
            c.name,
            f"{_number(c.before)} ({c.before_count})",
            f"{_number(c.after)} ({c.after_count})",
            "" if c.difference is None else f"{c.difference:+.3g}",
            "" if c.low is None else f"{c.low:+.3g} to {c.high:+.3g}",
            c.verdict,
        ]
        for c in one.comparisons
    ]
    if rows:
        right = ["before", "after", "difference"]
        print_table(["", *right, "95 %", ""], rows, right=right, whole=True)


def _changes(advice: Advice) -> str:
    return ", ".join(
        f"{c.name} {_number(c.before)} -> {c.value:.4g}" for c in advice.proposal.changes
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
