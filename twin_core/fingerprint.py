"""The fingerprint of the physics: a hash over the sources that a simulation runs through."""

from __future__ import annotations

import hashlib
from pathlib import Path

SOURCES = (
    "twin_core.arrays",
    "twin_core.backends",
    "twin_core.batch",
    "twin_core.compiled",
    "twin_core.data_sheet",
    "twin_core.errors",
    "twin_core.extras",
    "twin_core.fingerprint",
    "twin_core.materials",
    "twin_core.models",
    "twin_core.models.derivatives",
    "twin_core.models.foam",
    "twin_core.models.heat_balance",
    "twin_core.models.layers",
    "twin_core.models.limits",
    "twin_core.models.manual",
    "twin_core.models.newton",
    "twin_core.models.observe",
    "twin_core.models.part_properties",
    "twin_core.models.problem",
    "twin_core.models.release",
    "twin_core.models.setup",
    "twin_core.models.skin",
    "twin_core.models.state",
    "twin_core.models.step_loop",
    "twin_core.mold",
    "twin_core.parameters",
    "twin_core.physics",
    "twin_core.physics.blowing",
    "twin_core.physics.gas",
    "twin_core.physics.kinetics",
    "twin_core.physics.mechanics",
    "twin_core.physics.rheology",
    "twin_core.physics.rise",
    "twin_core.physics.stoichiometry",
    "twin_core.physics.thermal",
    "twin_core.physics.vents",
    "twin_core.results",
    "twin_core.results.assessment",
    "twin_core.results.audit",
    "twin_core.results.demold_window",
    "twin_core.results.kpi",
    "twin_core.results.result",
    "twin_core.results.summary",
    "twin_core.results.window_result",
    "twin_core.scenario",
    "twin_core.single_shot",
    "twin_core.solvers",
    "twin_core.solvers.base",
    "twin_core.solvers.rosenbrock",
    "twin_core.trajectory",
    "twin_core.units",
)
"""Every module that ``simulate`` and ``simulate_many`` import with the default solver, no other: a
test follows the imports. A change elsewhere strands no promoted model."""


def _physics_hash() -> str:
    digest, root = hashlib.sha256(), Path(__file__).parent.parent
    for module in SOURCES:
        path = root.joinpath(*module.split("."))
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        digest.update(module.encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


PHYSICS_HASH = _physics_hash()
"""First 16 hex digits of the SHA-256 over ``SOURCES``; in every prediction."""
