"""``pur-mold-twin compare-shot``: a shot beside simulations, before and after a calibration."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge_agent.cli.common import fail, history_at, say_when_compiling, write_file
from edge_agent.cli.tables import print_table, say

if TYPE_CHECKING:
    from edge_agent.config.catalogue import Catalogue
    from edge_agent.logged_shots.logged_shot import LoggedShot
    from edge_agent.report.shot_comparison import ShotComparison
    from twin_core.calibration.parameter_set import ParameterSet
    from twin_core.materials import MaterialSystem
    from twin_core.scenario import Scenario

EXAMPLE = """\b
Examples:
  pur-mold-twin compare-shot configs/bundles/simulated_panel
  pur-mold-twin compare-shot logs/17 --system-after systems/SYSTEM_R1-v3.yaml
  pur-mold-twin compare-shot S-0042 --system-before 2 --system-after 3
  pur-mold-twin compare-shot S-0042 --parameters-before none \\
      --parameters-after SYSTEM_R1-c3
  pur-mold-twin compare-shot S-0042 -c agent.yaml --report S-0042.html

Differences are simulated minus measured. Ends with 0 when the shot was compared, 2 when shot,
system or options do not fit, 1 when the history cannot be read or a report needs matplotlib.
"""

File = click.Path(path_type=Path)


@click.command("compare-shot", epilog=EXAMPLE)
@click.argument("shot")
@click.option(
    "--system-before", "before", metavar="SYSTEM",
    help="File, or version, or id. [default: the shot's system, the version in use]",
)  # fmt: skip
@click.option(
    "--system-after", "after", metavar="SYSTEM", help="The same, of a calibration to compare with."
)
@click.option(
    "--parameters-before", metavar="SET",
    help="Parameter set: SYSTEM_R1-c3, its number, or none. [default: the one in use, if the "
    "system is]",
)  # fmt: skip
@click.option(
    "--parameters-after", metavar="SET",
    help="The same, of a calibration to compare with. [default: none]",
)  # fmt: skip
@click.option("--systems", type=File, help="Folder of systems. [default: catalogue]")
@click.option(
    "-s", "--scenario", type=File,
    help="Simulate this file or name. [default: recipe and readings of the shot]",
)  # fmt: skip
@click.option(
    "--history", "where", default="var/history.db", show_default=True,
    help="Where a shot is that is no folder: a file, or the address of a database.",
)  # fmt: skip
@click.option("-c", "--config", type=File, help="Take history, systems and molds from here.")
@click.option(
    "--output", type=click.Choice(["json", "table"]), default="table", show_default=True,
    help="What to print; json has all residuals.",
)  # fmt: skip
@click.option("--report", type=File, help="Write a report with plots to this file, .html or .md.")
def command(
    shot: str,
    before: str | None,
    after: str | None,
    parameters_before: str | None,
    parameters_after: str | None,
    systems: Path | None,
    scenario: Path | None,
    where: str,
    config: Path | None,
    output: str,
    report: Path | None,
) -> None:
    """Compare SHOT, a log bundle or a shot of the history, with simulations of it.

    With --system-after or --parameters-after, before and after a calibration: which is closer, in
    what, by how much.
    """
    from twin_core.errors import TwinError

    say_when_compiling()
    try:
        if report is not None:
            from edge_agent.report.files import check_report_file

            check_report_file(report)
        catalogue = _catalogue(config, systems)
        logged = _shot(shot, where, config)
        sets = parameters_before, parameters_after
        found = _compared(logged, catalogue, (before, after), sets, scenario, systems, config)
        if report is not None:
            from edge_agent.report.comparison_page import comparison_page
            from edge_agent.report.files import page_text

            write_file(report, page_text(comparison_page(found), report.suffix))
    except TwinError as error:
        fail(error)
    if output == "json":
        click.echo(json.dumps(found.as_dict(), indent=2, allow_nan=False))
    else:
        _print(found)


def _catalogue(config: Path | None, systems: Path | None) -> Catalogue:
    from edge_agent.config.catalogue import load_catalogue, read_catalogue
    from edge_agent.config.settings import CatalogueSettings, load_settings

    if config is not None and systems is None:
        return load_catalogue(load_settings(config))
    folders = CatalogueSettings() if config is None else load_settings(config).catalogue
    if systems is not None:
        folders = folders.model_copy(update={"systems": systems})
    return read_catalogue(folders)


def _shot(shot: str, where: str, config: Path | None) -> LoggedShot:
    from edge_agent.errors import StoreError
    from edge_agent.logged_shots.one_shot import shot_of_bundle, shot_of_history

    if Path(shot).exists():
        return shot_of_bundle(Path(shot), lambda words: click.echo(f"note: {words}", err=True))

    async def ask() -> LoggedShot:
        from edge_agent.config.settings import ShotSettings, load_settings
        from edge_agent.history.read import open_reader

        settings = None if config is None else load_settings(config)
        reader = open_reader(history_at(where) if settings is None else settings.history)
        try:
            rules = ShotSettings() if settings is None else settings.shots
            return await shot_of_history(reader, shot, rules)
        finally:
            await reader.close()

    try:
        return asyncio.run(ask())
    except StoreError as error:
        words = f"{shot}: no folder of a log bundle; as a shot of the history: {error}"
        raise type(error)(words, hint=error.hint) from error


def _compared(
    logged: LoggedShot,
    catalogue: Catalogue,
    chosen: tuple[str | None, str | None],
    sets: tuple[str | None, str | None],
    scenario: Path | None,
    systems: Path | None,
    config: Path | None,
) -> ShotComparison:
    from edge_agent.report import shot_comparison as comparison
    from twin_core import load_scenario

    given = None if scenario is None else load_scenario(scenario, systems)
    own = logged.system_id if given is None else given.system.system_id
    before = _system(chosen[0], "--system-before", own, catalogue, systems, config, given)
    found = [before]
    if chosen[1] is not None:
        found.append(_system(chosen[1], "--system-after", own, catalogue, systems, config, given))
    elif sets[1] is not None:
        found.append(before)
    mold_id = logged.key.mold_id if given is None else given.mold.mold_id
    usual = given is None and chosen[0] is None
    used = [_parameters(sets[0], "--parameters-before", before, config)]
    if sets[0] is None and usual:
        used = [catalogue.parameter_sets.get((mold_id, before.system_id))]
    if len(found) > 1:
        used.append(_parameters(sets[1], "--parameters-after", found[1], config))
    if given is None:
        scenarios, notes = comparison.scenarios_of(logged, catalogue, tuple(found))
    else:
        last = max([0.0, *(float(rows[-1, 0]) for rows in logged.series.values() if len(rows))])
        fine = comparison.with_fine_output(given, last + comparison.AFTER_LAST_S)
        scenarios = tuple(fine.model_copy(update={"system": system}) for system in found)
        notes = [f"{scenario}: its recipe and mold are simulated, not those of the log"]
    for system in found:
        if logged.system_id is not None and system.system_id != logged.system_id:
            notes.append(f"the shot is of {logged.system_id}; {system.system_id} was simulated")
    notes += [
        f"{one.set_id} has no numbers of mold {mold_id}: those of the system alone"
        for one in used
        if one is not None and mold_id not in one.molds
    ]
    return comparison.compare_shot(logged, scenarios, notes, tuple(used))


def _parameters(
    name: str | None,
    option: str,
    system: MaterialSystem,
    config: Path | None,
) -> ParameterSet | None:
    """The parameter set that a person means: a name, a number, or none."""
    from edge_agent.config.parameter_sets import load_set
    from edge_agent.config.settings import CatalogueSettings, load_settings
    from twin_core.errors import InputError

    if name is None or name == "none":
        return None
    number = name.removeprefix(f"{system.system_id}-c")
    if not number.isdecimal():
        raise InputError(
            f"{option} {name}: no parameter set of {system.system_id}: give "
            f"{system.system_id}-c1, its number, or none"
        )
    folders = CatalogueSettings() if config is None else load_settings(config).catalogue
    return load_set(folders.parameter_sets, system.system_id, int(number))


def _system(
    name: str | None,
    option: str,
    own: str | None,
    catalogue: Catalogue,
    systems: Path | None,
    config: Path | None,
    given: Scenario | None,
) -> MaterialSystem:
    """The system that a person means: a file, a version of the shot's system, an id."""
    from twin_core.data_sheet_only import SheetOnly
    from twin_core.errors import InputError
    from twin_core.system_versions import load_systems, load_version

    if name is None and given is not None:
        return given.system
    name = name or own
    if name is None:
        raise InputError(f"the log says no system_id: give {option}")
    if Path(name).is_file():
        held = load_systems(Path(name))
        if len(held) != 1:
            raise InputError(f"{option} {name}: holds {len(held)} systems: give a file of one")
        return next(iter(held.values()))
    if name.isdigit() and own is not None:
        found = load_version(_folder(systems, config), own, int(name))
        if isinstance(found, SheetOnly):
            raise found.refusal()
        return found
    if name in catalogue.sheets:
        raise catalogue.sheets[name].refusal()
    if name not in catalogue.systems:
        known = ", ".join(sorted(catalogue.systems))
        raise InputError(
            f"{option} {name}: no file, no version of {own}, no system of the catalogue (known: "
            f"{known})"
        )
    return catalogue.systems[name]


