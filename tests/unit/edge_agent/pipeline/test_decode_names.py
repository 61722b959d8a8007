"""decode: names that are nearly known are told, units of the contract are converted."""

from __future__ import annotations

import pytest

from broker.data_quality import (
    CONTRADICTS,
    IMPOSSIBLE,
    NAME_NOT_KNOWN,
)
from broker.messages import (
    ShotEvent,
)
from tests.support.cases import case, recorded
from tests.support.decoding import accepted, frame, read, said, sent
from tests.support.payloads import quality, shot, telemetry


class TestNearMisses:
    """Case 18: a name that is nearly known is told with the one that is meant."""

    def test_the_case(self) -> None:
        found = [said(read(one)) for one in recorded(case("18") / "messages.jsonl")]
        assert found == [
            {"sensors.T_mould_C": NAME_NOT_KNOWN, "sensors.T_Polyol_C": NAME_NOT_KNOWN},
            {"recipe.T_mould_C": NAME_NOT_KNOWN},
            {"sensors.T_Core_C": NAME_NOT_KNOWN},
            {},
        ]

    @pytest.mark.parametrize(
        ("name", "known"),
        [
            ("T_mould_C", "T_mold_C"),
            ("T_Mould_C.2", "T_mold_C.2"),
            ("T_MOLD_C", "T_mold_C"),
            ("Tmold_C", "T_mold_C"),
            ("TMold_C", "T_mold_C"),
            ("T_Core_C", "T_core_C"),
            ("t_core_C", "T_core_C"),
            ("temp_core_C", "T_core_C"),
            ("T_Mold_K", "T_mold_C"),
            ("T_mold_init_C", "T_mold_C"),
            ("T_polyol_in_C", "T_polyol_C"),
            ("T_isocyanate_C", "T_iso_C"),
            ("T_polyl_C", "T_polyol_C"),
            ("T_mlod_C", "T_mold_C"),
            ("rh_ambient_pct", "RH_ambient_pct"),
            ("RH_Ambient_fraction", "RH_ambient_pct"),
            ("P_cavity_bar", "p_cavity_bar"),
            ("p_Cavity_Pa", "p_cavity_bar"),
            ("pressure_cavity_bar", "p_cavity_bar"),
            ("M_polyol_kg", "m_polyol_kg"),
            ("Power_W", "power_W"),
            ("mold_temp_C", "T_mold_C"),
            ("cavity_pressure_bar", "p_cavity_bar"),
            ("p_cav_bar", "p_cavity_bar"),
            ("T_mold1_C", "T_mold_C"),
            ("T_core_01_C", "T_core_C"),
            ("RH_pct", "RH_ambient_pct"),
        ],
    )
    def test_it_is_told_and_not_read(self, name: str, known: str) -> None:
        found = sent(telemetry(sensors={name: 30.0, "T_ambient_C": 20.0}))
        (remark,) = accepted(found).remarks
        assert (remark.code, remark.field) == (NAME_NOT_KNOWN, f"sensors.{name}")
        assert f"{known} is meant?" in remark.words
        assert known not in frame(found).sensors
        assert frame(found).sensors[name] == 30.0

    @pytest.mark.parametrize(
        "name",
        [
            *("T_oil_C", "T_mold2_C", "T_cure_C", "T_hall_C", "T_C", "p_hydraulic_bar", "p_bar"),
            *("p_iso2_bar", "m_total_kg", "level_mm", "T_core_C.3", "T_mold_C.12", "power_mean_W"),
        ],
    )
    def test_other_names_are_left_in_peace(self, name: str) -> None:
        assert said(sent(telemetry(sensors={name: 30.0}))) == {}

    @pytest.mark.parametrize(
        ("name", "known"),
        [
            ("T_mould_C", "T_mold_C"),
            ("T_Mold_C", "T_mold_C"),
            ("T_mould_init_C", "T_mold_C"),
            ("t_polyol_C", "T_polyol_C"),
            ("T_mold_F", "T_mold_C"),
            ("RH_Ambient", "RH_ambient_pct"),
            ("mixing_efficiency", None),
            ("Mixing_eff", "mixing_eff"),
            ("NCO_OH_index", "nco_oh_index"),
            ("m_additive_kg", "m_additives_kg"),
            ("program", None),
        ],
    )
    def test_in_a_recipe_too(self, name: str, known: str | None) -> None:
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, name: 0.5}
        found = accepted(sent(shot(recipe=recipe), "shot"))
        if known is None:
            assert found.remarks == ()
            return
        (remark,) = found.remarks
        assert remark.field == f"recipe.{name}"
        assert f"{known} is meant?" in remark.words

    def test_in_fields_of_messages_too(self) -> None:
        assert said(sent(telemetry(mould_id="M"))) == {"mould_id": NAME_NOT_KNOWN}
        assert said(sent(shot(orderId="1"), "shot")) == {"orderId": NAME_NOT_KNOWN}
        assert said(sent(quality(rho_molded_kg_per_m3=60.0), "quality")) == {
            "rho_molded_kg_per_m3": NAME_NOT_KNOWN
        }
        assert said(sent(quality(operator_name="x", line=4), "quality")) == {}

    def test_a_record_without_any_known_result_is_told(self) -> None:
        record = {"ts": 1795773600, "shot_id": "S1", "hardness": 45, "density": 63.0}
        (remark,) = accepted(sent(record, "quality")).remarks
        assert "density, hardness: not known and not used; results are rho_moulded" in remark.words
        (remark,) = accepted(sent({**record, "defects": []}, "quality")).remarks
        assert "density, hardness: not known and not used" in remark.words


