"""What the physics of a shot rests on, and which residuals can stand beside each other."""

from __future__ import annotations

from twin_core.fingerprint import PHYSICS_HASH


def basis_of(system_id: str, parameters_hash: str) -> str:
    """What the physics of a shot rests on: material, its parameters, and the equations last."""
    return f"{system_id} {parameters_hash[:16]} {PHYSICS_HASH[:16]}"


def is_comparable(basis: str, other: str) -> bool:
    """True if residuals rest on the same equations, be it with another material."""
    return basis.rpartition(" ")[2] == other.rpartition(" ")[2]
