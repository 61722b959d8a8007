"""Steps of shots: the times decide which events make one shot, not the order of arrival."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from broker.messages import Recipe, ShotEvent
from edge_agent.shots.steps import fingerprint, grouped

T0 = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
RECIPE = Recipe(m_polyol_kg=1.0, m_iso_kg=1.05)
KINDS = {"s": "started", "p": "poured", "d": "demolded", "a": "aborted"}


def event(word: str) -> ShotEvent:
    """``pA5``: poured into mold A at 5 s."""
    pour = {"system_id": "SYSTEM_R1", "recipe": RECIPE} if word[0] == "p" else {}
    ts = T0 + timedelta(seconds=float(word[2:]))
    head = {"ts": ts, "shot_id": "17", "mold_id": word[1], "event": KINDS[word[0]]}
    return ShotEvent.model_validate(head | pour)


@pytest.mark.parametrize(
    "shots",
    [
        "sA0 pA5 dA300",
        "sA0 pA5 dA300 | sA1200 pA1205 dA1500",
        "pA5 | pA1205 dA1500",
        "pA5 dA300 | pA1205",
        "sA0 | sA1200 pA1205",
        "pA5 sA8 dA300",
        "pA5 dA300 | sA400",
        "pA5 | sA400 pA405",
        "dA5 | pA10",
        "sA0 pA5 aA60 dA300",
        "sA0 pB5 dB300",
        "sA0 pB5 dA300",
        "pB5 dA300",
        "sA0 pA9 dA300 | pB5 dB301",
        "sA0 pA9 dA300 | sB1 pB5 dB301",
        "sA0 pB5 dB300 | sA400 pA405",
        "sA0 aA3 | pB5 dB300",
    ],
)
def test_events_make_these_shots_in_every_order(shots: str) -> None:
    expected = sorted(group.split() for group in shots.split(" | "))
    events = {word: event(word) for word in shots.replace("|", "").split()}
    words = {fingerprint(found): word for word, found in events.items()}
    for order in permutations(events):
        groups = grouped(events[word] for word in order)
        found = sorted([words[fingerprint(one)] for one in group] for group in groups)
        assert found == expected, order


def test_equal_content_has_one_fingerprint() -> None:
    assert fingerprint(event("pA5")) == fingerprint(event("pA5"))
    other = event("pA5").model_copy(update={"recipe": Recipe(m_polyol_kg=1.1, m_iso_kg=1.05)})
    assert fingerprint(event("pA5")) != fingerprint(other)
