"""The interval of a recipe's window: no prediction waits for it, later ones have it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.codec import decode, encode
from broker.messages import Prediction
from edge_agent.monitoring.metrics import Metrics
from edge_agent.pipeline.intervals import Intervals, on_the_wire, recipe_of
from edge_agent.pipeline.pipeline import Pipeline
from tests.chaos.inside import TOPIC, event
from tests.support.agents import settings_for
from tests.support.panels import panel_of
from tests.support.pipelines import feed, incoming, pipeline_on, spool_of
from tests.support.played import Standing
from tests.support.scenarios import changed, run
from twin_core import Scenario, simulate
from twin_core.window_interval import window_interval

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Pipeline]:
    made = pipeline_on(
        settings_for(tmp_path, 1883), Standing(START + timedelta(hours=1)), Metrics()
    )
    made._predictions.intervals = Intervals()  # it knows none
    yield made
    made._spool.close()


async def poured(work: Pipeline, shot_id: str, after_s: float) -> Prediction:
    shot = event("poured", START + timedelta(seconds=after_s), shot_id)
    await feed(work, [incoming(f"{TOPIC}/shot", encode(shot))], at_once=1)
    rows = spool_of(work).to_publish("s/p1", 10_000)
    sent = [r for r in rows if r.entry.key.startswith("prediction")]
    return decode(Prediction, sent[-1].entry.payload)


async def test_the_next_shot_of_a_recipe_has_it(work: Pipeline) -> None:
    first = await poured(work, "s1", 0.0)
    assert first.shot_id == "s1"
    assert first.t_demold_min_s is not None
    assert first.demold_interval is None
    await work._predictions.intervals.computed()
    second = await poured(work, "s2", 900.0)
    found = second.demold_interval
    assert found is not None
    assert second.t_demold_min_s is not None
    assert found.t_demold_min_low_s <= second.t_demold_min_s
    assert found.t_demold_min_high_s is None or found.t_demold_min_high_s >= second.t_demold_min_s
    assert found.varied_count > 5


async def test_it_moves_with_the_shot() -> None:
    one, cache = simulate(panel_of("SYSTEM_R1")), Intervals()
    assert cache.of(one, "r1") is None
    await cache.computed()
    found, known = cache.of(one, "r1"), window_interval(one)
    assert found is not None
    assert known is not None
    assert found.t_demold_min_low_s == pytest.approx(known.t_min_low_s)
    later = on_the_wire(known, known.t_min_s + 7.0)
    assert later.t_demold_min_low_s == pytest.approx(known.t_min_low_s + 7.0)


def recipe(scenario: Scenario) -> Hashable:
    return recipe_of(scenario, scenario.system.parameters_hash())


async def test_other_recipes_have_their_own() -> None:
    base = panel_of("SYSTEM_R1")
    alike = changed(base, process={"T_polyol_C": 23.3})
    others = [
        panel_of("SYSTEM_M1"),
        panel_of("SYSTEM_R1", packing=1.4),
        panel_of("SYSTEM_R1", wall_C=50.0),
        panel_of("SYSTEM_R1", swell_max_mm=0.5),
        panel_of("SYSTEM_R1", thickness_mm=60.0),
    ]
    assert recipe(alike) == recipe(base)
    assert len({recipe(shot) for shot in [base, *others]}) == 6


async def test_a_cup_has_none() -> None:
    cache = Intervals()
    assert cache.of(run("cup_25C_system_r1"), "r1") is None
    await cache.computed()