class TestUnits:
    """Units that the contract lists are read as the known channel."""

    @pytest.mark.parametrize(
        ("name", "value", "known", "reading"),
        [
            ("T_mold_K", 313.15, "T_mold_C", 40.0),
            ("T_mold_K.2", 300, "T_mold_C.2", 26.85),
            ("T_core_K", 393.15, "T_core_C", 120.0),
            ("T_ambient_K", 295.15, "T_ambient_C", 22.0),
            ("p_cavity_Pa", 120_000, "p_cavity_bar", 1.2),
            ("p_mix_Pa", 15e6, "p_mix_bar", 150.0),
            ("RH_ambient_fraction", 0.45, "RH_ambient_pct", 45.0),
            ("RH_ambient_ratio", 0.45, "RH_ambient_pct", 45.0),
            ("vent_open_pct", 25, "vent_open_fraction", 0.25),
        ],
    )
    def test_they_are_converted(self, name: str, value: float, known: str, reading: float) -> None:
        found = sent(telemetry(sensors={name: value}))
        assert frame(found).sensors == {known: reading}
        assert said(found) == {}

    def test_both_units_that_agree_are_one_reading(self) -> None:
        found = sent(telemetry(sensors={"T_mold_C": 40.0, "T_mold_K": 313.2}))
        assert frame(found).sensors == {"T_mold_C": 40.0}
        assert said(found) == {}

    def test_both_units_that_contradict_are_told(self) -> None:
        found = sent(telemetry(sensors={"T_mold_K": 330.0, "T_mold_C": 40.0}))
        assert frame(found).sensors == {"T_mold_C": 40.0}
        assert said(found) == {"T_mold_K": CONTRADICTS}
        assert "330 is 56.85 in T_mold_C, which says 40" in accepted(found).remarks[0].words

    def test_celsius_under_a_name_in_kelvin_is_impossible(self) -> None:
        found = sent(telemetry(sensors={"T_mold_K": 40.0, "T_core_C": 50.0}))
        assert frame(found).sensors == {"T_core_C": 50.0}
        assert said(found) == {"T_mold_C": IMPOSSIBLE}

    def test_a_channel_that_is_not_known_keeps_its_unit(self) -> None:
        assert frame(sent(telemetry(sensors={"T_oil_K": 330.0}))).sensors == {"T_oil_K": 330.0}

    def test_a_recipe_too(self) -> None:
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, "T_mold_K": 313.15}
        found = accepted(sent(shot(recipe=recipe), "shot"))
        assert isinstance(found.message, ShotEvent)
        assert found.message.recipe is not None
        assert found.message.recipe.T_mold_C == 40.0
        assert found.remarks == ()

    def test_a_recipe_that_contradicts_itself_is_told(self) -> None:
        recipe = {"m_polyol_kg": 1.0, "m_iso_kg": 1.1, "T_mold_K": 330.0, "T_mold_C": 40.0}
        found = sent(shot(recipe=recipe), "shot")
        assert said(found) == {"recipe.T_mold_K": CONTRADICTS}
