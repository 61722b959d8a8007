"""Files that come with the product: systems, molds, scenarios, quality limits, logged shots."""

from __future__ import annotations

from pathlib import Path

from twin_core.errors import InputError


def configs_folder() -> Path:
    """The catalogue that comes with the product: ``configs/`` of a checkout, or in the package."""
    packaged = Path(__file__).parent / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "configs"


def shipped(path: Path, kind: str, suffix: str = "") -> Path:
    """The file or folder that a bare name stands for, if it is none itself.

    Args:
        path: as a person gave it: ``shot.yaml``, or ``rigid_panel``.
        kind: folder of the catalogue: ``scenarios``, ``bundles``.
        suffix: of its files.

    Raises:
        InputError: it is a bare name, and neither a file nor anything of the catalogue.
    """
    if path.exists() or path.suffix or path.parent != Path():
        return path
    folder = configs_folder() / kind
    known = {file.name.removesuffix(suffix): file for file in folder.glob(f"*{suffix}")}
    if path.name not in known:
        raise InputError(
            f"{path}: no such file, and nothing of this name comes with the product "
            f"({kind} are: {', '.join(sorted(known))})"
        )
    return known[path.name]
