"""A plant with parameter sets, for tests of how they are written and used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.parameter_sets import plant_in


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """A folder with a system, two molds, and a configuration that names them."""
    return plant_in(tmp_path)
