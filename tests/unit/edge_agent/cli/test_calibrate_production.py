"""``calibrate --production``: what it prints and writes, stops and goes on, and refuses.

The fit itself is put in by hand here: twin_core's tests and the benchmark hold it.
"""

from __future__ import annotations

import asyncio
import json
import math
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edge_agent.calibration import production
from edge_agent.cli import main
from edge_agent.config.parameter_sets import load_set
from tests.support.scenarios import catalogue
from tests.support.shots import rows_of, write_history
from twin_core.calibration.production_certainty import NotFitted
from twin_core.calibration.production_fit import ProductionEstimate, ProductionFit
from twin_core.calibration.production_verdict import Errors, Verdict
from twin_core.errors import InputError
from twin_core.parameters import Parameter
from twin_core.units import R_J_PER_MOL_K


def fit_of(*, use: bool = True, converged: bool = True) -> ProductionFit:
    """A result as the fit gives it."""

    def number(path: str, mold_id: str | None, before: float, value: float, unit: str) -> Any:
        return ProductionEstimate(
            path, mold_id, unit, before, value, value - 0.5, value + 0.5, 0.25, at_bound=False
        )

    system = catalogue()["SYSTEM_R1"]
    offset = number("T_core_offset_C", "PANEL_A", 0.0, 2.0, "K")
    return ProductionFit(
        system_id="SYSTEM_R1",
        shared=[],
        molds={"PANEL_A": [offset], "PANEL_B": []},
        lags=[number("T_core_lag_s", None, 0.0, 3.8, "s")],
        not_fitted=[
            NotFitted("vent_area_factor", "PANEL_A", "no shot depends on it"),
            NotFitted("vent_area_factor", "PANEL_B", "no shot depends on it"),
            NotFitted("gelling.E", None, "one sigma is 44 % of it, allowed 25 %"),
        ],
        warnings=["a warning"],
        omitted={"T_core_C: repeats itself": 1},
        verdict=Verdict(
            use, "use it: 61 % less error" if use else "not used: worse at T_mold_C",
            {"T_core_C": Errors(3.67, 0.943, 0.689, "K", 5)}, 61.0,
        ),
        fitted_count=15, held_out_count=5, by_lot=False, converged=converged, simulations=100,
        _turned={}, _system=(system.version, system.parameters_hash()),
    )  # fmt: skip


def number_of_set(value: float, unit: str, start: float) -> Parameter:
    return Parameter(
        value=value, unit=unit, kind="fitted", source="production", spread=0.1, start=start
    )


@pytest.fixture
def history(tmp_path: Path) -> Path:
    rows = [
        row for number in range(20)
        for row in rows_of(number, mold="PANEL_A" if number % 2 else "PANEL_B")
    ]  # fmt: skip
    return asyncio.run(write_history(tmp_path / "history.db", rows))


