"""``pur-mold-twin run-sim``: simulate one shot from a scenario file."""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from rich.table import Table

    from twin_core import Scenario, SimulationResult

EXAMPLE = """\b
Examples:
  pur-mold-twin run-sim --scenario configs/scenarios/panel_packed.yaml
  pur-mold-twin run-sim -s shot.yaml --mode operator
  pur-mold-twin run-sim -s shot.yaml -y SYSTEM_M1 --save-json shot.json

Ends with 0 when the shot was simulated (good or not), 2 when the input cannot be simulated as
given, 1 when the solver failed.
"""

File = click.Path(path_type=Path)


@click.command("run-sim", epilog=EXAMPLE)
@click.option("-s", "--scenario", required=True, type=File, help="Scenario file (YAML).")
@click.option("-y", "--system", help="Simulate this system instead of the scenario's.")
@click.option("-c", "--systems", type=File, help="File or folder of systems. [default: catalogue]")
@click.option("-q", "--quality", type=File, help="YAML file; its fields override the quality.")
@click.option("--backend", help="Solver. [default: the scenario's, solve_ivp]")
@click.option(
    "--output", type=click.Choice(["json", "table"]), default="table", show_default=True,
    help="What to print; json has all arrays.",
)  # fmt: skip
@click.option(
    "--mode", type=click.Choice(["expert", "operator"]), default="expert", show_default=True,
    help="operator: a plain answer instead of the table.",
)  # fmt: skip
@click.option("--save-json", type=File, help="Write the full result to this file.")
@click.option("--export-csv", type=File, help="Write the profile over time to this file.")
def command(
    scenario: Path,
    system: str | None,
    systems: Path | None,
    quality: Path | None,
    backend: str | None,
    output: str,
    mode: str,
    save_json: Path | None,
    export_csv: Path | None,
) -> None:
    """Simulate one shot: when it can be opened, and whether it is good.

    Times count from the end of injection; pressures are absolute.
    """
    from twin_core import InputError, TwinError, load_scenario, simulate

    try:
        loaded = _with_quality(load_scenario(scenario, systems, system), quality)
        result = simulate(loaded, backend)
    except InputError as error:
        _fail(str(error), 2)
    except TwinError as error:
        _fail(f"{scenario}: {error}\nhint: {error.hint}", 1)
    text = _as_json(result)
    if save_json is not None:
        _write(save_json, text)
    if export_csv is not None:
        _write(export_csv, _as_csv(result))
    if output == "json":
        click.echo(text, nl=False)
    elif mode == "operator":
        click.echo(operator_answer(result), nl=False)
    else:
        _print_tables(result)


def _fail(message: str, exit_code: int) -> NoReturn:
    for line in message.splitlines():
        click.echo(line if line.startswith("hint: ") else f"error: {line}", err=True)
    sys.exit(exit_code)


def _with_quality(scenario: Scenario, path: Path | None) -> Scenario:
    """The scenario with the fields of a quality file in place of its own."""
    if path is None:
        return scenario
    from twin_core import Quality
    from twin_core.files import parse, read_yaml

    given = parse(Quality, read_yaml(path), str(path)).model_dump(exclude_unset=True)
    both = scenario.quality.model_dump(exclude_unset=True) | given
    return scenario.model_copy(update={"quality": parse(Quality, both, str(path))})


