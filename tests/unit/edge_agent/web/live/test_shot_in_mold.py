"""What goes on in a mold, from the newest of event, prediction and result."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.alert_codes import OPENED_BEFORE_WINDOW
from edge_agent.web.live.shot_in_mold import shot_in
from tests.support.live_states import KEY, P1, Heard, alerts, event, timed
from tests.support.predictions import POURED, final_of


def situation(*messages: object) -> str:
    heard = Heard()
    heard.hear(*messages)  # type: ignore[arg-type]
    return shot_in(heard.live.molds[KEY], heard.live.presses[P1]).situation


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ((event("started"),), "filling"),
        ((event("poured"),), "computing"),
        ((event("poured"), timed()), "timed"),
        ((timed(status="hold"),), "hold"),
        ((timed(window="none", status="hold"),), "cup"),
        ((timed(), event("demolded", after_s=50)), "early"),
        ((timed(), event("demolded", after_s=150)), "opened"),
        ((timed(), event("demolded", after_s=901)), "late"),
        ((timed(), event("aborted", after_s=20)), "ended"),
        ((timed(basis="final"),), "opened"),
        ((timed(), event("demolded", after_s=150), event("started", "S2", 200)), "filling"),
        ((timed(), event("poured", "S2", 300)), "computing"),
        ((timed(), event("started", "S0", -500)), "timed"),
    ],
)
def test_the_newest_counts(messages: tuple[object, ...], expected: str) -> None:
    assert situation(*messages) == expected


def test_an_early_opening_stays_until_somebody_acknowledges_it() -> None:
    heard = Heard()
    heard.hear(timed(), event("poured", "S2", 300))
    heard.hear(alerts(OPENED_BEFORE_WINDOW, mold_id="PANEL_A"))
    assert shot_in(heard.live.molds[KEY], heard.live.presses[P1]).early_open
    heard.hear(alerts())
    assert not shot_in(heard.live.molds[KEY], heard.live.presses[P1]).early_open


def test_repeats_and_older_shots_change_nothing() -> None:
    heard = Heard()
    heard.hear(timed(revision=5))
    number = heard.feed.number
    heard.hear(timed(revision=4))
    heard.hear(timed("S0", poured_at=POURED - timedelta(hours=1), revision=9))
    assert heard.feed.number == number
    assert heard.live.molds[KEY].prediction == timed(revision=5)


def test_a_result_of_the_twin_ends_the_shot() -> None:
    assert situation(timed(), final_of(timed(), "timed_out")) == "ended"
