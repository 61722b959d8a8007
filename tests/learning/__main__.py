"""``./twin learn``: plants, feature sets, a model, and its verdict on plants it never saw."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from edge_agent.inference.manifest import MANIFEST
from twin_core.learning.columns import TARGETS
from twin_core.learning.training.bar import demands, hold
from twin_core.learning.training.scores import CONSECUTIVE, Score

COVERAGE = 0.9
BASELINES = {
    "physics": "rmse_physics",
    "mean": "rmse_mean",
    "last": "rmse_last",
    "EWMA": "rmse_ewma",
    "+ridge": "rmse_ewma_ridge",
    "memory": "rmse_memory",
    "model": "rmse",
}


@click.command(
    "learn",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: ./twin learn --unseen 201 --unseen 202 --keep var/learn",
)
@click.option(
    "--shots", default=2500, show_default=True, type=click.IntRange(200), help="Of each plant."
)
@click.option(
    "--seed", "seeds", multiple=True, type=int, default=(11, 12), show_default=True,
    help="Of a plant to learn from; repeat.",
)  # fmt: skip
@click.option(
    "--unseen", "others", multiple=True, type=int, default=(201, 202, 203), show_default=True,
    help="Seed of an unseen plant, in another season; repeat.",
)  # fmt: skip
@click.option("--preset", type=click.Choice(["calm", "harsh"]), help="Of virtual-plant.")
@click.option("--spacing-min", metavar="MINUTES", help="Of virtual-plant: from pour to pour.")
@click.option("--lab-hours", metavar="LOW,HIGH", help="Of virtual-plant: how late results are.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep everything in this folder.")
def command(
    shots: int,
    seeds: tuple[int, ...],
    others: tuple[int, ...],
    preset: str | None,
    spacing_min: str | None,
    lab_hours: str | None,
    keep: Path | None,
) -> None:
    """Learn from virtual plants, test the model on others: presses, molds, seasons it never saw.

    Everything is simulated. The bar is an exponentially weighted running mean (EWMA) of each mold's
    residuals.

    Exit codes: 0 the model holds what is asked of one, 1 it does not, 2 a step failed.
    """
    given = {"--preset": preset, "--spacing-min": spacing_min, "--lab-hours": lab_hours}
    kind = [part for name, value in given.items() if value for part in (name, value)]
    # a plant with minutes between shots takes as many days as its shots do
    spread = preset != "harsh" and spacing_min is None
    with tempfile.TemporaryDirectory(prefix="twin-learn-") as temporary:
        folder = keep or Path(temporary)
        when = ["--presses", "6", "--start", "2025-01-06", *(["--days", "365"] if spread else [])]
        later = ["--presses", "4", "--start", "2026-02-01", *(["--days", "240"] if spread else [])]
        learned = [plant(folder, seed, shots, [*kind, *when]) for seed in seeds]
        unseen = [plant(folder, seed, shots * 4 // 5, [*kind, *later]) for seed in others]
        files = [part for path in learned for part in ("--features", path)]
        files += [part for path in unseen for part in ("--unseen", path)]
        run("train-ml", *files, "--out", folder / "models")
        versions = sorted((folder / "models" / "pour").glob(f"*/{MANIFEST}"))
        manifest = yaml.safe_load(versions[-1].read_text())
    good = show(manifest["metrics"]["unseen"])
    sys.exit(0 if good else 1)


def plant(folder: Path, seed: int, shots: int, more: list[str]) -> Path:
    """A plant's shots as a feature set."""
    home, features = folder / f"plant{seed}", folder / f"plant{seed}.parquet"
    run(
        *("virtual-plant", "--out", home, "--shots", str(shots), "--seed", str(seed)),
        *("--molds", "2", "--site", f"plant{seed}", *more),
    )
    where = ("--history", home / "history.db", "--molds", home / "molds")
    run("build-features", *where, "-o", features)
    return features


def run(*arguments: object) -> None:
    """A command of the product, quiet unless it fails."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "edge_agent", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        click.echo(done.stdout + done.stderr, err=True)
        sys.exit(2)
    click.echo(f"{time.monotonic() - begun:5.0f} s  {' '.join(map(str, arguments[:3]))}", err=True)


def show(unseen: Mapping[str, Mapping[str, Any]]) -> bool:
    """Print a line for each plant and target, and what does not hold; does everything?"""
    columns = "".join(f"{name:>9}" for name in BASELINES)
    click.echo(f"{'':24}{columns}{'/EWMA':>7}{'inside':>8}{'mold':>6}{CONSECUTIVE:>5}{'exact':>7}")
    good = True
    for plant_name, found in unseen.items():
        for target in TARGETS:
            if target not in found["scores"]:
                continue
            one = Score(**found["scores"][target])
            beyond = found["outside"].get(target)
            asked = demands(one, COVERAGE, None if beyond is None else Score(**beyond))
            click.echo(f"{plant_name:11}{target:13}{figures(one)}")
            for demand in asked:
                if demand.holds is False:
                    click.echo(f"{'':11}does not hold: {demand.words}")
            good &= hold(asked)
    return good


def figures(one: Score) -> str:
    """Errors of the baselines and the model, and how sure it is."""
    errors = [getattr(one, field) for field in BASELINES.values()]
    cells = "".join(f"{'-':>9}" if error is None else f"{error:9.4g}" for error in errors)
    mold = min(one.coverage_by_mold.values(), default=None)
    shares = (mold, one.worst_share, one.worst_exact)
    worst = "".join(
        f"{'-' if share is None else format(share, '.0%'):>{width}}"
        for share, width in zip(shares, (6, 5, 7), strict=True)
    )
    return f"{cells}{one.ratio_ewma:7.3f}{one.coverage:8.1%}{worst}"


if __name__ == "__main__":
    command()
