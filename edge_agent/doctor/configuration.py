"""Everything that is wrong with a configuration and the files it names, at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from edge_agent.config.catalogue import Catalogue, load_catalogue
from edge_agent.config.effective import Setting, effective_settings, usable_sections
from edge_agent.config.layers import read_layers
from edge_agent.config.settings import Settings, settings_of
from edge_agent.links.tls import password_of, tls_context
from edge_agent.presses.session_ids import kept_file, session_ids
from twin_core.errors import InputError, TwinError
from twin_core.mold import Mold
from twin_core.scenario import Quality


@dataclass(frozen=True)
class Checked:
    """A configuration that was looked at."""

    settings: Settings | None
    """None: it cannot be used."""
    effective: list[Setting] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Each names file or variable, field, and the way out."""
    files: list[Path] = field(default_factory=list)
    """That it was read from."""
    hint: str = ""
    """Way out where no file can be read."""


def check_configuration(path: Path) -> Checked:
    """Read a configuration as an agent would, and go on after the first problem."""
    try:
        layers = read_layers(path)
    except InputError as error:
        return Checked(None, problems=_lines(error), hint=error.hint)
    settings, problems = settings_of(layers)
    usable = settings or usable_sections(layers)
    problems += problems_beyond(usable)
    return Checked(
        settings,
        effective_settings(layers, settings),
        list(dict.fromkeys(problems)),
        [layer.path for layer in layers],
    )


def problems_beyond(settings: Settings) -> Iterator[str]:
    """Problems although every field is right for itself: files, secrets, limits, catalogue."""
    broker, secrets = settings.broker, settings.broker.session_secret_file
    has_secret = secrets or broker.session_secret or kept_file(settings).exists()
    checks: list[Callable[[], object]] = [
        partial(tls_context, broker.tls),
        partial(password_of, broker),
        settings.history.address,
    ]
    if has_secret or settings.share.group is not None:  # else the agent makes one
        checks.append(partial(session_ids, settings))
    for check in checks:
        try:
            check()
        except TwinError as error:
            yield from _lines(error)
    catalogue = None
    try:
        catalogue = load_catalogue(settings)
    except InputError as error:
        yield from _lines(error)
    yield from _contradictions(settings, catalogue)


def _contradictions(settings: Settings, catalogue: Catalogue | None) -> Iterator[str]:
    molds = {} if catalogue is None else catalogue.molds
    yield from _limits("quality", settings.quality, molds.values())
    for mold_id, quality in settings.quality_by_mold.items():
        if catalogue is not None and mold_id not in molds:
            yield (
                f"quality_by_mold.{mold_id}: no such mold in the catalogue "
                f"(there are: {', '.join(sorted(molds))})"
            )
        own = [molds[mold_id]] if mold_id in molds else []
        yield from _limits(f"quality_by_mold.{mold_id}", quality, own)
    limits = {"quality": settings.quality} | {
        f"quality_by_mold.{mold_id}": quality
        for mold_id, quality in settings.quality_by_mold.items()
    }
    for name, quality in limits.items():
        if quality.t_cycle_max_s > settings.shots.timeout_s:
            yield (
                f"shots.timeout_s: {settings.shots.timeout_s:g} s is shorter than "
                f"{name}.t_cycle_max_s {quality.t_cycle_max_s:g} s: a shot would be closed before "
                "its window ends: raise it"
            )


def _limits(name: str, quality: Quality, molds: Iterable[Mold]) -> Iterator[str]:
    """Limits that no part can keep, or of which one never decides."""
    at_once, later = quality.H_demold_min_shore, quality.H_24h_min_shore
    if at_once is not None and later is not None and later < at_once:
        yield (
            f"{name}.H_24h_min_shore: {later:g} is below H_demold_min_shore {at_once:g}, and foam "
            "grows harder: it would never decide; are the two exchanged?"
        )
    for mold in molds:
        if quality.p_max_allowable_bar <= mold.p_ambient_bar:
            yield (
                f"{name}.p_max_allowable_bar: {quality.p_max_allowable_bar:g} is not above the "
                f"ambient pressure at mold {mold.mold_id} ({mold.p_ambient_bar:g} bar): no part "
                "could pass; pressures are absolute, so add 1 to one that is not"
            )
        for limit in ("core_temp_max_C", "T_wall_max_C"):
            value = getattr(quality, limit)
            if value is not None and mold.T_set_C is not None and value <= mold.T_set_C:
                yield (
                    f"{name}.{limit}: {value:g} is not above the set temperature of mold "
                    f"{mold.mold_id} ({mold.T_set_C:g} °C): no part could pass"
                )


def _lines(error: TwinError) -> list[str]:
    return str(error).splitlines()
