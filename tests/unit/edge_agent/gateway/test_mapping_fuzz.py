"""Mutated mappings: a list of problems or settings, never a traceback."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from edge_agent.gateway.mapping_file import check_mapping
from edge_agent.gateway.station import StationTranslator
from tests.support.strategies import wild_values
from twin_core.yaml_text import dump_yaml, parse_yaml

GOOD = (Path(__file__).parents[4] / "configs" / "gateway" / "s7-1500.yaml").read_text()
PIECES = [
    "", " ", "\n", ":", "{", "}", "[", "]", "*a", "&a ", "!!int ", "!!bool x", "'", '"', "#", "- ",
    "null", "~", "true", "1e400", ".nan", "0x", "1_0", "<<: ", "\t", "\x00", "é", "plc.", "plc.x",
    "poured", "after: poured", "while: [{tag: plc.pouring, when: changes}]", "unit: psig",
    "-1", "99999999999999999999", "names: {1: 2}", "?", "|", ">", "%TAG ! x", "---", "...",
]  # fmt: skip


def _checked(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gateway.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        checked = check_mapping(path)
    assert (checked.settings is None) == bool(checked.problems)
    assert all(problem.strip() for problem in checked.problems)
    if checked.settings is not None:
        for name, station in checked.settings.stations.items():
            StationTranslator(name, station, checked.settings)


def _mutated_text(rng: random.Random) -> str:
    text = GOOD
    for _ in range(rng.randrange(1, 5)):
        start = rng.randrange(len(text))
        end = min(len(text), start + rng.choice([0, 1, 3, 20, 200]))
        text = text[:start] + rng.choice(PIECES) + text[end:]
    return text


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else []
    items = enumerate(value) if isinstance(value, list) else items
    for key, inside in items:
        found += _places(inside, (*path, key))
    return found


def _with(value: Any, place: tuple[Any, ...], new: Any) -> None:
    for part in place[:-1]:
        value = value[part]
    value[place[-1]] = new


def _without_lone_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_without_lone_surrogates(k): _without_lone_surrogates(v) for k, v in value.items()}
    return [_without_lone_surrogates(v) for v in value] if isinstance(value, list) else value


@given(seed=st.integers(0, 2**32))
@hypothesis(max_examples=50, deadline=None)
def test_mutated_texts(seed):
    _checked(_mutated_text(random.Random(seed)))


@given(data=st.data())
@hypothesis(max_examples=50, deadline=None)
def test_mutated_structures(data):
    content = parse_yaml(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(_places(content)))
        new = data.draw(wild_values | st.sampled_from(PIECES) | st.sampled_from([{}, [], 5, True]))
        _with(content, place, _without_lone_surrogates(new))
    _checked(_dumped(content))


def _dumped(content: Any) -> str:
    try:
        return dump_yaml(content)
    except Exception:  # what YAML cannot hold is no case
        return ""


@pytest.mark.peers
@pytest.mark.parametrize("first", range(0, 2000, 500))
def test_thousands_of_mutated_texts(first):
    for seed in range(first, first + 500):
        _checked(_mutated_text(random.Random(seed)))
