"""Result of a calibration on production: numbers with intervals, and the set that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from twin_core.arrays import Array
from twin_core.calibration.free_parameters import number as number_of
from twin_core.calibration.free_parameters import touched
from twin_core.calibration.parameter_set import HeldOut as HeldOutFigures
from twin_core.calibration.parameter_set import NotFitted as NotFittedInSet
from twin_core.calibration.parameter_set import ParameterSet, Provenance
from twin_core.calibration.parameter_set import Verdict as VerdictInSet
from twin_core.calibration.production_certainty import NotFitted
from twin_core.calibration.production_numbers import Number, Numbers
from twin_core.calibration.production_verdict import Verdict
from twin_core.fingerprint import PHYSICS_HASH
from twin_core.parameters import Parameter


@dataclass(frozen=True)
class ProductionEstimate:
    """A fitted number with its 95 % interval.

    Attributes:
        mold_id: whose it is; None: shared.
        sigma: one standard deviation of ``value``, in ``unit``.
        at_bound: the shots ask for more than is allowed.
    """

    path: str
    mold_id: str | None
    unit: str
    before: float
    value: float
    low: float
    high: float
    sigma: float
    at_bound: bool


@dataclass(frozen=True)
class ProductionFit:
    """Numbers that production shots decided.

    Attributes:
        shared: of the system; molds: of each mold by its id; lags: of the sensors, and the ratio
            of safe times: fitted along, and in no set.
        not_fitted: what the shots do not determine.
        omitted: readings, results and features that do not count, by reason.
        verdict: on the held-out shots, with the errors of each quantity.
        fitted_count, held_out_count: shots that were fitted to and judged with.
        by_lot: the intervals are from lots that were left out one by one, not shots.
        converged: the search ended by itself.
        simulations: how many were made.
    """

    system_id: str
    shared: list[ProductionEstimate]
    molds: dict[str, list[ProductionEstimate]]
    lags: list[ProductionEstimate]
    not_fitted: list[NotFitted]
    warnings: list[str]
    omitted: dict[str, int]
    verdict: Verdict
    fitted_count: int
    held_out_count: int
    by_lot: bool
    converged: bool
    simulations: int
    _turned: dict[str, Parameter] = field(repr=False)
    _system: tuple[int, str] = field(repr=False)

    def as_parameter_set(self, number: int, provenance: Provenance) -> ParameterSet:
        """The numbers as a set that can be kept, promoted and put into scenarios.

        Args:
            number: of the set.
            provenance: who made it, when, of which shots.
        """
        source = f"{provenance.command}: {self.fitted_count} shots of production"
        shared = {
            path: parameter.model_copy(update={"source": source})
            for path, parameter in self._turned.items()
        }
        molds = {
            mold_id: {
                one.path: Parameter(
                    value=one.value, unit=one.unit, kind="fitted", source=source, spread=one.sigma,
                    start=one.before,
                )
                for one in found
            }
            for mold_id, found in self.molds.items()
        }  # fmt: skip
        held_out = {
            name: HeldOutFigures(
                before=e.before,
                after=e.after,
                noise_floor=e.noise_floor,
                unit=e.unit,
            )
            for name, e in self.verdict.held_out.items()
        }
        return ParameterSet(
            system_id=self.system_id,
            number=number,
            system_version=self._system[0],
            system_hash=self._system[1],
            physics_hash=PHYSICS_HASH,
            shared=shared,
            molds=molds,
            not_fitted=[
                NotFittedInSet(path=n.path, mold_id=n.mold_id, why=n.why) for n in self.not_fitted
            ],
            provenance=provenance,
            verdict=VerdictInSet(
                use=self.verdict.use,
                words=self.verdict.words,
                held_out=held_out,
                improvement_pct=self.verdict.improvement_pct,
            ),
        )


def numbers_of_system(
    numbers: Numbers, x: Array, shared: Sequence[ProductionEstimate]
) -> dict[str, Parameter]:
    """Numbers of the system as a set has them, by path; also those that were turned along.

    A rate factor goes with the fitted energy, and its estimate with the energy before: the rate at
    25 C is the same. Its relative spread is, too.

    Args:
        numbers: of the fit.
        x: where it ended.
        shared: estimates of the numbers that were fitted.
    """
    system, of_path = numbers.system_at(x), {one.path: one for one in shared}
    found = {}
    for path in touched(numbers.system, [numbers.free[path] for path in of_path]):
        new, old = number_of(system, path), number_of(numbers.system, path)
        assert new is not None
        assert old is not None
        one = of_path.get(path)
        spread = None if one is None else one.sigma * new.value / one.value
        found[path] = Parameter(
            value=new.value, unit=new.unit, kind="fitted", source="production", spread=spread,
            start=old.value,
        )  # fmt: skip
    return found


def estimate_of(one: Number, x: float, reach: float, sigma: float) -> ProductionEstimate:
    """The estimate of a number.

    Args:
        one: the number.
        x: its trial value.
        reach: half of the 95 % interval of ``x``.
        sigma: one standard deviation of ``x``.
    """
    edge = 1e-3 * (one.high - one.low)
    return ProductionEstimate(
        path=one.path,
        mold_id=one.mold_id,
        unit=one.unit,
        before=one.start,
        value=one.value(x),
        low=one.value(x - reach),
        high=one.value(x + reach),
        sigma=one.spread_of_value(x, sigma),
        at_bound=x - one.low < edge or one.high - x < edge,
    )