def _folder(systems: Path | None, config: Path | None) -> Path:
    from edge_agent.config.settings import CatalogueSettings, load_settings

    if systems is not None:
        return systems
    return (CatalogueSettings() if config is None else load_settings(config).catalogue).systems


def _print(found: ShotComparison) -> None:
    from edge_agent.report.comparison_page import agreement_rows, part_rows, verdict
    from edge_agent.report.shot_comparison import LABELS

    two = len(found.results) > 1
    names = []
    for number, result in enumerate(found.results):
        system, set_id = result.scenario.system, found.versions_of(number)[0]
        names.append(set_id or f"{system.system_id} v{system.version}")
    say(f"{found.shot.key.shot_id} ({found.kind}) beside {', then '.join(names)}")
    if found.series:
        head = ("sensor", "", "points", "RMSE", "bias", "largest", "peak", "unit")
        print_table(
            head, agreement_rows(found), right=("points", "RMSE", "bias", "largest", "peak")
        )
    if found.part:
        labels = LABELS if two else ("simulated",)
        print_table(("part", found.kind, *labels, "unit"), part_rows(found),
                    right=(found.kind, *labels))  # fmt: skip
    if two and found.changed:
        rows = [
            (path, *("-" if v is None else f"{v:.5g}" for v in (old, new)), unit)
            for path, old, new, unit in found.changed
        ]
        print_table(("changed", *LABELS, "unit"), rows, right=LABELS, folds=("changed",))
    for line in verdict(found):
        say(line)
    for note in found.notes:
        say(f"note: {note}")
