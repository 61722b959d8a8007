"""Raw shots by the contract: what is left out is told."""

from __future__ import annotations

from edge_agent.imports.settings import FolderSource
from edge_agent.imports.source import RawShot
from edge_agent.imports.to_contract import Transformation

MAPPED = FolderSource.model_validate(
    {
        "kind": "csv",
        "path": "shots.csv",
        "time_zone": "UTC",
        "columns": {
            "shot_id": "Nr",
            "mold_id": "Form",
            "system_id": {"value": "SYSTEM_R1"},
            "m_polyol_kg": {"value": 1.0},
            "m_iso_kg": {"value": 1.2},
            "poured_at": "Guss",
            "opened_at": "Entformt",
        },
    }
)


def test_an_opening_without_a_pour_is_told() -> None:
    cells = {"Nr": "17", "Form": "A", "Guss": None, "Entformt": "2026-05-01 06:05:00"}
    bundle, problems, _ = Transformation(MAPPED)(RawShot("shots.csv: line 2", cells))
    assert bundle is not None
    assert bundle.t_demold_actual_s is None
    assert [one.line for one in problems] == [
        "shots.csv: line 2 (shot 17), column Entformt: no poured_at to count the opening from: it "
        "is left out"
    ]
