"""Variations, distributions, sensitivities; and the commands that use them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge_agent.cli import main
from tests.support.scenarios import CONFIGS, changed, panel, scenario
from twin_core import InputError, simulate_many
from twin_core.sweep import (
    Normal,
    Range,
    distributions,
    read_path,
    samples,
    sensitivities,
    sensitivity_samples,
    usual_variation,
    vary,
)

PANEL = str(CONFIGS / "scenarios" / "panel_packed.yaml")
MOLD = {"process.T_mold_C": Range(35.0, 55.0)}


@pytest.mark.parametrize("method", ["sobol", "latin", "random"])
def test_samples_cover_what_varies(method: str) -> None:
    what = MOLD | {"process.T_iso_C": Normal(25.0, 2.0)}
    values = samples(what, 200, method)  # type: ignore[arg-type]
    assert values.shape == (200, 2)
    assert 35.0 <= values[:, 0].min() < 36.0
    assert 54.0 < values[:, 0].max() <= 55.0
    assert values[:, 1].mean() == pytest.approx(25.0, abs=0.5)
    assert values[:, 1].std() == pytest.approx(2.0, rel=0.2)
    assert (samples(what, 200, method) == values).all()  # type: ignore[arg-type]


def test_vary_reaches_process_and_material() -> None:
    base = panel(1.15)
    paths = ["process.T_mold_C", "system.gelling.A"]
    (found,) = vary(base, paths, np.array([[44.0, 2.5]]))
    assert (found.process.T_mold_C, found.system.gelling.A.value) == (44.0, 2.5)
    assert base.process.T_mold_C == 40.0
    assert read_path(found, "system.gelling.A") == 2.5
    with pytest.raises(InputError, match=r"process\.heat: there is no number"):
        vary(base, ["process.heat"], np.array([[1.0]]))
    with pytest.raises(InputError, match=r"process: T_mold_C: .*less than or equal to 250"):
        vary(base, ["process.T_mold_C"], np.array([[900.0]]))


def test_a_warmer_mold_is_seen_in_the_distribution() -> None:
    base = panel(1.15)
    result = simulate_many(vary(base, list(MOLD), samples(MOLD, 64)))
    found = distributions(result)["T_core_max_C"]
    assert found.p05 < found.p50 < found.p95
    assert found.share == 1.0
    assert "t_gel_s" in distributions(result)


def test_usual_variation_is_stated_and_physical() -> None:
    what = usual_variation(changed(scenario("panel_packed"), process={"RH_ambient_pct": 95.0}))
    assert {"process.m_polyol_kg", "process.T_mold_C", "process.RH_ambient_pct"} <= set(what)
    values = samples(what, 64)
    at = list(what).index("process.RH_ambient_pct")
    assert values[:, at].max() <= 100.0


def test_sensitivities_find_what_matters() -> None:
    what = MOLD | {"process.RH_ambient_pct": Range(40.0, 60.0)}
    values = sensitivity_samples(what, 64)
    assert values.shape == (64 * 4, 2)
    batch = simulate_many(vary(panel(1.15), list(what), values))
    found = sensitivities(what, batch["T_core_max_C"])
    assert found["process.T_mold_C"].total > 0.9
    assert found["process.RH_ambient_pct"].total < 0.1
    with pytest.raises(InputError, match="nothing to explain"):
        sensitivities(what, np.ones(len(values)))
    with pytest.raises(InputError, match="have no such figure"):
        sensitivities(what, np.full(len(values), np.nan))


def run(*arguments: str | Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == exit_code, result.output + repr(result.exception)
    return result


def test_run_sim_samples(tmp_path: Path) -> None:
    table = run("run-sim", "-s", PANEL, "--samples", 20).stdout
    assert "panel_packed: 20 shots, simulated" in table
    assert "process.T_mold_C: 40 +- 2 (one sigma)" in table
    assert "quality_status: " in table
    file = tmp_path / "shots.csv"
    vary_mold = ("--vary", "process.T_mold_C=38:42")
    text = run(
        *("run-sim", "-s", PANEL, "--samples", 5, *vary_mold, "--output", "json"),
        *("--export-csv", file),
    ).stdout
    content = json.loads(text)
    assert content["varied"] == {"process.T_mold_C": {"low": 38.0, "high": 42.0}}
    assert content["distributions"]["p_max_Pa"]["share"] == 1.0
    assert content["simulated"] is True
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert len(rows) == 5
    assert 38.0 <= float(rows[0]["process.T_mold_C"]) <= 42.0
    assert float(rows[0]["p_max_Pa"]) > 1e5


def test_sweep_command_and_its_errors() -> None:
    out = run("sweep", "-s", PANEL, "--vary", "process.T_mold_C=35:55", "-n", 8).stdout
    assert "process.T_mold_C: 35 to 55" in out
    out = run(
        *("sweep", "-s", PANEL, "--vary", "process.T_mold_C=35:55", "-n", 8),
        *("--sensitivity", "T_core_max_C"),
    ).stdout
    assert "Share of the variance of T_core_max_C" in out
    for option, message in (
        ("process.T_mold_C=a", "write PATH=LOW:HIGH or PATH=SIGMA"),
        ("process.nothing=1:2", "process.nothing: there is no number"),
        ("process.T_mold_C=5:2", "the first must be the smaller"),
    ):
        error = run("sweep", "-s", PANEL, "--vary", option, exit_code=2).stderr
        assert message in error
    assert "must be one of" in run("sweep", "-s", PANEL, "--sensitivity", "x", exit_code=2).stderr


def test_a_sweep_where_nothing_works_ends_with_1() -> None:
    bad = run("sweep", "-s", PANEL, "--vary", "process.m_polyol_kg=100:200", "-n", 2, exit_code=1)
    assert "2 shots could not be simulated; number 0: the liquid takes" in bad.stderr