def _as_json(result: SimulationResult) -> str:
    import json

    lines = [
        f"  {json.dumps(name)}: {json.dumps(value, allow_nan=False)}"
        for name, value in result.as_dict().items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _as_csv(result: SimulationResult) -> str:
    from twin_core.result import CSV_COLUMNS

    columns = [getattr(result, name).tolist() for name in CSV_COLUMNS]
    rows = [",".join(f"{value:.10g}" for value in row) for row in zip(*columns, strict=True)]
    return "\n".join([",".join(CSV_COLUMNS), *rows]) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        _fail(f"{path}: cannot be written: {error.strerror or error}", 2)


# --- for an operator ---------------------------------------------------------------------------

NOT_YET = {
    "cure": "the foam is not cured enough",
    "gel": "the foam is too little past its gel point to hold its shape",
    "hardness": "the foam is still too soft",
    "strength": "the foam could be torn by its inner pressure",
    "swell": "the part would swell on opening",
    "shrink": "the part would shrink on opening",
    "wall_temperature": "the skin is still too hot",
    "pressure": "the pressure in the mold is above its limit",
}
"""Words for each criterion of the demould window while it is not met."""

GOOD = {"OK": "yes", "MARGINAL": "just, at least one limit is close", "FAIL": "no"}


def operator_answer(result: SimulationResult) -> str:
    """When can it be opened, why not earlier, is it good: in plain lines."""
    why = NOT_YET[result.demold_binding["earliest"] or ""]
    closed_by = result.demold_binding["latest"]
    t_min, t_opt, t_max = result.t_demold_min_s, result.t_demold_opt_s, result.t_demold_max_s
    if t_min is None or t_opt is None or t_max is None:
        lines = [
            f"Open: not within {_minutes(result.scenario.quality.t_cycle_max_s)}.",
            f"Why not: {why}.",
        ]
    else:
        lines = [
            f"Open: from {_minutes(t_min)} after the end of injection; best at {_minutes(t_opt)}.",
            f"Why not earlier: {why}.",
        ]
        if closed_by is not None and closed_by != "cycle":
            lines.append(
                f"Not later than {_minutes(t_max, math.floor)}: then {NOT_YET[closed_by]}."
            )
    lines.append(f"Good part expected: {GOOD[result.quality_status]}.")
    lines.extend(f"  - {diagnostic.words}" for diagnostic in result.diagnostics)
    close = [name.replace("_", " ") for name, risk in result.risks.items() if risk > 0]
    if close and result.quality_status == "MARGINAL":
        lines.append(f"  - close to the limit: {', '.join(close)}")
    lines.append("Calculated, not measured.")
    return "\n".join(lines) + "\n"


def _minutes(seconds: float, rounded: Callable[[float], int] = math.ceil) -> str:
    """``91.4`` -> ``1 min 32 s``: rounded up, so that nobody opens early."""
    whole = rounded(seconds)
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"


def _evidence(evidence: dict[str, float | str]) -> str:
    pairs = (
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in evidence.items()
    )
    return ", ".join(pairs)


# --- for an expert -----------------------------------------------------------------------------


def _print_tables(result: SimulationResult) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    system, cost = result.scenario.system, result.statistics
    console.print(
        f"{result.scenario.scenario_id}: {system.system_id} in {result.scenario.mold.mold_id}"
    )
    console.print(_kpi_table(result))
    console.print(_times_table(result))
    lines = [_binding_line(result), f"Diagnostics: {len(result.diagnostics) or 'none'}"]
    lines.extend(f"  {d.code}: {d.words} ({_evidence(d.evidence)})" for d in result.diagnostics)
    lines.append(_audit_line(result))
    lines.append(
        f"Parameters: {len(system.assumed())} of {len(system.parameters())} are assumed; "
        f"physics {result.physics_hash}"
    )
    lines.append(f"Solver: {cost.backend}, {cost.evaluations} evaluations, {cost.steps} steps")
    for line in lines:
        console.print(textwrap.fill(line, console.width, subsequent_indent="    "))


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False)
    for i, name in enumerate(columns):
        table.add_column(name, justify="right" if i == 1 else "left", no_wrap=True)
    return table


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _kpi_table(result: SimulationResult) -> Table:
    from twin_core.units import bar

    table = _table("KPI", "value", "unit")
    for row in (
        ("quality_status", result.quality_status, ""),
        ("pressure_status", result.pressure_status, ""),
        ("t_demold_min_s", _number(result.t_demold_min_s), "s"),
        ("t_demold_opt_s", _number(result.t_demold_opt_s), "s"),
        ("t_demold_max_s", _number(result.t_demold_max_s), "s"),
        ("p_max", _number(bar(result.p_max_Pa), 3), "bar, absolute"),
        ("rho_moulded", _number(result.rho_moulded), "kg/m3"),
        ("H_demold", _number(result.H_demold_shore), "Shore, proxy"),
        ("H_24h", _number(result.H_24h_shore), "Shore, proxy"),
        ("defect_risk", _number(result.defect_risk, 3), "0..1"),
    ):
        table.add_row(*row)
    return table


def _times_table(result: SimulationResult) -> Table:
    k = result.kpis
    table = _table("shot", "value", "unit")
    for row in (
        ("cream time", _number(k.t_cream_s), "s"),
        ("gel time", _number(k.t_gel_s), "s"),
        ("rise time", _number(k.t_rise_s), "s"),
        ("tack-free time", _number(k.t_tack_free_s), "s"),
        ("mold full", _number(k.t_mold_full_s), "s"),
        ("vents closed", _number(k.vent_closure_time_s), "s"),
        ("peak core temperature", _number(k.T_core_max_C), f"C at {_number(k.t_T_core_max_s)} s"),
        ("fill ratio", _number(k.fill_ratio, 3), "0..1"),
        ("isocyanate index", _number(k.nco_oh_index, 3), "NCO/OH, from the masses"),
        ("gel conversion", _number(k.X_gel, 3), "of the OH groups"),
        ("water from humid air", _number(1e3 * k.water_from_rh_kg, 3), "g"),
    ):
        table.add_row(*row)
    return table


def _binding_line(result: SimulationResult) -> str:
    earliest, latest = result.demold_binding["earliest"], result.demold_binding["latest"]
    if result.t_demold_min_s is None:
        return f"Demould window: none within the run; {earliest} misses by most"
    end = "the longest cycle" if latest == "cycle" else latest
    return f"Demould window: opened by {earliest}, ended by {end}"


def _audit_line(result: SimulationResult) -> str:
    a = result.audit
    return (
        f"Audit: species within {a.species_residual_ratio:.1e}, energy within "
        f"{a.energy_residual_ratio:.1e} of {a.heat_released_J / 1e3:.1f} kJ released"
    )
