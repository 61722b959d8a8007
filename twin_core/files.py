"""Scenario, system and mold files; the disk itself is read by ``plain_files``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from twin_core.bulk_cure import CureChemistry, CureSeries
from twin_core.data_sheet_only import SheetOnly
from twin_core.errors import InputError
from twin_core.log_files.series import read_series
from twin_core.materials import MaterialSystem
from twin_core.mold import Mold
from twin_core.plain_files import read_text
from twin_core.scenario import Scenario
from twin_core.yaml_text import BYTES_MAX, parse_yaml

Model = TypeVar("Model", bound=BaseModel)
IN_USE = "in_use.yaml"
"""In a folder of systems: which versions were promoted."""

CURE_S = 30 * 86_400.0
"""A cure without foam is followed for a month at most."""


def configs_folder() -> Path:
    """The catalogue that comes with the product: ``configs/`` of a checkout, or in the package."""
    packaged = Path(__file__).parent / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "configs"


def shipped(path: Path, kind: str, suffix: str = "") -> Path:
    """The file or folder that a bare name stands for, if it is none itself.

    Args:
        path: as a person gave it: ``shot.yaml``, or ``use_case_1``.
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


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        InputError: the file is missing, no regular file, out of bounds (``yaml_text``), not YAML,
            or not a mapping.
    """
    text = read_text(path, BYTES_MAX)
    try:
        content = parse_yaml(text)
    except ValueError as error:
        raise InputError(f"{path}: cannot be read as YAML: {error}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold a mapping of fields, not {type(content).__name__}")
    if unnamed := [key for key in content if not isinstance(key, str)]:
        raise InputError(f"{path}: a field must have a name, not {_short(unnamed[0])}: quote it")
    return content


def parse(model: type[Model], content: object, where: str) -> Model:
    """Validate plain data; the error names the place and every wrong field.

    Raises:
        InputError: with one line per wrong field.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InputError("\n".join(describe(error, where, model=model))) from None


def describe(
    error: ValidationError,
    where: str | Callable[[tuple[int | str, ...]], str],
    secret: tuple[str, ...] = (),
    model: type[BaseModel] | None = None,
) -> Iterable[str]:
    """One line per wrong field of a pydantic error: place, field, what is wrong.

    Args:
        where: what was read: a file; or what gives it for the place of a field.
        secret: names of fields whose values are not shown.
        model: what was validated; a field that it does not have is told the nearest name.
    """
    for item in error.errors(include_url=False):
        path = ".".join(str(part) for part in item["loc"]) or "the whole"
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = "unknown field: correct its spelling or remove it"
            if model is not None and (near := nearest_field(model, item["loc"])) is not None:
                message = f"unknown field: is {near} meant? Correct its spelling or remove it"
        elif item["type"] == "missing":
            message = "is missing: add it"
        elif item["type"] == "string_type" and type(item.get("input")) in {int, float}:
            message = f"is a text: put it in quotes (found the number {_short(item['input'])})"
        elif path.rpartition(".")[2] in secret:
            pass
        elif isinstance(item.get("input"), (str, int, float, bool)):
            message += f" (found {_short(item['input'])})"
        yield f"{where if isinstance(where, str) else where(item['loc'])}: {path}: {message}"


def nearest_field(model: type[BaseModel], place: tuple[int | str, ...]) -> str | None:
    """The field of a model, or of a part of it, whose name is the most like the last of a place.

    Args:
        model: the outermost model.
        place: names and numbers from there to the unknown field.
    """
    inside = {model}
    for name in place[:-1]:
        fields = [found for one in inside if (found := one.model_fields.get(str(name)))]
        if fields:  # else an item of a list, a key of a mapping, or the tag of a union
            inside = {part for field in fields for part in _models_in(field.annotation)}
    names = [name for one in inside for name in one.model_fields]
    return next(iter(get_close_matches(str(place[-1]), names, n=1)), None)


