"""Shots of a virtual plant as a foreign system exports them: German headers, decimal commas, grams.

    schuesse.csv         a row a shot, with what the laboratory said; a column says ``simuliert``
    kurven/NUMBER.csv    readings of a shot against the time since the end of injection

An import can be tried on them. Nothing in them was measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from broker.messages import QualityRecord, TelemetryFrame
from edge_agent.errors import StoreError, disk_hint
from edge_agent.virtual_plant.shots import VirtualShot

SHOTS = "schuesse.csv"
CURVES = "kurven"
HEAD = (
    *("Schussnummer", "Zeitstempel", "Anlage", "Werkzeug", "Rohstoffsystem"),
    *("Polyolmenge [g]", "Isomenge [g]", "Polyoltemperatur [°C]", "Isotemperatur [°C]"),
    *("Werkzeugtemperatur [°C]", "Hallentemperatur [°C]", "Luftfeuchte [%]", "Entformzeit [s]"),
    *("Rohdichte [kg/m³]", "Shore Härte 24h", "sichere Entformzeit [s]", "simuliert"),
)
CURVE_HEAD = {
    "T_core_C": "Kerntemperatur [°C]",
    "p_cavity_bar": "Werkzeuginnendruck [bar]",
    "T_mold_C": "Werkzeugtemperatur [°C]",
}


def with_foreign_table(shots: Iterable[VirtualShot], folder: Path) -> Iterator[VirtualShot]:
    """The same shots, written into a folder as they go by; files of a run before are replaced.

    Args:
        shots: of a plant.
        folder: for the files.

    Raises:
        StoreError: it cannot be written.
    """
    path = folder / SHOTS
    try:
        (folder / CURVES).mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(_line(HEAD))
            for shot in shots:
                file.write(_line(_row(shot)))
                text = "".join(map(_line, _curves(shot)))
                name = folder / CURVES / f"{shot.shot_id}.csv"
                name.write_text(text, encoding="utf-8", newline="\n")
                yield shot
    except OSError as error:
        words = f"{error.filename or path}: cannot be written: {error.strerror or error}"
        raise StoreError(words, hint=disk_hint(error)) from error


def _row(shot: VirtualShot) -> list[str]:
    said = shot.quality.message if shot.quality is not None else None
    process = shot.nominal.process
    record = said if isinstance(said, QualityRecord) else None
    return [
        shot.shot_id, f"{shot.poured_at:%Y-%m-%dT%H:%M:%S}Z", shot.press.press, shot.mold_id,
        shot.system_id, _number(1e3 * process.m_polyol_kg, 1), _number(1e3 * process.m_iso_kg, 1),
        _number(process.T_polyol_C, 1), _number(process.T_iso_C, 1), _number(process.T_mold_C, 1),
        _number(process.T_ambient_C, 1), _number(process.RH_ambient_pct, 0),
        _number(shot.opened_s, 0),
        *(
            _number(None if record is None else getattr(record, name), digits)
            for name, digits in (
                ("rho_moulded_kg_per_m3", 2), ("H_24h_shore", 1), ("t_demold_safe_s", 0),
            )
        ),
        "ja",
    ]  # fmt: skip


def _curves(shot: VirtualShot) -> Iterator[Sequence[str]]:
    yield ("Zeit [s]", *CURVE_HEAD.values())
    for timed in shot.messages:
        frame = timed.message
        if isinstance(frame, TelemetryFrame) and frame.ts > shot.poured_at:
            t = (frame.ts - shot.poured_at).total_seconds()
            values = [_number(frame.sensors.get(name), 3) for name in CURVE_HEAD]
            if any(values):
                yield (_number(t, 2), *values)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}".replace(".", ",")


def _line(cells: Iterable[str]) -> str:
    return ";".join(cells) + "\n"
