"""A model version as a page on the terminal: what it is, where it comes from, how good it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from edge_agent.cli.tables import print_table, say

if TYPE_CHECKING:
    from edge_agent.inference.manifest import Manifest
    from edge_agent.inference.signature import Signature

_MOMENTS = {
    "pour": "what is known at the pour",
    "live": "what is known 120 s after the pour",
    "demold": "what is known when the mold opens",
}
_SCORES = {
    "shots": "shots_count",
    "error": "ratio",
    "/ EWMA": "ratio_ewma",
    "inside": "coverage",
    "bias": "bias",
}
"""Column of the table: name of the score."""


def print_manifest(manifest: Manifest, use: str, signature: Signature | None) -> None:
    """Print the page; ``--output json`` has every number."""
    signed = "by nobody"
    if signature is not None:
        signed = f"with key {signature.key[:16]}… (checked with --trusted-key, or models verify)"
    lines = {
        "use": use or "none",
        "looks at": _MOMENTS[manifest.known_at],
        "trained": f"{manifest.trained_at:%Y-%m-%d %H:%M} UTC",
        "simulated": f"{manifest.simulated_share:.0%} of the shots that it learned from",
        "file": f"{manifest.bytes_count / 1000:.1f} kB, SHA-256 {manifest.sha256[:16]}…",
        "signed": signed,
        "physics": manifest.physics_hash,
        "features": manifest.feature_schema,
        "commit": manifest.git_commit,
    }
    click.echo(manifest.label)
    for name, words in lines.items():
        say(f"{name:10} {words}", "  ")
    rows = list(_rows(manifest.metrics, ()))
    if rows:
        click.echo()
        print_table(
            ("scored on", "target", *_SCORES), rows, right=tuple(_SCORES), folds=("scored on",)
        )
        say(
            "error: of the model, as a share of that of the physics alone; / EWMA: of that of a "
            "running mean of each mold. inside: share of shots inside their interval. bias: in the "
            "unit of the target."
        )


def _rows(node: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[list[str]]:
    """A row for each dictionary of scores, with the names that lead to it."""
    if any(isinstance(node.get(name), (int, float)) for name in ("ratio", "coverage")):
        *part, target = path or ("",)
        yield [", ".join(part), target, *(_score(node.get(name)) for name in _SCORES.values())]
        return
    for name, below in node.items():
        if isinstance(below, Mapping):
            yield from _rows(below, path if name == "scores" else (*path, name))


def _score(value: Any) -> str:
    return "-" if not isinstance(value, (int, float)) else f"{value:.3g}"
