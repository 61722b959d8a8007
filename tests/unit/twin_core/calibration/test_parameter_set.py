"""A parameter set in a scenario: its numbers, its bounds, its hash, what sensors read."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.support.parameter_sets import MADE, MOLD, fitted, made_set, system_r1
from tests.support.scenarios import CONFIGS
from twin_core import InputError, Mold, Process, Scenario, load_mold
from twin_core.calibration.parameter_set import (
    ParameterSet,
    Provenance,
    as_read,
    calibrated,
)
from twin_core.yaml_text import parse_yaml

PANEL = load_mold(CONFIGS / "molds" / f"{MOLD}.yaml")


def shot(mold: Mold = PANEL) -> Scenario:
    process = Process(
        m_polyol_kg=0.4,
        m_iso_kg=0.45,
        T_polyol_C=25.0,
        T_iso_C=25.0,
        T_mold_C=45.0,
        T_mold_2_C=50.0,
    )
    return Scenario(system=system_r1(), process=process, mold=mold)


def test_without_a_set_nothing_changes() -> None:
    scenario = shot()
    assert calibrated(scenario, None) is scenario
    assert as_read("T_core_C", 80.0, None, MOLD) == 80.0


def test_shared_numbers_and_those_of_the_mold() -> None:
    numbers = {
        "T_mold_offset_C": 2.0,
        "heat_transfer_factor": 1.5,
        "vent_area_factor": 0.5,
        "cavity_volume_factor": 1.1,
    }
    plain, found = shot(), calibrated(shot(), made_set(0.5, {MOLD: numbers}))
    assert found.system.gelling.A.value == pytest.approx(0.5 * plain.system.gelling.A.value)
    assert found.system.gelling.A.kind == "fitted"
    assert (found.process.T_mold_C, found.process.T_mold_2_C) == (47.0, 52.0)
    old, new = plain.mold, found.mold
    assert old.cavity_volume_m3 is not None
    assert new.cavity_volume_m3 == pytest.approx(1.1 * old.cavity_volume_m3)
    assert new.slab_thickness_m() == pytest.approx(1.1 * old.slab_thickness_m())
    assert new.surface_area_m2 == old.surface_area_m2
    assert new.h_ambient_W_per_m2_K == pytest.approx(1.5 * old.h_ambient_W_per_m2_K)
    assert new.heater_W_per_K == pytest.approx(1.5 * old.heater_W_per_K)
    assert new.vents.area_m2 == pytest.approx(0.5 * old.vents.area_m2)
    assert new.T_set_C == (None if old.T_set_C is None else old.T_set_C + 2.0)
    other = shot(PANEL.model_copy(update={"mold_id": "OTHER"}))
    assert calibrated(other, made_set(0.5, {MOLD: numbers})).mold == other.mold


def test_a_sensor_reads_what_is_true_less_its_offset() -> None:
    offsets = {"T_core_offset_C": 3.0, "p_cavity_offset_bar": -0.1, "T_mold_offset_C": 2.0}
    used = made_set(None, {MOLD: offsets})
    found = [as_read(name, 10.0, used, MOLD) for name in ("T_core_C", "p_cavity_bar", "T_mold_C")]
    assert found == pytest.approx([7.0, 10.1, 8.0])
    assert as_read("T_core_C", 10.0, used, "OTHER") == as_read("T_x_C", 10.0, used, MOLD) == 10.0


def test_the_hash_is_of_the_numbers() -> None:
    one = made_set(0.5, {MOLD: {"heat_transfer_factor": 1.2}})
    assert one.set_id == "SYSTEM_R1-c1"
    same = one.model_copy(update={"number": 9, "provenance": MADE.model_copy(), "not_fitted": []})
    assert same.parameters_hash() == one.parameters_hash() != one.system_hash
    others = [
        made_set(0.6, {MOLD: {"heat_transfer_factor": 1.2}}),
        made_set(0.5, {MOLD: {"heat_transfer_factor": 1.3}}),
        made_set(0.5, {"OTHER": {"heat_transfer_factor": 1.2}}),
    ]
    assert len({one.parameters_hash(), *(other.parameters_hash() for other in others)}) == 4


@pytest.mark.parametrize(
    ("used", "words"),
    [
        (made_set(system_version=1, system_hash="ab" * 8), "fitted to SYSTEM_R1 version 1, and"),
        (made_set(system_hash="ab" * 8), "version 2 with other numbers than those in use: calib"),
        (made_set(system_id="OTHER"), "is of OTHER, not of SYSTEM_R1"),
        (made_set(shared={"gelling.A": fitted(1.0, "1")}), "c1: shared.gelling.A: unit is '1', mu"),
        (
            made_set(shared={"gelling.B": fitted(1.0, "1")}),
            "c1: shared.gelling.B: there is no such",
        ),
        (
            made_set(shared={"mechanics.poisson": fitted(0.9, "1")}),
            "poisson: value 0.9 1 is out of",
        ),
        (made_set(None, {MOLD: {"vent_area_factor": 5.0}}), None),
    ],
)
def test_what_does_not_fit_is_refused(used: ParameterSet, words: str | None) -> None:
    if words is None:  # within its own bounds, and beyond those of this mold
        wide = PANEL.model_copy(
            update={"vents": PANEL.vents.model_copy(update={"area_per_vent_m2": 5e-3})}
        )
        with pytest.raises(InputError, match=r"molds.PANEL_A: vents.area_per_vent_m2"):
            calibrated(shot(wide), used)
        return
    with pytest.raises(InputError) as error:
        calibrated(shot(), used)
    assert words in str(error.value)


def test_an_open_cup_has_no_cavity() -> None:
    cup = Mold(mold_id=MOLD, open=True)
    with pytest.raises(InputError, match="an open cup has no cavity"):
        calibrated(shot(cup), made_set(None, {MOLD: {"cavity_volume_factor": 1.1}}))


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"heat_factor": fitted(1.0, "1")}, "heat_factor: no such number (there are: T_mold_off"),
        ({"heat_transfer_factor": fitted(9.0, "1")}, "heat_transfer_factor: value 9 1 is out of"),
        ({"T_core_offset_C": fitted(1.0, "C")}, "T_core_offset_C: unit is 'C', must be 'K'"),
    ],
)
def test_numbers_of_a_mold_are_checked(numbers: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as error:
        ParameterSet.model_validate(made_set().model_dump() | {"molds": {MOLD: numbers}})
    assert f"molds.{MOLD}.{words}" in str(error.value)


def test_a_time_without_quotes_is_a_time() -> None:
    raw = MADE.model_dump() | parse_yaml("made_at: 2026-01-31T12:00:00Z")
    assert Provenance.model_validate(raw).made_at == MADE.made_at
    with pytest.raises(ValidationError):
        Provenance.model_validate(raw | {"made_at": "2026-01-31 12:00"})
