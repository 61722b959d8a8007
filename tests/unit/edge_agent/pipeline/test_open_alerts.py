"""Open alerts: raised once, acknowledged by the first, closed, bounded, and as they were after a
restart."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from broker import alert_codes as codes
from broker.messages import Alert, AlertAck, LiveAlert
from broker.messages.alerts import CLOSED_LIMIT, OPEN_LIMIT
from edge_agent.pipeline.open_alerts import OpenAlertLists
from edge_agent.pipeline.revisions import State
from tests.support.desks import START
from tests.support.pipelines import PRESS

CLOCK = {"clock_offset_s": 7200.0, "device_id": "plc-1"}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def alert(code: str, seconds: float = 0.0, **more: Any) -> Alert:
    """An alert of the press, as the pipeline makes them."""
    values: dict[str, Any] = {"severity": "warning", "words": code, **more}
    return Alert(ts=at(seconds), site=PRESS.site, press=PRESS.press, code=code, **values)


def ack(alert_id: str | None, by: str = "anna", seconds: float = 60.0) -> AlertAck:
    assert alert_id is not None
    return AlertAck(ts=at(seconds), alert_id=alert_id, by=by)


class Kept:
    """Lists whose changes are kept as the spool keeps them."""

    def __init__(self) -> None:
        self.lists = OpenAlertLists({})
        self.state: State = {}
        self.rows: list[LiveAlert] = []

    def tell(self, one: Alert) -> Alert:
        told = self.lists.tell(one)
        self.keep()
        return told

    def ack(self, one: AlertAck) -> bool:
        known = self.lists.acknowledge(PRESS, one, at(61))
        self.keep()
        return known

    def keep(self) -> None:
        state, rows = self.lists.take_changes()
        self.state |= state
        self.rows += [one for _, one in rows]

    def restart(self) -> None:
        kept = {key: value for (_, key), value in self.state.items() if value is not None}
        before = self.lists.message(PRESS, "a", at(0))
        self.lists = OpenAlertLists(kept)
        assert self.lists.message(PRESS, "a", at(0)) == before, "as it was"

    @property
    def open(self) -> list[LiveAlert]:
        return self.lists.open_of(PRESS)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_what_is_told_again_is_one_alert(kept: Kept) -> None:
    evidence = {"field": "sensors.T_core_C", "device_id": "plc-1"}
    first = kept.tell(alert(codes.IMPOSSIBLE_READINGS, evidence=evidence))
    again = kept.tell(alert(codes.IMPOSSIBLE_READINGS, 3600.0, evidence=evidence, words="still"))
    other = kept.tell(alert(codes.IMPOSSIBLE_READINGS, evidence=evidence | {"device_id": "plc-2"}))
    assert first.alert_id == again.alert_id != other.alert_id
    assert (kept.open[0].told_count, kept.open[0].words) == (2, "still")
    assert (kept.open[0].raised_at, kept.open[0].told_at) == (at(0), at(3600))
    kept.restart()


def test_a_note_is_closed_by_who_acknowledges_it_first(kept: Kept) -> None:
    told = kept.tell(alert(codes.SECOND_END, shot_id="s1", shot_key="0" * 20))
    assert told.ends_by == "acknowledgement"
    assert kept.ack(ack(told.alert_id))
    rows = len(kept.rows)
    kept.restart()
    assert kept.ack(ack(told.alert_id, by="bert")), "a repeat is no fault"
    assert len(kept.rows) == rows, "and no change"
    assert kept.open == []
    (closed,) = kept.lists.message(PRESS, "a", at(0)).closed
    assert (closed.acknowledged_by, closed.closed_by, closed.revision) == (
        *("anna", "acknowledgement"),
        2,
    )
    assert not kept.ack(ack("f" * 20)), "there is no such alert"
    again = kept.tell(alert(codes.SECOND_END, 90.0, shot_id="s1", shot_key="0" * 20))
    assert again.alert_id == told.alert_id, "told again after a crash, or by late truth"
    assert kept.open == []


def test_a_condition_stays_until_it_is_over(kept: Kept) -> None:
    told = kept.tell(alert(codes.PRESS_CLOCK, evidence=CLOCK))
    assert told.ends_by == "condition"
    kept.ack(ack(told.alert_id))
    kept.restart()
    (one,) = kept.open
    assert (one.acknowledged_by, one.acknowledged_at) == ("anna", at(60))
    over = kept.tell(alert(codes.PRESS_CLOCK_RIGHT, 100.0, severity="info"))
    assert over.alert_id is None
    assert kept.open == []
    kept.restart()
    (closed,) = kept.lists.message(PRESS, "a", at(0)).closed
    assert (closed.closed_by, closed.closed_at) == ("condition", at(100))
    anew = kept.tell(alert(codes.PRESS_CLOCK, 200.0, evidence=CLOCK))
    assert anew.alert_id != told.alert_id
    assert kept.open[0].acknowledged_at is None, "who saw the first has not seen this one"


def test_another_level_takes_the_place_of_the_one_before(kept: Kept) -> None:
    first = kept.tell(alert(codes.DRIFT_WARNING))
    kept.ack(ack(first.alert_id))
    kept.tell(alert(codes.DRIFT_ALERT, 10.0, severity="critical"))
    (one,) = kept.open
    assert (one.code, one.acknowledged_at) == (codes.DRIFT_ALERT, None)
    assert kept.lists.message(PRESS, "a", at(0)).closed[0].closed_by == "replaced"


def test_the_lists_are_bounded_and_conditions_stay_longest(kept: Kept) -> None:
    kept.tell(alert(codes.PRESS_CLOCK, evidence=CLOCK))
    for number in range(OPEN_LIMIT + CLOSED_LIMIT + 10):
        kept.tell(alert(codes.SECOND_END, 1.0 + number, mold_id=f"M{number}"))
    message = kept.lists.message(PRESS, "a", at(0))
    assert (len(message.open), len(message.closed)) == (OPEN_LIMIT, CLOSED_LIMIT)
    assert message.open[-1].code == codes.PRESS_CLOCK
    assert message.closed[0].closed_by == "crowded"
    stored = [value for value in kept.state.values() if value is not None]
    assert len(stored) == OPEN_LIMIT + CLOSED_LIMIT
    kept.restart()


def test_another_agent_goes_on_with_the_list_and_not_with_conditions_of_the_first(
    kept: Kept,
) -> None:
    note = kept.tell(alert(codes.SECOND_END, shot_key="0" * 20))
    kept.tell(alert(codes.SPOOL_FULL, severity="critical"))
    left = kept.lists.message(PRESS, "a", at(0))
    other = Kept()
    other.tell(alert(codes.POURED_AGAIN, shot_key="1" * 20))
    other.lists.adopt(PRESS, left, "a", at(5))
    assert len(other.open) == 1, "its own list comes back to it as it was"
    other.lists.adopt(PRESS, left, "b", at(5))
    other.keep()
    other.restart()
    assert [one.alert_id for one in other.open] == [note.alert_id]
    assert other.lists.message(PRESS, "b", at(0)).closed[0].closed_by == "moved"


def test_state_that_cannot_be_read_is_left_out(kept: Kept) -> None:
    told = kept.tell(alert(codes.SECOND_END))
    (good,) = (value for value in kept.state.values() if value is not None)
    bad = {f"{PRESS}/x": {**good, "severity": "?"}, f"{PRESS}/{told.alert_id}": good}
    lists = OpenAlertLists(bad)
    assert [one.alert_id for one in lists.open_of(PRESS)] == [told.alert_id]
