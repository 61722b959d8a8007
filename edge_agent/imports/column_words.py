"""Fields that the name of a foreign column speaks for, by the words of the trade."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from edge_agent.mapping.tag_words import Role, meanings_of, words_of

_PHYSICAL = "temperature pressure flow force humidity speed power density hardness mass time"


def _role(name: str, needs: str, without: str = "", kind: str = "number") -> Role:
    return Role(name, frozenset(needs.split()), frozenset(without.split()), kind)


ROLES = (
    _role("measured_at", "laboratory time", kind="time"),
    _role("opened_at", "demold time", kind="time"),
    _role("opened_at", "open time", kind="time"),
    _role("poured_at", "pour time", kind="time"),
    _role("poured_at", "shot time", kind="time"),
    _role("poured_at", "start time", kind="time"),
    _role("opened_at", "demold", kind="time"),
    _role("poured_at", "pour", kind="time"),
    _role("poured_at", "time", "demold laboratory", kind="time"),
    _role("lot_polyol", "lot polyol", kind="text"),
    _role("lot_isocyanate", "lot iso", kind="text"),
    _role("lot_additives", "lot additive", kind="text"),
    _role("lot_polyol", "lot", kind="text"),
    _role("order_id", "order", kind="text"),
    _role("H_demold_shore", "hardness demold"),
    _role("H_24h_shore", "hardness"),
    _role("rho_free_rise_kg_per_m3", "density free_rise"),
    _role("rho_moulded_kg_per_m3", "density"),
    _role("t_demold_actual_s", "demold"),
    _role("t_demold_actual_s", "mold open time"),
    _role("T_polyol_C", "temperature polyol"),
    _role("T_iso_C", "temperature iso"),
    _role("T_core_C", "temperature core"),
    _role("T_ambient_C", "temperature ambient"),
    _role("T_mold_C", "temperature mold"),
    _role("RH_ambient_pct", "humidity"),
    _role("p_cavity_bar", "pressure cavity"),
    _role("p_cavity_bar", "pressure mold"),
    _role("p_mix_bar", "pressure head"),
    _role("p_cavity_bar", "pressure", "polyol iso"),
    _role("m_polyol_kg", "polyol", "temperature pressure flow lot"),
    _role("m_iso_kg", "iso", "temperature pressure flow lot"),
    _role("m_additives_kg", "additive", "temperature lot"),
    _role("vent_open_fraction", "vent"),
    _role("power_W", "power"),
    _role("n_mixer_rpm", "speed mixer"),
    _role("T_core_C", "core", "pressure"),
    _role("scrap", "scrap", kind="text"),
    _role("simulated", "simulated", kind="text"),
    _role("shot_id", "shot number", "mold", kind="text"),
    _role("shot_id", "shot counter", "mold", kind="text"),
    _role("mold_id", "mold", _PHYSICAL, kind="text"),
    _role("shot_id", "shot", _PHYSICAL, kind="text"),
    _role("shot_id", "running number", "mold lot order", kind="text"),
    _role("defects", "defect", kind="text"),
    _role("quality_status", "status", "press", kind="text"),
    _role("operator", "operator", kind="text"),
    _role("note", "note", kind="text"),
    _role("system_id", "system", _PHYSICAL, kind="text"),
    _role("press", "press", f"{_PHYSICAL} status", kind="text"),
)
"""Roles of columns; the first that fits counts."""
SENSORS = frozenset(
    {"T_core_C", "p_cavity_bar", "T_mold_C", "vent_open_fraction", "power_W", "n_mixer_rpm"}
    | {"p_mix_bar", "T_polyol_C", "T_iso_C", "T_ambient_C"}
)
"""Of these fields those that may be readings over time."""
LONG = {"signal": "signal", "value": "value", "unit": "unit"}
"""Columns of the long form beside shot and time, by what their names mean."""


def roles_of(name: str, kinds: Collection[str]) -> Iterator[Role]:
    """Roles that a column's name speaks for, the most likely first.

    Args:
        name: of the column.
        kinds: what its cells can be: ``number``, ``text``, ``time``.
    """
    meanings = meanings_of(name)
    for role in ROLES:
        if role.kind in kinds and role.needs <= meanings and role.without.isdisjoint(meanings):
            yield role


NAMES = frozenset({"name", "bezeichnung", "nazwa", "quantity", "grosse", "groesse"})
"""Words that alone name the column of signals, where values stand beside it."""


def long_column(name: str) -> str | None:
    """Whether a column is that of signals, values or units of the long form, by its name.

    Returns:
        ``signal``, ``value``, ``unit``; ``name`` of one that may be that of signals; else None.
    """
    meanings = meanings_of(name)
    found = next((found for meaning, found in LONG.items() if meaning in meanings), None)
    return "name" if found is None and NAMES.issuperset(words_of(name)) else found
