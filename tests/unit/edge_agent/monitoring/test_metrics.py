"""Metrics: bounded labels, no globals, and a cost that nobody notices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from broker.codec import encode
from broker.messages import Basis, Prediction, Versions
from edge_agent.logs import STAGES
from edge_agent.monitoring.metrics import OTHER, Metrics
from edge_agent.ports import Outgoing

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
FORBIDDEN = {"shot_id", "mold_id", "device_id", "topic", "detail", "error"}


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    families = metrics.registry.collect()
    return {(s.name, *s.labels.values()): s.value for f in families for s in f.samples}


def test_labels_are_bounded() -> None:
    metrics = Metrics()
    before = len(samples(metrics))
    for number in range(500):
        metrics.taken(f"pur/v1/s/p/{number}")
        metrics.refused(f"reason {number}")
    assert len(samples(metrics)) == before
    assert samples(metrics)["pur_messages_total", OTHER] == 500
    for family in metrics.registry.collect():
        for sample in family.samples:
            assert not FORBIDDEN & sample.labels.keys()


def test_agents_do_not_share_a_registry() -> None:
    one, other = Metrics(), Metrics()
    one.refused("not-json")
    assert samples(other)["pur_dead_letters_total", "not-json"] == 0


def test_every_stage_is_timed() -> None:
    metrics = Metrics()
    timed = {key[1] for key in samples(metrics) if key[0] == "pur_stage_seconds_count"}
    assert timed == set(STAGES)


def test_a_press_that_is_gone_is_forgotten() -> None:
    metrics = Metrics()
    metrics.link_up.labels("p1").set(1)
    metrics.reconnects.labels("p1").inc()
    metrics.forget_press("p1")
    assert not [key for key in samples(metrics) if "p1" in key]


def prediction(basis: Basis, poured_at: datetime) -> Outgoing:
    message = Prediction(
        site="s",
        press="p1",
        shot_id="one",
        mold_id="M",
        system_id="S",
        issued_at=NOW,
        basis=basis,
        revision=7,
        poured_at=poured_at,
        status="hold",
        ml_status="none",
        assumed_parameters_count=0,
        versions=Versions(agent="1", physics="1", physics_hash="0", parameters_hash="0"),
    )
    return Outgoing("s/p1", f"prediction/{basis}/key/7", "t", encode(message))


def test_the_first_prediction_of_a_shot_says_how_long_it_took() -> None:
    metrics = Metrics()
    metrics.published(prediction("poured", NOW - timedelta(seconds=0.3)), NOW)
    metrics.published(prediction("live", NOW - timedelta(seconds=90)), NOW)
    metrics.published(
        prediction("poured", NOW + timedelta(seconds=5)), NOW
    )  # a clock that is ahead
    metrics.published(Outgoing("s/p1", "prediction/poured/key/1", "t", b"?"), NOW)
    seen = samples(metrics)
    assert seen["pur_prediction_latency_seconds_count",] == 2
    assert seen["pur_prediction_latency_seconds_bucket", "0.5"] == 2
