"""Bounds beside the quality limits: read, and refused with file and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.scenarios import CONFIGS
from twin_core.errors import InputError
from twin_core.files import load_quality, load_scenario
from twin_core.optimization.prepare import prepared
from twin_core.optimization.quality_bounds import bounds_of_quality, bounds_of_scenario
from twin_core.optimization.task import OptimizationTask
from twin_core.optimization.variables import Bounds

SECTION = """\
swell_max_mm: 0.8
optimizer:
  bounds:
    T_mold_init_C: [38, 48]
    m_total_kg: {low: 0.50, high: 0.56, step: 0.005}
"""
FOUND = {
    "T_mold_C": Bounds(low=38.0, high=48.0),
    "m_total_kg": Bounds(low=0.50, high=0.56, step=0.005),
}


def test_limits_and_bounds_of_one_file(tmp_path: Path) -> None:
    file = tmp_path / "panel.yaml"
    file.write_text(SECTION)
    assert load_quality(file).swell_max_mm == 0.8
    assert bounds_of_quality(file) == {
        "variables": FOUND,
        "variables_source": "optimizer section of panel.yaml",
    }
    assert bounds_of_quality(Path("rigid_panel")) == {}


def test_in_the_quality_of_a_scenario(tmp_path: Path) -> None:
    text = (CONFIGS / "scenarios/rigid_panel.yaml").read_text()
    head = text[: text.index("quality:")]
    file = tmp_path / "shot.yaml"
    file.write_text(head + "quality:\n" + "".join(f"  {one}\n" for one in SECTION.splitlines()))
    assert load_scenario(file).quality.swell_max_mm == 0.8
    assert bounds_of_scenario(file)["variables"] == FOUND
    assert bounds_of_scenario(Path("rigid_panel")) == {}


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("bounds: {T_mold_C: [48, 38]}", r"panel.yaml: .*optimizer.bounds.T_mold_C.*exchange them"),
        ("bounds: {T_mould_C: [38, 48]}", r"panel.yaml: .*optimizer.bounds.*is T_mold_C meant"),
        ("bounds: {T_mold_C: 40}", r"panel.yaml: .*optimizer.bounds.T_mold_C"),
        ("bound: {T_mold_C: [38, 48]}", r"panel.yaml: .*optimizer.bound"),
        ("bounds: {}", r"panel.yaml: .*optimizer.bounds"),
        ("40", r"panel.yaml: .*optimizer"),
    ],
)
def test_what_is_refused(tmp_path: Path, section: str, words: str) -> None:
    file = tmp_path / "panel.yaml"
    file.write_text(f"optimizer: {{{section}}}\n" if ":" in section else f"optimizer: {section}\n")
    with pytest.raises(InputError, match=words):
        bounds_of_quality(file)


def test_what_the_model_does_not_take_is_named_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "panel.yaml"
    file.write_text("optimizer: {bounds: {T_mold_C: [38, 300]}}\n")
    given = OptimizationTask(scenario=load_scenario("rigid_panel"), **bounds_of_quality(file))
    with pytest.raises(InputError, match=r"optimizer section of panel.yaml: T_mold_C: 38 to 300 C"):
        prepared(given, given.variables, {}, 32)
