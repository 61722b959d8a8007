"""What is to be optimised: a scenario, what may change, what must hold, what is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from twin_core.calibration.parameter_set import ParameterSet
from twin_core.optimization.constraints import flat
from twin_core.optimization.draws import ASSUMED, checked_scatter
from twin_core.optimization.goals import Prices, goal_name
from twin_core.optimization.variables import Bounds, setting_name
from twin_core.scenario import Scenario

MOST_CANDIDATES = 20_000
"""All are kept: a hundred megabytes."""
SAMPLES, CANDIDATES = 40, 400
"""Of a task that says none."""


def _renamed(name_of: Callable[[str], str]) -> Callable[[object], object]:
    """Puts the keys of a mapping under the names that are used here."""

    def rename(raw: object) -> object:
        if not isinstance(raw, Mapping):
            return raw
        found = dict[str, Any]()
        for name, value in raw.items():
            known = name_of(str(name))
            if known in found:
                raise ValueError(f"{known} is given twice")
            found[known] = value
        return found

    return rename


def _flat(raw: object) -> object:
    return flat(raw) if isinstance(raw, Mapping) else raw


def _goals(raw: object) -> object:
    if isinstance(raw, str):
        raw = [raw]
    if not isinstance(raw, (list, tuple)):
        return raw
    names = tuple(goal_name(str(name)) for name in raw)
    if len(set(names)) < len(names):
        raise ValueError(f"a goal is given twice: {', '.join(names)}")
    return names


Variables = Annotated[dict[str, Bounds], BeforeValidator(_renamed(setting_name))]
Weights = Annotated[
    dict[str, Annotated[float, Field(ge=0, le=1e9)]], BeforeValidator(_renamed(goal_name))
]
Constraints = Annotated[dict[str, float], BeforeValidator(_flat)]


class Change(BaseModel):
    """What becomes different while it is searched: a tank is empty, a heater limited, an order due.

    The search goes on from the candidates that it has.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    after_candidates: Annotated[int, Field(ge=1)]
    why: str = ""
    variables: Variables = {}
    """In place of those of the task, where named."""
    constraints: Constraints = {}


class OptimizationTask(BaseModel):
    """A task for ``optimize``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    scenario: Scenario
    """The shot as it is today; its quality has the limits."""
    parameter_set: ParameterSet | None = None
    """Numbers of a calibration that every shot is simulated with; settings stay as they are set and
    read at the press."""
    memory_factor: Annotated[float, Field(ge=0.2, le=5.0)] = 1.0
    """Times what the physics says a part of this mold may be opened, as the models at the press
    have learned. The window of every draw begins so much later."""
    memory_source: str = ""
    """Where the factor is from, or why there is none."""
    variables: Variables = {}
    """What may change, within which bounds; left out: the three temperatures of the first
    generation. All else stays."""
    variables_source: str = ""
    """Where the bounds are from; empty: as asked, or the usual ones."""
    constraints: Constraints = {}
    """Limits in place of those of the scenario's quality."""
    scatter: dict[str, float] | None = None
    """One sigma of each input: see ``draws.SCATTER``; left out: a usual production."""
    scatter_source: str = ASSUMED
    draws: Annotated[int, Field(ge=1, le=4096)] = 32
    """Simulations of each candidate that is looked at to the end."""
    confirm_draws: Annotated[int, Field(ge=0, le=100_000)] = 256
    """Fresh draws for each point that is returned; 0 checks none."""
    violations_allowed: Annotated[float, Field(ge=0, lt=0.5)] = 0.05
    """Share of the draws that may miss a limit."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    goals: Annotated[tuple[str, ...], BeforeValidator(_goals), Field(min_length=1)] = ("cycle_s",)
    """One is optimised; of several the front is found."""
    prefer: Weights = {}
    """Weights of the goals for the point that is chosen on a front; none: its knee."""
    prefer_lower_pressure: bool = False
    """With one goal: of points within half a per cent of the best, take that of the lowest
    pressure."""
    prices: Prices = Prices()
    handling_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    """What a cycle takes beside the time from the pour to the opening."""
    hours_per_year: Annotated[float, Field(ge=0, le=8784)] = 0.0
    """That the press works; 0: no sum per year is given."""
    t_open_today_s: Annotated[float, Field(gt=0)] | None = None
    """When the mold is opened today; left out: as early as today's settings allow."""
    samples: Annotated[int, Field(ge=1, le=MOST_CANDIDATES)] = SAMPLES
    """Random candidates: the baseline of the report, and the start of the search."""
    candidates: Annotated[int, Field(ge=1, le=MOST_CANDIDATES)] = CANDIDATES
    """All of them, random ones included."""
    front_points: Annotated[int, Field(ge=3, le=200)] = 20
    """Points of a front that are confirmed and returned, at most."""
    changes: tuple[Change, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _counts(cls, raw: object) -> object:
        """Where one of ``samples`` and ``candidates`` is given, the other's default fits to it."""
        if not isinstance(raw, Mapping):
            return raw
        samples, candidates = raw.get("samples"), raw.get("candidates")
        if isinstance(samples, int) and candidates is None:
            return {**raw, "candidates": max(samples, CANDIDATES)}
        if isinstance(candidates, int) and samples is None:
            return {**raw, "samples": min(candidates, SAMPLES)}
        return raw

    @model_validator(mode="after")
    def _complete(self) -> OptimizationTask:
        if self.scatter is not None:
            checked_scatter(self.scatter)
        if "cost" in self.goals and not self.prices.given:
            raise ValueError("goals: cost needs prices: give polyol_per_kg, press_per_h or others")
        if self.hours_per_year and not self.prices.given:
            raise ValueError("hours_per_year: a sum per year needs prices: press_per_h or others")
        for name in self.prefer:
            if name not in self.goals:
                raise ValueError(f"prefer: {name} is not among the goals {', '.join(self.goals)}")
        if self.prefer and not sum(self.prefer.values()):
            raise ValueError("prefer: all weights are 0")
        if self.prefer_lower_pressure and len(self.goals) > 1:
            raise ValueError(
                "prefer_lower_pressure: is for one goal; on a front give the goal pressure a weight"
                " in prefer"
            )
        if self.candidates < self.samples:
            raise ValueError(
                f"candidates: {self.candidates} is fewer than the {self.samples} random samples"
            )
        for change in self.changes:
            if change.after_candidates >= self.candidates:
                raise ValueError(
                    f"changes: after_candidates {change.after_candidates} leaves none of the "
                    f"{self.candidates} candidates for a search with them"
                )
        return self
