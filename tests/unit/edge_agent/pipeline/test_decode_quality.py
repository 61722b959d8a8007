"""decode: a bad result costs itself, and not the laboratory's record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from broker.data_quality import (
    IMPOSSIBLE,
    NOT_A_NUMBER,
)
from broker.messages import (
    QualityRecord,
)
from broker.messages.inbound import QUALITY_NAMES
from tests.support.decoding import accepted, refused, said, sent
from tests.support.payloads import quality


class TestOneWildResult:
    """It costs itself, and not the laboratory's record."""

    @pytest.mark.parametrize(
        ("field", "wild", "reason", "words"),
        [
            ("rho_moulded_kg_per_m3", '"62,1"', NOT_A_NUMBER, "send 62.1"),
            ("rho_moulded", '"n.m."', NOT_A_NUMBER, "'n.m.'"),
            ("rho_moulded_kg_per_m3", '"<5"', NOT_A_NUMBER, "send a number"),
            ("rho_moulded_kg_per_m3", "NaN", NOT_A_NUMBER, "nan is no number"),
            ("rho_moulded_kg_per_m3", "0", IMPOSSIBLE, "more than 0"),
            ("rho_moulded_kg_per_m3", "-9999", IMPOSSIBLE, "more than 0"),
            ("rho_moulded_kg_per_m3", "62100", IMPOSSIBLE, "outside 5 to 2500"),
            ("rho_free_rise", "0.0621", IMPOSSIBLE, "outside 5 to 2500"),
            ("H_demold_shore", "120", IMPOSSIBLE, "0 to 100"),
            ("H_demold", "true", NOT_A_NUMBER, "true is no number"),
            ("t_demold_safe_s", "[240]", NOT_A_NUMBER, "an array"),
            ("t_demold_safe_s", "1e6", IMPOSSIBLE, "outside"),
            ("defect_risk_operator", "80", IMPOSSIBLE, "0 to 1"),
            ("defect_risk_operator", '"high"', NOT_A_NUMBER, "'high'"),
            ("note", "5", NOT_A_NUMBER, "5 is no text"),
            ("operator", '""', NOT_A_NUMBER, "0 characters"),
            ("defects", '"void"', NOT_A_NUMBER, "send a list"),
            ("defects", "null", NOT_A_NUMBER, "send []"),
            ("defects", "false", NOT_A_NUMBER, "send a list"),
            ("defects", "[null]", NOT_A_NUMBER, "null is no name"),
        ],
    )
    def test_the_others_count(self, field: str, wild: str, reason: str, words: str) -> None:
        rest = {name: value for name, value in quality().items() if not name.startswith("rho")}
        payload = json.dumps({**rest, field: "?"}).replace('"?"', wild).encode()
        found = sent(payload, "quality")
        record = accepted(found).message
        assert isinstance(record, QualityRecord)
        name = QUALITY_NAMES.get(field, field)
        assert record.H_24h_shore == 41.0
        assert list(record.left_out) == [name]
        assert record.left_out[name].reason == reason == said(found)[name]
        assert words in (record.left_out[name].words or "")
        assert record.defects_found == (None if name == "defects" else ("void",))

    def test_a_defect_without_a_name_costs_no_other(self) -> None:
        record = accepted(sent(quality(defects=["void", None, ""]), "quality")).message
        assert isinstance(record, QualityRecord)
        assert record.defects_found == ("void",)
        assert record.left_out["defects"].reason == NOT_A_NUMBER

    @pytest.mark.parametrize(
        "results",
        [
            {"rho_moulded_kg_per_m3": "n.m."},
            {"rho_moulded_kg_per_m3": 62100.0},
            {"H_24h_shore": 120.0, "rho_moulded_kg_per_m3": "x", "defects": "none"},
            {"defects": "none"},
        ],
    )
    def test_a_record_without_any_good_result_is_refused(self, results: dict[str, Any]) -> None:
        plain = {"ts": "2026-02-01T12:00:00Z", "shot_id": "S-1", **results}
        letter = refused(sent(plain, "quality"))
        assert letter.reason == "invalid-field"
        assert next(iter(results)) in letter.detail

    def test_what_names_the_shot_is_no_result(self) -> None:
        for wrong in ({"ts": "yesterday"}, {"shot_id": 17}, {"corrects": {"ts": "monday"}}):
            refused(sent(quality(**wrong), "quality"))
