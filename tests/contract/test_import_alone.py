"""Every module can be imported alone, whatever was imported before it elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def import_alone(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.support.import_alone", str(root)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.peers
def test_every_module_of_the_packages() -> None:
    done = import_alone(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_circle_and_a_use_of_what_another_module_imports_are_found(tmp_path: Path) -> None:
    sources = {
        "broker/__init__.py": "",
        "broker/codes.py": "ONE = 1",
        "broker/first.py": "import broker.second",
        "broker/second.py": "import broker.first",
        "edge_agent/__init__.py": "",
        "edge_agent/imports.py": "import broker.codes",
        "edge_agent/relies.py": "import broker; ONE = broker.codes.ONE",
        "twin_core/__init__.py": "from twin_core.inner import ONE",
        "twin_core/inner.py": "from twin_core import innermost; ONE = innermost.ONE",
        "twin_core/innermost.py": "ONE = 1",
    }
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
    done = import_alone(tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "circle: broker.first -> broker.second -> broker.first" in done.stdout
    assert "edge_agent.relies: " in done.stdout
    assert "module 'broker' has no attribute 'codes'" in done.stdout
