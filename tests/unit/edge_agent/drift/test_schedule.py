"""When a verdict of the drift check is news for a person."""

from __future__ import annotations

import pytest

from edge_agent.drift.schedule import DriftVerdict

INPUTS, RESIDUAL = "inputs moved", "physics residual moved"


def verdict(**level_by_kind: int) -> DriftVerdict:
    kinds = {{"inputs": INPUTS, "residual": RESIDUAL}[k]: v for k, v in level_by_kind.items()}
    level = max(kinds.values(), default=0)
    return DriftVerdict(level=level, words="", level_by_kind=kinds)


@pytest.mark.parametrize(
    ("before", "now", "is_news"),
    [
        (None, verdict(), False),
        (None, verdict(inputs=1), True),
        (verdict(), verdict(), False),
        (verdict(inputs=2), verdict(inputs=2), False),
        (verdict(inputs=2), verdict(inputs=2, residual=1), True),
        (verdict(inputs=2, residual=1), verdict(inputs=2, residual=2), True),
        (verdict(inputs=2, residual=2), verdict(inputs=2, residual=1), False),
        (verdict(inputs=2, residual=1), verdict(residual=2), True),
        (verdict(inputs=2, residual=2), verdict(inputs=1), True),
        (verdict(inputs=1), verdict(), True),
    ],
)
def test_another_level_or_a_kind_that_rises_is_news(
    before: DriftVerdict | None, now: DriftVerdict, is_news: bool
) -> None:
    assert now.is_news_after(before) is is_news
