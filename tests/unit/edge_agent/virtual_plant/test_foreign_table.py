"""Shots as a foreign system exports them: drafted, imported, and the same as the plant has."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.errors import StoreError
from edge_agent.imports.draft import draft_of
from edge_agent.imports.proposal import propose
from edge_agent.imports.sample import sample_of_file
from edge_agent.virtual_plant import VirtualPlant
from edge_agent.virtual_plant.foreign_table import with_foreign_table
from tests.support.scenarios import catalogue
from tests.support.sources import fetched

OWN = """\
  t_demold_safe_s: "sichere Entformzeit [s]"
series:
  file: "kurven/{Schussnummer}.csv"
  time: {column: "Zeit [s]", unit: s}
  signals:
    T_core_C: "Kerntemperatur [°C]"
    p_cavity_bar: "Werkzeuginnendruck [bar]"
    T_mold_C: "Werkzeugtemperatur [°C]"
"""


def test_what_is_exported_is_imported_with_one_decision(tmp_path: Path) -> None:
    plant = VirtualPlant(
        7, [catalogue()["SYSTEM_R1"]], presses=1, molds_per_press=1, shots=3, days=5
    )
    shots = list(with_foreign_table(plant.shots(), tmp_path / "mes"))
    path = tmp_path / "mes" / "schuesse.csv"
    draft = draft_of(propose(*sample_of_file(path)), ["kind: csv", f"path: {path}"], None)
    assert len(draft.open) == 1
    assert "Entformzeit" in draft.open[0]
    mapping = tmp_path / "mes.yaml"
    mapping.write_text(draft.text + OWN, encoding="utf-8")
    for shot, found in zip(shots, fetched(mapping), strict=True):
        bundle = found.bundle
        assert bundle is not None
        assert bundle.meta.simulated
        assert (bundle.meta.shot_id, bundle.meta.mold_id) == (shot.shot_id, shot.mold_id)
        assert bundle.recipe.m_polyol_kg == pytest.approx(
            shot.nominal.process.m_polyol_kg, abs=1e-4
        )
        assert bundle.meta.timestamp_start == shot.poured_at.replace(microsecond=0)
        peak = bundle.peak("T_core_C")
        assert peak is not None
        assert peak[1] > 90.0
        assert len(bundle.readings("p_cavity_bar")) > 50
        assert not any(one.kind == "refused" for one in found.problems)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        next(with_foreign_table([], tmp_path / "file" / "mes"))
