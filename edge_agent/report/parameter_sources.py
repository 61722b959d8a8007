"""Sources of the numbers of a run's material, assumed ones first."""

from __future__ import annotations

from edge_agent.report.content import Code, Inline, Table, Words
from twin_core import MaterialSystem
from twin_core.parameters import Parameter


def assumed_count(system: MaterialSystem) -> str:
    """``"6 of 34"``: how many of the numbers nobody measured, published or fitted."""
    return f"{len(system.assumed())} of {len(system.parameters())}"


def sources_tables(system: MaterialSystem) -> tuple[Table, Table]:
    """Assumed numbers with their reasons; then every other source with what it covers."""
    groups: dict[tuple[str, str], list[tuple[str, Parameter]]] = {}
    for path, parameter in system.parameters():
        groups.setdefault((parameter.kind, parameter.source), []).append((path, parameter))
    assumed: list[tuple[Words, ...]] = []
    known: list[tuple[Words, ...]] = []
    for (kind, source), parameters in groups.items():
        if kind == "assumed":
            assumed.append((source, _covered(parameters)))
        else:
            known.append((source, kind, _covered(parameters)))
    known.sort(key=lambda row: str(row[1]))
    return (
        Table.of("assumed because|parameters", assumed),
        Table.of("source|kind|parameters", known),
    )


def _covered(parameters: list[tuple[str, Parameter]]) -> tuple[Inline, ...]:
    words: list[Inline] = []
    for path, parameter in parameters:
        unit = "" if parameter.unit == "1" else f" {parameter.unit}"
        words.extend((Code(path), f" {parameter.value:g}{unit}; "))
    words[-1] = str(words[-1]).removesuffix("; ")
    return tuple(words)
