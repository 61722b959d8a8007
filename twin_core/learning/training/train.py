"""Train a model on a feature set: everything but reading, writing and drawing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Annotated, Any, Literal

import numpy as np
import onnx
from pydantic import BaseModel, ConfigDict, Field
from threadpoolctl import threadpool_limits

from twin_core.compiled import PHYSICS_HASH
from twin_core.errors import InputError
from twin_core.learning.card import Card, Corrected, Domain, Origin, Risk
from twin_core.learning.columns import COLUMNS, DEFECTS, TARGETS, known_by, schema_hash, targets_at
from twin_core.learning.training.export import check_parity, graph, with_card
from twin_core.learning.training.int8 import Int8, measure_int8
from twin_core.learning.training.regression import Regression, fit_regression
from twin_core.learning.training.risk import RiskModel, fit_risk
from twin_core.learning.training.scores import Answers, Score, score
from twin_core.learning.training.table import Array, FeatureSet, Rows, held_out

LIBRARIES = ("scikit-learn", "mapie", "skl2onnx", "onnx", "numpy")
FEWEST_SHOTS = 100
MARGIN = {"prev_": 0.5, "press_": 0.5, "site_": 0.5, "dev_": 0.5}
"""Residuals of earlier shots may lie further out than any mold learned from, by this share of the
range: they are measured errors, and a new mold is off in its own way (assumed)."""
NOT_LEARNED = ("sim_water_from_rh_kg",)
"""Columns that are drawn from others here, with no more in them."""


class TrainConfig(BaseModel):
    """``train-ml --config``: what to learn from what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    known_at: Literal["pour", "live", "demold"] = "pour"
    """The moment the model is for; it looks at nothing that is known later."""
    targets: list[str] | None = None
    """Which residuals; left out, all that are still to be measured at that moment."""
    learners: Annotated[list[Literal["ridge", "boosting", "network"]], Field(min_length=1)] = [
        "ridge",
        "boosting",
        "network",
    ]
    defects: bool = True
    leave_out: list[str] = []
    """Features not to look at."""
    coverage: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    test_molds_share: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Molds that no fit of the test sees."""
    test_time_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Latest part of the other molds, not seen either."""
    seed: int = 0


@dataclass(frozen=True)
class Part:
    """One learner to fit: the residual of a target, or a ``qc_`` column of defects."""

    name: str
    table: FeatureSet
    features: list[str]
    config: TrainConfig


def fit_part(part: Part, _workers: int | None = None) -> Regression | RiskModel | None:
    """Fit one part; pure, on one core: it can be far away. None if too little is known."""
    config = part.config
    # the same sums in the same order: the same model; matmul raises flags for nothing now and then
    with threadpool_limits(1), np.errstate(all="ignore"):
        if part.name in TARGETS:
            if (~np.isnan(part.table.residual(part.name))).sum() < FEWEST_SHOTS:
                return None
            return fit_regression(
                part.name, part.table, part.features, config.learners, config.coverage, config.seed
            )
        learners = [n for n in ("logistic", "boosting") if n in {"logistic", *config.learners}]
        return fit_risk(part.name, part.table, part.features, learners, config.seed)


Each = Callable[[Callable[[Part, int | None], Any], Sequence[Part]], Iterable[Any]]
"""Applies a function to every part, in their order, wherever there are cores."""


def one_by_one(function: Callable[[Part, int | None], Any], parts: Sequence[Part]) -> Iterable[Any]:
    """Here, one after the other."""
    return (function(part, None) for part in parts)


@dataclass(frozen=True)
class Fitted:
    """Learners of all targets and defects on some shots, and as a graph."""

    features: list[str]
    regressions: dict[str, Regression]
    risks: dict[str, RiskModel]
    model: onnx.ModelProto
    parity: float


@dataclass(frozen=True)
class Trained:
    """What training comes to.

    Attributes:
        content: the file.
        trial: the same learners without the shots of the test, and
        test: their scores on it, by part (``other molds``, ``later``) and target.
        apart: scores on all shots by models that had not seen their press (cross-validation).
    """

    content: bytes
    card: Card
    final: Fitted
    trial: Fitted
    test: dict[str, dict[str, Score]]
    apart: dict[str, Score]
    table: FeatureSet
    other_molds: Rows
    later: Rows
    int8: Int8 | None
    notes: list[str] = field(default_factory=list)

    def expected(self) -> dict[str, Array]:
        """By target, (shots,) in its unit: what models said that had not seen the press, where it
        was measured, else NaN."""
        found = {}
        for name, item in self.final.regressions.items():
            target = TARGETS[name]
            off = np.full(len(self.table), np.nan)
            off[~np.isnan(self.table.residual(name))] = item.apart[:, 0]
            physics = self.table[target.physics].astype(float)
            found[name] = physics * np.exp(off) if target.relative else physics + off
        return found


