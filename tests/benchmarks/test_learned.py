"""What a learned correction costs: features and inference of a shot, and the agent's latency.

``./twin bench -k learned``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from time import perf_counter

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from broker.local.mosquitto import MosquittoProcess
from broker.messages import ShotEvent
from edge_agent.config.catalogue import load_catalogue
from edge_agent.config.settings import BrokerSettings
from edge_agent.inference.earlier_shots import EarlierShots
from edge_agent.links.mqtt import Session, connect
from edge_agent.monitoring.metrics import Metrics
from edge_agent.pipeline.infer import Inference
from edge_agent.shots import scenario as stage
from edge_agent.shots.shot import Shot
from edge_agent.shots.simulation import simulate_shot
from tests.chaos.inside import event
from tests.support.agents import settings_for
from tests.support.feature_sets import feature_set
from tests.support.models import NOW, SYSTEM, model_file, parameters_hash, registry_with
from tests.support.plant import one_latency
from tests.support.processes import AgentProcess, rss_mb, wait_for
from tests.support.waiting import GATHER_BY_DEFAULT_S
from tests.unit.edge_agent.inference.test_earlier_shots import Disk, live
from twin_core.learning.basis import basis_of
from twin_core.learning.card import Card
from twin_core.learning.training.export import with_card
from twin_core.learning.training.fit import TrainConfig
from twin_core.learning.training.train import train

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
ROUNDS, SHOTS, WARM = 2000, 200, 20


def usual_file() -> bytes:
    """A model as training makes them, of all columns of the pour."""
    trained = train(feature_set(800, 4), TrainConfig())
    count = len(trained.card.features)
    wide = {"low": [-1e6] * count, "high": [1e6] * count, "may_miss": [True] * count}
    fields = trained.card.model_dump() | {
        "systems": {"SYSTEM_R1": parameters_hash()},
        "domain": wide,
    }
    return with_card(trained.final.model, Card.model_validate(fields))


def shot_of(number: int) -> Shot:
    poured = event("poured", START + timedelta(days=15, minutes=number), f"B{number}", "M0")
    assert isinstance(poured, ShotEvent)
    return Shot(
        site="s", press="p", shot_id=poured.shot_id, mold_id="PANEL_A", system_id="SYSTEM_R1",
        recipe=poured.recipe, poured_at=poured.ts, revision=1,
    )  # fmt: skip


def test_learned_single_row(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """All features of a shot and the answer of the model, with 5,000 earlier shots in memory."""
    registry_with(tmp_path / "models", {"pour": usual_file()})
    settings, disk = settings_for(tmp_path, 1883), Disk()
    live(EarlierShots(), disk, range(2000), molds=4)
    for row in disk.kept.values():  # as if they were poured into the mold of the catalogue
        row["key"] = [*row["key"][:2], row["key"][2].replace("M0", "PANEL_A"), row["key"][3]]
        row["basis"] = basis_of(SYSTEM, parameters_hash())
    inference = Inference(tmp_path / "models", Metrics(), disk.kept.values())
    inference._models.models.refresh()
    catalogue, times = load_catalogue(settings), list[float]()
    shot = shot_of(0)
    answer = simulate_shot(shot, "", catalogue, 1800.0)
    assert answer.result is not None
    assert answer.facts is not None
    physics = stage.predict(shot, answer.result, [], None, answer.facts, "poured", NOW)
    assert inference.rows.row(shot, answer, "pour")["prev_rho_moulded_count"] == 40
    while inference.rows.earlier.count_ahead():
        pass  # as an agent does while nothing else is to do
    for _ in range(ROUNDS):
        inference.forget(shot.shot_key)
        began = perf_counter()
        found, _ = inference.corrected(shot, answer, physics, {})
        times.append(1e3 * (perf_counter() - began))
    assert found.correction is not None, found.diagnostics
    assert found.correction.values, found.correction.words
    cut = quantiles(times, n=100)
    benchmark.extra_info.update({"p50 ms": cut[49], "p99 ms": cut[98]})
    print(f"\nfeatures and inference of a shot: p50 {cut[49]:.3f} ms, p99 {cut[98]:.3f} ms")
    benchmark(lambda: None)


@asynccontextmanager
async def meter(folder: Path, models: Path) -> AsyncIterator[tuple[Session, AgentProcess]]:
    """An agent of its own at a broker of its own, ready, and a client that hears predictions."""
    folder.mkdir()
    async with MosquittoProcess(directory=folder / "mosquitto") as broker:
        agent = AgentProcess(
            folder,
            broker.port,
            more={"learning": {"models": str(models)}},
            gather_s=GATHER_BY_DEFAULT_S,
        )
        await asyncio.to_thread(agent.start)
        ready = lambda: agent.logged("simulation_ready") > 0  # noqa: E731
        await asyncio.to_thread(wait_for, ready, "the model to be compiled", 60.0)
        async with connect(BrokerSettings(port=broker.port), "meter") as session:
            await session.subscribe(["pur/v1/test/p1/twin/mold/+/prediction"])
            await asyncio.sleep(1.0)
            yield session, agent
        await asyncio.to_thread(agent.terminate)


async def side_by_side(folder: Path) -> dict[str, float]:
    """From sending `poured` to having the prediction, with models and without, in turns."""
    registry_with(folder / "models", {"pour": usual_file(), "final": model_file("demold")})
    times: dict[str, list[float]] = {"models": [], "none": []}
    async with (
        meter(folder / "a", folder / "models") as (with_models, one),
        meter(folder / "b", folder / "none") as (without, other),
    ):
        for number in range(SHOTS):
            times["models"].append(await one_latency(with_models, f"shot{number:05d}"))
            times["none"].append(await one_latency(without, f"shot{number:05d}"))
        used = {}
        for kind, agent in (("models", one), ("none", other)):
            assert agent.process is not None
            used[kind] = rss_mb(agent.process.pid)
    documents = [json.loads(row[0]) for row in one.rows("SELECT document FROM prediction")]
    assert sum(found["correction"]["in_domain"] for found in documents) >= SHOTS
    figures = {}
    for kind, found in times.items():
        cut = quantiles(found[WARM:], n=100)
        figures |= {f"{kind} p50 ms": cut[49], f"{kind} p90 ms": cut[89], f"{kind} MB": used[kind]}
    return figures | {"ratio p50": figures["models p50 ms"] / figures["none p50 ms"]}


@pytest.mark.needs("mosquitto")
def test_learned_latency_of_the_agent(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """The same shots with promoted models and without."""
    figures = asyncio.run(side_by_side(tmp_path))
    benchmark.extra_info.update(figures)
    print("\n" + "\n".join(f"{name}: {value:.2f}" for name, value in figures.items()))
    benchmark(lambda: None)
