"""A tile of the operator's page as HTML."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.messages import TelemetryFrame, WindowEnd
from edge_agent.config.settings import Settings
from edge_agent.config.web_settings import WebSettings
from edge_agent.web.pages.rendering import Renderer
from edge_agent.web.pages.tiles import tile_of
from tests.support.live_states import KEY, Heard, event, status, timed
from tests.support.predictions import POURED

ZONE = "Europe/Warsaw"


def rendered(heard: Heard, language: str = "en", zone: str = ZONE) -> str:
    web = WebSettings(time_zone=zone)
    settings = Settings(site="s", agent_id="t1", presses=["p1"], web=web)
    renderer = Renderer(settings, heard.clock)
    tile = tile_of(heard.live, KEY, renderer.words[language], heard.clock.now())
    return " ".join(renderer.text(language, "one_tile.html", one=tile).split())


def frame(T_core_C: float) -> TelemetryFrame:
    sensors = {"T_core_C": T_core_C, "p_cavity_bar": 1.25}
    ts = POURED + timedelta(seconds=30)
    return TelemetryFrame(ts=ts, device_id="d", seq=1, shot_id="S1", sensors=sensors)


def why(criterion: str, limit: float, **more: Any) -> Any:
    end = {"criterion": criterion, "limit": limit, "unit": "-", "layers_count": 24} | more
    return timed(binding={"earliest": criterion}, earliest_end=WindowEnd(**end))


def test_everything_of_a_running_shot_is_there() -> None:
    heard = Heard()
    heard.hear(why("skin", 0.68), frame(143.4))
    html = rendered(heard)
    for words in ("PANEL_A", "CURING", "143 °C", "1.2 bar", "real"):
        assert words in html
    assert "the skin still sticks to the mold" in html
    assert "needs 68 % of the surface reacted" in html
    assert f'data-min="{(POURED + timedelta(seconds=100)).timestamp():.3f}"' in html


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("pl", ["UTWARDZANIE", "naskórek wciąż klei się do formy", "68 % powierzchni"]),
        ("de", ["HÄRTET", "die Haut klebt noch an der Form", "1,2 bar"]),
    ],
)
def test_in_other_languages(language: str, words: list[str]) -> None:
    heard = Heard()
    heard.hear(why("skin", 0.68), frame(143.4))
    html = rendered(heard, language)
    assert [word for word in words if word not in html] == []


def test_the_layer_that_decides_is_named() -> None:
    heard = Heard()
    heard.hear(why("gel", 0.7, layer=12))
    assert "needs 70 % of the foam reacted (layer 12 of 24)" in rendered(heard)


def test_an_agent_that_is_away_is_told_with_the_time_and_the_times_stay() -> None:
    heard = Heard()
    heard.clock.at = POURED + timedelta(seconds=30)
    heard.hear(timed(), status("offline"))
    html = rendered(heard)
    assert "Agent offline since 04.05. 10:00:30" in html
    assert "data-away" in html
    assert "10:01:40" in html  # the earliest opening


def test_a_broker_that_is_away_is_told() -> None:
    heard = Heard()
    heard.hear(timed())
    heard.live.set_broker("refused")
    assert "No news: broker away since 04.05. 10:00:00" in rendered(heard)


@pytest.mark.parametrize(
    ("poured", "shown"),
    [
        (datetime(2026, 3, 29, 0, 59, 0, tzinfo=UTC), "03:00:40"),  # clocks go from 2 to 3
        (datetime(2026, 10, 25, 0, 59, 0, tzinfo=UTC), "02:00:40"),  # and from 3 to 2 again
        (datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC), "14:01:40"),
        (datetime(2026, 12, 1, 12, 0, 0, tzinfo=UTC), "13:01:40"),
    ],
)
def test_times_are_those_of_the_plants_zone_in_summer_and_winter(
    poured: datetime, shown: str
) -> None:
    heard = Heard()
    names = {"min": 100, "opt": 150, "max": 900}
    at = {f"demold_{n}_at": poured + timedelta(seconds=s) for n, s in names.items()}
    heard.hear(timed(poured_at=poured, **at))
    html = rendered(heard)
    assert f"<strong>{shown}</strong>" in html
    epoch = (poured + timedelta(seconds=100)).timestamp()
    assert f'data-min="{epoch:.3f}"' in html  # the countdown knows no zones


def test_what_a_press_sends_is_no_markup() -> None:
    heard = Heard()
    heard.hear(timed(binding={"earliest": "<script>alert(1)</script>"}))
    assert "<script>" not in rendered(heard)


def test_a_shot_that_was_opened_too_early_is_named() -> None:
    heard = Heard()
    heard.hear(timed(), event("demolded", after_s=62))
    html = rendered(heard)
    assert "OPENED TOO EARLY" in html
    assert "1:02" in html
