"""A model is promoted, spoiled and rolled back while the agent runs on a real broker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from broker.codec import decode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Alert, Prediction
from edge_agent.inference.registry import MODEL
from edge_agent.links.mqtt import Session
from edge_agent.pipeline import pipeline
from tests.chaos.inside import TOPIC, event, press, send
from tests.support.agents import running, settings_for
from tests.support.models import NOW, model_file, registry_with

NUMBERS = count()


async def predicted(session: Session, shot_id: str, alerts: set[str]) -> Prediction:
    """The first prediction of a shot that is poured now; alerts go by."""
    await send(session, [event("poured", datetime.now(UTC), shot_id)])
    async with asyncio.timeout(20):
        while True:
            for message in await session.next_batch(64):
                if message.topic.endswith("/alert"):
                    alerts.add(decode(Alert, message.payload).code)
                else:
                    found = decode(Prediction, message.payload)
                    if found.shot_id == shot_id and found.basis == "poured":
                        return found


async def becomes(session: Session, model: str | None, status: str, alerts: set[str]) -> Prediction:
    """Pour until it is so: the agent looks at the folder now and then."""
    for _ in range(100):
        found = await predicted(session, f"s{next(NUMBERS)}", alerts)
        if (found.versions.model, found.ml_status) == (model, status):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"never {model} {status}")


@pytest.mark.needs("mosquitto")
async def test_promoted_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "TICK_S", 0.2)
    files = {"pour": model_file()}
    async with MosquittoProcess() as broker:
        settings = settings_for(tmp_path, broker.port)
        learning = settings.learning.model_copy(update={"models": tmp_path / "models"})
        settings = settings.model_copy(update={"learning": learning})
        async with running(settings, settings.broker), press(broker.port) as session:
            await session.subscribe([f"{TOPIC}/twin/mold/+/prediction", f"{TOPIC}/twin/alert"])
            alerts = set[str]()
            await becomes(session, None, "missing-ml-models", alerts)
            registry = registry_with(settings.learning.models, files)
            first = await becomes(session, "pour/1", "ok", alerts)
            assert first.correction is not None
            assert first.correction.values
            registry.add("pour", model_file(seed=1), NOW, {})
            registry.promote("pour", 2)
            await becomes(session, "pour/2", "ok", alerts)
            (settings.learning.models / "pour" / "2" / MODEL).write_bytes(b"damaged")
            spoiled = await becomes(session, None, "ml-error", alerts)
            assert spoiled.status == "predicted"
            registry.rollback("pour")
            await becomes(session, "pour/1", "ok", alerts)
            assert alerts == {"ml-model-refused"}
