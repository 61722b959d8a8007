"""A learner may know what had arrived before the pour, at the press and in a feature set alike."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.messages import QualityRecord
from broker.topics import PressAddress
from edge_agent.config.catalogue import Catalogue, read_catalogue
from edge_agent.config.settings import CatalogueSettings
from edge_agent.history.read import open_sqlite
from edge_agent.inference.earlier_shots import EarlierShots
from edge_agent.learning.model_errors import ModelErrors, model_errors
from edge_agent.shots.shot import Shot
from tests.support.feature_rows import built, history, row, shots_of
from tests.support.shots import START, Row, at, rows_of

LATE_S = 2500.0
"""The record of the first shot says 1200 s after its pour, and comes then."""
PHYSICS = {"sim_rho_moulded": 70.0, "sim_p_max_bar": 2.0}


def arrived(rows: list[Row], kind: str, seconds: float | None) -> list[Row]:
    """Rows that came at this time of the plant; None is a history of an older program."""
    when = None if seconds is None else at(seconds)
    return [(k, c | {"received_at": when} if k == kind else c) for k, c in rows]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return read_catalogue(CatalogueSettings())


def known_of(path: Path, catalogue: Catalogue, rows: list[Row]) -> dict[str, dict[str, float]]:
    found, _ = built(shots_of(history(path, rows)), catalogue)
    return {f"S{number}": row(found, f"S{number}") for number in range(6)}


@pytest.mark.parametrize(("came_s", "first"), [(None, 3), (1200.0, 3), (LATE_S, 5)])
def test_a_record_is_known_from_its_arrival(
    tmp_path: Path, catalogue: Catalogue, came_s: float | None, first: int
) -> None:
    rows = arrived(rows_of(0, lab_after_s=1200.0), "quality", came_s)
    rows += [one for number in range(1, 6) for one in rows_of(number, lab_after_s=None)]
    known = known_of(tmp_path / "history.db", catalogue, rows)
    counts = [known[f"S{number}"]["prev_rho_moulded_count"] for number in range(6)]
    assert counts == [0.0] * first + [1.0] * (6 - first)
    ages = known[f"S{first}"]
    assert ages["prev_rho_moulded_age_shots"] == first
    assert ages["prev_rho_moulded_age_h"] == pytest.approx(first * 600.0 / 3600.0)


def test_an_end_is_known_from_its_arrival(tmp_path: Path, catalogue: Catalogue) -> None:
    rows = arrived(rows_of(0, lab_after_s=None), "shot", 1000.0)
    rows += [one for number in range(1, 6) for one in rows_of(number, lab_after_s=None)]
    known = known_of(tmp_path / "history.db", catalogue, rows)
    assert [known[f"S{number}"]["prev_p_max_count"] for number in range(3)] == [0.0, 0.0, 2.0]
    assert known["S2"]["prev_pause_s"] == 300.0


def test_a_corrected_record_does_not_count_in_the_end(tmp_path: Path, catalogue: Catalogue) -> None:
    def record(came_s: float, **fields: Any) -> Row:
        document = {"ts": at(900.0), "shot_id": "S0", **fields}
        columns = {"site": "s", "press": "p1", **document, "document": document}
        return "quality", columns | {"received_at": at(came_s)}

    wrong = record(900.0, record_id="L1", rho_moulded_kg_per_m3=55.0, H_24h_shore=50.0)
    right = record(2000.0, rho_moulded_kg_per_m3=61.0, corrects={"record_id": "L1"})
    rows = [one for number in range(6) for one in rows_of(number, lab_after_s=None)]
    known = known_of(tmp_path / "history.db", catalogue, [*rows, right, wrong])
    assert known["S0"]["qc_rho_moulded"] == 61.0
    assert json.dumps(known["S0"]["qc_H_24h"]) == "NaN"
    last = [known[f"S{number}"]["prev_rho_moulded_last"] for number in (3, 4)]
    assert last[0] < last[1]  # at the pour of the third nobody knew better


CORRECTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "by its number": ({"record_id": "L1"}, {"corrects": {"record_id": "L1"}}),
    "by its time": ({}, {"ts": at(950.0), "corrects": {"ts": at(900.0)}}),
    "by its time, at the same time": ({}, {"corrects": {"ts": at(900.0)}}),
    "the same record again, the later word counts": ({"record_id": "L1"}, {"record_id": "L1"}),
}


FIRST_WRONG, FIRST_RIGHT = ((1300.0, 2000.0), 1), ((2000.0, 1300.0), 0)
"""When the wrong and the right record came, and did anybody know the wrong one meanwhile."""


@pytest.mark.parametrize(
    ("how", "came_s", "knew"),
    [(how, *FIRST_WRONG) for how in CORRECTIONS]
    + [(how, *FIRST_RIGHT) for how in list(CORRECTIONS)[:-1]],
)
def test_a_defect_that_is_taken_back_counts_until_then(
    tmp_path: Path, catalogue: Catalogue, how: str, came_s: tuple[float, float], knew: int
) -> None:
    """Live, after a restart, and in a feature set: whichever record comes first."""
    wrong, right = CORRECTIONS[how]
    wrong = {"ts": at(900.0), "shot_id": "S0", "defects": ["void"]} | wrong
    right = {"ts": at(900.0), "shot_id": "S0", "rho_moulded_kg_per_m3": 61.0} | right
    rows = [one for number in range(6) for one in rows_of(number, lab_after_s=None)]
    state: dict[tuple[str, str], dict[str, Any] | None] = {}
    earlier = EarlierShots()
    for number in range(6):
        earlier.poured(poured(number), PHYSICS, state)
    for said, came in sorted(zip((wrong, right), came_s, strict=True), key=lambda one: one[1]):
        document = {"site": "s", "press": "p1", **said, "document": said}
        rows.append(("quality", document | {"received_at": at(came)}))
        arrived_at = START + timedelta(seconds=came)
        earlier.lab(PressAddress("s", "p1"), QualityRecord(**said), state, arrived_at)
    kept = {key: value for (_, key), value in state.items() if value is not None}
    again = EarlierShots(kept.values())
    learned = known_of(tmp_path / "history.db", catalogue, rows)
    for row_of in (
        lambda number: learned[f"S{number}"],
        lambda number: earlier.known(poured(number), {}),
        lambda number: again.known(poured(number), {}),
    ):
        shares = [row_of(number)["prev_defect_share"] for number in (3, 4, 5)]
        assert shares == [float(knew), 0.0, 0.0]
        assert row_of(5)["prev_rho_moulded_count"] == 1.0
    assert learned["S0"]["qc_any_defect"] == 0.0


def test_parts_of_an_inspection_that_come_together_are_one() -> None:
    earlier, state = EarlierShots(), dict[tuple[str, str], dict[str, Any] | None]()
    earlier.poured(poured(0), PHYSICS, state)
    came = START + timedelta(seconds=950.0)
    for part in ({"defects": ["void"]}, {"H_24h_shore": 41.0}):
        record = QualityRecord(ts=at(900.0), shot_id="S0", **part)
        earlier.lab(PressAddress("s", "p1"), record, state, came)
    assert earlier.known(poured(5), {})["prev_defect_share"] == 1.0


def poured(number: int) -> Shot:
    at_s = START + timedelta(seconds=600.0 * number)
    times = {"poured_at": at_s, "closed_at": at_s + timedelta(seconds=300)}
    found = Shot(site="s", press="p1", shot_id=f"S{number}", mold_id="PANEL_A")
    return found.model_copy(update=times | {"outcome": "demolded"})


def test_the_press_counts_from_arrival_too() -> None:
    """Also after a restart, from the rows that were kept."""
    earlier = EarlierShots()

    def came(seconds: float) -> datetime:
        return START + timedelta(seconds=seconds)

    state: dict[tuple[str, str], dict[str, Any] | None] = {}
    for number in range(5):
        one = poured(number)
        earlier.poured(one, PHYSICS, state)
        measured = PHYSICS | {"meas_p_max_bar": 2.5}
        earlier.closed(one, measured, state, came(1000.0 if number == 0 else 600 * number + 300))
    record = QualityRecord(ts=came(1200.0), shot_id="S0", rho_moulded_kg_per_m3=70.0)
    earlier.lab(PressAddress("s", "p1"), record, state, came(LATE_S))
    kept = {key: value for (_, key), value in state.items() if value is not None}
    for memory in (earlier, EarlierShots(kept.values())):
        known = [memory.known(poured(number), {}) for number in range(6)]
        assert [one["prev_rho_moulded_count"] for one in known] == [0] * 5 + [1]
        assert [one["prev_p_max_count"] for one in known[:3]] == [0, 0, 2]
        assert known[2]["prev_pause_s"] == 300.0
        assert known[5]["prev_rho_moulded_age_shots"] == 5.0


def test_errors_of_models_are_taken_of_records_that_count(tmp_path: Path) -> None:
    """Two of one time, the wrong one of which comes last from the disk."""
    press = {"site": "s", "press": "p1", "shot_id": "S0", "shot_key": "0" * 20}
    document = {"kpis": {"rho_moulded_kg_per_m3": 60.0, "p_max_bar": 2.0, "T_core_max_C": 120.0}}
    document |= {"correction": {"model": "pour/1", "values": {"rho_moulded_kg_per_m3": 61.0}}}
    poured = {"revision": 1, "basis": "poured", "poured_at": at(0.0), "document": document}
    rows: list[Row] = [("prediction", press | poured)]
    for came_s, fields in (
        (2000.0, {"rho_moulded_kg_per_m3": 61.0, "corrects": {"record_id": "L1"}}),
        (900.0, {"rho_moulded_kg_per_m3": 16.0, "record_id": "L1"}),
    ):
        record = {"ts": at(900.0), "shot_id": "S0", **fields}
        rows.append(("quality", press | record | {"document": record, "received_at": at(came_s)}))
    path = history(tmp_path / "history.db", rows)

    async def errors() -> ModelErrors:
        reader = open_sqlite(path)
        found = await model_errors(reader)
        await reader.close()
        return found

    found = asyncio.run(errors())
    assert found.errors["rho_moulded"]["pour/1"].tolist() == [0.0]
