"""A shot to ask what if of: a panel of the catalogue, and settings of an agent with its pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_agent.config.settings import Settings
from tests.support.agents import settings_for

BASE: dict[str, Any] = {
    "system_id": "RIGID_PANEL",
    "mold": "PANEL_500x500x50",
    "process": {
        "m_polyol_kg": 0.191,
        "m_iso_kg": 0.341,
        "T_polyol_C": 23.0,
        "T_iso_C": 23.0,
        "T_mold_C": 40.0,
        "T_ambient_C": 23.0,
        "RH_ambient_pct": 50.0,
    },
}


def web_settings(folder: Path, **web: Any) -> Settings:
    """Settings with a section ``web``."""
    learning = {"models": folder / "models"}
    return settings_for(folder, 1883, web=web, learning=learning)
