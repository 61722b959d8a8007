"""Words of forms, alerts and what if that stand in no template: every text is in the catalogues."""

from __future__ import annotations

from collections.abc import Iterator

from broker.alert_codes import ALERT_CODES
from edge_agent.web.results import csv_file, fields
from twin_core.set_points import SET_POINTS

LABELS = {
    "rho_moulded_kg_per_m3": "Density of the part",
    "H_demold_shore": "Hardness at demolding",
    "H_24h_shore": "Hardness after 24 hours",
}
"""Numbers of the form."""
COMMON_DEFECTS = (
    *("void", "sink mark", "short shot", "blister", "crack", "shrinkage", "swelling"),
    *("sticking", "delamination", "discoloration"),
)
SEVERITIES = ("critical", "warning", "info")
CLOSED_BY = {
    "condition": "over",
    "acknowledgement": "closed by a person",
    "replaced": "followed by another level",
    "crowded": "closed: too many were open",
    "moved": "of an agent that no longer has the press",
}
SLIDERS = (
    ("T_polyol_C", "Polyol", "°C", "0.5"),
    ("T_iso_C", "Isocyanate", "°C", "0.5"),
    ("T_mold_C", "Mold", "°C", "0.5"),
    ("T_ambient_C", "Hall", "°C", "0.5"),
    ("RH_ambient_pct", "Humidity", "%", "1"),
    ("nco_oh_index", "Index", "", "0.01"),
    ("mass_kg", "Mass of the shot", "kg", "0.001"),
    ("vents_count", "Vents", "", "1"),
    ("thickness_mm", "Thickness", "mm", "1"),
    ("opened_s", "Opening after", "s", "5"),
)
"""Name, label, unit and step."""
FIGURES = (
    ("t_demold_min_s", "Earliest opening", "s", 0),
    ("t_demold_opt_s", "Best opening", "s", 0),
    ("t_demold_max_s", "Latest opening", "s", 0),
    ("earliest", "Decided by", "", 0),
    ("opened_swell_mm", "Swell when opened as chosen", "mm", 2),
    ("rho_moulded_kg_per_m3", "Density of the part", "kg/m³", 1),
    ("p_max_bar", "Peak pressure", "bar", 2),
    ("T_core_max_C", "Peak core temperature", "°C", 1),
    ("H_demold_shore", "Hardness at demolding", "Shore", 0),
    ("H_24h_shore", "Hardness after 24 hours", "Shore", 0),
    ("quality_status", "Quality", "", 0),
)
"""Name, label, unit and digits."""
CHARTS = (
    ("T_core_C", "Core temperature", "°C"),
    ("p_cavity_bar", "Pressure in the cavity", "bar"),
    ("alpha", "Degree of cure", ""),
    ("swell_mm", "Swell against the opening time", "mm"),
)
GOALS = (
    ("cycle_s", "Cycle", "s", 0),
    ("material_kg", "Material", "kg", 3),
    ("pressure_bar", "Peak pressure", "bar", 2),
    ("quality_margin", "Quality margin", "%", 1),
    ("energy_kWh", "Energy", "kWh", 3),
)
"""Name, label, unit and digits."""
_SETTINGS = (
    ("T_polyol_C", "Polyol", "°C", 1),
    ("T_iso_C", "Isocyanate", "°C", 1),
    ("T_mold_C", "Mold", "°C", 1),
    ("nco_oh_index", "Index", "", 3),
    ("m_total_kg", "Mass of the shot", "kg", 3),
    ("m_additives_kg", "Additives", "kg", 3),
    ("blowing_agent_pct", "Blowing agent", "%", 2),
    ("vents_count", "Vents", "", 0),
)
SETTINGS = tuple((*one, SET_POINTS[one[0]].step) for one in _SETTINGS)
"""Name, label, unit, digits and step of what may be changed: steps that a press can be set to."""
JOB_STATES = {
    "queued": "waits",
    "running": "runs",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
    "interrupted": "interrupted: the server ended",
}
OPTIMIZE_SCRIPT = {
    **JOB_STATES,
    "no_answer": "No answer:",
    "not_found": "Nothing is feasible. The nearest settings miss:",
    "partial": "A part of the result: the job did not run to its end. Nothing of it is advised.",
    "unconfirmed": "This point was not confirmed on fresh draws: it is not advised.",
    "advised": "The advice was sent to the press.",
    "advise": "Advise this to {mold} on {press}",
    "searched_on": "Searched for mold {mold} on {press}",
    "searched": "Searched for mold {mold}",
    "opening": "Opening after the pour",
    "violations": "Limits missed, share of the draws",
    "best": "best so far",
}
"""Words that the script of the page needs, by its names."""
SCRIPT = {
    "cure": "cure",
    "gel": "gel",
    "skin": "skin",
    "hardness": "hardness",
    "strength": "strength",
    "swell": "swell",
    "shrink": "shrinkage",
    "wall_temperature": "skin too hot",
    "adhesion": "wall too cold",
    "trimming": "part too cold",
    "pressure": "pressure",
    "cycle": "longest cycle",
    "OK": "good part",
    "MARGINAL": "just good",
    "FAIL": "bad part",
    "no_answer": "No answer:",
    "saved": "Saved.",
}
"""Words that the script of what if needs, by its names."""


def all_words() -> Iterator[str]:
    """Every text of this module, and of the faults of fields and tables, for the catalogues."""
    yield from (*LABELS.values(), *COMMON_DEFECTS, *SEVERITIES, *CLOSED_BY.values())
    for name_and_more in (*SLIDERS, *FIGURES, *CHARTS):
        yield str(name_and_more[1])
    yield from (goal[1] for goal in GOALS)
    yield from (setting[1] for setting in SETTINGS)
    yield from (*SCRIPT.values(), *OPTIMIZE_SCRIPT.values(), *ALERT_CODES.values())
    for module in (fields, csv_file):
        yield from module.WORDS