def _models_in(annotation: Any) -> set[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {part for inner in get_args(annotation) for part in _models_in(inner)}


Entry = tuple[Path, dict[str, Any]]
"""A version of a system: its file and what stands there."""


def load_systems(path: Path) -> dict[str, MaterialSystem]:
    """Material systems by id from one file, a file with a ``systems:`` list, or a folder of files.

    Of several versions it is the one of ``versions_in_use``. Those of which only the data sheet is
    known are left out: ``load_sheets`` has them.

    Raises:
        InputError: a file is wrong, or a version of a system stands twice.
    """
    return {
        system.system_id: system
        for file, entry in _in_use(path)
        if "sheet_only" not in entry
        for system in [parse(MaterialSystem, entry, str(file))]
    }


def load_sheets(path: Path) -> dict[str, SheetOnly]:
    """Systems of which only the data sheet is known, from the same places.

    Raises:
        InputError: a file is wrong, or a version of a system stands twice.
    """
    return {
        sheet.system_id: sheet
        for file, entry in _in_use(path)
        if "sheet_only" in entry
        for sheet in [parse(SheetOnly, entry, str(file))]
    }


def load_version(path: Path, system_id: str, version: int) -> MaterialSystem | SheetOnly:
    """A version of a system, in use or not.

    Raises:
        InputError: there is none, or its file is wrong.
    """
    known = versions_of(path, system_id)
    if version not in known:
        listed = ", ".join(map(str, known))
        raise InputError(f"{path}: no version {version} of {system_id} (there are: {listed})")
    file, entry = known[version]
    return _parse_entry(entry, file)


def _parse_entry(entry: dict[str, Any], file: Path) -> MaterialSystem | SheetOnly:
    if "sheet_only" in entry:
        return parse(SheetOnly, entry, str(file))
    return parse(MaterialSystem, entry, str(file))


def versions_of(path: Path, system_id: str) -> dict[int, Entry]:
    """File and content of each version of a system, lowest version first.

    Raises:
        InputError: there is no such system, a file is wrong, or a version stands twice.
    """
    known = system_versions(path)
    _must_be_one_of(known, system_id, "no system", path)
    return known[system_id]


def system_versions(path: Path) -> dict[str, dict[int, Entry]]:
    """The same of every system, by id."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder of material systems")
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    found: dict[str, dict[int, Entry]] = {}
    for file in files:
        if path.is_dir() and file.name == IN_USE:
            continue
        content = read_yaml(file)
        entries = content["systems"] if isinstance(content.get("systems"), list) else [content]
        for entry in entries:
            if not isinstance(entry, dict):
                raise InputError(f"{file}: systems: must be a list of systems, not {_short(entry)}")
            system_id, version = entry.get("system_id"), entry.get("version")
            if not isinstance(system_id, str) or type(version) is not int:
                _parse_entry(entry, file)  # refused, by the names of its wrong fields
                raise InputError(
                    f"{file}: version: must be a whole number (found {_short(version)})"
                )
            versions = found.setdefault(system_id, {})
            if version in versions:
                raise InputError(
                    f"{file}: version {version} of system {system_id} stands twice, also in "
                    f"{versions[version][0]}: give one another version, or remove it"
                )
            versions[version] = file, entry
    return {system_id: dict(sorted(versions.items())) for system_id, versions in found.items()}


class SystemInUse(BaseModel):
    """Which version of a system is in use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[int, Field(ge=1)]
    earlier: list[Annotated[int, Field(ge=1)]] = []
    """Which were before, oldest first: where ``rollback`` goes."""


class SystemsInUse(BaseModel):
    """``in_use.yaml`` in a folder of systems: what ``systems promote`` has put into use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    systems: dict[str, SystemInUse] = {}


def systems_in_use(path: Path) -> dict[str, SystemInUse]:
    """What was promoted in a folder of systems, by id; empty where nothing was.

    Raises:
        InputError: the file is damaged.
    """
    file = path / IN_USE
    if not file.is_file():
        return {}
    return parse(SystemsInUse, read_yaml(file), str(file)).systems


def versions_in_use(path: Path) -> dict[str, int]:
    """The version of each system that is in use, by id.

    It is the one that was promoted. Where none was: that of the file named after the system, else
    the lowest. So a new version beside it changes nothing until it is promoted.

    Raises:
        InputError: a file is wrong, or what was promoted is not there.
    """
    return _chosen(path, system_versions(path))


def _chosen(path: Path, known: Mapping[str, dict[int, Entry]]) -> dict[str, int]:
    promoted = systems_in_use(path)
    for system_id in promoted:
        _must_be_one_of(known, system_id, f"{path / IN_USE}: systems: no system", path)
    return {
        system_id: _choose(path, system_id, versions, promoted.get(system_id))
        for system_id, versions in known.items()
    }


def file_of(path: Path, system_id: str) -> Path:
    """The file in which a system of ``load_systems`` or ``load_sheets`` stands."""
    return versions_of(path, system_id)[versions_in_use(path)[system_id]][0]


def _choose(
    path: Path,
    system_id: str,
    versions: dict[int, Entry],
    promoted: SystemInUse | None,
) -> int:
    if promoted is None:
        return min(versions, key=lambda version: (versions[version][0].stem != system_id, version))
    if promoted.version not in versions:
        listed = ", ".join(map(str, versions))
        raise InputError(
            f"{path / IN_USE}: systems.{system_id}.version: no version {promoted.version} here "
            f"(there are: {listed}): bring its file back, or promote another version"
        )
    return promoted.version


def _in_use(path: Path) -> list[Entry]:
    known = system_versions(path)
    return [known[system_id][version] for system_id, version in _chosen(path, known).items()]


def load_mold(path: Path) -> Mold:
    """A mold from its file; the file's name is the default ``mold_id``."""
    return parse(Mold, {"mold_id": path.stem, **read_yaml(path)}, str(path))


def load_scenario(
    path: str | Path, systems: str | Path | None = None, system_id: str | None = None
) -> Scenario:
    """A scenario from its YAML file.

    Args:
        path: a file with ``process``, ``mold`` (inline, or the id of a mold in the catalogue),
            and ``system_id`` or a whole material under ``system``; optional ``quality`` and
            ``simulation``. Or the name of a scenario of the catalogue: ``use_case_1``.
        systems: file or folder with the material systems; None takes the catalogue.
        system_id: simulate this system of ``systems`` instead of the file's own.

    Raises:
        InputError: names the file and each wrong field.
    """
    path = shipped(Path(path), "scenarios", ".yaml")
    content = {"scenario_id": path.stem, **read_yaml(path)}
    own_id = content.pop("system_id", None)
    if (own_id is None) == ("system" not in content):
        raise InputError(f"{path}: give either system_id or a whole material under system")
    system_id = own_id if system_id is None else system_id
    if system_id is not None:
        folder = Path(systems) if systems else configs_folder() / "systems"
        known = load_systems(folder)
        if isinstance(system_id, str) and system_id not in known:
            sheets = load_sheets(folder)
            if system_id in sheets:
                raise sheets[system_id].refusal()
        _must_be_one_of(known, system_id, f"{path}: system_id: no system", folder)
        content["system"] = known[system_id]
    if isinstance(content.get("mold"), str):
        folder = configs_folder() / "molds"
        molds = {file.stem: file for file in folder.glob("*.yaml")}
        _must_be_one_of(molds, content["mold"], f"{path}: mold: no mold", folder)
        content["mold"] = load_mold(molds[content["mold"]])
    return parse(Scenario, content, str(path))


def load_cure(path: Path) -> tuple[CureChemistry, list[CureSeries]]:
    """A cure chemistry and its measured series, from files beside it.

    Raises:
        InputError: a file is wrong; the message names it.
    """
    chemistry = parse(CureChemistry, read_yaml(path), str(path))
    series = []
    for given in chemistry.series:
        found = read_series(path.parent / given.file, {"c_OH": None}, time="t_s", longest_s=CURE_S)
        there = ~np.isnan(found.columns["c_OH"])
        if not there.any():
            raise InputError(f"{path.parent / given.file}: holds no readings of c_OH")
        series.append(CureSeries(given, found.time_s[there], found.columns["c_OH"][there]))
    return chemistry, series


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _must_be_one_of(known: Iterable[str], name: object, what: str, folder: Path) -> None:
    listed = sorted(known)
    if name not in listed:
        raise InputError(f"{what} {name!r} in {folder} (there are: {', '.join(listed) or 'none'})")
