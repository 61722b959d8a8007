"""The outbox: a step is one transaction, a number is given once, the agent's word ends it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from broker.messages import ReceivedOf, SeqRange
from broker.topics import PressAddress
from edge_agent.errors import StoreError
from edge_agent.gateway.outbox import SOURCE, STATION, Outbox
from edge_agent.gateway.outbox_entry import Draft, Step
from edge_agent.gateway.outbox_repair import open_outbox
from edge_agent.gateway.received_ranges import confirmed_ranges
from edge_agent.spool.spool_file import SpoolInUse
from tests.support.drafts import PRESS, START, draft, received

NOW = START + timedelta(hours=1)
P1 = str(PRESS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    made = Outbox(path)
    yield made
    made.close()


def numbers(outbox: Outbox, press: str = P1) -> list[tuple[str, int]]:
    """Device without its suffix, and number, of all that waits."""
    return [(e.device_id.rpartition("-")[0], e.seq) for e in outbox.pending(press, 10_000)]


def commit(outbox: Outbox, *drafts: Draft) -> int:
    return outbox.commit([Step(drafts)], NOW)


def test_one_count_a_device_over_all_kinds(outbox: Outbox) -> None:
    commit(outbox, draft(0), draft(1, "shot"), draft(2, device="b"), draft(3))
    other = PressAddress("s", "p2")
    commit(outbox, draft(4, press=other), draft(5))
    assert numbers(outbox) == [("plc", 0), ("plc", 1), ("b", 0), ("plc", 2), ("plc", 3)]
    assert numbers(outbox, str(other)) == [("plc", 0)]
    first = outbox.pending(P1, 1)[0]
    said = json.loads(first.payload)
    assert (said["device_id"], said["seq"]) == (f"plc-{outbox.suffix}", 0)
    assert said["sensors"] == {"T_mold_C": 40.0}


def test_a_step_is_kept_as_a_whole_over_a_restart(path: Path) -> None:
    outbox = Outbox(path)
    trace = [("st", {"words": "because"})]
    steps = [
        Step([draft(0)], {"st": {"n": 1}}, {"plc": {"at": 1}}, trace),
        Step([draft(1)], {"st": {"n": 2}}, {"plc": {"at": 2}}),
    ]
    assert outbox.commit(steps, NOW) == 2
    suffix, secret = outbox.suffix, outbox.secret
    outbox.close()
    again = Outbox(path)
    assert (again.suffix, again.secret) == (suffix, secret)
    assert again.state(STATION) == {"st": {"n": 2}}
    assert again.state(SOURCE) == {"plc": {"at": 2}}
    commit(again, draft(2))
    assert numbers(again) == [("plc", 0), ("plc", 1), ("plc", 2)]
    assert again.waiting == {"telemetry": 3, "shot": 0, "refused": 0}
    again.close()


def test_nothing_of_a_step_is_kept_when_one_message_cannot_be(outbox: Outbox) -> None:
    commit(outbox, draft(0))
    bad = Draft(PRESS, "plc", "telemetry", START, {"x": float("nan")})
    with pytest.raises(ValueError):
        outbox.commit([Step([draft(1), bad], {"st": {"n": 1}})], NOW)
    assert (numbers(outbox), outbox.state(STATION)) == ([("plc", 0)], {})
    commit(outbox, draft(1))
    assert numbers(outbox) == [("plc", 0), ("plc", 1)]


def test_only_what_the_agent_names_is_forgotten(outbox: Outbox) -> None:
    commit(outbox, *(draft(n) for n in range(10)))
    device = outbox.device_id(P1, "plc")
    word = received({device: (7, draft(7).ts)}, missing=((2, 3), (5, 5)))
    assert outbox.confirm(P1, word) == 5
    assert [seq for _, seq in numbers(outbox)] == [2, 3, 5, 8, 9]
    assert outbox.confirm(P1, word) == 0
    assert outbox.hears(P1)
    assert outbox.confirm(P1, received({device: (9, draft(9).ts)})) == 5
    assert outbox.waiting == {"telemetry": 0, "shot": 0, "refused": 0}


def test_a_word_on_others_or_from_before_the_count_forgets_nothing(outbox: Outbox) -> None:
    commit(outbox, draft(5), draft(6))
    device = outbox.device_id(P1, "plc")
    assert outbox.confirm(P1, received({"plc": (9, draft(9).ts), "x": (1, START)})) == 0
    assert outbox.confirm(P1, received({device: (1, draft(4).ts)})) == 0
    assert outbox.confirm("s/p2", received({device: (1, draft(6).ts)})) == 0
    assert len(numbers(outbox)) == 2


def test_an_older_copy_begins_another_count(path: Path) -> None:
    """Its new messages would have numbers that the agent has for others."""
    outbox = Outbox(path)
    commit(outbox, draft(0), draft(1))
    device = outbox.device_id(P1, "plc")
    outbox.close()
    shutil.copytree(path.parent, path.parent / "copy")
    old = Outbox(path.parent / "copy" / path.name)
    commit(old, draft(20), draft(21))
    with capture_logs() as logs:
        assert old.confirm(P1, received({device: (8, draft(8).ts)})) == 2
    assert [line["event"] for line in logs] == ["outbox_is_older"]
    left = old.pending(P1, 10)
    assert [e.seq for e in left] == [0, 1]
    assert {e.device_id for e in left} == {old.device_id(P1, "plc")} != {device}
    assert json.loads(left[0].payload)["device_id"] == left[0].device_id
    commit(old, draft(22))
    assert [e.seq for e in old.pending(P1, 10)] == [0, 1, 2]
    old.close()


def test_refused_messages_are_in_no_ones_way(outbox: Outbox) -> None:
    commit(outbox, draft(0), draft(1), draft(2))
    first, second, _ = outbox.pending(P1, 10)
    outbox.refuse(first, "too large", may_try_again=False)
    outbox.refuse(second, "not authorized", may_try_again=True)
    assert [seq for _, seq in numbers(outbox)] == [2]
    assert [r.reason for r in outbox.refused(10)] == ["not authorized", "too large"]
    assert outbox.waiting["refused"] == 2
    assert outbox.try_again(P1) == 1
    assert [seq for _, seq in numbers(outbox)] == [1, 2]


def test_unconfirmed_messages_of_a_silent_agent_end(outbox: Outbox) -> None:
    commit(outbox, draft(0), draft(1))
    (first, _) = outbox.pending(P1, 10)
    outbox.taken(P1, [first.id], NOW)
    assert outbox.expire(72.0, NOW + timedelta(hours=71)) == 0
    assert outbox.expire(72.0, NOW + timedelta(hours=73)) == 1
    assert outbox.counted("expired") == 1
    assert [seq for _, seq in numbers(outbox)] == [1], "the broker has not taken this one"


def test_those_of_an_agent_that_says_what_it_has_stay(outbox: Outbox) -> None:
    commit(outbox, draft(0), draft(1))
    outbox.taken(P1, [e.id for e in outbox.pending(P1, 10)], NOW)
    outbox.confirm(P1, received({outbox.device_id(P1, "plc"): (0, draft(0).ts)}))
    assert outbox.expire(1.0, NOW + timedelta(days=90)) == 0


def test_readings_go_first_and_events_never(outbox: Outbox) -> None:
    commit(outbox, draft(0), draft(1, "shot"), draft(2))
    assert outbox.drop_readings(NOW) == 2
    assert outbox.drop_readings(NOW) == 0
    assert [(e.kind, e.seq) for e in outbox.pending(P1, 10)] == [("shot", 1)]
    assert outbox.counted("dropped") == 2
    outbox.full = True
    with pytest.raises(StoreError, match="full of what may not be given up"):
        commit(outbox, draft(3))


def test_one_process_has_it(outbox: Outbox, path: Path) -> None:
    with pytest.raises(SpoolInUse, match=r"outbox\.path: .*gateway\.db is in use by") as caught:
        open_outbox(path, NOW, "other")
    assert "give every gateway an outbox.path of its own" in caught.value.hint


def test_a_file_that_was_moved_away_takes_nothing(outbox: Outbox, path: Path) -> None:
    commit(outbox, draft(0))
    path.rename(path.with_suffix(".moved"))
    with pytest.raises(StoreError, match="deleted or moved away"):
        commit(outbox, draft(1))
    path.with_suffix(".moved").rename(path)
    commit(outbox, draft(1))
    assert numbers(outbox) == [("plc", 0), ("plc", 1)]


def test_a_damaged_file_is_set_aside_and_its_messages_saved(path: Path) -> None:
    outbox = Outbox(path)
    for number in range(300):
        outbox.commit([Step([draft(number)], {"st": {"n": number}}, {"plc": {"at": 1}})], NOW)
    suffix = outbox.suffix
    outbox.close()
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 3000] = b"\xff" * 3000
    path.write_bytes(content)
    opened, repaired = open_outbox(path, NOW)
    assert repaired is not None
    assert repaired.damaged is not None
    assert repaired.damaged.read_bytes() == content
    saved = opened.pending(P1, 1000)
    assert 200 < len(saved) < 300
    assert opened.suffix != suffix
    assert {e.device_id for e in saved} == {f"plc-{suffix}"}
    opened.commit([Step([draft(400)])], NOW)
    assert opened.pending(P1, 1000)[-1].device_id == f"plc-{opened.suffix}"
    assert opened.pending(P1, 1000)[-1].seq == 0
    word = received({f"plc-{suffix}": (299, draft(299).ts)})
    assert opened.confirm(P1, word) == len(saved)
    opened.close()


def test_a_file_that_is_no_outbox_is_set_aside(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)
    opened, repaired = open_outbox(path, NOW)
    assert repaired is not None
    opened.close()


def test_a_newer_file_is_left_alone(path: Path) -> None:
    Outbox(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="version 99"):
        Outbox(path)


def test_a_long_message_comes_out_as_it_went_in(outbox: Outbox) -> None:
    names = {f"T_mold_C.{n}": 40.0 + n / 7 for n in range(1, 200)}
    document = {"v": 1, "ts": START.isoformat(), "sensors": names}
    commit(outbox, Draft(PRESS, "plc", "telemetry", START, document))
    (entry,) = outbox.pending(P1, 10)
    assert json.loads(entry.payload)["sensors"] == names
    (size,) = outbox._db.execute("SELECT length(payload) FROM message").fetchone()
    assert size < 0.7 * len(entry.payload)


def test_long_names_keep_within_the_length_of_an_id(outbox: Outbox) -> None:
    long = "d" * 64
    commit(outbox, draft(0, device=long), draft(1, device=long[:60] + "x"))
    ids = {e.device_id for e in outbox.pending(P1, 10)}
    assert len(ids) == 2
    assert {len(one) for one in ids} == {64}


gaps = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=8)


@given(seq=st.integers(0, 40), gaps=gaps)
def test_ranges_are_all_that_is_not_missing(seq: int, gaps: list[tuple[int, int]]) -> None:
    """Whatever the gaps are: overlapping, in any order, beyond the largest number."""
    missing = [SeqRange(first_seq=a, last_seq=a + n) for a, n in gaps]
    of = ReceivedOf(seq=seq, ts=START, missing=missing)
    wanted = set(range(seq + 1)) - {
        n for gap in missing for n in range(gap.first_seq, gap.last_seq + 1)
    }
    found = [n for first, last in confirmed_ranges(of) for n in range(first, last + 1)]
    assert sorted(found) == sorted(wanted)
    assert len(found) == len(set(found))
