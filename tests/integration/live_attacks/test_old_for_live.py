"""Kind 2: old messages, and clocks that are wrong. Old completes the past and is never live."""

from __future__ import annotations

import pytest

from broker import alert_codes as codes
from broker import data_quality as words
from broker.dead_letter_reasons import CLOCK_SKEW
from tests.support.case_press import CasePress
from tests.support.stories import (
    CURED,
    ENDED,
    HOUR,
    NAMED,
    Sent,
    Story,
    core,
    event,
    frame,
    lab,
    play,
    retained,
)

DAY = 24 * HOUR
YEAR = 365.25 * DAY
SHOWN = "SELECT count(*) FROM prediction"
OPEN = ("PANEL_A", None, None)


def shot(begin: float, came: float | None = None, **names: str) -> tuple[Sent, ...]:
    """A shot of 240 s, each message at its time or at ``came``."""
    return (
        event(begin, "poured", came=came, **names),
        core(begin + 60, 70.0, came, **NAMED),
        event(begin + 240, "demolded", came=came, **names),
    )


STORIES = {
    "a first start of the agent, with pours of two days ago retained": Story(
        (
            retained(event(-2 * DAY, "poured"), 0),
            retained(event(-2 * DAY - 60, "poured", mold="CUP"), 0),
        ),
        [],
        rows={"SELECT count(*) FROM event": [(0,)]},
    ),
    "a start of the agent a minute after the pour, which is retained": Story(
        (retained(event(0, "poured"), 60), core(61, 70.0, **NAMED), event(240, "demolded")),
        [ENDED],
    ),
    "yesterday's end retained, while a shot cures": Story(
        (
            event(0, "poured", shot="18"),
            core(60, 70.0, **NAMED),
            retained(event(-20 * HOUR, "demolded"), 70),
        ),
        [OPEN],
    ),
    "every event of the shift retained, at a restart in the next shot": Story(
        (*CURED, event(300, "poured", shot="18"), core(360, 60.0, **NAMED)),
        [ENDED, ("PANEL_A", "demolded", 60.0)],
        later=(
            retained(CURED[0], 400),
            retained(CURED[2], 400),
            retained(event(300, "poured", shot="18"), 400),
            event(540, "demolded", shot="18"),
        ),
        rows={f"{SHOWN} WHERE basis = 'final'": [(2,)]},
    ),
    "a gateway that hands over yesterday's shot while another cures": Story(
        (event(0, "poured", shot="18"), *shot(-20 * HOUR, came=100)),
        [ENDED, OPEN],
        rows={"SELECT t_demold_actual_s FROM shot ORDER BY poured_at": [(240.0,), (None,)]},
    ),
    "a laboratory that types in the results of a week at once": Story(
        (
            *CURED,
            lab(0.5 * HOUR, 7 * DAY, H_demold_shore=30.0),
            lab(DAY, 7 * DAY + 1, H_24h_shore=50.0),
        ),
        [ENDED],
        rows={"SELECT count(*) FROM quality q JOIN shot USING (shot_key)": [(2,)]},
    ),
    "a PLC whose battery is empty: 1 January 2000": Story(
        shot(-26.9 * YEAR, came=1000),
        [ENDED],
        [codes.PRESS_CLOCK],
        words=("years behind",),
        rows={
            "SELECT t_demold_actual_s, json_extract(document, '$.data_quality.flags[0]')"
            " FROM shot JOIN prediction USING (shot_key) WHERE basis = 'final'": [
                (240.0, words.CLOCK_BEHIND)
            ]
        },
    ),
    "a PLC that counts from 1970": Story(
        (frame(0, ts=12.5, sensors={"T_core_C": 70.0}), *CURED),
        [ENDED],
        letters=["invalid-field"],
        words=("the clock of the sender is not set",),
    ),
    "a clock an hour ahead": Story(
        (
            event(HOUR, "poured", came=0),
            core(HOUR + 60, 70.0, came=60, **NAMED),
        ),
        [],
        [codes.PRESS_CLOCK],
        [CLOCK_SKEW] * 2,
    ),
    "a clock four minutes ahead": Story(
        (
            event(240, "poured", came=0),
            core(300, 70.0, came=60, **NAMED),
            event(480, "demolded", came=240),
        ),
        [ENDED],
    ),
    "local time of winter sent as that of summer": Story(
        (
            event(0, "poured", ts="2026-11-27T11:00:00+02:00"),
            core(60, 70.0, ts="2026-11-27T11:01:00+02:00", **NAMED),
            event(240, "demolded", ts="2026-11-27T11:04:00+02:00"),
        ),
        [ENDED],
        rows={"SELECT poured_at FROM shot": [("2026-11-27T09:00:00Z",)]},
    ),
    "a result dated for tomorrow": Story(
        (*CURED, lab(DAY, 500, H_24h_shore=50.0)),
        [ENDED],
        [codes.PRESS_CLOCK],
        [CLOCK_SKEW],
    ),
    "readings of a logger's memory card, eleven hours later": Story(
        (
            event(0, "poured"),
            event(240, "demolded"),
            *(core(t, 40.0 + t / 4, came=11 * HOUR, **NAMED) for t in (0, 60, 120)),
        ),
        [ENDED],
        corrected=[words.LATE_READINGS],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_old_is_not_live(press: CasePress, name: str) -> None:
    STORIES[name].holds_on(press)


@pytest.mark.parametrize(
    ("offset", "said"), [(-5 * HOUR, "5 hours behind"), (-3600.0, "60 min behind"), (90.0, "ahead")]
)
def test_a_constant_offset_is_a_clock(press: CasePress, offset: float, said: str) -> None:
    """Of a batch that comes at once nobody can say it: that may be a backlog."""
    heard = [core(t + offset, 40.0 + t, came=t, **NAMED) for t in range(0, 30, 2)]
    play(press, event(offset, "poured", came=0), *heard, event(240 + offset, "demolded", came=240))
    assert press.rows("SELECT outcome, t_demold_actual_s, T_core_max_C FROM shot") == [
        ("demolded", 240.0, 68.0)
    ]
    told = [alert.words for alert in press.alerts() if alert.code == codes.PRESS_CLOCK]
    assert len(told) == (1 if press.at_once == 1 else 0)
    assert all(said in one for one in told)


def test_a_clock_that_stands_still_is_told(press: CasePress) -> None:
    """As that of a PLC which hangs: of a batch that comes at once nobody can say it."""
    heard = [core(0, 40.0 + t / 4, came=t, seq=t, **NAMED) for t in range(2, 120, 2)]
    play(press, event(0, "poured"), *heard)
    told = [alert.words for alert in press.alerts() if alert.code == codes.PRESS_CLOCK]
    assert len(told) == (1 if press.at_once == 1 else 0)
    assert all("device plc is 1" in one and "min behind" in one for one in told)


def test_a_backlog_that_drains_is_no_clock(press: CasePress) -> None:
    """Half an hour of a gateway without a link, which it sends within a minute."""
    away, begin = 1800.0, -1800.0
    frames = [core(begin + t, 40.0 + t / 60, came=t / 30, **NAMED) for t in range(0, int(away), 30)]
    play(
        press,
        event(begin, "poured", came=-0.1),
        *frames,
        event(begin + 240, "demolded", came=8.05),
        core(61, 30.0, **NAMED),
    )
    assert press.rows("SELECT outcome, T_core_max_C FROM shot") == [("demolded", 44.0)]
    assert press.codes() == []


def test_the_mold_shows_its_newest_shot(press: CasePress) -> None:
    live = event(0, "poured", shot="18")
    play(press, live, *shot(-20 * HOUR, came=100))
    press.restart()
    play(press, retained(event(-20 * HOUR, "poured"), 200), retained(live, 200))
    assert {found.shot_id for found in press.predictions()} == {"18"}


def ticking(device: str, offset: float, seconds: int = 120) -> tuple[Sent, ...]:
    """Readings of a device, each two seconds, by its clock."""
    return tuple(
        core(t + offset, 40.0 + t / 4, came=t, device_id=device, **NAMED)
        for t in range(2, seconds, 2)
    )


@pytest.mark.parametrize(
    ("of_events", "of_logger", "wrong"), [(0.0, -HOUR, "logger"), (-HOUR, 0.0, "events")]
)
def test_each_device_has_its_own_clock(
    press: CasePress, of_events: float, of_logger: float, wrong: str
) -> None:
    """As those of MES and logger: the messages of one do not hide the clock of the other."""
    for begin in range(0, 3000, 300):
        play(
            press,
            event(begin + of_events, "poured", shot=f"S{begin}", came=begin),
            event(begin + 240 + of_events, "demolded", shot=f"S{begin}", came=begin + 240),
            *ticking("plc", 0.0),
            *ticking("logger", of_logger),
        )
    told = [alert.words for alert in press.alerts() if alert.code == codes.PRESS_CLOCK]
    assert [wrong in words for words in told] == [True] * len(told)
    assert told or press.at_once > 1


def test_a_result_of_months_ago_is_no_clock(press: CasePress) -> None:
    play(press, *CURED)
    play(press, lab(90, 90 * DAY, H_24h_shore=50.0))
    assert press.codes() == []
