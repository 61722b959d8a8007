"""Panels of any system, thickness, packing and wall for tests of the demold window."""

from __future__ import annotations

import random
from typing import Any

from edge_agent.report.validation_panels import SYSTEMS, free_rise, panel_of

__all__ = ["SYSTEMS", "free_rise", "panel_of", "random_panels"]


def random_panels(count: int, seed: int) -> list[dict[str, Any]]:
    """Arguments of ``panel_of``: walls 30 to 60 C, 20 to 100 mm, packing 1.05 to 1.5."""
    rng = random.Random(seed)
    return [
        {
            "system_id": rng.choice(SYSTEMS),
            "thickness_mm": rng.uniform(20.0, 100.0),
            "packing": rng.uniform(1.05, 1.5),
            "wall_C": rng.uniform(30.0, 60.0),
        }
        for _ in range(count)
    ]
