"""Metrics of one agent for Prometheus; those of the spool's file are in ``spool_figures``.

Labels are bounded: presses of the configuration, reasons and channels of the wire contract, never a
shot. What a batch led to is counted when it is committed, once a batch. ``docs/operations.md`` has
the table, a test compares.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import product
from time import perf_counter
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from broker.codec import decode
from broker.dead_letter_reasons import REASONS
from broker.errors import PayloadError
from broker.messages import Basis, Outcome, Prediction
from broker.messages.prediction import IntervalRecord
from broker.ml_status import ML_REASONS, ML_STATUS
from broker.topics import INBOUND_CHANNELS
from edge_agent import __version__
from edge_agent.logs import STAGES
from edge_agent.monitoring.watchdog import Watch, Watches
from edge_agent.ports import Outgoing
from edge_agent.spool.changes import Changes
from twin_core import PHYSICS_HASH
from twin_core.learning.columns import TARGETS

CHANNELS = frozenset(channel.value for channel in INBOUND_CHANNELS)
INTERVALS = {
    "results": "Results that were held against the interval of their pour.",
    "inside_ratio": "Share of these that lay inside.",
    "worst_ratio": "Share inside of the worst 100 consecutive ones.",
}
OF_TARGET = ("press", "mold", "target")
SPARKPLUG_OUTCOMES = ("acknowledge", "dropped", "ignored", "rebirth", "refused")
OTHER = "other"
"""The label of what is in none of these lists."""
STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
LATENCY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


class Metrics:
    """The metrics of one agent, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.watches = Watches()
        self._frames = Counter("pur_frames", "Telemetry frames committed.", registry=registry)
        messages = Counter("pur_messages", "Messages worked on.", ["channel"], registry=registry)
        self._messages = {
            channel: messages.labels(channel) for channel in sorted(CHANNELS | {OTHER})
        }
        self.shots = Counter("pur_shots", "Shots ended.", ["outcome"], registry=registry)
        self.predictions = Counter(
            "pur_predictions", "Predictions issued.", ["basis"], registry=registry
        )
        self.ml_status = Counter(
            "pur_ml_status", "Predictions by ml_status.", ["code"], registry=registry
        )
        self.ml_reasons = Counter(
            "pur_ml_reasons",
            "Quantities for which the learner did not answer, or not alone.",
            ["target", "reason"],
            registry=registry,
        )
        self._intervals = {
            name: Gauge(f"pur_interval_{name}", words, OF_TARGET, registry=registry)
            for name, words in INTERVALS.items()
        }
        self._model_loaded = Gauge(
            "pur_model_loaded", "1 for each promoted model.", ["name", "version"], registry=registry
        )
        self._models_refused = Gauge(
            "pur_models_refused",
            "Models promoted or in shadow that cannot be used.",
            registry=registry,
        )
        self._sets = Gauge(
            "pur_parameter_set_in_use",
            "1 for each parameter set that a mold uses for a system.",
            ["mold", "system", "parameter_set"],
            registry=registry,
        )
        self.parameter_sets_refused = Gauge(
            "pur_parameter_sets_refused",
            "Promoted parameter sets that cannot be used, by mold; 1 if their folder is damaged.",
            registry=registry,
        )
        self._drift_level = Gauge(
            "pur_drift_level", "0 OK, 1 WARNING, 2 ALERT, of the last check.", registry=registry
        )
        self._drift_columns = Gauge(
            "pur_drift_columns", "Columns that moved, in the last check.", registry=registry
        )
        self._drift_checked = Gauge(
            "pur_drift_checked_timestamp_seconds", "When drift was checked last.", registry=registry
        )
        self.held_age = Gauge(
            "pur_held_age_seconds",
            "Age of the oldest message that is not on disk; 0 if there is none.",
            registry=registry,
        )
        self.repeats = Counter(
            "pur_repeats", "Messages equal to an earlier one.", ["channel"], registry=registry
        )
        self.left_out = Counter(
            "pur_readings_left_out", "Readings left out.", ["press", "reason"], registry=registry
        )
        self.corrections = Counter(
            "pur_corrections", "Results corrected by what came late.", registry=registry
        )
        self.memory_shots = Gauge(
            "pur_memory_shots", "Earlier shots that are remembered.", ["press"], registry=registry
        )
        self.memory_molds = Gauge(
            "pur_memory_molds", "Molds that these were poured into.", ["press"], registry=registry
        )
        self.recalled = Counter(
            "pur_recalled_shots",
            "Earlier shots taken from the history, or from another agent.",
            ["press", "source"],
            registry=registry,
        )
        self._dead_letters = Counter(
            "pur_dead_letters", "Messages refused.", ["reason"], registry=registry
        )
        self.dropped = Counter(
            "pur_dropped_messages",
            "Messages with QoS 0 dropped for a full queue; all others stay at the broker.",
            registry=registry,
        )
        self.reconnects = Counter(
            "pur_reconnects", "Sessions opened after the first.", ["press"], registry=registry
        )
        self.link_up = Gauge(
            "pur_link_up", "1 while the press's session is open.", ["press"], registry=registry
        )
        self.sparkplug_up = Gauge(
            "pur_sparkplug_up", "1 while the edge node is born.", ["press"], registry=registry
        )
        self.sparkplug_commands = Counter(
            "pur_sparkplug_commands", "Commands of hosts.", ["outcome"], registry=registry
        )
        for outcome in SPARKPLUG_OUTCOMES:
            self.sparkplug_commands.labels(outcome)
        self.history_up = Gauge(
            "pur_history_up", "1 while the history takes what it is given.", registry=registry
        )
        self.history_up.set(1)
        self.stage_seconds = Histogram(
            "pur_stage_seconds",
            "Time of a stage for one batch; of simulate and infer for one prediction.",
            ["stage"],
            buckets=STAGE_BUCKETS,
            registry=registry,
        )
        for stage in STAGES:
            self.stage_seconds.labels(stage)
        for counter, labels in (
            (self.repeats, ("shot", "telemetry")),
            (self.shots, get_args(Outcome)),
            (self.predictions, get_args(Basis)),
            (self.ml_status, ML_STATUS),
            (self._dead_letters, REASONS | {OTHER}),
        ):
            for label in sorted(labels):  # from 0 on: Prometheus does not see the first step else
                counter.labels(label)
        for target, reason in product(sorted(TARGETS), sorted(ML_REASONS)):
            self.ml_reasons.labels(target, reason)
        self._latency = Histogram(
            "pur_prediction_latency_seconds",
            "From the pour, by the press's clock, until the broker has the first prediction.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        build = Gauge(
            "pur_build_info",
            "Always 1; says what runs.",
            ["version", "physics_hash", "python"],
            registry=registry,
        )
        build.labels(__version__, PHYSICS_HASH, platform.python_version()).set(1)

    def watch(self, stage: str, name: str | None = None, patience_s: float = 0.0) -> Watch:
        """Watch the loop of a stage; its batches are timed."""
        observe = self.stage_seconds.labels(stage).observe
        return self.watches.add(Watch(name or stage, observe, patience_s))

    def taken(self, topic: str) -> None:
        """A message is being worked on."""
        channel = topic.rpartition("/")[2]
        self._messages[channel if channel in CHANNELS else OTHER].inc()

    def committed(self, changes: Changes) -> None:
        """Count what a batch led to, when it is on disk."""
        self._frames.inc(sum(row.kind == "telemetry" for row in changes.forward))

    def refused(self, reason: str) -> None:
        """A message became a dead letter."""
        self._dead_letters.labels(reason if reason in REASONS else OTHER).inc()

    def published(self, message: Outgoing, now: datetime) -> None:
        """The broker has a message; the first prediction of a shot says how long it took."""
        if not message.key.startswith("prediction/poured/"):
            return
        try:
            poured_at = decode(Prediction, message.payload).poured_at
        except PayloadError:  # of another version of this program
            return
        self._latency.observe(max(0.0, (now - poured_at).total_seconds()))

    def models(self, loaded: Sequence[tuple[str, str]], refused: int) -> None:
        """Set what the model directory holds, when it has changed."""
        self._model_loaded.clear()
        for name, version in loaded:
            self._model_loaded.labels(name, version).set(1)
        self._models_refused.set(refused)

    def parameter_sets(self, in_use: Iterable[tuple[str, str, str]]) -> None:
        """Set which parameter sets are in use, by mold and system, when that has changed."""
        self._sets.clear()
        for labels in in_use:
            self._sets.labels(*labels).set(1)

    def intervals(self, records: Iterable[tuple[str, str, str, IntervalRecord]]) -> None:
        """Set how intervals have held, by press, mold and target."""
        for gauge in self._intervals.values():
            gauge.clear()
        for *labels, record in records:
            self._intervals["results"].labels(*labels).set(record.results_count)
            self._intervals["inside_ratio"].labels(*labels).set(record.inside_fraction)
            if record.worst_fraction is not None:
                self._intervals["worst_ratio"].labels(*labels).set(record.worst_fraction)

    def drift(self, level: int, columns: int, now: datetime) -> None:
        """Drift was checked."""
        self._drift_level.set(level)
        self._drift_columns.set(columns)
        self._drift_checked.set(now.timestamp())

    def forget_press(self, press: str) -> None:
        """A press is no longer in the configuration."""
        for metric in (self.reconnects, self.link_up):
            metric.remove(press)
        for gauge in (self.memory_shots, self.memory_molds, self.sparkplug_up):
            with suppress(KeyError):
                gauge.remove(press)


class Laps:
    """Adds up what each stage takes of a batch that goes through them row by row."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._spent: dict[str, float] = {}
        self._at = perf_counter()

    def lap(self, stage: str) -> None:
        """The time since the last call was spent in this stage."""
        now = perf_counter()
        self._spent[stage] = self._spent.get(stage, 0.0) + now - self._at
        self._at = now

    def observe(self) -> None:
        """The batch is through."""
        for stage, seconds in self._spent.items():
            self._metrics.stage_seconds.labels(stage).observe(seconds)
