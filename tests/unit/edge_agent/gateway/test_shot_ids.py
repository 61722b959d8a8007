"""Ids of shots: counters that reset, overflow, stand still; texts; none at all."""

from __future__ import annotations

import json

import pytest

from broker.ids import is_identifier
from edge_agent.config.gateway_settings import ShotIds
from edge_agent.gateway.moments import us_of
from edge_agent.gateway.shot_ids import IdMaker
from tests.support.stations import T0

NOW_US = us_of(T0)


def _ids(values, **given):
    maker = IdMaker("press1", ShotIds(tag="plc.count", **given))
    found = [maker.make(value, "has no value yet", NOW_US) for value in values]
    assert all(is_identifier(one) for one, _ in found)
    return [one for one, _ in found], [" ".join(words) for _, words in found]


@pytest.mark.parametrize(
    ("values", "given", "ids"),
    [
        ([41, 42, 43.0], {}, ["S-41", "S-42", "S-43"]),
        ([41, 1, 2], {}, ["S-41", "S-1.2", "S-2.2"]),
        ([41, 1, 1, 0], {}, ["S-41", "S-1.2", "S-1.2-2", "S-0.3"]),
        ([65535, 0, 1], {"overflow": 65535}, ["S-65535", "S-65536", "S-65537"]),
        ([65534, 2], {"overflow": 65535}, ["S-65534", "S-65538"]),
        ([100, 0], {"overflow": 65535}, ["S-100", "S-0.2"]),
        ([7, 7, 7, 8], {}, ["S-7", "S-7-2", "S-7-3", "S-8"]),
        ([7], {"prefix": "Press-2."}, ["Press-2.7"]),
        (["A-117", "A 118"], {}, ["A-117", "A-118"]),
        (["0017"], {}, ["0017"]),
        (["x", "x"], {}, ["x", "x-2"]),
    ],
)
def test_ids_of_a_row_of_shots(values, given, ids):
    assert _ids(values, **given)[0] == ids


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "has no value yet"),
        (-5, "is its type right?"),
        (2.5, "no whole number"),
        (True, "no counter"),
        ("", "empty"),
        ("///", "no letter or digit"),
        (1e18, "no count"),
    ],
)
def test_what_is_no_counter_gives_a_built_id_aloud(value, words):
    (found,), (said,) = _ids([value])

    assert found == "press1-20260504T080000-1"
    assert words in said
    assert "the id is made of station and time" in said


def test_what_is_odd_is_said():
    _, (_, reset, missed) = _ids([41, 1, 4])

    assert "a reset" in reset
    assert "2 between were not seen" in missed


def test_without_a_tag():
    maker = IdMaker("press1", ShotIds())

    assert maker.make(None, "", NOW_US) == ("press1-20260504T080000-1", [])
    assert maker.make(None, "", NOW_US) == ("press1-20260504T080000-2", [])


def test_goes_on_from_its_state():
    values = [65535, 0, 5, 5, 1, 2]
    whole, _ = _ids(values, overflow=65535)
    given, state, found = ShotIds(tag="plc.count", overflow=65535), {}, []
    for value in values:
        maker = IdMaker("press1", given, state)
        found.append(maker.make(value, "", NOW_US)[0])
        state = json.loads(json.dumps(maker.state()))

    assert found == whole


def test_a_long_text_that_comes_again_stays_an_id():
    first, second = _ids(["x" * 64, "x" * 64])[0]

    assert first != second
    assert len(second) == 64
