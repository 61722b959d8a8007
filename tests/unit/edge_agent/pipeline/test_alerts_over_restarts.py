"""Alerts in the pipeline: acknowledgements on the wire, conditions over restarts, rows, levels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker import alert_codes as codes
from broker.codec import encode
from broker.dead_letter_reasons import UNKNOWN_ALERT
from broker.messages import AlertAck, LiveAlert, TelemetryFrame
from edge_agent.clock import AcceleratedClock
from edge_agent.history.rows import columns_of
from edge_agent.monitoring.alerts import drift_alert, spool_refused, two_agents
from edge_agent.pipeline.pipeline import Pipeline
from edge_agent.spool.limit import SpoolLimit
from edge_agent.spool.spool import Spool
from tests.chaos.inside import TOPIC, event
from tests.support.agents import settings_for
from tests.support.desks import START
from tests.support.pipelines import PRESS, feed, incoming, pipeline_on, spool_of

YEARS = timedelta(days=800)
"""One message is enough to know."""


class Life:
    """Lives of an agent on one spool; each is killed when the next one begins."""

    def __init__(self, folder: Path) -> None:
        self.settings = settings_for(folder, 1883)
        self.clock = AcceleratedClock(1.0, START)
        self.work: Pipeline
        self.spool: Spool
        self.begin()

    def begin(self) -> None:
        self.spool = Spool(self.settings.spool.path)
        self.work = pipeline_on(self.settings, self.clock, spool=self.spool)

    def killed(self) -> None:
        self.close()
        self.begin()

    def close(self) -> None:
        self.work._spool.close()

    async def hears(self, channel: str, message: Any) -> None:
        await feed(self.work, [incoming(f"{TOPIC}/{channel}", encode(message))])

    async def acks(self, alert_id: str, by: str = "anna") -> None:
        await self.hears("alert-ack", AlertAck(ts=START, alert_id=alert_id, by=by))

    @property
    def open(self) -> list[LiveAlert]:
        return self.work.open_alerts.open_of(PRESS)

    def rows(self, kind: str) -> list[dict[str, Any]]:
        found = spool_of(self.work).to_forward(1000)
        return [columns_of(row.entry) for row in found if row.entry.kind == kind]


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    made = Life(tmp_path)
    with closing(made):
        yield made


def frame(seq: int, behind: timedelta) -> TelemetryFrame:
    return TelemetryFrame(
        ts=START + timedelta(seconds=seq) - behind,
        device_id="plc-1",
        seq=seq,
        sensors={"T_ambient_C": 21.0},
    )


async def test_a_note_and_who_acknowledged_it_outlive_the_agent(life: Life) -> None:
    ends = [event("demolded", START + timedelta(seconds=n), "s1", "M") for n in (1, 2)]
    for message in (event("poured", START, "s1", "M"), *ends):
        await life.hears("shot", message)
    (told,) = life.open
    assert told.code == codes.SECOND_END
    life.killed()
    assert life.open == [told]
    await life.acks(told.alert_id)
    life.killed()
    await life.acks(told.alert_id, "bert")  # the broker sends it again
    assert life.open == []
    rows = life.rows("alert")
    assert [row["acknowledged_by"] for row in rows] == [None, "anna"]
    assert [row["revision"] for row in rows] == [1, 2]
    assert life.rows("dead_letter") == []


async def test_an_acknowledgement_of_nothing_is_a_dead_letter(life: Life) -> None:
    await life.acks("f" * 20)
    (letter,) = life.rows("dead_letter")
    assert letter["reason"] == UNKNOWN_ALERT
    assert "twin/alerts" in letter["detail"]


async def test_a_clock_that_was_set_while_the_agent_was_away_is_told(life: Life) -> None:
    await life.hears("telemetry", frame(0, YEARS))
    (told,) = life.open
    assert told.code == codes.PRESS_CLOCK
    life.killed()
    await life.hears("telemetry", frame(1, YEARS))
    assert life.open == [told], "it is no news"
    life.killed()
    await life.hears("telemetry", frame(2, timedelta()))
    assert life.open == []


async def test_a_disk_that_refused_before_the_restart_takes_again(life: Life) -> None:
    life.work.note(spool_refused(PRESS, None, START))
    await life.work.batches.flush()
    life.killed()
    assert [one.code for one in life.open] == [codes.SPOOL_REFUSED]
    await life.work.tick()
    assert life.open == []


async def test_a_spool_that_was_full_before_the_restart_has_room(life: Life) -> None:
    life.work._size.limit = SpoolLimit(life.work._spool, 1e-6)
    await life.work.keep_in_size()
    assert [one.code for one in life.open] == [codes.SPOOL_FULL]
    life.spool.full = False  # else it takes no row
    await life.work.batches.flush()
    life.killed()
    await life.work.keep_in_size()
    assert life.open == []


async def test_a_history_is_told_of_once_and_when_it_is_back(life: Life) -> None:
    life.work.history_is_away("history.db: no such disk")
    life.work.history_is_away("history.db: no such disk")
    (told,) = life.open
    assert (told.code, told.told_count) == (codes.HISTORY_AWAY, 1)
    await life.work.batches.flush()
    life.killed()
    life.work.history_is_away(None)
    assert life.open == []


async def test_drift_is_told_when_its_level_is_not_the_one_that_people_know(life: Life) -> None:
    level = life.work._drift._told_level
    life.work.results.alert(drift_alert(PRESS, 2, "moved", ["sim_rho"], 50, START))
    assert level(PRESS) == 2
    await life.work.batches.flush()
    life.killed()
    assert life.work._drift._told_level(PRESS) == 2
    life.work.results.alert(drift_alert(PRESS, 0, "as before", [], 50, START))
    assert (life.work._drift._told_level(PRESS), life.open) == (0, [])


async def test_a_press_of_another_agent_is_none_of_ours(life: Life) -> None:
    life.work.holds = lambda _press: False
    told = life.work.note(two_agents(PRESS, "two", START))
    assert (told.alert_id, life.open) == (None, [])
