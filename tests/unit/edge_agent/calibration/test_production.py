"""Order of a calibration: which numbers are fitted, of which system."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge_agent.calibration.calibration_shot import ShotsFound
from edge_agent.calibration.production import (
    Request,
    numbers_of,
    production_shot,
    provenance_of,
    system_of,
)
from tests.support.calibration_shots import shot
from tests.support.scenarios import catalogue
from twin_core.calibration.mold_numbers import MOLD_NUMBERS
from twin_core.errors import InputError

SYSTEM = catalogue()["SYSTEM_R1"]


def request(fit: tuple[str, ...] = (), fix: tuple[str, ...] = ()) -> Request:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    return Request(fit, fix, 0.25, Path("sets"), dry_run=True, made_by="x", command="x", now=now)


def test_the_usual_numbers() -> None:
    paths, of_molds = numbers_of(SYSTEM, request())
    assert "gelling.A" in paths
    assert of_molds == list(MOLD_NUMBERS)


def test_numbers_that_are_asked_for() -> None:
    asked = request(("gelling.A", "T_core_offset_C"))
    assert numbers_of(SYSTEM, asked) == (["gelling.A"], ["T_core_offset_C"])


def test_numbers_that_stay() -> None:
    paths, of_molds = numbers_of(SYSTEM, request(fix=("gelling.E", "vent_area_factor")))
    assert "gelling.E" not in paths
    assert "vent_area_factor" not in of_molds
    with pytest.raises(InputError, match="no number is left to fit"):
        numbers_of(SYSTEM, request(("gelling.A",), ("gelling.A",)))


def test_the_system_of_the_shots() -> None:
    assert system_of(ShotsFound("a history", [shot(1), shot(2)])).system_id == "SYSTEM_R1"
    with pytest.raises(InputError, match="a history: no shot that can be used fits what was"):
        system_of(ShotsFound("a history"))
    found = ShotsFound("a history")
    found.leave_out("aborted", "S1")
    with pytest.raises(InputError, match="no shot that can be used: 1 shots: aborted, as S1"):
        system_of(found)


def test_a_shot_as_the_fit_takes_it() -> None:
    one = production_shot(shot(3, "A", T_core_C=120.0, lot="polyol P-1"))
    assert (one.name, one.mold_id, one.lot) == ("s/p1/A-3", "A", "polyol P-1")
    assert one.poured_at == shot(3).poured_at.timestamp()


def test_a_command_of_any_length_has_a_set() -> None:
    found = ShotsFound(f"bundles {'b' * 3000}", [shot(1), shot(2)])
    asked = replace(request(), command="c" * 3000)
    origin = provenance_of(found, SimpleNamespace(held_out_count=1), asked)  # type: ignore[arg-type]
    assert (len(origin.command), len(origin.source)) == (2000, 2000)
