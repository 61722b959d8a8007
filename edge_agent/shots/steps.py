"""Steps of shots: which events of one shot id make one shot, whatever order they come in.

A shot id comes again: a PLC counts from 0 anew, two molds share a cycle number, yesterday's shot is
played again. The times decide, not the order of arrival: the events of a mold are read in order of
time, and a step that a shot cannot have twice begins the next shot.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256

from broker.messages import ShotEvent

Group = list[ShotEvent]
_RANK = {"started": 0, "poured": 1, "demolded": 2, "aborted": 3}
ENDS = ("demolded", "aborted")


_OF_THE_SENDER = {"device_id", "seq", "received_at"}
"""A gateway that sends an event again may count anew."""


def fingerprint(event: ShotEvent) -> str:
    """16 hexadecimal digits of the content of an event: equal content is a repeat."""
    empty = set[str]() if event.left_out else {"left_out"}
    content = event.model_dump(mode="json", exclude_none=True, exclude=_OF_THE_SENDER | empty)
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def grouped(events: Iterable[ShotEvent]) -> list[Group]:
    """Shots that the events of one press and shot id tell of, in order of their first step.

    Rules, mold by mold in order of time:

    - ``started`` begins a shot; it may also follow the pour of a shot that had none (an open mold
      is closed after the pour), unless another pour comes next.
    - ``poured`` belongs to a shot that has neither a pour nor an end, else it begins one.
    - An end belongs to the shot before it. Of two ends the first counts; the other stays with it.

    Then what was said of another mold: a start without a pour belongs to the next pour that has no
    start (the mold was changed), an end without a shot to the shot before it that has no end.

    Args:
        events: no two of them equal.
    """
    molds: dict[str, list[ShotEvent]] = {}
    for event in events:
        molds.setdefault(event.mold_id, []).append(event)
    groups = [group for of_mold in molds.values() for group in _of_one_mold(of_mold)]
    groups.sort(key=_begin)
    if len(molds) > 1:
        groups = _ends_joined(_starts_joined(groups))
    return groups


def step(group: Sequence[ShotEvent], *kinds: str) -> ShotEvent | None:
    """First event of these kinds in a group; None where there is none."""
    return next((event for event in group if event.event in kinds), None)


def _order(event: ShotEvent) -> tuple[float, int, str]:
    return event.ts.timestamp(), _RANK[event.event], event.mold_id


def _begin(group: Group) -> tuple[float, int, str]:
    return _order(group[0])


def _of_one_mold(events: list[ShotEvent]) -> list[Group]:
    events.sort(key=_order)
    groups = list[Group]()
    for at, event in enumerate(events):
        last = groups[-1] if groups else []
        if last and _belongs(event, last, events[at + 1 :]):
            last.append(event)
        else:
            groups.append([event])
    return groups


def _belongs(event: ShotEvent, group: Group, later: Sequence[ShotEvent]) -> bool:
    if event.event in ENDS:
        return True
    if step(group, *ENDS) is not None:
        return False
    if event.event == "poured":
        return step(group, "poured") is None
    following = step([other for other in later if other.event != "started"], "poured", *ENDS)
    is_late_start = following is None or following.event != "poured"
    return step(group, "started") is None and is_late_start


def _starts_joined(groups: list[Group]) -> list[Group]:
    """Starts of one mold joined with pours of another."""
    left = list(groups)
    for group in groups:
        poured = step(group, "poured")
        if poured is None or group[0] is not poured:
            continue
        starts = [
            other
            for other in left
            if other is not group
            and other[0].event == "started"
            and step(other, "poured") is None
            and other[0].mold_id != poured.mold_id
            and other[0].ts <= poured.ts
            and all(end.ts >= poured.ts for end in other[1:])
        ]
        if starts:
            start = max(starts, key=_begin)
            left = [other for other in left if other is not start]
            group[:] = sorted([*start, *group], key=_order)
    return sorted(left, key=_begin)


def _ends_joined(groups: list[Group]) -> list[Group]:
    """Ends that name another mold joined with the shot before them."""
    left = list(groups)
    for group in groups:
        if group[0].event not in ENDS:
            continue
        before = [
            other
            for other in left
            if other is not group
            and other[0].event not in ENDS
            and step(other, "poured") is not None
            and step(other, *ENDS) is None
            and other[0].ts <= group[0].ts
        ]
        if before:
            max(before, key=_begin).extend(group)
            left = [other for other in left if other is not group]
    return left
