"""A logged shot beside a scenario: where they are not the same shot."""

from __future__ import annotations

import numpy as np

from edge_agent.logged_shots.bundle import Bundle
from twin_core.scenario import Scenario


def differences(bundle: Bundle, scenario: Scenario) -> list[str]:
    """Fields that the log says and the scenario says otherwise: ``mold_id: A in the log, B``."""
    meta, found = bundle.meta, []
    for field, logged, used in (
        ("system_id", meta.system_id, scenario.system.system_id),
        ("mold_id", meta.mold_id, scenario.mold.mold_id),
    ):
        if field in meta.model_fields_set and logged != used:
            found.append(f"{field}: {logged} in the log, {used}")
    for name in type(scenario.process).model_fields:
        logged_value = getattr(bundle.recipe, name, None)
        used_value = getattr(scenario.process, name)
        if logged_value is None or used_value is None:
            continue
        if not np.isclose(logged_value, used_value, rtol=1e-6, atol=1e-9):
            found.append(f"{name}: {logged_value:g} in the log, {used_value:g}")
    return found