def train(
    columns: Mapping[str, Any],
    config: TrainConfig,
    git_hash: str = "unknown",
    progress: Callable[[str], None] = lambda _step: None,
    each: Each = one_by_one,
) -> Trained:
    """Train, test and export.

    Args:
        columns: a feature set: arrays by name, see ``columns.COLUMNS`` and ``columns.IDS``.
        progress: told what begins.
        each: fits the parts.

    Raises:
        InputError: the feature set or the configuration cannot be used.
        ModelError: the exported graph does not answer as the learners do.
    """
    targets = _targets(config)
    names = [n for n in known_by(config.known_at) if n not in {*config.leave_out, *NOT_LEARNED}]
    table = FeatureSet.of(columns, list(COLUMNS))
    if len(table) < FEWEST_SHOTS:
        raise InputError(f"feature set: {len(table)} shots are too few: {FEWEST_SHOTS} at least")
    features = [name for name in names if not np.isnan(table[name].astype(float)).all()]
    notes = [f"{name} is always missing and not used" for name in names if name not in features]
    other_molds, later = held_out(
        table, config.test_molds_share, config.test_time_share, config.seed
    )
    progress("test: fit without the shots of the test")
    rest = table.rows(~other_molds & ~later)
    trial = _fit(rest, features, targets, config, progress, each)
    progress("final: fit on all shots")
    final = _fit(table, features, targets, config, progress, each)
    int8 = None
    with threadpool_limits(1):
        if "network" in config.learners and final.regressions:
            progress("network as INT8")
            first = next(iter(final.regressions))
            int8 = measure_int8(first, table, features, other_molds | later, config.seed)
    for name in targets:
        if name not in final.regressions:
            notes.append(f"{name}: fewer than {FEWEST_SHOTS} shots have its measurement")
    card = _card(table, final, config, git_hash)
    return Trained(
        content=with_card(final.model, card),
        card=card,
        final=final,
        trial=trial,
        test=_test_scores(table, trial, other_molds, later),
        apart=_apart_scores(table, final),
        table=table,
        other_molds=other_molds,
        later=later,
        int8=int8,
        notes=notes,
    )


def answers_of(fitted: Fitted, name: str, table: FeatureSet) -> Answers:
    """What fitted learners say of a table."""
    item, X = fitted.regressions[name], table.matrix(fitted.features)
    return Answers(item.model.predict(X), item.width * item.spread.predict(X))


def _targets(config: TrainConfig) -> list[str]:
    possible = targets_at(config.known_at)
    chosen = list(possible) if config.targets is None else config.targets
    for name in chosen:
        if f"prev_{name}_expected" in config.leave_out:
            raise InputError(
                f"leave_out: {name} is learned as what differs from prev_{name}_expected"
            )
        if name not in TARGETS:
            raise InputError(f"targets: {name!r} is none of {', '.join(TARGETS)}")
        if name not in possible:
            raise InputError(f"targets: {name} has been measured at the {config.known_at}")
    return chosen


def _fit(
    table: FeatureSet,
    features: list[str],
    targets: Sequence[str],
    config: TrainConfig,
    progress: Callable[[str], None],
    each: Each,
) -> Fitted:
    defects = ["qc_any_defect", *(f"qc_defect_{kind}" for kind in DEFECTS)]
    names = [*targets, *(defects if config.defects else [])]
    regressions: dict[str, Regression] = {}
    risks: dict[str, RiskModel] = {}
    parts = [Part(name, table, features, config) for name in names]
    for name, found in zip(names, each(fit_part, parts), strict=True):
        progress(f"fitted: {name}")
        if isinstance(found, Regression):
            regressions[name] = found
        elif found is not None:
            risks[found.name] = found
    if not regressions and not risks:
        raise InputError("feature set: no target has enough measurements: add quality records")
    model = graph(list(regressions.values()), list(risks.values()), len(features))
    parity = check_parity(
        model, list(regressions.values()), list(risks.values()), table.matrix(features)
    )
    return Fitted(features, regressions, risks, model, parity)


def _test_scores(
    table: FeatureSet, trial: Fitted, other_molds: Rows, later: Rows
) -> dict[str, dict[str, Score]]:
    newest = table.time_s > np.quantile(table.time_s, 0.5)
    parts = {
        "other molds": other_molds,
        "other molds, second half": other_molds & newest,
        "same molds, later": later,
    }
    found: dict[str, dict[str, Score]] = {}
    for part, chosen in parts.items():
        for name, item in trial.regressions.items():
            said = score(name, table, answers_of(trial, name, table), item.known.mean(), chosen)
            if said is not None:
                found.setdefault(part, {})[name] = said
    return found


def _apart_scores(table: FeatureSet, final: Fitted) -> dict[str, Score]:
    found = {}
    for name, item in final.regressions.items():
        known = ~np.isnan(table.residual(name))
        said = score(
            name,
            table.rows(known),
            Answers(item.apart[:, 0], item.width * item.apart[:, 1]),
            item.known.mean(),
        )
        assert said is not None
        found[name] = said
    return found


def _card(table: FeatureSet, final: Fitted, config: TrainConfig, git_hash: str) -> Card:
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
                width=item.width,
                physics_half_width=item.physics_half_width,
            )
            for name, item in final.regressions.items()
        },
        risks={
            name: Risk(
                learner=item.learner,
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


def _systems(table: FeatureSet) -> dict[str, str]:
    found: dict[str, str] = {}
    pairs = zip(table["system_id"].astype(str), table["parameters_hash"].astype(str), strict=True)
    for system_id, parameters in pairs:
        if found.setdefault(system_id, parameters) != parameters:
            raise InputError(
                f"feature set: {system_id} was simulated with several parameters: build it anew"
            )
    return found


def _domain(table: FeatureSet, features: list[str]) -> Domain:
    low, high, may_miss = [], [], []
    for name in features:
        values = table[name].astype(float)
        a, b = float(np.nanmin(values)), float(np.nanmax(values))
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
