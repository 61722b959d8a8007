"""Small valid payloads of the inbound channels, as plain objects to change in a test."""

from __future__ import annotations

from typing import Any


def telemetry(**changes: Any) -> dict[str, Any]:
    """A telemetry frame; `changes` replace or add fields."""
    return {
        "v": 1,
        "ts": "2026-01-31T12:00:00.123456Z",
        "device_id": "plc-1",
        "seq": 12,
        "mold_id": "M1",
        "sensors": {"T_mold_C.1": 45.2, "p_cavity_bar": 1.2},
        "metrics": {"pump_duty": 0.5},
        "status": {"mode": "auto", "door_closed": True},
        **changes,
    }


def shot(**changes: Any) -> dict[str, Any]:
    """A poured event; `changes` replace or add fields."""
    return {
        "v": 1,
        "ts": "2026-01-31T12:00:00Z",
        "shot_id": "S-1",
        "mold_id": "M1",
        "event": "poured",
        "system_id": "SYSTEM_R1",
        "recipe": {"m_polyol_kg": 1.0, "m_iso_kg": 1.1},
        **changes,
    }


def quality(**changes: Any) -> dict[str, Any]:
    """A quality record; `changes` replace or add fields."""
    return {
        "v": 1,
        "ts": "2026-02-01T12:00:00Z",
        "shot_id": "S-1",
        "rho_moulded_kg_per_m3": 60.0,
        "H_24h_shore": 41.0,
        "defects": ["void"],
        **changes,
    }


def press_event(**changes: Any) -> dict[str, Any]:
    """A lot change; `changes` replace or add fields."""
    return {
        "v": 1,
        "ts": "2026-01-31T11:00:00Z",
        "event": "lot_change",
        "component": "polyol",
        "lot": "P-2026/04",
        **changes,
    }


def order(**changes: Any) -> dict[str, Any]:
    """An order; `changes` replace or add fields."""
    return {
        "v": 1,
        "ts": "2026-01-31T06:00:00Z",
        "order_id": "45/10",
        "mold_id": "M1",
        "recipe": {"m_polyol_kg": 1.0, "m_iso_kg": 1.1},
        "quantity_count": 120,
        **changes,
    }
