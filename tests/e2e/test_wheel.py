"""The wheel alone, installed in an empty place: no file of the repository is within reach."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.processes import ROOT

pytestmark = pytest.mark.peers
COMPILING_S = 600
"""A new place compiles the model anew."""


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and an empty folder to work in."""

    bin: Path
    folder: Path

    def run(self, *command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the empty folder."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TWIN_"))}
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.folder,
            env=environment | {"VIRTUAL_ENV": str(self.bin.parent), "HOME": str(self.bin.parent)},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build the wheel and install it without its dependencies; those come from this environment."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    _call([*build, "--directory", str(place / "dist")], cwd=ROOT)
    (wheel,) = (place / "dist").iterdir()
    uv = str(Path(sys.executable).with_name("uv"))
    _call([uv, "venv", "--offline", "--quiet", "--python", sys.executable, str(place / "venv")])
    python = str(place / "venv" / "bin" / "python")
    _call([uv, "pip", "install", "--offline", "--no-deps", "--quiet", "-p", python, str(wheel)])
    (libraries,) = (place / "venv" / "lib").glob("python*/site-packages")
    (libraries / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (place / "empty").mkdir()
    return Installed(place / "venv" / "bin", place / "empty")


def _call(command: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


EVERYTHING = """
import importlib, pathlib, pkgutil
import broker, edge_agent.cli, twin_core
from edge_agent.logged_shots.bundle import load_bundle
from twin_core import load_scenario
from twin_core.shipped_files import configs_folder

for package in (broker, edge_agent, twin_core):
    place = pathlib.Path(package.__file__).resolve()
    assert "site-packages" in place.parts, place
for module in pkgutil.iter_modules(edge_agent.cli.__path__, "edge_agent.cli."):
    importlib.import_module(module.name)
configs = configs_folder()
assert configs.is_relative_to(pathlib.Path(twin_core.__file__).parent), configs
for path in (configs / "scenarios").glob("*.yaml"):
    assert load_scenario(path.stem).scenario_id == load_scenario(path).scenario_id
for path in (configs / "bundles").iterdir():
    load_bundle(path)
print(len(list((configs / "scenarios").glob("*.yaml"))), "scenarios")
"""


def test_it_is_whole(installed: Installed) -> None:
    (libraries,) = (installed.bin.parent / "lib").glob("python*/site-packages")
    for folder, there in (
        *((name, name) for name in ("broker", "edge_agent", "twin_core")),
        ("configs", "twin_core/configs"),
    ):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert (libraries / there / path.relative_to(ROOT / folder)).is_file(), path
    done = installed.run("python", "-c", EVERYTHING)
    assert done.returncode == 0, done.stderr
    shipped = len(list((ROOT / "configs" / "scenarios").glob("*.yaml")))
    assert done.stdout == f"{shipped} scenarios\n"


def test_commands_answer(installed: Installed) -> None:
    agent = installed.run("pur-mold-twin", "agent", "--help")
    assert agent.returncode == 0, agent.stderr
    assert "Run the agent beside the press" in agent.stdout
    systems = installed.run("pur-mold-twin", "systems", "list")
    assert systems.returncode == 0, systems.stderr
    assert "SYSTEM_R1" in systems.stdout
    unknown = installed.run("pur-mold-twin", "run-sim", "--scenario", "use_case_7")
    assert unknown.returncode == 2
    assert "use_case_1" in unknown.stderr  # what there is
    assert not list(installed.folder.iterdir())


@pytest.mark.timeout(2 * COMPILING_S)
def test_a_shot_and_the_demo(installed: Installed) -> None:
    shot = installed.run(
        "pur-mold-twin", "run-sim", "--scenario", "use_case_1", timeout=COMPILING_S
    )
    assert shot.returncode == 0, shot.stderr
    assert "t_demold_min" in shot.stdout
    demo = installed.run("pur-mold-twin", "demo", "--once", timeout=COMPILING_S)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "4 shots finished" in demo.stdout
    assert max(map(len, demo.stdout.splitlines())) <= 80, demo.stdout
