"""A model file at work: a row of features in, a correction with intervals out.

Nothing here stops anybody: a file that cannot be used is a ``ModelError`` with its reason, and the
physics goes on alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import ValidationError

from twin_core.errors import MissingRuntime, ModelError
from twin_core.fingerprint import PHYSICS_HASH
from twin_core.learning.adaptive_interval import NOTHING_SEEN, Said, Seen
from twin_core.learning.answers import Answers
from twin_core.learning.card import CARD_KEY, INPUT, Card
from twin_core.learning.columns import TARGETS
from twin_core.learning.graph_cost import check_cost
from twin_core.learning.own_graph import check_own_graph
from twin_core.learning.residual_features import corrected

BYTES_MAX = 16_000_000
"""A larger file is none of ours: gradient boosting makes some hundred kilobytes."""
CARD_BYTES_MAX = 200_000
"""A card of 120 features has 9,300."""
CERTAIN_RATIO = 0.1
"""So far outside its range, as a share of the range, a feature changes nothing (assumed)."""
WITHHELD_RATIO = 0.5
"""So far outside the memory answers alone; between the two the correction fades (assumed)."""


Layer = Literal["learner", "faded", "memory"]
Reason = Literal[
    "outside-range", "unknown-material", "missing-feature", "no-learner", "no-results", "not-better"
]
"""Why the learner does not answer for a target, or not alone: the shot is outside the range that
it knows; it never saw the material, or other parameters of it; a feature is missing that never was;
the file holds none for the target; nothing is known of the mold and the press either; here it was
no better than the memory."""
LEARNER_MIN = 0.5
"""A learner with a smaller share in a correction was no better here."""


@dataclass(frozen=True)
class Expected:
    """Value that a model expects of a target, in its unit, and which layer says so."""

    value: float
    low: float
    high: float
    layer: Layer


@dataclass(frozen=True)
class Outcome:
    """Answer of a model for a shot; on the wire ``broker.messages.Correction``.

    Attributes:
        targets: those that are corrected.
        reasons: by target, why its learner does not answer, or not alone.
        said: by target, what is to be held against its result.
        words: the same for people; None where every learner answers.
    """

    targets: dict[str, Expected] = field(default_factory=dict)
    risks: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, Reason] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    words: str | None = None


class _Columns(NamedTuple):
    """Numbers of the features that an answer for a target needs."""

    memory: int
    error: int
    counts: list[int]
    reads: Any


class Model:
    """A loaded model file."""

    def __init__(self, content: bytes, *, checked: bool = False) -> None:
        """Load and check.

        Args:
            content: of the file.
            checked: another process has loaded these very bytes with all checks: what takes long is
                not done again.

        Raises:
            MissingRuntime, ModelError: why it cannot be used.
        """
        try:
            import onnxruntime
        except ImportError:
            raise MissingRuntime("onnxruntime is not installed") from None
        if len(content) > BYTES_MAX:
            raise ModelError(f"the file has {len(content)} bytes, more than {BYTES_MAX}")
        if not checked:
            graph = check_own_graph(content)
            card = _card(graph.metadata)
            check_cost(graph, len(card.features), _outputs(card))
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.load_model_format", "ONNX")
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
            found = self._session.get_modelmeta().custom_metadata_map
        except Exception as error:  # the library raises a class of its own for each kind of damage
            raise ModelError(f"not a usable ONNX file: {_first_line(error)}") from None
        self.card = _card(found)
        self._outputs = _outputs(self.card)
        self._low = np.array(self.card.domain.low)
        self._high = np.array(self.card.domain.high)
        self._width = np.maximum(self._high - self._low, 1e-9 * (1.0 + np.abs(self._high)))
        self.sha256 = hashlib.sha256(content).hexdigest()
        """Of the file."""
        self._if_missing = np.where(self.card.domain.may_miss, 0.0, math.inf)
        number = {feature: i for i, feature in enumerate(self.card.features)}
        self._risk_reads = {
            name: np.array([number[one] for one in risk.reads], dtype=int)
            for name, risk in self.card.risks.items()
        }
        self._columns = {name: _columns(name, self.card) for name in self.card.targets}
        self._try()

    def predict(
        self,
        row: Mapping[str, float],
        system: tuple[str, str],
        seen: Mapping[str, Seen] | None = None,
    ) -> Outcome:
        """Predict the targets of a shot: the learner, drawn to the memory where it must be.

        Args:
            row: features by name, NaN for what is missing; ``sim_`` columns among them.
            system: ``system_id`` and ``parameters_hash`` of the material.
            seen: by target, what the press has seen of its corrections.

        Raises:
            ModelError: the graph answers with no numbers.
        """
        features = np.array([[row.get(name, math.nan) for name in self.card.features]])
        outputs = self.run(features)
        if odd := [name for name, value in outputs.items() if not np.isfinite(value).all()]:
            raise ModelError(f"the graph answers with no number for {odd[0]}")
        strange = self.strangeness(features)
        knows = system[1] in self.card.hashes_of(system[0])
        targets: dict[str, Expected] = {}
        reasons: dict[str, Reason] = {}
        said: dict[str, Said] = {}
        words: list[str] = []
        for name in self.card.targets:
            physics = row.get(TARGETS[name].physics, math.nan)
            if math.isnan(physics):
                continue
            answers = self.answers(name, features, outputs, strange)
            one = (seen or {}).get(name, NOTHING_SEEN)
            share = one.share if knows else 0.0
            found = answers.said(0, one._replace(share=share))
            weight = share * float(answers.trust[0])
            reason = self._reason(name, answers, knows, one.share)
            if reason is not None:
                reasons[name] = reason
                words.append(self._unlike(name, reason, system[0], features[0], strange[0]))
            if not answers.known[0] and (weight == 0.0 or self.card.targets[name].is_memory):
                reasons[name] = "no-results"
                continue
            said[name] = found
            layer: Layer = "memory"
            if weight and not self.card.targets[name].is_memory:
                layer = "learner" if weight >= LEARNER_MIN and reason is None else "faded"
            value, low, high = (
                corrected(TARGETS[name], physics, found.value + off)
                for off in (0.0, -found.half, found.half)
            )
            targets[name] = Expected(value, low, high, layer)
        risks = {
            name: float(outputs[f"risk.{name}"][0])
            for name in self.card.risks
            if knows and float(self.risk_trust(name, strange)[0]) > 0.0
        }
        return Outcome(targets, risks, reasons, said, "; ".join(dict.fromkeys(words)) or None)

    def answers(
        self, name: str, features: Any, outputs: Mapping[str, Any], strange: Any
    ) -> Answers:
        """Answers of both layers for a target.

        Args:
            features: (shots, features) in the order of the card.
            outputs: of ``run`` for them.
            strange: of ``strangeness`` for them.
        """
        card, columns = self.card.targets[name], self._columns[name]
        error, spread = features[:, columns.error], outputs[f"{name}.spread"]
        worst = strange[:, columns.reads].max(axis=1, initial=0.0)
        return Answers(
            memory=features[:, columns.memory],
            learner=np.where(worst == math.inf, math.nan, outputs[name]),
            trust=_trust(worst),
            half=card.width * spread * error,
            memory_half=card.memory_width * spread * error,
            error=error,
            known=features[:, columns.counts].max(axis=1) > 0.0,
        )

    def risk_trust(self, name: str, strange: Any) -> Any:
        """(shots,) how far to believe the probability of a defect; at 0 it is withheld.

        Args:
            strange: of ``strangeness`` for the shots.
        """
        return _trust(strange[:, self._risk_reads[name]].max(axis=1, initial=0.0))

    def strangeness(self, features: Any) -> Any:
        """(shots, features) how far outside its range each is, as a share of the range; infinite
        where one is missing that never was.

        Args:
            features: (shots, features) in the order of the card.
        """
        beyond = np.maximum(features - self._high, self._low - features) / self._width
        missing = np.isnan(features)
        return np.where(missing, self._if_missing, np.maximum(beyond, 0.0))

    @property
    def middle(self) -> Any:
        """(1, features) in the middle of what it knows."""
        return (0.5 * self._low + 0.5 * self._high)[None, :]

    def run(self, features: Any) -> dict[str, Any]:
        """All outputs for many rows, (shots,) each; the risks are calibrated.

        Args:
            features: (shots, features) in the order of the card.
        """
        values = self._session.run(self._outputs, {INPUT: features.astype(np.float32)})
        said = {
            name: value.reshape(len(features)).astype(float)
            for name, value in zip(self._outputs, values, strict=True)
        }
        for name, risk in self.card.risks.items():
            p = np.clip(said[f"risk.{name}"], 1e-6, 1.0 - 1e-6)
            logit = np.log(p / (1.0 - p))
            said[f"risk.{name}"] = 1.0 / (1.0 + np.exp(-(risk.slope * logit + risk.offset)))
        return said

    def _reason(self, name: str, answers: Answers, knows: bool, share: float) -> Reason | None:
        if self.card.targets[name].is_memory:
            return "no-learner"
        if not knows:
            return "unknown-material"
        if math.isnan(answers.learner[0]):
            return "missing-feature"
        if answers.trust[0] < 1.0:
            return "outside-range"
        return "not-better" if share < LEARNER_MIN else None

    def _unlike(
        self, name: str, reason: Reason, system_id: str, features: Any, strange: Any
    ) -> str:
        columns = self._columns[name].reads
        match reason:
            case "no-learner":
                return "the file holds the memory alone for some targets"
            case "unknown-material":
                known = system_id in self.card.systems
                how = "saw other parameters of it" if known else "never saw this material"
                return f"memory alone: the model {how} ({system_id})"
            case "missing-feature":
                column = self.card.features[columns[int(strange[columns].argmax())]]
                return f"memory alone: {column} is missing: the model never saw a shot without it"
            case "not-better":
                return f"{name}: drawn to the memory: the learner was no better here"
        worst = columns[int(strange[columns].argmax())]
        low, high = self.card.domain.low[worst], self.card.domain.high[worst]
        return (
            f"drawn to the memory: {self.card.features[worst]} is {features[worst]:.4g}, the model "
            f"knows {low:.4g} to {high:.4g}"
        )

    def _try(self) -> None:
        """Check that the graph answers as the card promises."""
        try:
            said = self.run(self.middle)
        except Exception as error:
            raise ModelError(f"the graph does not fit its card: {_first_line(error)}") from None
        if not all(np.isfinite(value).all() for value in said.values()):
            raise ModelError("the graph answers with no numbers")


def _trust(worst: Any) -> Any:
    """How far to believe what reads features that are so far outside: 1 inside, 0 far out."""
    fade = (WITHHELD_RATIO - worst) / (WITHHELD_RATIO - CERTAIN_RATIO)
    return np.maximum(np.minimum(fade, 1.0), 0.0)


def _columns(name: str, card: Card) -> _Columns:
    number = {feature: i for i, feature in enumerate(card.features)}
    names = ("prev_{}_expected", "prev_{}_error", "prev_{}_count", "press_{}_count")
    needed = [one.format(name) for one in names]
    missing = [one for one in needed if one not in number]
    if missing:
        raise ModelError(f"its card does not fit this version: {missing[0]} is no feature of it")
    memory, error, *counts = (number[one] for one in needed)
    reads = np.array([number[one] for one in card.targets[name].reads], dtype=int)
    return _Columns(memory, error, counts, reads)


def _outputs(card: Card) -> list[str]:
    return [
        *(f"{name}{part}" for name in card.targets for part in ("", ".spread")),
        *(f"risk.{name}" for name in card.risks),
    ]


def _card(metadata: Mapping[str, str]) -> Card:
    if CARD_KEY not in metadata:
        raise ModelError(f"not a model of this product: its metadata has no {CARD_KEY}")
    if (size := len(metadata[CARD_KEY].encode())) > CARD_BYTES_MAX:
        raise ModelError(f"its card has {size} bytes, more than {CARD_BYTES_MAX}")
    try:
        card = Card.model_validate_json(metadata[CARD_KEY])
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ModelError(f"its card does not fit this version: {where} {problem['msg']}") from None
    if card.physics_hash != PHYSICS_HASH:
        raise ModelError(f"it corrects physics {card.physics_hash}, this is {PHYSICS_HASH}")
    return card


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
