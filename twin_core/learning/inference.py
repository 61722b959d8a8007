"""A model file at work: a row of features in, a correction with intervals out.

Nothing here stops anybody: a file that cannot be used is a ``ModelError`` with its reason, and the
physics goes on alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import ValidationError

from twin_core.errors import InvalidInput, MissingRuntime, ModelError
from twin_core.fingerprint import PHYSICS_HASH
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
"""So far outside nothing is said any more; between the two the correction fades (assumed)."""


@dataclass(frozen=True)
class Expected:
    """Value that a model expects of a target, in its unit."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Outcome:
    """Answer of a model for a shot; on the wire ``broker.messages.Correction``."""

    targets: dict[str, Expected] = field(default_factory=dict)
    risks: dict[str, float] = field(default_factory=dict)
    outside: float = 0.0
    """How far the worst feature lies outside its range, as a share of the range."""
    words: str | None = None


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
        self._needed = ~np.array(self.card.domain.may_miss)
        self._try()

    def predict(self, row: Mapping[str, float], system: tuple[str, str]) -> Outcome:
        """Predict the targets of a shot.

        Args:
            row: features by name, NaN for what is missing; ``sim_`` columns among them.
            system: ``system_id`` and ``parameters_hash`` of the material.

        Raises:
            InvalidInput: a feature that was never missing is.
            ModelError: the graph answers with no numbers.
        """
        features = np.array([[row.get(name, math.nan) for name in self.card.features]])
        missing = np.isnan(features[0]) & self._needed
        if missing.any():
            name = self.card.features[int(missing.argmax())]
            raise InvalidInput(f"{name} is missing: the model never saw a shot without it")
        system_id, parameters_hash = system
        known = self.card.systems.get(system_id)
        if known != parameters_hash:
            how = "never saw this material" if known is None else "saw other parameters of it"
            return Outcome(outside=math.inf, words=f"withheld: the model {how} ({system_id})")
        trusts, outsides, worsts = self.trust(features)
        trust, outside, worst = float(trusts[0]), float(outsides[0]), int(worsts[0])
        if trust == 0.0:
            return Outcome(outside=outside, words=self._unlike("withheld", worst, row))
        said = self.run(features)
        if odd := [name for name, value in said.items() if not np.isfinite(value).all()]:
            raise ModelError(f"the graph answers with no number for {odd[0]}")
        targets = {
            name: expected
            for name in self.card.targets
            if (expected := self._expected(name, said, row, trust)) is not None
        }
        risks = {name: float(said[f"risk.{name}"][0]) for name in self.card.risks}
        words = None if trust == 1.0 else self._unlike("faded and widened", worst, row)
        return Outcome(targets, risks, outside, words)

    def trust(self, features: Any) -> tuple[Any, Any, Any]:
        """(shots,) each: how far to believe it, 1 inside its range, less outside, 0 far out; how
        far outside, as a share of the range; number of the feature that is furthest out."""
        beyond = np.maximum(features - self._high, self._low - features) / self._width
        beyond = np.maximum(np.where(np.isnan(beyond), 0.0, beyond), 0.0)
        worst = beyond.argmax(axis=1)
        outside = beyond[np.arange(len(beyond)), worst]
        fade = (WITHHELD_RATIO - outside) / (WITHHELD_RATIO - CERTAIN_RATIO)
        return np.clip(fade, 0.0, 1.0), outside, worst

    @property
    def middle(self) -> Any:
        """(1, features) in the middle of what it knows."""
        return (0.5 * self._low + 0.5 * self._high)[None, :]

    def residual(self, name: str, outputs: Mapping[str, Any], trust: Any) -> tuple[Any, Any]:
        """Residual of a target and half the width of its interval, faded and widened."""
        card = self.card.targets[name]
        half = (
            trust * card.width * outputs[f"{name}.spread"] + (1.0 - trust) * card.physics_half_width
        )
        return trust * outputs[name], half

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

    def _expected(
        self, name: str, outputs: dict[str, Any], row: Mapping[str, float], trust: float
    ) -> Expected | None:
        target = TARGETS[name]
        physics = row.get(target.physics, math.nan)
        if math.isnan(physics):
            return None
        residuals, halves = self.residual(name, outputs, trust)
        residual, half = float(residuals[0]), float(halves[0])
        values = (residual, residual - half, residual + half)
        return Expected(*(corrected(target, physics, value) for value in values))

    def _unlike(self, what: str, worst: int, row: Mapping[str, float]) -> str:
        name, domain = self.card.features[worst], self.card.domain
        return (
            f"{what}: {name} is {row[name]:.4g}, the model knows "
            f"{domain.low[worst]:.4g} to {domain.high[worst]:.4g}"
        )

    def _try(self) -> None:
        """Check that the graph answers as the card promises."""
        try:
            said = self.run(self.middle)
        except Exception as error:
            raise ModelError(f"the graph does not fit its card: {_first_line(error)}") from None
        if not all(np.isfinite(value).all() for value in said.values()):
            raise ModelError("the graph answers with no numbers")


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
