"""Tables of ``pur-mold-twin parameter-sets list`` and ``show``."""

from __future__ import annotations

from typing import Any

from edge_agent.cli.tables import print_table, say
from edge_agent.config.catalogue import load_molds
from edge_agent.config.parameter_set_folder import read_folder
from edge_agent.config.parameter_sets import problem_of
from edge_agent.config.settings import CatalogueSettings
from twin_core.calibration.free_parameters import with_energy_before
from twin_core.calibration.parameter_set import ParameterSet
from twin_core.fingerprint import PHYSICS_HASH
from twin_core.parameters import Parameter
from twin_core.system_versions import load_systems


def list_rows(
    folders: CatalogueSettings, system_id: str | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """A row of each set that can be read, and what is wrong with the others.

    Args:
        folders: of systems, molds and sets.
        system_id: only sets of this system.

    Raises:
        InputError: files of systems or molds are damaged; each is named with line and field.
    """
    systems, molds = load_systems(folders.systems), load_molds(folders.molds)
    folder = read_folder(folders.parameter_sets, system_id)
    rows = []
    for found in folder.sets:
        of_system = {
            mold_id: used for (mold_id, of), used in folder.in_use.items() if of == found.system_id
        }
        users = [m for m, used in of_system.items() if used.number == found.number]
        earlier = [m for m, used in of_system.items() if found.number in used.earlier]
        reasons = [problem_of(found, mold_id, systems, molds) for mold_id in users or found.molds]
        notes = list(dict.fromkeys(reason for reason in reasons if reason is not None))
        if found.physics_hash != PHYSICS_HASH:
            notes.append(f"{found.set_id} was fitted with another physics: calibrate anew")
        origin, verdict = found.provenance, found.verdict
        rows.append(
            {
                "set": found.set_id,
                "system_id": found.system_id,
                "number": found.number,
                "system_version": found.system_version,
                "system_hash": found.system_hash,
                "parameters_hash": found.parameters_hash(),
                "molds": sorted(found.molds),
                "in_use_for": users,
                "promoted": {
                    m: of_system[m].model_dump(include={"promoted_at", "promoted_by"})
                    for m in users
                },
                "before_for": earlier,
                "applies": not reasons or None in reasons,
                "notes": notes,
                **origin.model_dump(mode="json"),
                "verdict_use": verdict.use,
                "verdict": verdict.words,
                "improvement_pct": verdict.improvement_pct,
                "file": f"{found.set_id}.yaml",
            }
        )
    return rows, folder.wrong_in_use + folder.wrong


def print_list(rows: list[dict[str, Any]]) -> None:
    """Print a line of each set, and why some do not apply."""
    head = ("set", "version", "made", "by", "shots", "verdict", "in use for")
    cells = [
        (
            row["set"],
            str(row["system_version"]),
            row["made_at"][:10],
            row["made_by"],
            str(row["shots_count"]),
            "use" if row["verdict_use"] else "do not",
            ", ".join(row["in_use_for"]),
        )
        for row in rows
    ]
    print_table(head, cells, right=("version", "shots"), folds=("set", "by", "in use for"))
    for row in rows:
        molds: dict[tuple[str, str], list[str]] = {}
        for mold_id, promoted in row["promoted"].items():
            at, by = promoted["promoted_at"], promoted["promoted_by"]
            if at is not None or by is not None:
                molds.setdefault((at or "?", by or "?"), []).append(mold_id)
        for (at, by), of in molds.items():
            say(f"{row['set']}: put into use {at} by {by} for {', '.join(of)}")
        for note in row["notes"]:
            say(f"{'not used' if row['in_use_for'] and not row['applies'] else 'note'}: {note}")
        if row["simulated"] and row["in_use_for"]:
            say(f"note: {row['set']} was fitted to simulated shots")


def print_set(found: ParameterSet) -> None:
    """Print a set: origin, verdict, numbers, and what was not fitted."""
    origin, verdict = found.provenance, found.verdict
    say(
        f"{found.set_id}, of {found.system_id} version {found.system_version} ({found.system_hash})"
    )
    say(f"made {origin.made_at} by {origin.made_by}: {origin.command}")
    kind = "simulated shots" if origin.simulated else "shots"
    say(
        f"{origin.shots_count} {kind} of {origin.source}, {origin.first_poured_at[:10]} to "
        f"{origin.last_poured_at[:10]}, {origin.held_out_count} of them held out; "
        f"shots {origin.shots_hash[:16]}"
    )
    say(f"verdict: {'use it' if verdict.use else 'do not use it'}: {verdict.reason}")
    if verdict.held_out:
        columns = ("before", "after", "noise floor")
        errors = [
            (name, f"{e.before:.4g}", f"{e.after:.4g}", _number(e.noise_floor), e.unit)
            for name, e in verdict.held_out.items()
        ]
        print_table(("held out", *columns, "unit"), errors, columns, folds=("held out",))
    numbers = [(found.system_id, path, one) for path, one in found.shared.items()]
    numbers += [(m, name, one) for m, of in found.molds.items() for name, one in of.items()]
    if numbers:
        head = ("of", "number", "before", "value", "spread", "unit")
        print_table(head, [_row(*one) for one in numbers], right=head[2:5], folds=("of", "number"))
    for path, one in found.shared.items():
        before = with_energy_before(found.shared, path)
        if before is not None:
            energy = path.replace(".A", ".E")
            as_printed = "" if one.spread is None else ", as calibrate printed it"
            say(
                f"note: {path} goes with the new {energy}: the rate at 25 C is what counts. With "
                f"{energy} before it is {before:.4g} {one.unit}{as_printed}"
            )
    for left in found.not_fitted:
        where = left.path if left.mold_id is None else f"{left.mold_id}: {left.path}"
        say(f"not fitted: {where}: {left.why}")


def _row(whose: str, name: str, one: Parameter) -> tuple[str, ...]:
    return whose, name, _number(one.start), f"{one.value:.5g}", _number(one.spread), one.unit


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
