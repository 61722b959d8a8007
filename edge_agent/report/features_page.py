"""The page docs/features.md, generated from the columns.

python -m edge_agent.report.features_page docs/features.md
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from edge_agent.learning.checks import RULES
from twin_core.learning.columns import COLUMNS, IDS, LIVE_S, TARGETS, TIMES, Known
from twin_core.plausible_ranges import CHANNELS, RANGES

COMMAND = "python -m edge_agent.report.features_page docs/features.md"
MOMENTS: dict[Known, tuple[str, str]] = {
    "pour": ("Known at the pour", "What is poured, what the physics expects, what earlier shots "
             "showed before this pour."),
    "live": ("Known while the shot cures", f"{LIVE_S:g} s after the pour."),
    "demold": ("Known when the mold opens", "The shot's own measurements, and what they are "
               "beside the physics."),
    "lab": ("Known when the laboratory reports", "Results, never inputs of a model for an "
            "earlier moment."),
}  # fmt: skip
ID_MEANINGS = {
    "shot_id": "the shot",
    "site": "the plant; empty where the source does not say",
    "press": "the press, or the logger of a bundle",
    "mold_id": "the mold",
    "system_id": "the material system",
    "parameters_hash": "the numbers of system and parameter set that the physics used",
    "poured_at": "the end of injection, UTC",
    "end_known_at": "when the end of the shot became known, UTC",
    "lab_known_at": "when its first quality record became known, UTC",
    "simulated": "1 for a shot that a virtual press made, else 0",
}
HEAD = f"""\
# The columns of a feature set

Generated from `twin_core/learning/columns.py` and `twin_core/plausible_ranges.py` by
`{COMMAND}`.

`pur-mold-twin build-features` writes one row a shot, with the columns below in this order. A
missing value is missing (null in the file, NaN in memory); nothing is ever filled in. A model for a
moment may look at the columns known by then, and at no others. `prev_` and `press_` columns hold
what was known before the pour, and known is what had arrived: a residual of pressure and core
temperature from when the end of its shot arrived, one of the laboratory from when its record did
(`received_at` of the [history](history.md); where that is empty, as in bundles and in histories of
older programs, from the end of the shot and the time of the record). A record that a later one
corrects counts until that one arrives.

    pur-mold-twin build-features --history var/history.db --since 90d --report report.md
    pur-mold-twin build-features --bundles data/raw -o data/ml/features.parquet
    pur-mold-twin build-features -m measured.parquet -s simulated.csv

With `--since` the first shots know no earlier ones: their `prev_` columns are missing. Shots that
were aborted, never poured, or cannot be simulated are no rows; the report names them.

Two files (`-m`, `-s`; [what is read and refused](log-files.md)) are joined on `shot_id` and on
those of `press site mold_id poured_at` that both have, `delta_` columns are computed, columns they
do not have are missing. Results of the laboratory teach later shots from `lab_known_at` on, a
column with times of the measured file; where it is missing they teach none. Bundles and cells that
cannot be read are left out and named; the exit code is 3 then, or if nothing of a column could be
read.
A bundle's `qc.yaml` without `ts` counts as known when the mold was opened, as in a replay.

The physics is computed anew for every shot, by the rules of the agent (which inputs stand in for
missing readings), on all cores. With the [extra](../README.md#installing) `ray`
chunks of 1,000 shots are Ray tasks, on the cluster that `RAY_ADDRESS` names or on this machine; the
numbers are the same. Ray is not among the packages of `./twin`, so `./twin test` runs the chunks
in-process; where Ray is installed, `python -m tests.support.ray_run` compares both ways.

The file's metadata: `schema_version`, `schema_hash` (of names, units and meanings), `physics_hash`,
`source`, `shots_count`, `simulated_share`.

5,000 shots with 500,000 frames in a SQLite history take 24 s of processor time and 460 MB (measured
on two cores that had other work, too: 37 and 48 s by the clock).
"""


def render() -> str:
    """The page."""
    parts = [HEAD, "## Which shot\n"]
    rows = [f"| `{name}` | {ID_MEANINGS[name]} |" for name in (*IDS, *TIMES)]
    parts.append("\n".join(["| column | meaning |", "|---|---|", *rows]) + "\n")
    for known, group in groupby(COLUMNS.items(), key=lambda item: item[1].known):
        title, words = MOMENTS[known]
        parts.append(f"## {title}\n\n{words}\n")
        rows = [
            f"| `{name}` | {_cell(column.unit)} | {_cell(column.meaning)} |"
            for name, column in group
        ]
        parts.append("\n".join(["| column | unit | meaning |", "|---|---|---|", *rows]) + "\n")
    parts.append("## Residuals\n")
    how = {True: "measured / physics - 1", False: "measured - physics"}
    rows = [
        f"| `{name}` | `{target.measured}` | `{target.physics}` | {how[target.relative]} | "
        f"{target.known} |"
        for name, target in TARGETS.items()
    ]
    head = ["| name | measured | physics | residual | known |", "|---|---|---|---|---|"]
    parts.append("\n".join([*head, *rows]) + "\n")
    parts.append("## What is impossible\n\nOutside these ranges a value is missing.\n")
    rows = [
        f"| `{name}` | {found.low:g} | {found.high:g} | {found.reason} |"
        for name, found in (CHANNELS | RANGES).items()
    ]
    head = ["| reading or column | from | to | why |", "|---|---|---|---|"]
    parts.append("\n".join([*head, *rows]) + "\n")
    parts.append("## What is looked for\n\nThe report counts each, with examples.\n")
    rows = [f"| `{name}` | {rule.kind} | {_cell(rule.meaning)} |" for name, rule in RULES.items()]
    parts.append("\n".join(["| rule | kind | meaning |", "|---|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the page into the one file named; 2 when there is not one."""
    if len(arguments) != 1:
        print(f"usage: {COMMAND}", file=sys.stderr)
        return 2
    Path(arguments[0]).write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
