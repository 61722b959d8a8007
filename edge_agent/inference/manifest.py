"""Files of a model directory that are read as data: manifest of a version, state of a name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from broker.timestamps import Timestamp
from twin_core.checked_yaml import mapping_in, parse, read_yaml
from twin_core.errors import InputError
from twin_core.plain_files import text_of

MODEL, MANIFEST, STATE = "model.onnx", "manifest.yaml", "state.yaml"
MANIFEST_BYTES_MAX = 200_000
"""Scores of ten unseen feature sets take 10 kB."""
STATE_BYTES_MAX = 20_000
"""More than 2,000 promotions."""
NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,31}$"
VERSION_PATTERN = r"[1-9][0-9]{0,8}"
"""Of the name of a version's folder."""
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
VERSION_MAX = 999_999_999
Version = Annotated[int, Field(ge=1, le=VERSION_MAX)]


class Manifest(BaseModel):
    """Manifest of a version, beside its file."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Name
    version: Version
    trained_at: Timestamp
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of ``model.onnx``."""
    bytes_count: Annotated[int, Field(gt=0)]
    known_at: Literal["pour", "live", "demold"]
    physics_hash: str
    feature_schema: str
    git_commit: str
    simulated_share: float
    """Share of the shots learned from that a simulator made."""
    metrics: dict[str, Any] = {}
    """Scores by part of the test and target."""

    @property
    def label(self) -> str:
        """Name as in a prediction: ``pour/3``."""
        return f"{self.name}/{self.version}"


class State(BaseModel):
    """Versions of a model that are in use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    promoted: Version | None = None
    shadow: Version | None = None
    """A candidate that answers too, for comparison only."""
    earlier: list[Version] = []
    """What was promoted before, oldest first: where ``rollback`` goes."""


def manifest_of(content: bytes, path: Path) -> Manifest:
    """The manifest in a file, if it is that of the version whose folder holds it.

    Args:
        content: of the file.
        path: of the file: ``…/NAME/VERSION/manifest.yaml``.

    Raises:
        InputError: it is damaged, or of another version.
    """
    found = parse(Manifest, mapping_in(text_of(content, path), path), str(path))
    folder = path.parent
    for field, said, lies in (
        ("name", found.name, folder.parent.name),
        ("version", str(found.version), folder.name),
    ):
        if said != lies:
            raise InputError(
                f"{path}: {field}: is {said}, but it lies in {folder.parent.name}/{folder.name}: a "
                "copy of a version is none of its own; remove it, or put it back where it belongs"
            )
    return found


def read_state(path: Path, inside: Path) -> State:
    """Which versions of a name are in use.

    Raises:
        InputError: the file is damaged.
    """
    return parse(State, read_yaml(path, STATE_BYTES_MAX, inside), str(path))


def check_name(name: str) -> str:
    """The name of a model, if it may be one.

    Raises:
        InputError: it may not.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise InputError(f"model name {name!r}: small letters, digits, - and _, 32 at most")
    return name
