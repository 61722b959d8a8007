"""Parameter sets: numbers of a material system and of its molds that production shots decided.

A set stands beside the system that it was fitted to and never changes it. ``calibrated`` puts its
numbers into a scenario; ``as_read`` says what a sensor of a mold reads of a simulated value.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from twin_core.calibration.free_parameters import limits, replaced
from twin_core.calibration.mold_numbers import (
    MOLD_NUMBERS,
    OFFSETS,
    checked,
    mold_with,
    process_with,
)
from twin_core.errors import InputError
from twin_core.materials import MaterialSystem
from twin_core.mold import Mold
from twin_core.parameters import Parameter
from twin_core.scenario import Scenario

__all__ = [
    "MOLD_NUMBERS",
    "HeldOut",
    "NotFitted",
    "ParameterSet",
    "Provenance",
    "Verdict",
    "as_read",
    "calibrated",
    "calibrated_system",
    "mold_of_set",
]


def _as_text(value: object) -> object:
    """YAML makes a time of a text that is not in quotes."""
    text = value.isoformat() if hasattr(value, "isoformat") else value
    return text.replace("+00:00", "Z") if isinstance(text, str) else text


Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Utc = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"),
    BeforeValidator(_as_text),
]
"""Time in UTC, as ``2026-11-29T22:25:23Z``."""
Words = Annotated[str, Field(min_length=1, max_length=2000)]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NotFitted(_Part):
    """Number that the shots do not determine."""

    path: str
    """Of the system, or a name of ``MOLD_NUMBERS``."""
    mold_id: Id | None = None
    why: Words


class Provenance(_Part):
    """Origin of a set: who made it, when, how, and of which shots."""

    made_at: Utc
    made_by: Words
    command: Words
    source: Words
    """Which history or folder the shots came from."""
    shots_count: Count
    first_poured_at: Utc
    last_poured_at: Utc
    shots_hash: Hash
    """SHA-256 over the sorted keys of the shots."""
    held_out_count: Count
    """Newest of the shots, which the fit did not see."""
    simulated: bool
    """True if any shot was simulated: such a set is for trying, not for a plant."""


class HeldOut(_Part):
    """Error of a quantity on held-out shots, in its own unit."""

    before: float
    """With the numbers of the system and mold as they were."""
    after: float
    noise_floor: float | None = None
    """Scatter that no parameter could remove."""
    unit: str


class Verdict(_Part):
    """Judgement of whether a set is better than none, by shots that the fit did not see."""

    use: bool
    words: Words
    held_out: dict[str, HeldOut] = {}
    """By quantity."""
    improvement_pct: float | None = None

    @property
    def reason(self) -> str:
        """The words, without the judgement that they begin with."""
        return self.words.removeprefix("use it: ").removeprefix("not used: ")


class ParameterSet(_Part):
    """Numbers of one calibration, with what they rest on; the content of one file."""

    system_id: Id
    number: Annotated[int, Field(ge=1)]
    system_version: Annotated[int, Field(ge=1)]
    system_hash: Hash
    """``parameters_hash`` of the system that it was fitted to."""
    physics_hash: Hash
    shared: dict[str, Parameter] = {}
    """Numbers of the system by path: every one that differs, also those that a fit turned along."""
    molds: dict[Id, dict[str, Parameter]] = {}
    """Numbers of each mold by name (``MOLD_NUMBERS``); a mold with none of its own has ``{}``."""
    not_fitted: list[NotFitted] = []
    provenance: Provenance
    verdict: Verdict

    @model_validator(mode="after")
    def _known_numbers(self) -> ParameterSet:
        for mold_id, numbers in self.molds.items():
            for name, parameter in numbers.items():
                where = f"molds.{mold_id}.{name}"
                if name not in MOLD_NUMBERS:
                    raise ValueError(
                        f"{where}: no such number (there are: {', '.join(MOLD_NUMBERS)})"
                    )
                try:
                    MOLD_NUMBERS[name].check(parameter)
                except ValueError as error:
                    raise ValueError(f"{where}: {error}") from None
        return self

    @property
    def set_id(self) -> str:
        """Name of the set: ``SYSTEM_R1-c3``."""
        return f"{self.system_id}-c{self.number}"

    def numbers_of(self, mold_id: str) -> dict[str, float]:
        """Numbers of a mold by name; empty where it has none of its own."""
        return {name: number.value for name, number in self.molds.get(mold_id, {}).items()}

    def parameters_hash(self) -> str:
        """First 16 hex digits of the SHA-256 over the system's hash and all numbers that differ.

        It is one for all molds of the set: with the mold it says what was simulated, and what is
        learned of one mold stands beside what is learned of the others.
        """
        values: dict[str, Any] = {
            "system": self.system_hash,
            "shared": {path: number.value for path, number in self.shared.items()},
            "molds": {mold_id: self.numbers_of(mold_id) for mold_id in self.molds},
        }
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def problem_with(self, system: MaterialSystem) -> str | None:
        """Reason why the set does not apply to a system; None if it does."""
        if self.system_id != system.system_id:
            return f"{self.set_id} is of {self.system_id}, not of {system.system_id}"
        if self.system_hash == system.parameters_hash():
            if self.system_version == system.version:
                return None
            return (
                f"{self.set_id}: system_version is {self.system_version}, and the system with that "
                f"system_hash has version {system.version}: the set was edited: calibrate anew"
            )
        if self.system_version != system.version:
            words = f"version {self.system_version}, and version {system.version} is in use"
        else:
            words = f"version {system.version} with other numbers than those in use"
        return f"{self.set_id} was fitted to {self.system_id} {words}: calibrate anew"


def calibrated(scenario: Scenario, parameter_set: ParameterSet | None) -> Scenario:
    """The scenario with the numbers of a set: those of its system and those of its mold.

    Args:
        scenario: as reported, with system and mold as their files say.
        parameter_set: the set; None changes nothing.

    Raises:
        InputError: the set is of another system or version, or a number leaves its bounds.
    """
    if parameter_set is None:
        return scenario
    system = calibrated_system(scenario.system, parameter_set)
    update: dict[str, Any] = {"system": system}
    numbers = parameter_set.numbers_of(scenario.mold.mold_id)
    if numbers:
        where = f"{parameter_set.set_id}: molds.{scenario.mold.mold_id}"
        update["mold"] = mold_of_set(scenario.mold, parameter_set)
        update["process"] = process_with(scenario.process, numbers, where)
    return scenario.model_copy(update=update)


def mold_of_set(mold: Mold, parameter_set: ParameterSet) -> Mold:
    """The mold with its numbers of a set, if it has any.

    Raises:
        InputError: a number leaves the bounds of the mold.
    """
    numbers = parameter_set.numbers_of(mold.mold_id)
    where = f"{parameter_set.set_id}: molds.{mold.mold_id}"
    return mold_with(mold, numbers, where) if numbers else mold


def calibrated_system(system: MaterialSystem, parameter_set: ParameterSet) -> MaterialSystem:
    """The system with the shared numbers of a set, checked as if they stood in its file.

    Raises:
        InputError: the set is of another system or version, or a number leaves its bounds.
    """
    problem = parameter_set.problem_with(system)
    if problem is not None:
        raise InputError(problem)
    found = system
    for path, parameter in parameter_set.shared.items():
        where = f"{parameter_set.set_id}: shared.{path}"
        try:
            limits(system, path).check(parameter)
        except ValueError as error:
            raise InputError(f"{where}: {error}") from None
        except InputError as error:
            raise InputError(f"{parameter_set.set_id}: shared.{error}") from None
        found = replaced(found, path, parameter)
    return checked(found, f"{parameter_set.set_id}: shared")


def as_read(name: str, value: float, parameter_set: ParameterSet | None, mold_id: str) -> float:
    """Value that a sensor of a mold would read.

    Args:
        name: the sensor, as ``T_core_C``; those without an offset read what is true.
        value: what is true, by the simulation, in the unit of the sensor.
        parameter_set: the set in use; None: the sensor reads what is true.
        mold_id: whose sensor.
    """
    if parameter_set is None or name not in OFFSETS:
        return value
    offset = parameter_set.molds.get(mold_id, {}).get(OFFSETS[name])
    return value if offset is None else value - offset.value
