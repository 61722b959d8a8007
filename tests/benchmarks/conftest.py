"""Benchmarks of the whole agent take minutes of both cores: only ``./twin bench`` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

LONG = {
    *("test_agent.py", "test_learned.py", "test_backlog.py", "test_receive.py"),
    *("test_check_drift.py", "test_costs.py", "test_bytes_written.py", "test_web_history.py"),
    *("test_sparkplug.py", "test_production_calibration.py", "test_optimization.py"),
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the long ones out where benchmarks are not measured."""
    return (collection_path.name in LONG and not config.getoption("benchmark_enable")) or None
