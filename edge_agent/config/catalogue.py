"""Material systems, molds and quality limits by id: what the recipe's names mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from edge_agent.config.settings import CatalogueSettings, Settings
from twin_core.data_sheet_only import SheetOnly
from twin_core.errors import InputError
from twin_core.files import load_mold, load_sheets, load_systems
from twin_core.materials import MaterialSystem
from twin_core.mold import Mold
from twin_core.scenario import Quality


@dataclass(frozen=True)
class Catalogue:
    """Everything a recipe can refer to."""

    systems: dict[str, MaterialSystem]
    molds: dict[str, Mold]
    quality: Quality
    quality_by_mold: dict[str, Quality]
    sheets: dict[str, SheetOnly] = field(default_factory=dict)
    """Systems that cannot be simulated, for want of numbers."""

    def quality_of(self, mold_id: str) -> Quality:
        """What parts of a mold must reach."""
        return self.quality_by_mold.get(mold_id, self.quality)


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
    """The same without the settings of an agent.

    Raises:
        InputError: a file is wrong; the message names it and the field.
    """
    if not folders.molds.is_dir():
        raise InputError(f"{folders.molds}: no such folder of molds (catalogue.molds)")
    molds = [load_mold(file) for file in sorted(folders.molds.glob("*.yaml"))]
    return Catalogue(
        systems=load_systems(folders.systems),
        molds={mold.mold_id: mold for mold in molds},
        quality=quality or Quality(),
        quality_by_mold=quality_by_mold or {},
        sheets=load_sheets(folders.systems),
    )


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
