"""The agent at a broker made by `broker init`: its work over mTLS, and new certificates."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from broker.codec import decode, encode
from broker.local.mosquitto import MosquittoProcess
from broker.messages import Prediction, QualityRecord, Recipe, ShotEvent
from broker.setup.passwords import password_line
from edge_agent.agent import Agent
from edge_agent.clock import SystemClock
from edge_agent.config.settings import BrokerSettings, HistorySettings, Settings, SpoolSettings
from edge_agent.errors import LinkError
from edge_agent.links import tls
from edge_agent.links.mqtt import Session, connect
from tests.support.ruled_broker import RuledBroker, folder_of, ruled_broker
from tests.support.waiting import until

pytestmark = pytest.mark.needs("mosquitto")

MOLD = "PANEL_500x500x50"
SHOT = "pur/v1/s/p1/shot"
PREDICTION = f"pur/v1/s/p1/twin/mold/{MOLD}/prediction"


@pytest.fixture(autouse=True)
def _watched_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "WATCH_S", 0.1)


@asynccontextmanager
async def agent_at(broker: RuledBroker) -> AsyncIterator[Settings]:
    """The agent of the plan, from its connection until it has ended in order."""
    settings = Settings(
        site="s",
        agent_id="a",
        presses=["p1", "p2"],
        broker=broker.settings("agent-a"),
        spool=SpoolSettings(path=broker.path.parent / "spool.db"),
        history=HistorySettings(path=broker.path.parent / "history.db"),
    )
    stop = asyncio.Event()
    task = asyncio.create_task(Agent(settings, SystemClock(), stop).run())
    try:
        await until(lambda: broker.press_sessions("agent-a") >= 2)
        yield settings
    finally:
        stop.set()
        await task


def pour(shot_id: str) -> bytes:
    recipe = Recipe(m_polyol_kg=0.5, m_iso_kg=0.53, T_polyol_C=23.0, T_iso_C=23.0)
    return encode(
        ShotEvent(
            ts=datetime.now(UTC) - timedelta(seconds=1),
            shot_id=shot_id,
            mold_id=MOLD,
            event="poured",
            system_id="SYSTEM_R1",
            recipe=recipe,
        )
    )


async def prediction_for(shot_id: str, session: Session) -> Prediction:
    async with asyncio.timeout(60):
        while True:
            for message in await session.next_batch(10):
                prediction = decode(Prediction, message.payload)
                if prediction.shot_id == shot_id:
                    return prediction


def quality_rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM quality").fetchone()[0])


async def test_a_shot_over_mtls_and_new_certificates_on_the_way(tmp_path: Path) -> None:
    """Press, laboratory, SCADA and agent, each with its rights; no restart for a certificate."""
    async with (
        ruled_broker(tmp_path) as broker,
        agent_at(broker) as settings,
        connect(broker.settings("scada"), "scada") as scada,
        connect(broker.settings("press-s-p1"), "press") as press,
        connect(broker.settings("quality"), "laboratory") as laboratory,
    ):
        await scada.subscribe([PREDICTION])
        await press.publish(SHOT, pour("one"))
        assert (await prediction_for("one", scada)).status == "predicted"
        record = QualityRecord(ts=datetime.now(UTC), shot_id="one", H_24h_shore=55.0)
        await laboratory.publish("pur/v1/s/p1/quality", encode(record))
        await until(lambda: quality_rows(settings.history.path) == 1)

        logins = broker.press_sessions("agent-a")
        folder_of(broker.path, broker.plan).renew(["agent-a"], timedelta())
        await until(lambda: broker.press_sessions("agent-a") == logins + 2)
        await press.publish(SHOT, pour("two"))
        assert (await prediction_for("two", scada)).status == "predicted"


async def test_half_an_exchange_is_waited_out(tmp_path: Path) -> None:
    async with ruled_broker(tmp_path) as broker, agent_at(broker):
        certificate, key = folder_of(broker.path, broker.plan).files_of("agent-a")
        kept = shutil.copy(certificate, tmp_path / "kept.crt"), shutil.copy(key, tmp_path / "k.key")
        folder_of(broker.path, broker.plan).renew(["agent-a"], timedelta())
        await until(lambda: broker.press_sessions("agent-a") == 4)
        with capture_logs() as logs:
            shutil.copy(kept[0], certificate)
            await until(lambda: "credentials_unusable" in [line["event"] for line in logs])
            await asyncio.sleep(0.5)
            assert broker.press_sessions("agent-a") == 4
            shutil.copy(kept[1], key)
            await until(lambda: broker.press_sessions("agent-a") == 6)
        words = [line["error"] for line in logs if line["event"] == "credentials_unusable"]
        assert len(words) == 2  # once for each press
        assert "is not the key of broker.tls.cert_file" in words[0]


async def test_files_are_read_at_every_connect(tmp_path: Path) -> None:
    async with ruled_broker(tmp_path) as broker:
        settings = broker.settings("press-s-p1")
        async with connect(settings, "one"):
            pass
        mine, others = (
            folder_of(broker.path, broker.plan).files_of(n) for n in ("press-s-p1", "scada")
        )
        for new, path in zip(others, mine, strict=True):
            shutil.copy(new, path)
        async with connect(settings, "two"):
            pass
        assert (broker.logins("press-s-p1"), broker.logins("scada")) == (1, 1)


async def test_a_password_over_tls(tmp_path: Path) -> None:
    """A plant's broker that asks for no certificate; the password from file and environment."""
    async with ruled_broker(tmp_path) as ruled:
        path, port = ruled.path, ruled.plan.port
    (path / "passwords").write_text(password_line("twin", "secret") + "\n")
    (path / "plain.conf").write_text(
        f"user root\nlistener {port} 127.0.0.1\nallow_anonymous false\n"
        f"certfile {path}/server.crt\nkeyfile {path}/server.key\npassword_file {path}/passwords\n"
    )
    file = tmp_path / "password"
    file.write_text("secret\n")
    common = {
        "host": "localhost",
        "port": port,
        "username": "twin",
        "tls": {"enabled": True, "ca_file": path / "ca.crt"},
    }
    async with MosquittoProcess(port, directory=tmp_path / "run", config=path / "plain.conf"):
        for how in ({"password_file": file}, {"password": "secret"}):
            async with connect(BrokerSettings.model_validate({**common, **how}), "x"):
                pass
        wrong = BrokerSettings.model_validate({**common, "password": "other"})
        with pytest.raises(LinkError, match=r"ot authori[sz]ed|Bad user name"):
            async with connect(wrong, "x"):
                pass