@pytest.fixture
def fit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Put a function in place of the fit; the list gets what it was called with."""

    def put(answer: Callable[[dict[str, Any]], ProductionFit]) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def stand_in(shots: Any, **options: Any) -> ProductionFit:
            calls.append({"shots": shots, **options})
            options["progress"]("fit", 1, 2)
            return answer(options)

        monkeypatch.setattr(production, "fit_production", stand_in)
        return calls

    return put


def run(*arguments: object, exit_code: int = 0) -> Result:
    found = CliRunner().invoke(main, ["calibrate", "--production", *map(str, arguments)])
    assert found.exit_code == exit_code, found.output
    assert "Traceback" not in found.output
    return found


def test_a_set_is_written_with_its_origin(tmp_path: Path, history: Path, fit: Any) -> None:
    calls = fit(lambda options: fit_of())
    sets = tmp_path / "sets"
    found = run("--history", history, "--sets", sets, "--since", "2026-05-01")
    assert all(len(line) <= 80 for line in found.stdout.splitlines() if str(tmp_path) not in line)
    for words in (
        "shots: 20 of 20 that fit, poured from 2026-05-04 to 2026-05-04; molds: PANEL_A",
        "T_core_offset_C 0 2 1.5 2.5 K", "mold PANEL_B: no number of its own",
        "not fitted: vent_area_factor of PANEL_A, PANEL_B: no shot depends on it",
        "verdict: use it: 61 % less error", "omitted: T_core_C: repeats itself: 1",
        f"written: {sets / 'SYSTEM_R1-c1.yaml'}",
        f"pur-mold-twin parameter-sets promote SYSTEM_R1 1 --folder {sets}",
    ):  # fmt: skip
        assert words in " ".join(found.stdout.split()), found.stdout
    made = load_set(sets, "SYSTEM_R1", 1)
    origin = made.provenance
    assert origin.command.startswith("pur-mold-twin calibrate --production --history")
    assert "--since 2026-05-01T00:00:00+00:00" in origin.command
    assert (origin.shots_count, origin.held_out_count, origin.simulated) == (20, 5, False)
    assert origin.first_poured_at == "2026-05-04T06:00:00Z"
    assert len(origin.shots_hash) == 64
    assert origin.made_by
    assert made.numbers_of("PANEL_A") == {"T_core_offset_C": 2.0}
    (call,) = calls
    assert len(call["shots"]) == 20
    assert call["held_out_fraction"] == 0.25
    run("--history", history, "--sets", sets)
    assert sorted(file.name for file in sets.iterdir()) == [
        "SYSTEM_R1-c1.yaml",
        "SYSTEM_R1-c2.yaml",
    ]


def test_a_rate_that_goes_with_a_fitted_energy_is_told_both_ways(
    tmp_path: Path, history: Path, fit: Any
) -> None:
    """The table has 1.8 at the energy before, the set what goes with the new one."""
    energies = 44_000.0, 43_000.0
    rates = 1.8, 1.8 * math.exp((energies[1] - energies[0]) / (R_J_PER_MOL_K * 298.15))
    of_set = {
        "gelling.A": number_of_set(rates[1], "1/s", 1.2),
        "gelling.E": number_of_set(energies[1], "J/mol", energies[0]),
    }
    shared = [
        ProductionEstimate("gelling.A", None, "1/s", 1.2, 1.8, 1.7, 1.9, 0.05, at_bound=False),
        ProductionEstimate("gelling.E", None, "J/mol", *energies, 4e4, 5e4, 1e2, at_bound=False),
    ]
    fit(lambda options: replace(fit_of(), shared=shared, _turned=of_set))
    sets = tmp_path / "sets"
    printed = " ".join(run("--history", history, "--sets", sets).stdout.split())
    assert "gelling.A 1.2 1.8 1.7 1.9 1/s" in printed
    assert f"With the new energy it is {rates[1]:.4g} 1/s" in printed
    asked = ["parameter-sets", "show", "SYSTEM_R1", "1", "--folder", str(sets)]
    shown = " ".join(CliRunner().invoke(main, asked).stdout.split())
    assert f"gelling.A 1.2 {rates[1]:.5g} 0.1 1/s" in shown
    assert "With gelling.E before it is 1.8 1/s, as calibrate printed it" in shown
    assert "verdict: use it: 61 % less error" in shown


def test_the_next_commands_can_be_typed_as_they_are_printed(
    tmp_path: Path, history: Path, fit: Any
) -> None:
    fit(lambda options: fit_of())
    sets = tmp_path / "my sets"
    said = run("--history", history, "--sets", sets).stdout
    line = next(line for line in said.splitlines() if "parameter-sets rollback" in line)
    assert shlex.split(line)[-2:] == ["--folder", str(sets)]


def test_a_verdict_of_no_ends_with_1(tmp_path: Path, history: Path, fit: Any) -> None:
    fit(lambda options: fit_of(use=False))
    found = run("--history", history, "--sets", tmp_path / "sets", exit_code=1)
    assert "not used: `parameter-sets promote` refuses it" in found.stdout
    fit(lambda options: fit_of(converged=False))
    found = run("--history", history, "--sets", tmp_path / "sets", exit_code=1)
    assert "did not converge" in found.stderr


def test_a_dry_run_writes_nothing_and_json_is_whole(
    tmp_path: Path, history: Path, fit: Any
) -> None:
    (call,) = [fit(lambda options: fit_of())]
    found = run("--history", history, "--sets", tmp_path / "sets", "--dry-run", "--output", "json")
    document = json.loads(found.stdout)
    assert document["parameter_set"] is None
    assert document["shots"]["by_mold"] == {"PANEL_A": 10, "PANEL_B": 10}
    assert document["molds"]["PANEL_A"][0]["value"] == 2.0
    assert document["verdict"]["use"] is True
    assert not (tmp_path / "sets").exists()
    assert call[0]["checkpoint"] is None


def test_what_was_stopped_goes_on_when_shots_and_options_are_the_same(
    tmp_path: Path, history: Path, fit: Any
) -> None:
    def stop(options: dict[str, Any]) -> ProductionFit:
        options["save"]({"x": [1.0]})
        raise KeyboardInterrupt

    sets = tmp_path / "sets"
    fit(stop)
    found = run("--history", history, "--sets", sets, exit_code=130)
    assert "stopped; the same command again goes on; where shots are added meanwhile, with " in (
        found.stderr
    )
    again = shlex.split(found.stderr.splitlines()[-1].rpartition(" with ")[2])
    assert again[0] == "--until"
    asyncio.run(write_history(history, rows_of(30)))  # the press goes on
    assert [file.name for file in sets.iterdir()] == ["SYSTEM_R1.unfinished.json"]
    fit(lambda options: fit_of())
    found = run("--history", history, "--sets", sets, *again, "--held-out", "0.3")
    assert "this one begins anew" in found.stderr
    fit(stop)
    run("--history", history, "--sets", sets, *again, "--since", "2026-05-01", exit_code=130)
    calls = fit(lambda options: fit_of())
    found = run("--history", history, "--sets", sets, *again)
    assert "the fit goes on where it was stopped" in found.stderr
    assert calls[-1]["checkpoint"] == {"x": [1.0]}
    assert [file.suffix for file in sets.iterdir()] == [".yaml", ".yaml"]


def test_a_number_that_would_not_be_fitted_cannot_be_fixed(history: Path, fit: Any) -> None:
    fit(lambda options: fit_of())
    found = run("--history", history, "--fix", "T_mould", "--dry-run", exit_code=2)
    assert "--fix T_mould: would not be fitted anyway (would be: gelling.A" in found.stderr


def test_a_password_is_not_kept(tmp_path: Path, history: Path, fit: Any) -> None:
    fit(lambda options: fit_of())
    secret = "Gehe1m"
    with pytest.MonkeyPatch.context() as patch:
        from edge_agent.history import read

        patch.setattr(read, "open_reader", lambda settings: read.open_sqlite(history))
        address = f"postgresql://u:{secret}@h/d"
        run("--history", address, "--sets", tmp_path / "sets")
    text = (tmp_path / "sets" / "SYSTEM_R1-c1.yaml").read_text()
    assert "postgresql://u@h/d" in text
    assert secret not in text


REFUSED = [
    ("", "where are the shots? Give --history FILE|URL, --config FILE or --bundles FOLDER"),
    ("--history H --bundles B", "--history and --bundles: give one of them"),
    ("--history H --due", "--production and --due: give one of them"),
    ("--history H --cure x", "--cure: is of another fit"),
    ("--history H --out x", "--out: is of another fit"),
    ("--history H --force", "--force: is of another fit"),
    ("--history H --age-max 90d", "--age-max: not with --production"),
    ("--history H --since 2026-06-01 --until 2026-05-01", "--since 2026-06-01 is not before"),
    ("--history H --system NOBODY", "fits what was asked for"),
    ("--history H --mold PANEL_X", "no shot that can be used"),
    ("--bundles nowhere", "no log bundle"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_options_that_cannot_be(history: Path, options: str, words: str) -> None:
    given = [str(history) if word == "H" else word for word in options.split()]
    assert words in run(*given, exit_code=2).stderr


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_history_that_is_not_there_ends_with_2(more: list[str], tmp_path: Path) -> None:
    path = tmp_path / "nope.db"
    found = run("--history", path, "--sets", tmp_path, *more, exit_code=2)
    assert f"{path}: no such history file" in found.stderr


def test_a_folder_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sets = tmp_path / "file" / "sets"
    found = run("--history", tmp_path / "nope.db", "--sets", sets, exit_code=2)
    assert f"{sets}: cannot be written: {tmp_path / 'file'} is no folder" in found.stderr
    assert "nope" not in found.stderr.split("error:", 1)[1]


def test_options_of_it_without_it() -> None:
    for options in (["--shots-max", "9"], ["--fix", "x"], ["--history", "x"], ["--output", "json"]):
        found = CliRunner().invoke(main, ["calibrate", *options])
        assert found.exit_code == 2
        assert f"{options[0]}: goes with --production or --due" in found.stderr


def test_shots_of_two_systems_and_too_few_are_refused(tmp_path: Path) -> None:
    rows = [*rows_of(1), *rows_of(2, system_id="SYSTEM_M1")]
    path = asyncio.run(write_history(tmp_path / "two.db", rows))
    found = run("--history", path, "--sets", tmp_path, exit_code=2)
    assert (
        "several systems: SYSTEM_M1 (1 shots), SYSTEM_R1 (1 shots): give --system" in found.stderr
    )
    found = run("--history", path, "--sets", tmp_path, "--system", "SYSTEM_R1", exit_code=2)
    assert "12 are needed" in found.stderr
    with pytest.raises(InputError):
        load_set(tmp_path, "SYSTEM_R1", 1)
