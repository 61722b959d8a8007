"""Print all that is stored of a shot id: shots that had it, results, and how good the data were."""

from __future__ import annotations

from typing import Any

import click

from edge_agent.cli.tables import print_table, say
from edge_agent.logged_shots.quality_rows import key_of_record, merged, pours_by_id
from edge_agent.shots.data_quality_words import NOTHING, in_words

Tables = dict[str, list[dict[str, Any]]]
OF_ONE_SHOT = ("shot", "prediction", "quality", "event")
"""Tables whose rows are printed; of the telemetry the number, and what was left out."""
FRAMES_SHOWN = 10
"""Frames with readings left out that are printed."""


def shots_of(tables: Tables) -> list[dict[str, Any]]:
    """Say what is known of each shot of this id, oldest first.

    Args:
        tables: as ``HistoryReader.shot`` returns them.
    """
    found, pours = [], pours_by_id(tables["shot"])
    keys = [
        key_of_record(row, pours.get((row["site"], row["press"], row["shot_id"]), []))
        for row in tables["quality"]
    ]
    for row in tables["shot"]:
        key = row["shot_key"]
        of_key = {
            name: [one for one in rows if one.get("shot_key") == key]
            for name, rows in tables.items()
        }
        records = [r for r, k in zip(tables["quality"], keys, strict=True) if k == key]
        found.append(
            {
                "shot_key": key,
                "mold_id": row["mold_id"],
                "poured_at": row["poured_at"],
                "outcome": row["outcome"],
                "quality": merged(records),
                "quality_records_count": len(records),
                "data_quality": _data_quality(row, of_key["prediction"]),
            }
        )
    return found


def print_shot(tables: Tables) -> None:
    """Print the rows of a shot id, by table, and of each shot the sections on its quality.

    Args:
        tables: as ``HistoryReader.shot`` returns them.
    """
    shots = shots_of(tables)
    if len(shots) > 1:
        click.echo(f"{len(shots)} shots had this id")
        print_table(
            ("shot_key", "mold", "poured", "outcome"),
            [
                (
                    shot["shot_key"],
                    shot["mold_id"] or "-",
                    str(shot["poured_at"] or "-")[:19],
                    shot["outcome"] or "curing",
                )
                for shot in shots
            ],
            folds=("mold",),
        )
    for name in OF_ONE_SHOT:
        click.echo(f"{name}: {len(tables[name])}")
        for row in tables[name]:
            hidden = ("document", "content")
            words = (f"{k}={v}" for k, v in row.items() if v is not None and k not in hidden)
            say("  ".join(words), "  ")
    _print_frames(tables["telemetry"])
    for shot in shots:
        of = f" of {shot['shot_key']}" if len(shots) > 1 else ""
        _print_quality(of, shot)
        _print_data_quality(of, shot["data_quality"])


def _print_frames(frames: list[dict[str, Any]]) -> None:
    """The number of frames, and the first of those in which readings were left out."""
    worse = [frame for frame in frames if frame["left_out"]]
    more = f", {len(worse)} with readings left out" if worse else ""
    click.echo(f"telemetry: {len(frames)}{more}")
    for frame in worse[:FRAMES_SHOWN]:
        found = (
            f"{name}: {left['reason']}" + (f", {left['words']}" if left.get("words") else "")
            for name, left in frame["left_out"].items()
        )
        say(f"{frame['ts']} {frame['device_id']}  {'; '.join(found)}", "  ")
    if len(worse) > FRAMES_SHOWN:
        say(f"and {len(worse) - FRAMES_SHOWN} more; --output json has all", "  ")


def _data_quality(row: dict[str, Any], predictions: list[dict[str, Any]]) -> dict[str, Any]:
    """Readings left out, corrections and stand-ins, of the shot itself or its last prediction."""
    last = max(predictions, key=lambda one: one["revision"], default={"document": None})
    said = (last["document"] or {}).get("data_quality") or {}
    return {
        "readings_left_out": row["readings_left_out"] or said.get("readings_left_out") or {},
        "corrected": row["corrected"] or [],
        "stood_in": said.get("stood_in") or {},
        "flags": said.get("flags") or [],
        "clock_offset_s": said.get("clock_offset_s"),
    }


def _print_quality(of: str, shot: dict[str, Any]) -> None:
    if not shot["quality_records_count"]:
        return
    click.echo(f"quality{of}, {shot['quality_records_count']} records together")
    values = dict(shot["quality"])
    values["defects"] = ", ".join(values.get("defects", ())) or "none found"
    for name, left in values.pop("left_out", {}).items():
        say(f"left out: {name}, {left['reason']}: {left.get('words') or '-'}", "  ")
    say("  ".join(f"{name}={value}" for name, value in values.items()), "  ")


def _print_data_quality(of: str, found: dict[str, Any]) -> None:
    click.echo(f"data quality{of}")
    lines = in_words(
        stood_in=found["stood_in"],
        left_out=found["readings_left_out"],
        corrected=found["corrected"],
        flags=found["flags"],
        clock_offset_s=found["clock_offset_s"],
    )
    for line in lines or [NOTHING]:
        say(line, "  ")
