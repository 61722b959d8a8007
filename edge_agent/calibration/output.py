"""Files that a calibration writes: the fitted model and its picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
from pydantic import BaseModel

from edge_agent.calibration import system_file, text
from edge_agent.config import system_versions
from twin_core.materials import MaterialSystem


@dataclass(frozen=True)
class Output:
    """Files that results go to."""

    out: Path | None
    plot: Path | None
    dry_run: bool
    force: bool

    def file(self, name: str, version: int) -> Path:
        """The file to write: as asked for, or ``NAME-vN.yaml`` in that folder or here."""
        if self.out is not None and self.out.suffix in {".yaml", ".yml"}:
            return self.out
        return (self.out or Path()) / f"{name}-v{version}.yaml"

    def write_system(self, system: MaterialSystem, place: Path, origin: Path | None) -> None:
        """Write a fitted system with a version that is free in ``place``, and say how to use it.

        Args:
            place: file or folder of systems that it was read from.
        """
        name = system.system_id
        version = system_versions.next_version(place, name, system.version)
        self.write(name, system.model_copy(update={"version": version}), origin)
        if not self.dry_run:
            text.print_next_steps(self.file(name, version), name, version, place)

    def write(self, name: str, model: BaseModel, origin: Path | None) -> None:
        """Write a fitted model unless this is a dry run; it keeps the comments of its origin."""
        version = getattr(model, "version", 1)
        if self.dry_run:
            click.echo("dry run: no file written")
            return
        path = self.file(name, version)
        header = "" if origin is None else system_file.header_of(origin)
        system_file.save(path, system_file.as_yaml(model, header), self.force)
        click.echo(f"written: {path} (version {version})")

    def draw(self, panels: list[text.Panel]) -> None:
        """Draw before and after, when asked for."""
        if self.plot is not None:
            from edge_agent.calibration.plot import draw

            draw(panels, self.plot)
            click.echo(f"drawn: {self.plot}")


def progress(message: str) -> None:
    """A line on stderr."""
    click.echo(message, err=True)
