"""Who has which press: one owner each, and few presses move."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from broker.messages import AgentStatus
from edge_agent.presses.ownership import Moves, moves, owner

names = st.sets(st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True), max_size=12)
PRESSES = [f"p{i}" for i in range(40)]


def status(
    agent_id: str, *presses: str, state: Literal["online", "leaving", "offline"] = "online"
) -> AgentStatus:
    return AgentStatus(
        ts=datetime(2026, 5, 4, tzinfo=UTC),
        site="s",
        group="g",
        agent_id=agent_id,
        state=state,
        presses=list(presses),
    )


@given(names, names)
def test_every_press_has_one_owner_whoever_asks(presses: set[str], agents: set[str]) -> None:
    for press in presses:
        found = {owner(press, order) for order in (sorted(agents), sorted(agents, reverse=True))}
        assert len(found) == 1
        assert found <= (agents or {None})


@given(names, names)
def test_one_that_goes_moves_only_its_presses(presses: set[str], agents: set[str]) -> None:
    for gone in agents:
        for press in presses:
            after = owner(press, agents - {gone})
            assert owner(press, agents) in {after, gone}


@given(names, names, st.from_regex(r"[a-z]{1,8}", fullmatch=True))
def test_one_that_comes_moves_only_what_it_gets(
    presses: set[str], agents: set[str], new: str
) -> None:
    for press in presses:
        before, after = owner(press, agents - {new}), owner(press, agents | {new})
        assert after in {before, new}


def test_many_presses_are_split_evenly() -> None:
    presses = [f"press{i}" for i in range(300)]
    shares = [sum(owner(p, ["a", "b", "c"]) == agent for p in presses) for agent in "abc"]
    assert min(shares) > 75  # 100 expected, standard deviation 8


@given(st.sets(st.sampled_from("abcd"), min_size=1), st.sets(st.sampled_from("abcd")))
def test_nobody_takes_what_another_holds_and_all_is_held_in_the_end(
    there: set[str], leaving: set[str]
) -> None:
    """Agents that see each other come to rest with every press held once, by its owner."""
    held: dict[str, set[str]] = {agent: set() for agent in there}
    held[min(there)] = set(PRESSES)
    for _ in range(3):
        for me in sorted(there):
            others = {
                a: status(a, *held[a], state="leaving" if a in leaving else "online")
                for a in there - {me}
            }
            what = moves(me, me in leaving, PRESSES, held[me], others)
            assert not what.take & set().union(*(held[a] for a in there - {me}))
            assert not what.drop
            held[me] = (held[me] | what.take) - what.hand_over
    stay = there - leaving
    for press in PRESSES:
        holders = {agent for agent in there if press in held[agent]}
        assert holders == ({owner(press, stay)} if stay else {min(there)})


def test_of_two_that_hold_a_press_one_lets_it_go() -> None:
    one, other = sorted(["a", "b"], key=lambda agent: owner("p", ["a", "b"]) != agent)
    assert moves(one, False, ["p"], ["p"], {other: status(other, "p")}) == Moves()
    assert moves(other, False, ["p"], ["p"], {one: status(one, "p")}).drop == {"p"}


def test_presses_of_a_dead_agent_are_taken_at_once() -> None:
    assert moves("a", False, ["p"], [], {"b": status("b", "p", state="offline")}).take == {"p"}


def test_the_last_one_keeps_its_presses_until_it_ends() -> None:
    assert moves("a", True, ["p"], ["p"], {"b": status("b", state="leaving")}) == Moves()
