"""Card of a model file: the metadata of its ONNX graph."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from twin_core.learning.columns import COLUMNS, TARGETS, known_by, schema_hash, targets_at

FORMAT: Literal[2] = 2
CARD_KEY = "pur-mold-twin.card"
"""Key of the card, JSON, among the metadata of the graph."""
INPUT = "features"
"""Input of the graph: float32, (shots, features)."""

MEMORY = "memory"
"""``Corrected.learner`` where the memory answers alone."""

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Corrected(_Part):
    """A target: two outputs of the graph, its residual and how uncertain the shot is.

    The interval is ``residual +- width * spread * error``, ``error`` being the usual size of an
    error of the memory (``prev_…_error``): split conformal prediction with normalised residuals
    (Papadopoulos et al. 2002; Lei et al. 2018, section 5.2), on shots of presses that the model of
    the fold had not seen. At the press the width follows what is seen (``adaptive_interval``).
    """

    learner: str
    """Which of the candidates won, as in ``ridge 30``; ``memory`` where none of them was
    better than the memory alone, which the graph then hands on."""
    reads: list[str]
    """Features that the learner looks at: outside their ranges the memory answers."""
    mean: float
    """Mean residual of the shots learned from."""
    width: Positive
    """Spreads to either side."""
    memory_width: Positive
    """The same where the memory answers alone."""

    @property
    def is_memory(self) -> bool:
        """True if the file holds no learner for the target."""
        return self.learner == MEMORY


class Risk(_Part):
    """A kind of defect: an output of the graph is its probability, before calibration.

    Calibrated: ``1 / (1 + exp(-(slope * logit(p) + offset)))`` (Platt 1999).
    """

    learner: str
    reads: list[str]
    """Features that the learner looks at; outside their ranges it is not asked."""
    slope: float
    offset: float
    base_share: Share
    """How often it was found among the shots learned from."""


class Domain(_Part):
    """Domain in which the model has seen shots: the range of each feature."""

    low: list[float]
    high: list[float]
    may_miss: list[bool]
    """Was the feature missing in shots that the model learned from?"""


class Origin(_Part):
    """Origin of a model; the same origin gives the same file."""

    data_hash: Hex
    config_hash: Hex
    git_hash: str
    versions: dict[str, str]
    seed: int
    shots_count: Annotated[int, Field(gt=0)]
    molds_count: Annotated[int, Field(gt=0)]
    first_poured_at: str
    last_poured_at: str
    simulated_share: Share
    """Share of shots that a simulator made, not a machine."""


class Card(_Part):
    """A model: what it looks at, what it says, how sure it is, where it comes from."""

    format: Literal[2] = FORMAT
    known_at: Literal["pour", "live", "demold"]
    features: Annotated[list[str], Field(min_length=1, max_length=1000)]
    feature_schema: Hex
    physics_hash: Hex
    systems: dict[str, str | tuple[str, ...]]
    """Material systems that it has seen: ``parameters_hash`` by ``system_id``; several where some
    molds used a parameter set and others none, or another one."""
    coverage: Annotated[float, Field(gt=0, lt=1)]
    targets: dict[str, Corrected]
    risks: dict[str, Risk]
    domain: Domain
    origin: Origin

    def hashes_of(self, system_id: str) -> tuple[str, ...]:
        """Each ``parameters_hash`` with which it has seen a material; empty if it has not."""
        found = self.systems.get(system_id, ())
        return (found,) if isinstance(found, str) else found

    @model_validator(mode="after")
    def _fits(self) -> Card:
        unknown = [name for name in self.features if name not in COLUMNS]
        if unknown:
            raise ValueError(f"features: {unknown[0]!r} is no column of this version")
        later = set(self.features) - set(known_by(self.known_at))
        if later:
            raise ValueError(f"features: {min(later)} is known after the {self.known_at}")
        if self.feature_schema != schema_hash(self.features):
            raise ValueError("feature_schema: the columns mean something else in this version")
        if not set(self.targets) <= set(targets_at(self.known_at)):
            raise ValueError(f"targets: only {', '.join(TARGETS)} at the {self.known_at}")
        parts: list[Corrected | Risk] = [*self.targets.values(), *self.risks.values()]
        strange = {one for found in parts for one in found.reads}
        if not strange <= set(self.features):
            raise ValueError(f"targets: {min(strange - set(self.features))} is no feature of it")
        counts = {len(values) for values in (self.domain.low, self.domain.high)}
        if counts | {len(self.domain.may_miss)} != {len(self.features)}:
            raise ValueError("domain: one range for each feature")
        for name, low, high in zip(self.features, self.domain.low, self.domain.high, strict=True):
            if low > high:
                raise ValueError(f"domain: {name} from {low:.4g} to {high:.4g} is no range")
        return self
