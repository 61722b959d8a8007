"""Fields of a shot that a foreign column can be, by the names of the contract."""

from __future__ import annotations

from functools import lru_cache

from broker.messages.bad_results import BOUNDS
from broker.messages.inbound import QUALITY_NAMES
from broker.messages.recipe import RECIPE_NAMES, Recipe
from edge_agent.logged_shots.bundle import REFERENCES
from edge_agent.mapping.units import unit_of_name

ID_FIELDS = ("shot_id", "mold_id", "system_id", "press", "site")
TEXT_FIELDS = frozenset(
    {*ID_FIELDS, *REFERENCES, "operator", "defects", "quality_status", "note", "scrap", "simulated"}
)
TIME_FIELDS = frozenset({"poured_at", "opened_at", "measured_at"})
"""The end of injection, the opening of the mold, the laboratory's measurement."""
RECIPE_FIELDS = tuple(Recipe.model_fields)
RESULT_FIELDS = tuple(BOUNDS)
FIELDS = (
    *("shot_id", "poured_at", "opened_at", "t_demold_actual_s"),
    *ID_FIELDS[1:],
    *RECIPE_FIELDS,
    *REFERENCES,
    "operator",
    *RESULT_FIELDS,
    *("defects", "scrap", "quality_status", "note", "measured_at", "simulated"),
)
_OLDER = {
    **RECIPE_NAMES,
    **QUALITY_NAMES,
    "timestamp_start": "poured_at",
    "line_id": "press",
    "pentane_pct": "blowing_agent_pct",
}
"""Names of the first generation."""


def current_name(name: str) -> str:
    """The field that a name means: itself, or what one of the first generation is called now."""
    return _OLDER.get(name, name)


def older_names(name: str) -> list[str]:
    """Names that a field had in the first generation."""
    return [older for older, current in _OLDER.items() if current == name]


@lru_cache(maxsize=1024)
def unit_of_field(name: str) -> str | None:
    """Unit of a field or sensor; None of one without."""
    return "kg/m³" if name.endswith("_kg_per_m3") else unit_of_name(name)
