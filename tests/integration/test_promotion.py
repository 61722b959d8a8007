"""A model is promoted, spoiled and rolled back while the agent runs on a real broker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from broker.codec import decode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Alert, Prediction
from edge_agent.inference.manifest import MODEL
from edge_agent.links.mqtt import Session
from edge_agent.pipeline import pipeline
from tests.chaos.inside import TOPIC, event, press, send
from tests.support.agents import running, settings_for
from tests.support.models import NOW, model_file, registry_with
from tests.support.waiting import LIMIT_S

NUMBERS = count()


class Heard:
    """Messages of the agent that a press hears; each counts, whatever came in one batch with it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._at_pour: dict[str, Prediction] = {}
        self.alerts: set[str] = set()
        self._begun = datetime.now(UTC) - timedelta(minutes=30)

    async def more(self) -> None:
        """Read what has come, at least one message."""
        batch = await self._session.next_batch(64)
        self._session.acknowledge(batch)
        for message in batch:
            if message.topic.endswith("/alert"):
                self.alerts.add(decode(Alert, message.payload).code)
                continue
            found = decode(Prediction, message.payload)
            if found.basis == "poured" and found.shot_id is not None:
                self._at_pour.setdefault(found.shot_id, found)

    async def predicted(self, number: int) -> Prediction:
        """The first prediction of the next shot, a while after the one before."""
        shot_id, poured_at = f"s{number}", self._begun + timedelta(seconds=12 * number)
        await send(self._session, [event("poured", poured_at, shot_id)])
        async with asyncio.timeout(LIMIT_S):
            while shot_id not in self._at_pour:
                await self.more()
        return self._at_pour[shot_id]

    async def becomes(self, model: str | None, status: str) -> Prediction:
        """Pour until it is so: the agent looks at the folder now and then."""
        for _ in range(100):
            found = await self.predicted(next(NUMBERS))
            if (found.versions.model, found.ml_status) == (model, status):
                return found
            await asyncio.sleep(0.1)  # the rate
        raise AssertionError(f"never {model} {status}")


@pytest.mark.xdist_group("training")
@pytest.mark.needs("mosquitto")
async def test_promoted_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "TICK_S", 0.2)
    one, two = model_file(), model_file(seed=1)  # trained while nobody waits for the event loop
    async with MosquittoProcess() as broker:
        settings = settings_for(tmp_path, broker.port)
        learning = settings.learning.model_copy(update={"models": tmp_path / "models"})
        settings = settings.model_copy(update={"learning": learning})
        async with running(settings, settings.broker), press(broker.port) as session:
            await session.subscribe([f"{TOPIC}/twin/mold/+/prediction", f"{TOPIC}/twin/alert"])
            heard = Heard(session)
            await heard.becomes(None, "missing-ml-models")
            registry = registry_with(settings.learning.models, {"pour": one})
            first = await heard.becomes("pour/1", "ok")
            assert first.correction is not None
            assert first.correction.values
            registry.add("pour", two, NOW, {})
            registry.promote("pour", 2)
            await heard.becomes("pour/2", "ok")
            (settings.learning.models / "pour" / "2" / MODEL).write_bytes(b"damaged")
            spoiled = await heard.becomes(None, "ml-error")
            assert spoiled.status == "predicted"
            registry.rollback("pour")
            await heard.becomes("pour/1", "ok")
            async with asyncio.timeout(LIMIT_S):  # an alert is published on its own way
                while not heard.alerts:
                    await heard.more()
            assert heard.alerts == {"ml-model-refused"}
