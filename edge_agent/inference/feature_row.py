"""Feature row of a shot at the press: the columns that are known at a moment of its life.

They come from the functions that build a feature set, so a model sees here what it learned from:
``tests/integration/test_no_skew.py`` compares every column.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import Any

from broker.messages import QualityRecord
from broker.topics import PressAddress
from edge_agent.inference.earlier_shots import EarlierShots, State
from edge_agent.logs import get_logger
from edge_agent.shots.shot import Shot
from edge_agent.shots.simulation import ShotSimulation
from twin_core import SimulationResult
from twin_core.learning.basis import basis_of
from twin_core.learning.columns import Known
from twin_core.learning.features import (
    NAN,
    Row,
    as_read_columns,
    curve_columns,
    demold_columns,
    live_columns,
    mold_columns,
    physics_columns,
    process_columns,
)
from twin_core.plausible_ranges import possible

SENSORS = ("T_core_C", "p_cavity_bar")
_OPENED = "meas_t_demold_actual_s"


class FeatureRows:
    """Feature rows of all shots that cure, and the earlier shots that they rest on."""

    def __init__(
        self,
        kept: Iterable[Mapping[str, Any]] = (),
        happened: Iterable[Mapping[str, Any]] = (),
        intervals: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Go on from what was kept on disk; see ``EarlierShots``."""
        self.earlier = EarlierShots(kept, happened, intervals)
        self._at_pour: dict[str, Row] = {}
        """Columns known at the pour, by shot."""

    def clear(self) -> None:
        """Compute all rows again: the catalogue may be another one."""
        self._at_pour.clear()

    def forget(self, key: str) -> None:
        """Drop the row of a shot that has changed or is over."""
        self._at_pour.pop(key, None)

    def others(self, shots: Container[str]) -> list[str]:
        """Keys of shots that have a row and are not among ``shots``."""
        return [key for key in self._at_pour if key not in shots]

    def poured(self, shot: Shot, simulation: ShotSimulation, state: State) -> None:
        """Report a shot that was simulated, for the first time or again."""
        if simulation.result is not None:
            row = _computed(simulation, simulation.result)
            self.earlier.poured(shot, row, state, basis(simulation, simulation.result))

    def closed(
        self,
        shot: Shot,
        simulation: ShotSimulation,
        state: State,
        received_at: datetime | None = None,
    ) -> None:
        """Report the end of a poured shot; the next ones may know its results."""
        row = self.row_or_none(shot, simulation, "demold") or {}
        self.earlier.closed(shot, row, state, received_at)

    def lab(
        self,
        press: PressAddress,
        record: QualityRecord,
        state: State,
        received_at: datetime | None = None,
    ) -> None:
        """Report a quality record."""
        self.earlier.lab(press, record, state, received_at)

    def row(self, shot: Shot, simulation: ShotSimulation, moment: Known) -> Row:
        """Compute all columns of a shot that are known at a moment; empty without a simulation."""
        if simulation.result is None:
            return {}
        assert shot.poured_at is not None
        row = self._at_pour.get(shot.shot_key)
        if row is None:
            row = _computed(simulation, simulation.result)
            row |= self.earlier.known(shot, row, basis(simulation, simulation.result))
            self._at_pour[shot.shot_key] = row
        if moment == "pour":
            return row
        cure, poured_at, closed_at = shot.cure, shot.poured_at, shot.closed_at
        T_core, p = (cure.readings(name, poured_at) for name in SENSORS)
        measured = live_columns(T_core, p)
        if moment == "live" or closed_at is None:
            return row | possible(measured)[0]
        ended_s = (closed_at - poured_at).total_seconds()
        measured[_OPENED] = ended_s if shot.outcome == "demolded" else NAN
        measured = possible(measured)[0]
        T_max, p_max = (cure.peak(name, poured_at, closed_at) for name in SENSORS)
        opened = measured[_OPENED]
        measured |= possible(curve_columns(cure.shapes(), ended_s, opened))[0]
        row = row | measured
        row |= demold_columns(row, T_max, p_max, opened)
        return row | mold_columns(row)

    def row_or_none(self, shot: Shot, simulation: ShotSimulation, moment: Known) -> Row | None:
        """Compute the columns as ``row`` does; None, and a log line, if that fails."""
        try:
            return self.row(shot, simulation, moment)
        except Exception as error:  # a feature that cannot be computed stops nothing
            get_logger().error("features_failed", stage="infer", error=str(error)[:500])
            return None


def basis(simulation: ShotSimulation, result: SimulationResult) -> str:
    """What the physics of a shot rests on."""
    system, facts = result.scenario.system, simulation.facts
    parameters_hash = system.parameters_hash() if facts is None else facts.parameters_hash
    return basis_of(system.system_id, parameters_hash)


def _computed(simulation: ShotSimulation, result: SimulationResult) -> Row:
    """``proc_`` and ``sim_`` columns."""
    reported, count = simulation.reported or result.scenario, len(simulation.substituted)
    row = possible(process_columns(reported.process, reported.mold, count))[0]
    parameter_set = None if simulation.facts is None else simulation.facts.parameter_set
    return row | as_read_columns(physics_columns(result), parameter_set, reported.mold.mold_id)
