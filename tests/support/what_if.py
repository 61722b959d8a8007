"""A shot to ask what if of: a panel of the catalogue, and settings of an agent with its pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_agent.config.settings import Settings
from edge_agent.web.pages.what_if import EXAMPLE
from tests.support.agents import settings_for

BASE = {name: EXAMPLE[name] for name in ("system_id", "mold", "process")}


def web_settings(folder: Path, **web: Any) -> Settings:
    """Settings with a section ``web``."""
    learning = {"models": folder / "models"}
    return settings_for(folder, 1883, web=web, learning=learning)
