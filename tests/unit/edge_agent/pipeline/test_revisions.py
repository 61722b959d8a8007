"""Numbers of predictions: none twice, whenever the agent is killed and whatever the disk does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.topics import PressAddress
from edge_agent.pipeline import revisions
from edge_agent.pipeline.revisions import REVISION_SCOPE, Revisions, State

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
ONE, OTHER = PressAddress("s", "p1"), PressAddress("s", "p2")
RESERVE = 8
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.sampled_from([ONE, OTHER]), st.integers(1, 6)),
        st.tuples(st.sampled_from(["begin", "write", "refuse", "crash"]), st.none(), st.just(1)),
        st.tuples(st.just("pass over"), st.sampled_from([ONE, OTHER]), st.integers(0, 40)),
    ),
    max_size=60,
)


class Agent:
    """Revisions as the pipeline uses them, on a disk that is only a dictionary."""

    def __init__(self) -> None:
        self.disk: dict[str, dict[str, Any]] = {}
        self.lives = 0
        self.start()

    def start(self) -> None:
        """A new life: what was under way is gone."""
        self.lives += 1
        now = START + timedelta(seconds=self.lives)
        self.revisions = Revisions(dict(self.disk), now)
        self.batch: State | None = None

    def write(self, state: State) -> None:
        for (scope, press), value in state.items():
            assert scope == REVISION_SCOPE
            assert value is not None
            before = self.disk.get(press, {"reserved_to": 0})["reserved_to"]
            assert value["reserved_to"] >= before, "a reserve is never taken back"
            self.disk[press] = value
        self.revisions.committed(state)

    def take(self, press: PressAddress) -> int:
        if not self.revisions.have(press):
            self.write(self.revisions.asks([ONE, OTHER]))  # as ``Pipeline.reserve``
        return self.revisions.take(press)

    def begin(self) -> None:
        """The writer takes a batch."""
        if self.batch is None:
            self.batch = self.revisions.asks([ONE, OTHER])

    def done(self) -> None:
        """The disk has taken it."""
        if self.batch is not None:
            self.revisions.renew(self.batch)
            self.write(self.batch)
            self.batch = None


@given(STEPS)
def test_no_number_is_taken_twice(steps: list[tuple[str, PressAddress | None, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revisions, "RESERVE", RESERVE)
        agent = Agent()
        taken: dict[PressAddress, int] = {ONE: 0, OTHER: 0}
        for what, press, number in steps:
            match what:
                case "take":
                    assert press is not None
                    for _ in range(number):
                        revision = agent.take(press)
                        assert revision > taken[press]
                        taken[press] = revision
                case "pass over":
                    assert press is not None
                    agent.revisions.pass_over(press, taken[press] + number)
                case "begin":
                    agent.begin()
                case "write":
                    agent.done()
                case "crash":
                    agent.start()


def test_a_press_without_a_reserve_begins_with_the_seconds_since_2026() -> None:
    """Its spool may have been deleted: the numbers of before are behind."""
    agent = Agent()
    agent.disk = {}
    agent.start()
    first = agent.take(ONE)
    assert first > (START - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds()
    assert Revisions({}, datetime(2020, 1, 1, tzinfo=UTC)).asks([ONE]) == {
        (REVISION_SCOPE, str(ONE)): {"reserved_to": revisions.RESERVE}
    }, "a clock that is wrong"


def test_numbers_are_reserved_long_before_they_run_out() -> None:
    agent = Agent()
    agent.take(ONE)
    assert agent.revisions.asks([ONE]) == {}
    for _ in range(revisions.RESERVE // 2):
        agent.take(ONE)
    assert len(agent.revisions.asks([ONE])) == 1
    assert agent.revisions.asks([ONE]) == {}, "asked for once"


def test_numbers_run_out_while_the_disk_refuses_those_that_were_asked_for() -> None:
    agent = Agent()
    last = agent.take(ONE)
    while agent.revisions.have(ONE):
        last = agent.take(ONE)
        agent.begin()  # never written
    assert agent.take(ONE) == last + 1
    agent.done()
    agent.start()
    assert agent.take(ONE) > last + 1


def test_what_is_kept_and_cannot_be_read_is_as_if_there_were_nothing() -> None:
    found = Revisions({str(ONE): {"reserved_to": "many"}}, START)
    assert not found.have(ONE)
