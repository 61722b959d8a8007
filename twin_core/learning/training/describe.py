"""Card of a model, from the table that it learned from."""

from __future__ import annotations

import hashlib
from importlib.metadata import version

import numpy as np

from twin_core.errors import InputError
from twin_core.fingerprint import PHYSICS_HASH
from twin_core.learning.card import Card, Corrected, Domain, Origin, Risk
from twin_core.learning.columns import schema_hash
from twin_core.learning.training.fit import Fitted, TrainConfig
from twin_core.learning.training.table import FeatureSet

LIBRARIES = ("scikit-learn", "mapie", "skl2onnx", "onnx", "numpy")
MARGIN = {"prev_": 0.5, "press_": 0.5, "site_": 0.5, "dev_": 0.5}
"""Residuals of earlier shots may lie further out than any mold learned from, by this share of the
range: they are measured errors, and a new mold is off in its own way (assumed)."""

STRAY_SHARE = 0.001
"""The lowest and the highest shots by this share are no range: typing errors are among them."""


def card_of(table: FeatureSet, final: Fitted, config: TrainConfig, git_hash: str) -> Card:
    """The card of what was fitted on a table.

    Raises:
        InputError: a material was simulated with several parameters.
    """
    times = np.datetime_as_string(table["poured_at"].astype("datetime64[s]"))
    simulated = table.columns.get("simulated", np.zeros(len(table)))
    return Card(
        known_at=config.known_at,
        features=final.features,
        feature_schema=schema_hash(final.features),
        physics_hash=PHYSICS_HASH,
        systems=_systems(table),
        coverage=config.coverage,
        targets={
            name: Corrected(
                learner=item.learner,
                reads=[final.features[number] for number in item.model.columns],
                mean=float(item.known.mean()),
                width=item.width,
                memory_width=item.memory_width,
            )
            for name, item in final.regressions.items()
        },
        risks={
            name: Risk(
                learner=item.learner,
                reads=[final.features[number] for number in item.columns],
                slope=item.slope,
                offset=item.offset,
                base_share=float(item.known.mean()),
            )
            for name, item in final.risks.items()
        },
        domain=_domain(table, final.features),
        origin=Origin(
            data_hash=_data_hash(table),
            config_hash=hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:16],
            git_hash=git_hash,
            versions={name: version(name) for name in LIBRARIES},
            seed=config.seed,
            shots_count=len(table),
            molds_count=len(np.unique(table.molds)),
            first_poured_at=f"{times[0]}Z",
            last_poured_at=f"{times[-1]}Z",
            simulated_share=float(np.mean(np.asarray(simulated, float))),
        ),
    )


def _systems(table: FeatureSet) -> dict[str, str | tuple[str, ...]]:
    """Each ``parameters_hash`` by system: several where molds use different parameter sets."""
    of_molds: dict[tuple[str, str], str] = {}
    found: dict[str, list[str]] = {}
    names = ("system_id", "mold_id", "parameters_hash")
    for system_id, mold_id, parameters in zip(*(table[n].astype(str) for n in names), strict=True):
        if of_molds.setdefault((system_id, mold_id), parameters) != parameters:
            raise InputError(
                f"feature set: {system_id} was simulated with several parameters: build it anew"
            )
        hashes = found.setdefault(system_id, [])
        if parameters not in hashes:
            hashes.append(parameters)
    return {
        system_id: hashes[0] if len(hashes) == 1 else tuple(sorted(hashes))
        for system_id, hashes in found.items()
    }


def _domain(table: FeatureSet, features: list[str]) -> Domain:
    low, high, may_miss = [], [], []
    for name in features:
        values = table[name].astype(float)
        a, b = np.nanquantile(values, (STRAY_SHARE, 1.0 - STRAY_SHARE)).tolist()
        more = max((share for stem, share in MARGIN.items() if name.startswith(stem)), default=0.0)
        low.append(a - more * (b - a))
        high.append(b + more * (b - a))
        may_miss.append(bool(np.isnan(values).any()))
    return Domain(low=low, high=high, may_miss=may_miss)


def _data_hash(table: FeatureSet) -> str:
    digest = hashlib.sha256()
    for name in sorted(table.columns):
        values = table[name]
        digest.update(name.encode())
        if values.dtype.kind in "OU":
            digest.update("\n".join(map(str, values)).encode())
        else:
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]
