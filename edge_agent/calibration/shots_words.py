"""Words on shots that were left out of a calibration."""

from __future__ import annotations

from edge_agent.calibration.calibration_shot import LEFT_OUT, ShotsFound


def left_out_lines(found: ShotsFound) -> list[str]:
    """A line for each reason: shots, readings, results."""
    lines = [
        f"{count} shots: {LEFT_OUT[reason]}" + _as(found, reason)
        for reason, count in found.left_out.items()
    ]
    for what, counts in (
        ("readings that are impossible, or of a probe still hot", found.readings_left_out),
        ("results that are impossible, or older than their shot", found.results_left_out),
    ):
        if counts:
            said = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
            lines.append(f"{what}: {said}")
    return lines


def _as(found: ShotsFound, reason: str) -> str:
    return "" if reason == "older" else f", as {found.examples[reason][0]}"
