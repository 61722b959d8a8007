"""How a command starts: what it loads, and what it says while the model compiles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.cli.common import COMPILING
from tests.support.scenarios import CONFIGS

RUN_SIM = ("run-sim", "-s", str(CONFIGS / "scenarios" / "use_case_1.yaml"))
MODULES = "import sys; import {}; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))"


def run(*arguments: str, cache: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    environment = os.environ | ({} if cache is None else {"XDG_CACHE_HOME": str(cache)})
    environment.pop("CACHE_DIRECTORY", None)
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done


def command(*arguments: str, cache: Path | None = None) -> subprocess.CompletedProcess[str]:
    return run("-c", "from edge_agent.cli import main; main()", *arguments, cache=cache)


@pytest.mark.parametrize("module", ["twin_core", "edge_agent.agent", "edge_agent.what_if.process"])
def test_what_an_agent_carries_has_no_scipy(module: str) -> None:
    assert "scipy" not in run("-c", MODULES.format(module)).stdout.split()


def test_the_command_line_loads_no_library_of_the_core() -> None:
    loaded = set(run("-c", MODULES.format("edge_agent.cli")).stdout.split())
    assert not loaded & {"numpy", "numba", "pydantic", "rich", "scipy", "twin_core"}


def test_a_warm_start_needs_no_compiler_and_one_compiled_entry() -> None:
    """numba's parts for compiling, and SciPy behind them, stay unloaded."""
    command(*RUN_SIM)
    code = (
        "import sys; from edge_agent.cli import main; main(standalone_mode=False); "
        "from twin_core.results import summary; from twin_core.models import observe; "
        "print('compiler' if 'numba.np.arraymath' in sys.modules else 'none', "
        "len(summary.run_shots.signatures), len(observe.observe.signatures))"
    )
    last = run("-c", code, *RUN_SIM).stdout.splitlines()[-1]
    assert last == "none 1 0"


@pytest.mark.peers
def test_the_first_compile_is_told_on_stderr_alone(tmp_path: Path) -> None:
    first = command(*RUN_SIM, "--output", "json", cache=tmp_path)
    assert first.stderr.splitlines() == [COMPILING]
    assert json.loads(first.stdout)["scenario_id"] == "use_case_1"
    again = command(*RUN_SIM, "--output", "json", cache=tmp_path)
    assert again.stderr == ""
    assert again.stdout == first.stdout
