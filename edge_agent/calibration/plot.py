"""Plot of before and after as a PNG; the only module of the command that needs matplotlib."""

from __future__ import annotations

from pathlib import Path

from edge_agent.calibration.text import Panel
from edge_agent.errors import disk_hint
from twin_core.errors import InputError
from twin_core.extras import how_to_install


def draw(panels: list[Panel], path: Path) -> None:
    """Draw panels below each other.

    Raises:
        InputError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            f"--plot needs matplotlib: {how_to_install('report')}; or leave --plot out"
        ) from None
    figure = Figure(figsize=(8.0, 3.2 * len(panels)), layout="constrained")
    for i, panel in enumerate(panels):
        axes = figure.add_subplot(len(panels), 1, i + 1)
        for curve in panel.curves:
            style = "k." if curve.points else ("--" if curve.label == "before" else "-")
            axes.plot(curve.t_s, curve.values, style, label=curve.label)
        for label, value in panel.levels:
            axes.axhline(value, color="0.5", linestyle=":", label=label)
        if panel.levels:
            axes.set_yscale("log")
        axes.set_title(panel.title, fontsize=9)
        axes.set_xlabel("time, s")
        axes.legend(fontsize=8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be drawn: {error}", hint=disk_hint(error)) from None
