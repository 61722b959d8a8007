"""docs/integrate/payloads.md is generated from the models, and the twin takes what it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from broker.codec import decode
from broker.errors import PayloadError
from broker.messages import INBOUND, Message, ShotEvent, TelemetryFrame
from broker.payload_samples import COMMAND, least, main, render, samples_of
from tests.support.processes import ROOT

PAGE = ROOT / "docs" / "integrate" / "payloads.md"
MODELS = list(INBOUND.values())


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), f"it is stale: run {COMMAND}"


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == render()
    assert main(["--help"]) == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_twin_takes_every_sample_of_the_page(model: type[Message]) -> None:
    section = PAGE.read_text(encoding="utf-8").partition(f"## {model.__name__}\n")[2]
    samples = re.findall(r"```json\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    assert len(samples) == len(list(samples_of(model)))
    for sample in samples:
        assert decode(model, sample.encode()).model_extra == {}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_of_the_least_nothing_that_is_needed_could_go(model: type[Message]) -> None:
    for heading, document in samples_of(model):
        for name in document if heading.startswith("The least") else ():
            rest = {key: value for key, value in document.items() if key != name}
            if name != "rho_moulded_kg_per_m3":
                with pytest.raises(PayloadError):
                    decode(model, json.dumps(rest).encode())


def test_the_least_pour_has_the_masses() -> None:
    samples = dict(samples_of(ShotEvent))
    assert set(samples["The least, `poured`"]["recipe"]) == {"m_polyol_kg", "m_iso_kg"}
    assert "recipe" not in samples["The least, `demolded`"]


def test_a_least_frame_keeps_its_readings() -> None:
    document = {"ts": 1_700_000_000, "device_id": "d", "seq": 0, "sensors": {"T_mold_C": 40}}
    assert least(TelemetryFrame, document | {"metrics": {"a": 1}}) == document
