"""Small models that fit real shots: learned from random numbers, so nothing they say is true."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edge_agent.inference.registry import ModelRegistry
from tests.support.feature_sets import feature_set
from twin_core import load_systems
from twin_core.learning.card import Card
from twin_core.learning.columns import TARGETS, known_by
from twin_core.learning.training.export import with_card
from twin_core.learning.training.fit import TrainConfig
from twin_core.learning.training.train import Trained, train
from twin_core.shipped_files import configs_folder

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
SYSTEM = "SYSTEM_R1"
Moment = Literal["pour", "live", "demold"]
MEMORY = ("expected", "level", "error", "count")
LOOKED_AT = (
    *("proc_T_ambient_C", "meas_T_core_avg_0_120_C", "meas_T_core_max_C"),
    *(f"prev_{name}_{what}" for name in TARGETS for what in MEMORY),
    *(f"press_{name}_count" for name in TARGETS),
)


@lru_cache
def parameters_hash() -> str:
    """Hash of the system as it is in the catalogue."""
    return load_systems(configs_folder() / "systems")[SYSTEM].parameters_hash()


@lru_cache
def _trained(known_at: Moment, seed: int) -> Trained:
    others = [name for name in known_by(known_at) if name not in LOOKED_AT]
    config = TrainConfig(learners=["ridge"], leave_out=others, known_at=known_at, seed=seed)
    with np.errstate(all="ignore"):  # the processor's flags are wrong now and then
        return train(feature_set(300, 3, seed=seed, slope=0.1), config)


def model_file(
    known_at: Moment = "pour",
    seed: int = 0,
    domain: tuple[float, float] = (-1e6, 1e6),
    may_miss: bool = True,
    **card: Any,
) -> bytes:
    """A model that knows the system, and everything within ``domain``; ``card`` replaces fields."""
    trained = _trained(known_at, seed)
    count = len(trained.card.features)
    low, high = domain
    wide = {"low": [low] * count, "high": [high] * count, "may_miss": [may_miss] * count}
    fields = trained.card.model_dump() | {"systems": {SYSTEM: parameters_hash()}, "domain": wide}
    return with_card(trained.final.model, Card.model_validate(fields | card))


def registry_with(
    folder: Path, files: Mapping[str, bytes], *, promote: bool = True
) -> ModelRegistry:
    """A model directory with a version of each name, in use."""
    registry = ModelRegistry(folder)
    for name, content in files.items():
        manifest, _ = registry.add(name, content, NOW, {})
        if promote:
            registry.promote(name, manifest.version)
    return registry
