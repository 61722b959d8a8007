"""Systems and molds for the shots of a history or of bundles: named, configured, or beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.config.catalogue import Catalogue
    from edge_agent.config.settings import CatalogueSettings, Settings


def folder_of(history: str | None, bundles: Path | None) -> Path | None:
    """Where the shots lie on disk, if they do: their molds and systems may lie beside them."""
    if bundles is not None:
        return bundles
    if history is None or history.startswith(("postgresql://", "postgres://")):
        return None
    return Path(history).parent


def folders_of(
    settings: Settings | None, systems: Path | None, molds: Path | None, beside: Path | None
) -> tuple[CatalogueSettings, str]:
    """Where systems and molds are read, and words on it: as asked for, else configured or found."""
    from edge_agent.config.settings import CatalogueSettings

    folders = CatalogueSettings() if settings is None else settings.catalogue
    words = []
    for name, given in (("systems", systems), ("molds", molds)):
        why = "catalogue of the product" if settings is None else "of the configuration"
        place: Path = getattr(folders, name)
        if given is not None:
            place, why = given, "as asked for"
        elif settings is None and beside is not None and any((beside / name).glob("*.yaml")):
            place, why = beside / name, "beside the shots"
        folders = folders.model_copy(update={name: place})
        words.append(f"{name}: {place} ({why})")
    return folders, "\n".join(words)


def catalogue_in(settings: Settings | None, folders: CatalogueSettings) -> Catalogue:
    """Systems and molds of these folders, with the quality that the settings ask for.

    Raises:
        InputError: a file is wrong.
    """
    from edge_agent.config.catalogue import read_catalogue

    if settings is None:
        return read_catalogue(folders)
    return read_catalogue(folders, settings.quality, settings.quality_by_mold)
