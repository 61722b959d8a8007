"""``--vary`` proposes what was probably meant."""

from __future__ import annotations

from functools import lru_cache

import pytest
from click.testing import CliRunner

from edge_agent.cli import main
from tests.support.processes import ROOT
from twin_core import Scenario, load_scenario
from twin_core.sweep import near_paths, number_paths, read_path

SCENARIO = ROOT / "configs/scenarios/panel_packed.yaml"


@lru_cache
def scenario() -> Scenario:
    return load_scenario(SCENARIO)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("T_mold", "process.T_mold_C"),
        ("T_mould_C", "process.T_mold_C"),
        ("process.T_mold", "process.T_mold_C"),
        ("process.t_mold_c", "process.T_mold_C"),
        ("m_iso", "process.m_iso_kg"),
        ("RH", "process.RH_ambient_pct"),
        ("mold.thickness", "mold.thickness_m"),
        ("system.geling.A", "system.gelling.A"),
    ],
)
def test_the_nearest_comes_first(given: str, meant: str) -> None:
    assert near_paths(scenario(), given)[0] == meant


@pytest.mark.parametrize("given", ["", "xyz", "process", "a" * 300])
def test_nothing_is_better_than_nonsense(given: str) -> None:
    assert near_paths(scenario(), given) == []


def test_every_path_that_is_proposed_can_vary() -> None:
    paths = number_paths(scenario())
    assert {"process.T_mold_C", "system.gelling.A", "mold.vents.count"} <= set(paths)
    for path in paths:
        read_path(scenario(), path)


@pytest.mark.parametrize("command", [["sweep"], ["run-sim", "--samples", "4"]])
def test_on_the_command_line(command: list[str]) -> None:
    done = CliRunner().invoke(main, [*command, "-s", str(SCENARIO), "--vary", "T_mold=35:55"])
    assert done.exit_code == 2
    assert "did you mean process.T_mold_C?" in done.stderr
