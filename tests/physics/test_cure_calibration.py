"""Cure without foam: one set of numbers for all series, with priors where they hardly tell."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.support.scenarios import CONFIGS
from twin_core.bulk_cure import CureChemistry
from twin_core.calibration.bulk_cure import CureFit, fit_cure, predict
from twin_core.calibration.free_parameters import number
from twin_core.files import load_cure

CURE = CONFIGS / "cure" / "PEG_IPDI_BLOCKED.yaml"


@cache
def cured() -> CureFit:
    chemistry, series = load_cure(CURE)
    return fit_cure(chemistry, series, f"pur-mold-twin calibrate --cure {CURE.name}")


def test_one_set_of_numbers_for_all_cure_series() -> None:
    chemistry, series = load_cure(CURE)
    assert len(series) == 3
    assert {(s.given.T_C, s.given.free_mol_per_l > 0) for s in series} == {
        (100.0, True),
        (100.0, False),
        (110.0, True),
    }
    for s in series:
        print(f"{s.given.file}: RMSE {100 * s.rmse(chemistry):.2f} % of the initial OH")
        assert s.rmse(chemistry) <= 0.05


def test_the_stored_cure_is_what_the_command_gives() -> None:
    stored = load_cure(CURE)[0]
    for change in cured().changes:
        parameter = number(stored, change.path)
        assert parameter is not None
        # one energy and one rate are hardly told by the data: 1 % of them changes nothing
        assert parameter.value == pytest.approx(change.after, rel=1e-2), change.path
        assert parameter.kind == "fitted"
    assert any("unblocking.E is hardly identifiable" in w for w in cured().warnings)
    assert any("unblocking.E is told by its prior" in w for w in cured().warnings)


def test_energies_take_the_prior_where_the_series_hardly_tell_them() -> None:
    chemistry, series = load_cure(CURE)
    bare = chemistry.model_copy(update={"priors": {}})
    without = {c.path: c for c in fit_cure(bare, series, "without priors").changes}
    for path, prior in chemistry.priors.items():
        found = {c.path: c for c in cured().changes}[path]
        assert found.spread is not None
        assert prior.spread is not None
        assert found.spread < prior.spread
        assert abs(found.after - prior.value) < prior.spread
        assert abs(without[path].after - prior.value) > prior.spread  # 10 K say nonsense alone


@pytest.mark.parametrize("i", range(3))
def test_a_series_is_predicted_within_its_interval(i: int) -> None:
    chemistry, series = load_cure(CURE)
    others = [s for j, s in enumerate(series) if j != i]
    found = predict(fit_cure(chemistry, others, "held out"), series[i])
    print(f"{series[i].given.file}: inside {found.inside:.2f}, RMSE {100 * found.rmse:.1f} %")
    assert found.inside >= 0.9
    assert np.all(found.low <= found.OH_mol_per_l)
    assert np.all(found.high >= found.OH_mol_per_l)
    if series[i].given.free_mol_per_l > 0:  # the others tell something: less than half of all
        assert (found.high - found.low).max() < 0.5 * series[i].given.OH_mol_per_l


def test_wrong_priors_are_refused() -> None:
    chemistry = load_cure(CURE)[0].model_dump()
    for path, change, message in (
        ("gelling.x", {}, "there is no such number"),
        ("gelling.E", {"unit": "kJ/mol"}, "must be 'J/mol'"),
        ("gelling.E", {"spread": None}, "its spread"),
    ):
        prior = chemistry["priors"]["gelling.E"] | change
        with pytest.raises(ValueError, match=message):
            CureChemistry.model_validate(chemistry | {"priors": {path: prior}})


def test_cure_keeps_its_groups_and_has_an_exact_limit() -> None:
    """Without blocked isocyanate and catalysis, equal groups: the second order in closed form."""
    chemistry, series = load_cure(CURE)
    data = chemistry.model_dump()
    data["gelling"]["by_urethane"]["value"] = 0.0
    plain = type(chemistry).model_validate(data)
    given = series[0].given.model_copy(
        update={"blocked_mol_per_l": 0.0, "free_mol_per_l": 2.0, "OH_mol_per_l": 2.0}
    )
    t = np.array([0.0, 600.0, 3600.0])
    from twin_core.bulk_cure import cure
    from twin_core.physics.kinetics import arrhenius

    k = arrhenius(plain.gelling.A.value, plain.gelling.E.value, given.T_C + 273.15)
    # steps are a twentieth of the fastest time constant: fourth order leaves 1e-7
    assert cure(plain, given, t) == pytest.approx(2.0 / (1.0 + 2000.0 * k * t), rel=1e-6)


def test_cure_files_are_copies_of_the_cited_data() -> None:
    for file in sorted(Path(CURE.parent).glob("*.csv")):
        head = file.read_text().splitlines()[:3]
        assert head[0].startswith("# MEASURED")
        assert "Polyurethanes.jl" in head[1]
