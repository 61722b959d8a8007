"""What an agent remembers of earlier shots: in order, over restarts, and not without end."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.messages import QualityRecord
from broker.topics import PressAddress
from edge_agent.inference.earlier_shots import EARLIER_SCOPE, ROWS_MAX, EarlierShots
from edge_agent.shots.shot import Shot
from twin_core.learning.features import Row
from twin_core.learning.past_results import WAITING_MAX

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
PRESS = PressAddress("s", "p")
PHYSICS = {
    "sim_rho_moulded": 100.0,
    "sim_t_demold_min_s": 200.0,
    "sim_p_max_bar": 2.0,
    "sim_T_core_max_C": 120.0,
}


class Disk:
    """What a spool would keep."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    def take(self, state: dict[tuple[str, str], dict[str, Any] | None]) -> None:
        for (scope, key), value in state.items():
            assert scope == EARLIER_SCOPE
            if value is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = value


def shot(number: int, mold: str = "M", outcome: str = "demolded") -> Shot:
    at = START + timedelta(minutes=10 * number)
    fields = {"poured_at": at, "closed_at": at + timedelta(minutes=5), "outcome": outcome}
    found = Shot(site="s", press="p", shot_id=f"S{number}", mold_id=mold)
    return found.model_copy(update=fields)


def record(number: int, rho: float, mold: str | None = None, **more: Any) -> QualityRecord:
    ts = START + timedelta(minutes=10 * number, hours=6)
    fields = {"shot_id": f"S{number}", "mold_id": mold, "rho_moulded_kg_per_m3": rho}
    return QualityRecord(**{"ts": ts} | fields | more)


def same(a: Row, b: Row) -> bool:
    assert a.keys() == b.keys()
    return all(a[n] == b[n] or (math.isnan(a[n]) and math.isnan(b[n])) for n in a)


def live(earlier: EarlierShots, disk: Disk, numbers: range, molds: int = 2) -> None:
    """Shots of a press and their records, hours later."""
    rng = random.Random(numbers.start)
    for number in numbers:
        one = shot(number, f"M{number % molds}", "aborted" if number % 17 == 5 else "demolded")
        state: dict[tuple[str, str], dict[str, Any] | None] = {}
        earlier.poured(one, PHYSICS, state)
        seen = PHYSICS | {"meas_p_max_bar": rng.gauss(2.1, 0.1), "meas_T_core_max_C": math.nan}
        earlier.closed(one, seen, state)
        back = number - 36
        if back >= 0 and rng.random() < 0.7:
            mold = f"M{back % molds}" if rng.random() < 0.5 else None
            found = record(back, rng.gauss(105.0, 3.0), mold, defects=["void"] * (back % 3 == 0))
            earlier.lab(PRESS, found, state)
            earlier.lab(PRESS, found.model_copy(update={"ts": found.ts + timedelta(1)}), state)
        disk.take(state)


def test_a_restart_changes_nothing() -> None:
    earlier, disk = EarlierShots(), Disk()
    live(earlier, disk, range(1500))
    again = EarlierShots(disk.kept.values())
    for mold in ("M0", "M1", "new"):
        now = shot(1600, mold)
        assert same(earlier.known(now, {}), again.known(now, {}))
    assert earlier.known(shot(1600, "M0"), {})["prev_rho_moulded_count"] == 40
    live(earlier, disk, range(1500, 1600))
    other = Disk()
    live(again, other, range(1500, 1600))
    assert same(earlier.known(shot(1700, "M1"), {}), again.known(shot(1700, "M1"), {}))


def test_memory_is_bounded() -> None:
    earlier, disk = EarlierShots(), Disk()
    live(earlier, disk, range(2 * WAITING_MAX + 100), molds=1)
    assert len(earlier) == len(disk.kept) <= ROWS_MAX
    state: dict[tuple[str, str], dict[str, Any] | None] = {}
    for number in range(3000):
        strange = record(0, 100.0).model_copy(
            update={"shot_id": f"X{number}", "mold_id": f"Y{number}"}
        )
        earlier.lab(PRESS, strange, state)
    disk.take(state)
    assert len(earlier) == len(disk.kept) <= ROWS_MAX + WAITING_MAX


