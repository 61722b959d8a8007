"""The bar: a running mean of each mold's residuals, from what was known at each pour."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.feature_sets import feature_set
from twin_core.learning.columns import COLUMNS
from twin_core.learning.training.baselines import SPEEDS, EwmaRidge, best_ewma, ewma
from twin_core.learning.training.table import FeatureSet


def table(shots: int = 300, late_h: float = 1.0, **options: float) -> FeatureSet:
    columns = feature_set(shots, **options)  # type: ignore[arg-type]
    late = np.timedelta64(int(late_h * 3600), "s")
    columns |= {"lab_known_at": columns["poured_at"] + late}
    return FeatureSet.of(columns, list(COLUMNS))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(values**2)))


@pytest.mark.parametrize("late_h", [1.0, 24.0 * 9])
def test_it_is_the_plain_recursion_over_what_was_known(late_h: float) -> None:
    shots, speed = table(120, late_h), 0.3
    residual, found = shots.residual("rho_moulded"), ewma("rho_moulded", shots, speed)
    for number in range(len(shots)):
        level = None
        for other in range(len(shots)):
            if shots.molds[other] != shots.molds[number] or np.isnan(residual[other]):
                continue
            if shots.time_s[other] + 3600.0 * late_h < shots.time_s[number]:
                value = residual[other]
                level = value if level is None else level + speed * (value - level)
        assert found[number] == pytest.approx(0.0 if level is None else level, abs=1e-12)


def test_the_best_speed_on_these_very_shots() -> None:
    shots = table()
    found, speed = best_ewma("rho_moulded", shots)
    residual = shots.residual("rho_moulded")
    errors = {one: rms(residual - ewma("rho_moulded", shots, one)) for one in SPEEDS}
    assert speed == min(errors, key=lambda one: errors[one])
    assert rms(residual - found) == errors[speed]
    assert errors[speed] < rms(residual - np.nanmean(residual)) < rms(residual)


def test_ridge_on_top_is_better_where_there_is_something_to_learn() -> None:
    learned, shots = table(600, seed=1), table(seed=2)
    fitted = EwmaRidge("p_max").fit("p_max", learned)
    residual = shots.residual("p_max")
    assert rms(residual - fitted.predict(shots)) < 0.8 * rms(
        residual - best_ewma("p_max", shots)[0]
    )
