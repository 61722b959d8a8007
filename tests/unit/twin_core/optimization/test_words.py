"""Why a cycle is not shorter, in words."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.twin_core.optimization.test_run import found
from twin_core.optimization.explain import Binding, Give, Sensitivity
from twin_core.optimization.words import binding_words, gain_words


def test_what_decides_and_what_it_brings_when_it_gives() -> None:
    gives = (
        Give("swell_pct", 2.0, 2.2, 8.04, "cure"),
        Give("swell_mm", 1.0, 1.1, 8.04, "cure"),
        Give("swell_pct", 2.0, 2.4, None, ""),
        Give("swell_mm", 1.0, 1.2, None, ""),
    )
    at_bound = Sensitivity("T_mold_C", 50.0, 48.5, 51.5, 9.0, -7.25, (), (), "high")
    beyond = Sensitivity("m_total_kg", 0.5, 0.49, 0.51, None, 1.0, ("fill",), (), "low")
    result = replace(
        found(),
        binding=Binding("swell", "it meets its limits only then", gives, {"density_max": 0.01}),
        sensitivities=(at_bound, beyond),
    )
    assert list(binding_words(result)) == [
        "why not shorter: swell decides; it meets its limits only then",
        "  swell_pct 2 -> 2.2 %, swell_mm 1 -> 1.1 mm: -8.0 s, then cure decides",
        "  swell_pct 2 -> 2.4 %, swell_mm 1 -> 1.2 mm: cannot be",
        "  density_max is nearly used up: margin 1.0%",
        "  T_mold_C stands at its high bound 50: -7.2 s at 51.5",
        "  m_total_kg stands at its low bound 0.5; beyond it, at 0.49, fill would be missed",
    ]
    assert next(iter(gain_words(result))).startswith("against today: -")
    assert "nothing to compare with" in next(iter(gain_words(replace(result, gain=None))))