def test_rare_results_are_kept_while_they_count() -> None:
    earlier, disk = EarlierShots(), Disk()
    for number in range(900):
        state: dict[tuple[str, str], dict[str, Any] | None] = {}
        earlier.poured(shot(number), PHYSICS, state)
        if number % 30 == 0:
            earlier.lab(PRESS, record(number, 103.0 + number / 100), state)
        disk.take(state)
    again = EarlierShots(disk.kept.values())
    assert earlier.known(shot(2000), {})["prev_rho_moulded_count"] == 30
    assert same(earlier.known(shot(2000), {}), again.known(shot(2000), {}))


def test_a_damaged_row_is_left_out() -> None:
    disk = Disk()
    live(EarlierShots(), disk, range(10))
    rows = [{"key": 1}, *disk.kept.values()]
    assert len(EarlierShots(rows)) == 10


@pytest.mark.parametrize("mold", [None, "M", "wrong"])
def test_a_record_finds_its_shot(mold: str | None) -> None:
    earlier = EarlierShots()
    earlier.poured(shot(0), PHYSICS, {})
    earlier.lab(PRESS, record(0, 110.0, mold), {})
    known = earlier.known(shot(100), {})
    assert known["prev_rho_moulded_last"] == pytest.approx(math.log(1.1))


def test_a_record_that_comes_before_its_shot() -> None:
    earlier, disk = EarlierShots(), Disk()
    state: dict[tuple[str, str], dict[str, Any] | None] = {}
    earlier.lab(PRESS, record(0, 110.0), state)
    disk.take(state)
    for memory in (earlier, EarlierShots(disk.kept.values())):
        memory.poured(shot(0), PHYSICS, {})
        known = memory.known(shot(100), {})
        assert known["prev_rho_moulded_last"] == pytest.approx(math.log(1.1))


@pytest.mark.parametrize("keyed", [True, False])
def test_a_shot_id_that_comes_again_is_another_shot(keyed: bool) -> None:
    earlier, disk = EarlierShots(), Disk()
    state: dict[tuple[str, str], dict[str, Any] | None] = {}
    shots = [shot(0), shot(100).model_copy(update={"shot_id": "S0"})]
    for number, one in enumerate(shots):
        key = one.model_copy(update={"shot_key": f"{number:020}"}) if keyed else one
        shots[number] = key
        earlier.poured(key, PHYSICS, state)
    first, second = (one.shot_key for one in shots)
    assert first != second
    found = record(0, 110.0).model_copy(update={"shot_key": first if keyed else None})
    earlier.lab(PRESS, found, state)
    later = record(100, 120.0).model_copy(update={"shot_id": "S0"})
    earlier.lab(PRESS, later.model_copy(update={"shot_key": second if keyed else None}), state)
    disk.take(state)
    for memory in (earlier, EarlierShots(disk.kept.values())):
        known = memory.known(shot(200), {})
        assert known["prev_rho_moulded_count"] == 2
        assert known["prev_rho_moulded_last"] == pytest.approx(math.log(1.2))
        assert known["prev_rho_moulded_mean8"] == pytest.approx((math.log(1.1) + math.log(1.2)) / 2)


def test_an_old_record_is_not_of_the_next_shot_of_its_id() -> None:
    earlier = EarlierShots()
    earlier.lab(PRESS, record(0, 110.0), {})  # of a shot that nobody remembers
    earlier.poured(shot(100).model_copy(update={"shot_id": "S0"}), PHYSICS, {})
    assert earlier.known(shot(200), {})["prev_rho_moulded_count"] == 0
