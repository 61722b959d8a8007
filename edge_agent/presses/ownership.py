"""Owner of each press in a group of agents, as pure functions of what agents say.

The key is the press: a shot lives on one press, so it stays with one agent. The owner is found by
rendezvous hashing: every agent computes the same from who is there, and when one comes or goes only
the presses move that it gets or had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from broker.messages import AgentStatus


@dataclass(frozen=True)
class Moves:
    """Presses that an agent takes or gives up next."""

    take: frozenset[str] = frozenset()
    """Presses it owns and nobody holds."""
    hand_over: frozenset[str] = frozenset()
    """Presses it holds and another owns: to be given away between shots."""
    drop: frozenset[str] = frozenset()
    """Presses that another owns and has taken already: the broker has let it."""


def owner(press: str, agents: Iterable[str]) -> str | None:
    """The agent that should have a press: the one with the highest weight; None of nobody."""
    return max(agents, key=lambda agent: (_weight(agent, press), agent), default=None)


def moves(
    me: str,
    leaving: bool,
    presses: Iterable[str],
    held: Iterable[str],
    others: Mapping[str, AgentStatus],
) -> Moves:
    """Decide what to do about each press.

    Args:
        leaving: this agent takes nothing any more.
        held: what it holds.
        others: the last word of every other agent of the group.
    """
    mine = set(held)
    there = [agent for agent, status in others.items() if status.state == "online"]
    if not leaving:
        there.append(me)
    theirs = {
        press for status in others.values() if status.state != "offline" for press in status.presses
    }
    take, hand_over, drop = set(), set(), set()
    for press in presses:
        new_owner = owner(press, there)
        if new_owner == me:
            if press not in mine | theirs:
                take.add(press)
        elif press in mine:
            if press in theirs:
                drop.add(press)
            elif new_owner is not None:
                hand_over.add(press)
    return Moves(frozenset(take), frozenset(hand_over), frozenset(drop))


def _weight(agent: str, press: str) -> bytes:
    return sha256(f"{agent}/{press}".encode()).digest()
