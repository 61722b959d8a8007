"""What the page of a mold says of its corrections."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.messages import Correction
from broker.messages.prediction import Interval, IntervalRecord
from edge_agent.clock import SystemClock
from edge_agent.web.pages.rendering import Renderer
from tests.support.agents import settings_for
from tests.support.predictions import prediction

DENSITY, OPENING = "rho_moulded_kg_per_m3", "t_demold_min_s"


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    folder: Path = tmp_path_factory.mktemp("agent")
    return Renderer(settings_for(folder, 1883), SystemClock())


def test_who_answers_why_and_how_it_has_held(renderer: Renderer) -> None:
    correction = Correction(
        model="pour/3",
        known_at="pour",
        in_domain=False,
        values={OPENING: 330.0},
        intervals={OPENING: Interval(low=300.0, high=360.0, coverage=0.9)},
        layers={OPENING: "memory"},
        reasons={OPENING: "outside-range", DENSITY: "no-results"},
        records={
            OPENING: IntervalRecord(results_count=210, inside_fraction=0.9, worst_fraction=0.84)
        },
    )
    said = prediction(ml_status="memory-only", correction=correction)
    text = renderer.text("en", "corrections.html", prediction=said)
    for words in (
        *("what this mold showed last answers", "earliest opening", "5.5", "(5.0 – 6.0)", "min"),
        *("last shots of the mold", "outside the range", "90 %", "(210)", "84 %"),
        "no result of the mold or its press is known",
    ):
        assert words in text
    assert "Gedächtnis" not in renderer.text("de", "corrections.html", prediction=said)
    assert "letzte Schüsse der Form" in renderer.text("de", "corrections.html", prediction=said)


def test_without_a_model_there_is_nothing_to_say(renderer: Renderer) -> None:
    said = prediction(ml_status="missing-ml-models")
    assert not renderer.text("en", "corrections.html", prediction=said).strip()
    of_an_older_agent = prediction(
        correction=Correction(model="pour/3", known_at="pour", in_domain=True)
    )
    assert "the learned model answers" in renderer.text(
        "pl", "corrections.html", prediction=of_an_older_agent
    ).replace("odpowiada wyuczony model", "the learned model answers")


def test_the_parameter_set_is_named(renderer: Renderer) -> None:
    said = prediction(ml_status="missing-ml-models")
    versions = said.versions.model_copy(update={"parameter_set": "SYSTEM_R1-c3"})
    text = renderer.text(
        "de", "corrections.html", prediction=said.model_copy(update={"versions": versions})
    )
    assert "Parametersatz: SYSTEM_R1-c3" in text
