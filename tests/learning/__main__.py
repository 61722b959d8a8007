"""``./twin learn``: plants, feature sets, a model, and its verdict on plants it never saw."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import yaml

from edge_agent.inference.manifest import MANIFEST
from edge_agent.report.training import INSIDE, INSIDE_MOLD, SHARE_ALLOWED, WORSE_ALLOWED

TARGETS = ("rho_moulded", "t_demold", "p_max", "T_core_max")
COVERAGE = 0.9


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
@click.option("--keep", type=click.Path(path_type=Path), help="Keep everything in this folder.")
def command(shots: int, seeds: tuple[int, ...], others: tuple[int, ...], keep: Path | None) -> None:
    """Learn from virtual plants, test the model on others: presses, molds, seasons it never saw.

    Everything is simulated.

    Exit codes: 0 the model holds what is asked of one, 1 it does not, 2 a step failed.
    """
    with tempfile.TemporaryDirectory(prefix="twin-learn-") as temporary:
        folder = keep or Path(temporary)
        learned = [plant(folder, seed, shots, "6", "2025-01-06", "365") for seed in seeds]
        unseen = [plant(folder, seed, shots * 4 // 5, "4", "2026-02-01", "240") for seed in others]
        files = [part for path in learned for part in ("--features", path)]
        files += [part for path in unseen for part in ("--unseen", path)]
        run("train-ml", *files, "--out", folder / "models")
        versions = sorted((folder / "models" / "pour").glob(f"*/{MANIFEST}"))
        manifest = yaml.safe_load(versions[-1].read_text())
    good = show(manifest["metrics"]["unseen"])
    sys.exit(0 if good else 1)


def plant(folder: Path, seed: int, shots: int, presses: str, start: str, days: str) -> Path:
    """A plant's shots as a feature set."""
    home, features = folder / f"plant{seed}", folder / f"plant{seed}.parquet"
    run(
        *("virtual-plant", "--out", home, "--shots", str(shots), "--seed", str(seed)),
        *("--presses", presses, "--molds", "2", "--start", start, "--days", days),
        *("--site", f"plant{seed}"),
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


def show(unseen: dict[str, dict[str, dict[str, dict[str, object]]]]) -> bool:
    """One line for each plant and target; does every one hold?"""
    header = f"{'plant':10}{'target':14}{'model/physics':>14}{'inside':>9}{'worst mold':>12}"
    click.echo(f"{header}{'outside':>9}")
    good = True
    for name, found in unseen.items():
        for target in TARGETS:
            one = found["scores"][target]
            outside = found["outside"].get(target)
            ratio, inside = float(str(one["ratio"])), float(str(one["coverage"]))
            by_mold = one["coverage_by_mold"]
            assert isinstance(by_mold, dict)
            worst = min(by_mold.values(), default=1.0)
            beyond = None if outside is None else float(str(outside["ratio"]))
            holds = (
                ratio <= SHARE_ALLOWED
                and abs(inside - COVERAGE) <= INSIDE
                and worst >= INSIDE_MOLD
                and (beyond is None or beyond <= WORSE_ALLOWED)
            )
            good &= holds
            far = "-" if beyond is None else f"{beyond:.2f}"
            words = "" if holds else "   does not hold"
            click.echo(
                f"{name:10}{target:14}{ratio:14.3f}{inside:9.1%}{worst:12.0%}{far:>9}{words}"
            )
    return good


if __name__ == "__main__":
    command()
