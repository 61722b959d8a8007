"""Material systems, molds and quality limits by id: what the recipe's names mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from edge_agent.config.parameter_sets import (
    AppliedSets,
    MoldAndSystem,
    load_applied,
    load_in_use,
)
from edge_agent.config.settings import CatalogueSettings, Settings
from twin_core.calibration.parameter_set import ParameterSet, calibrated
from twin_core.data_sheet_only import SheetOnly
from twin_core.errors import InputError
from twin_core.files import load_mold
from twin_core.materials import MaterialSystem
from twin_core.mold import Mold
from twin_core.scenario import Quality, Scenario
from twin_core.system_versions import (
    IN_USE,
    load_sheets,
    load_systems,
    load_version,
    system_versions,
)


@dataclass(frozen=True)
class SystemFacts:
    """What each prediction says of its material system."""

    version: int
    parameters_hash: str
    assumed_count: int
    """Parameters that nobody measured, published or fitted."""
    parameter_set: ParameterSet | None = None
    """The set in use for the mold; with one the hash is that of system and set."""

    @property
    def set_id(self) -> str | None:
        """Name of the set in use: ``SYSTEM_R1-c3``."""
        return None if self.parameter_set is None else self.parameter_set.set_id


@dataclass(frozen=True)
class Catalogue:
    """Everything a recipe can refer to."""

    systems: dict[str, MaterialSystem]
    molds: dict[str, Mold]
    quality: Quality
    quality_by_mold: dict[str, Quality]
    sheets: dict[str, SheetOnly] = field(default_factory=dict)
    """Systems that cannot be simulated, for want of numbers."""
    parameter_sets: Mapping[MoldAndSystem, ParameterSet] = field(default_factory=dict)
    """Sets in use that apply, by mold and system."""
    sets_refused: Mapping[MoldAndSystem, str] = field(default_factory=dict)
    """Reason why a promoted set is not used, by mold and system."""

    def quality_of(self, mold_id: str) -> Quality:
        """Quality that parts of a mold must reach."""
        return self.quality_by_mold.get(mold_id, self.quality)

    def with_sets(self, sets: AppliedSets) -> Catalogue:
        """The same systems and molds with other parameter sets."""
        return replace(self, parameter_sets=sets.applied, sets_refused=sets.refused)

    def calibrated(self, scenario: Scenario) -> Scenario:
        """A scenario of a system and mold of the catalogue, with the parameter set in use.

        Raises:
            InputError: a temperature leaves its bounds by the offset of the mold.
        """
        key = scenario.mold.mold_id, scenario.system.system_id
        return calibrated(scenario, self.parameter_sets.get(key))

    def facts_of(self, system_id: str, mold_id: str) -> SystemFacts:
        """Facts of a system as it is simulated in a mold: with the parameter set in use."""
        return self._facts_of_sets.get((mold_id, system_id)) or self.facts[system_id]

    @cached_property
    def _facts_of_sets(self) -> dict[MoldAndSystem, SystemFacts]:
        found = {}
        for (mold_id, system_id), used in self.parameter_sets.items():
            plain = self.facts[system_id]
            assumed = set(self.systems[system_id].assumed()) - used.shared.keys()
            parameters_hash = used.parameters_hash()
            found[mold_id, system_id] = SystemFacts(
                plain.version, parameters_hash, len(assumed), used
            )
        return found

    @property
    def all_facts(self) -> Iterator[tuple[str, SystemFacts]]:
        """System and facts, of each system without a set and of each mold with one."""
        yield from self.facts.items()
        for (_, system_id), facts in self._facts_of_sets.items():
            yield system_id, facts

    @cached_property
    def facts(self) -> dict[str, SystemFacts]:
        """Facts of the systems by id, gathered once: a shot is in a hurry."""
        return {
            system_id: SystemFacts(system.version, system.parameters_hash(), len(system.assumed()))
            for system_id, system in self.systems.items()
        }


def load_catalogue(settings: Settings) -> Catalogue:
    """Read the catalogue's folders.

    Raises:
        InputError: a file is wrong; the message names it and the field.
    """
    return read_catalogue(settings.catalogue, settings.quality, settings.quality_by_mold)


def read_catalogue(
    folders: CatalogueSettings,
    quality: Quality | None = None,
    quality_by_mold: dict[str, Quality] | None = None,
) -> Catalogue:
    """Read a catalogue without the settings of an agent.

    Raises:
        InputError: files are wrong; the message names each, and the field.
    """
    try:
        found = Catalogue(
            systems=load_systems(folders.systems),
            molds=load_molds(folders.molds),
            quality=quality or Quality(),
            quality_by_mold=quality_by_mold or {},
            sheets=load_sheets(folders.systems),
        )
        sets = load_applied(folders.parameter_sets, found.systems, found.molds)
        return found.with_sets(sets)
    except InputError as error:
        problems = list(_problems(folders)) or [error]  # the first is known, people want all
        words = "\n".join(dict.fromkeys(map(str, problems)))
        raise InputError(words, hint=problems[0].hint) from None


def load_molds(folder: Path) -> dict[str, Mold]:
    """Molds of a folder by id.

    Raises:
        InputError: there is no such folder, a file is wrong, or a mold stands twice.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of molds (catalogue.molds)")
    molds: dict[str, tuple[Mold, Path]] = {}
    for file in sorted(folder.glob("*.yaml")):
        mold = load_mold(file)
        if mold.mold_id in molds:
            raise InputError(
                f"{file}: mold_id: {mold.mold_id} stands twice, also in "
                f"{molds[mold.mold_id][1]}: rename one"
            )
        molds[mold.mold_id] = mold, file
    return {mold_id: mold for mold_id, (mold, _) in molds.items()}


def _problems(folders: CatalogueSettings) -> Iterator[InputError]:
    """Problems of each file for itself, and then of the folders."""
    checks: list[Callable[[], object]] = []
    loaders: dict[Path, Callable[[Path], object]] = {
        folders.molds: load_mold,
        folders.systems: _load_versions,
    }
    for folder, load in loaders.items():
        files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
        checks += [partial(load, file) for file in files if file.name != IN_USE]
    checks += [partial(load_molds, folders.molds), partial(load_systems, folders.systems)]
    checks.append(partial(load_in_use, folders.parameter_sets))
    for check in checks:
        try:
            check()
        except InputError as error:
            yield error


def _load_versions(file: Path) -> None:
    for system_id, versions in system_versions(file).items():
        for version in versions:
            load_version(file, system_id, version)


def changed_systems(old: Catalogue, new: Catalogue) -> Iterator[tuple[str, int, str]]:
    """(system_id, version now, words on what was before) of each system with other numbers."""
    for system_id, system in sorted(new.systems.items()):
        before = old.systems.get(system_id)
        if before is None:
            sheet = old.sheets.get(system_id)
            words = "new" if sheet is None else f"version {sheet.version} before, sheet only"
            yield system_id, system.version, words
        elif before.parameters_hash() != system.parameters_hash():
            same = before.version == system.version
            words = "other content" if same else f"version {before.version} before"
            yield system_id, system.version, words


def changed_sets(old: Catalogue, new: Catalogue) -> Iterator[tuple[MoldAndSystem, str, str]]:
    """(mold and system, set now, words on the set before) of each pair with another set."""
    for key in sorted(old.parameter_sets.keys() | new.parameter_sets.keys()):
        before, now = old.parameter_sets.get(key), new.parameter_sets.get(key)
        if before != now:
            names = [used.set_id if used else "no set" for used in (now, before)]
            yield key, names[0], f"{names[1]} before" if names[0] != names[1] else "other content"
