"""Parts of the configuration that may change while the agent runs, and those that may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from edge_agent.config.catalogue import Catalogue, load_catalogue
from edge_agent.config.settings import Settings
from edge_agent.errors import SettingsError

LIVE = (
    "presses",
    "catalogue",
    "shots",
    "quality",
    "quality_by_mold",
    "learning",
    "log",
    "broker.tls",
    "broker.username",
    "broker.password",
    "broker.password_file",
    "broker.reconnect_max_s",
)
"""Fields and sections that may change; the rest is what spool, history or sessions stand on."""
CREDENTIALS = ("broker.tls", "broker.username", "broker.password", "broker.password_file")
"""Of these, what a session is opened with: they are opened anew."""


@dataclass(frozen=True)
class Renewal:
    """A new configuration that can be put into force as a whole."""

    settings: Settings
    catalogue: Catalogue
    changed: list[str]

    @property
    def reconnect(self) -> bool:
        """Must open sessions be opened anew?"""
        return any(_below(field, CREDENTIALS) for field in self.changed)


def renewal(old: Settings, load: Callable[[], Settings]) -> Renewal:
    """Read the configuration and the catalogue again.

    Raises:
        InputError: something in them is wrong, or differs and cannot change now; all is named.
    """
    new = load()
    changed = list(changed_fields(old.model_dump(), new.model_dump()))
    fixed = [field for field in changed if not _below(field, LIVE)]
    if fixed:
        raise SettingsError(
            "\n".join(f"{field}: cannot change while the agent runs: restart it" for field in fixed)
        )
    return Renewal(new, load_catalogue(new), changed)


def changed_fields(old: dict[str, Any], new: dict[str, Any], head: str = "") -> Iterator[str]:
    """Names of the fields that differ, as ``section.field``."""
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            yield from changed_fields(before, after, f"{head}{name}.")
        else:
            yield f"{head}{name}"


def _below(field: str, names: tuple[str, ...]) -> bool:
    return any(field == name or field.startswith(f"{name}.") for name in names)
