"""Lamps: what is away, since when, and what nobody can know meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker import alert_codes as codes
from broker.topics import Channel, TopicAddress
from edge_agent.web.live.lamps import Lamp, lamps_of
from tests.support.live_states import P1, Heard, alerts, event, status, timed
from tests.support.predictions import POURED


@pytest.fixture
def heard() -> Heard:
    """All is well."""
    found = Heard()
    found.hear(event("poured"), timed(), status("online"), alerts())
    return found


def lamps(heard: Heard) -> dict[str, Lamp]:
    return {lamp.name: lamp for lamp in lamps_of(heard.live)}


def test_all_is_well(heard: Heard) -> None:
    assert {lamp.light for lamp in lamps_of(heard.live)} == {"good"}


def test_the_last_will_of_the_agent(heard: Heard) -> None:
    heard.clock.at = POURED + timedelta(seconds=60)
    heard.hear(status("offline"))
    assert lamps(heard)["agent"] == Lamp("agent", "bad", POURED + timedelta(seconds=60), ("p1",))
    assert lamps(heard)["spool"].light == lamps(heard)["clock"].light == "unknown"
    heard.hear(status("starting", after_s=70))
    assert lamps(heard)["agent"].light == "bad"
    heard.hear(status("online", after_s=80))
    assert lamps(heard)["agent"].light == "good"


def test_without_the_broker_nothing_is_known_but_the_history(heard: Heard) -> None:
    heard.clock.at = POURED + timedelta(seconds=5)
    heard.live.set_broker("refused")
    heard.clock.at = POURED + timedelta(seconds=50)
    heard.live.set_broker("still refused")
    found = lamps(heard)
    assert found["broker"] == Lamp("broker", "bad", POURED + timedelta(seconds=5))
    lights = {name: lamp.light for name, lamp in found.items() if name != "broker"}
    assert lights == dict.fromkeys(("press", "agent", "spool", "clock"), "unknown") | {
        "history": "good"
    }


@pytest.mark.parametrize(
    ("code", "name", "light"),
    [
        (codes.SPOOL_REFUSED, "spool", "bad"),
        (codes.SPOOL_FULL, "spool", "bad"),
        (codes.SPOOL_THINNED, "spool", "doubtful"),
        (codes.HISTORY_AWAY, "history", "bad"),
        (codes.PRESS_CLOCK, "clock", "doubtful"),
    ],
)
def test_open_alerts_of_the_agent(heard: Heard, code: str, name: str, light: str) -> None:
    heard.hear(alerts(code))
    assert lamps(heard)[name] == Lamp(name, light, POURED, ("p1",))  # type: ignore[arg-type]
    heard.hear(alerts())
    assert lamps(heard)[name].light == "good"


def test_a_history_that_cannot_be_read_here(heard: Heard) -> None:
    heard.live.set_history("no such file")
    assert lamps(heard)["history"].light == "bad"
    heard.live.set_history(None)
    assert lamps(heard)["history"].light == "good"


def test_a_press_that_falls_silent(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    number = heard.feed.number
    monkeypatch.setattr("edge_agent.web.live.state.SILENT_AFTER_S", -1.0)
    heard.live.look()
    assert heard.feed.number > number
    assert lamps(heard)["press"] == Lamp("press", "doubtful", POURED, ("p1",))
    heard.hear(event("demolded", after_s=200))
    assert lamps(heard)["press"].light == "good"


def test_a_last_will_that_was_retained_does_not_say_since_when() -> None:
    heard = Heard()
    heard.hear(timed())
    for reason, since in (("connection lost", None), ("stopped", POURED)):
        gone = status("offline").model_copy(update={"reason": reason})
        heard.live.hear(TopicAddress(P1, Channel.STATUS), gone, retained=True)
        assert lamps(heard)["agent"].since == since
        heard.hear(status("online"))
