"""What came of an advice, judged from the shots of its mold before and after it was accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from broker.messages import Advice
from broker.timestamps import format_timestamp, parse_timestamp
from edge_agent.advice.compare import SHOTS_MIN, Comparison, compare_means, compare_shares

Row = Mapping[str, Any]
OPENING = "t_demold_actual_s"
MEASURED = (OPENING, "T_core_max_C", "p_cavity_max_bar")
"""Columns of a shot that are compared."""
RESULTS = ("rho_moulded_kg_per_m3", "H_demold_shore", "H_24h_shore")
"""Columns of a quality record."""
LOOK_BACK = timedelta(days=30)
"""Shots before the advice was accepted count from so long ago on."""
BEFORE_MAX = 500
KINDS = {True: "of a simulator", False: "of a real press"}
"""Words for shots, by whether they are simulated."""


@dataclass(frozen=True)
class ShotAndResults:
    """A shot with the quality records of it that count."""

    shot: Row
    records: Sequence[Row] = ()


@dataclass(frozen=True)
class Review:
    """What came of an advice."""

    advice: Advice
    accepted_at: datetime | None
    until: datetime
    """Shots poured from then on are not of it: it had ended, or is now."""
    before_count: int = 0
    followed_count: int = 0
    """Shots after it whose recipe is as advised."""
    others_count: int = 0
    """Shots after it with another recipe; they are not judged."""
    not_counted: Mapping[str, int] = field(default_factory=dict)
    """Other shots of the mold on its press in this time, by why they do not count."""
    not_checked: tuple[str, ...] = ()
    """Advised set points that no recipe names: nobody knows whether they were followed."""
    comparisons: list[Comparison] = field(default_factory=list)
    words: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "advice": self.advice.model_dump(mode="json", exclude_none=True),
            "accepted_at": self.accepted_at and format_timestamp(self.accepted_at),
            "until": format_timestamp(self.until),
            "before_count": self.before_count,
            "followed_count": self.followed_count,
            "others_count": self.others_count,
            "not_counted": dict(self.not_counted),
            "not_checked": list(self.not_checked),
            "comparisons": [asdict(one) for one in self.comparisons],
            "words": self.words,
        }


def review(advice: Advice, shots: Iterable[ShotAndResults], now: datetime) -> Review:
    """Judge an advice.

    Only shots of its mold, press and material count, and simulated ones only where it is simulated.

    Args:
        advice: as it stands.
        shots: of its mold, at least ``LOOK_BACK`` before it was accepted.
        now: shots poured later do not count.
    """
    until = min(now, advice.ended_at or now)
    since = advice.accepted_at
    if since is None:
        words = f"it was never accepted: it is {advice.state}"
        return Review(advice, None, until, words=words)
    near = [one for one in shots if _is_of(one.shot, advice)]
    own = sorted((one for one in near if not _why_not(one.shot, advice)), key=_poured)
    in_time = [one for one in near if since - LOOK_BACK <= _poured(one) < until]
    left_out = Counter(why for one in in_time if (why := _why_not(one.shot, advice)))
    before = [one for one in own if since - LOOK_BACK <= _poured(one) < since][-BEFORE_MAX:]
    after = [one for one in own if since <= _poured(one) < until]
    named = {
        change.name
        for change in advice.proposal.changes
        if any(_set_point(one.shot, change.name) is not None for one in after)
    }
    followed = [one for one in after if _follows(one.shot, advice)]
    comparisons = [
        *(compare_means(name, *(_of_shots(part, name) for part in (before, followed)))
          for name in MEASURED),
        *(compare_means(name, *(_of_records(part, name) for part in (before, followed)))
          for name in RESULTS),
        compare_shares("scrap_share", *(_scrap(part) for part in (before, followed))),
        compare_shares("defect_share", *(_defects(part) for part in (before, followed))),
    ]  # fmt: skip
    return Review(
        advice,
        since,
        until,
        len(before),
        len(followed),
        len(after) - len(followed),
        dict(left_out),
        tuple(c.name for c in advice.proposal.changes if c.name not in named),
        [one for one in comparisons if one.before_count or one.after_count],
        _words(advice, comparisons[0]) + _left_out_words(advice, left_out),
    )


def _words(advice: Advice, opening: Comparison) -> str:
    if opening.difference is None or opening.low is None or opening.high is None:
        counts = f"{opening.before_count} before, {opening.after_count} after"
        return f"too few shots with an opening time: {counts}; {SHOTS_MIN} each are needed"
    gained, low, high = -opening.difference, -opening.high, -opening.low
    expected = advice.proposal.gain_s
    if opening.verdict == "no difference seen":
        words = f"no change of the opening time can be seen: {-gained:+.1f} s "
        words += f"({opening.low:+.1f} to {opening.high:+.1f} s, 95 %)"
    elif opening.verdict == "more":
        words = f"opened {-gained:.1f} s later than before ({-high:.1f} to {-low:.1f} s, 95 %)"
    else:
        words = f"opened {gained:.1f} s earlier than before ({low:.1f} to {high:.1f} s, 95 %)"
    if expected is None:
        return words
    when = "earlier" if expected >= 0.0 else "later"
    words = f"{words}; {abs(expected):.1f} s {when} were expected"
    if low <= expected <= high:
        return f"{words}: that fits"
    return f"{words}: it is {'less' if high < expected else 'more'}"


def _left_out_words(advice: Advice, left_out: Mapping[str, int]) -> str:
    if not left_out:
        return ""
    words = ", ".join(f"{count} {why}" for why, count in left_out.items())
    words = f"; shots that are not counted: {words}"
    if KINDS[not advice.simulated] in left_out:
        words += f" (the advice is for shots {KINDS[advice.simulated]})"
    return words


def _is_of(shot: Row, advice: Advice) -> bool:
    place = shot["site"], shot["press"], shot["mold_id"]
    return place == (advice.site, advice.press, advice.mold_id) and shot["poured_at"] is not None


def _why_not(shot: Row, advice: Advice) -> str:
    """Why a shot of the mold does not count; empty: it does."""
    if bool(shot["simulated"]) != advice.simulated:
        return KINDS[bool(shot["simulated"])]
    if shot["system_id"] != advice.proposal.system_id:
        return "of another material"
    if shot["outcome"] is None:
        return "without an end"
    return "aborted" if shot["outcome"] == "aborted" else ""


def _follows(shot: Row, advice: Advice) -> bool:
    """True if no set point of the recipe is nearer to what it was than to what is advised."""
    for change in advice.proposal.changes:
        value = _set_point(shot, change.name)
        if value is None:
            continue
        apart = abs(value - change.value)
        if change.before is None:
            if apart > 0.01 * max(abs(change.value), 1e-9):
                return False
        elif apart >= abs(value - change.before) and change.value != change.before:
            return False
    return True


def _set_point(shot: Row, name: str) -> float | None:
    value = (shot["recipe"] or {}).get(name)
    return float(value) if isinstance(value, int | float) else None


def _poured(one: ShotAndResults) -> datetime:
    return parse_timestamp(one.shot["poured_at"])


def _of_shots(shots: Sequence[ShotAndResults], name: str) -> list[float]:
    found = []
    for one in shots:
        opened = name != OPENING or one.shot["outcome"] == "demolded"
        if opened and one.shot[name] is not None:
            found.append(float(one.shot[name]))
    return found


def _of_records(shots: Sequence[ShotAndResults], name: str) -> list[float]:
    found = []
    for one in shots:
        values = [record[name] for record in one.records if record[name] is not None]
        if values:
            found.append(float(values[-1]))
    return found


def _scrap(shots: Sequence[ShotAndResults]) -> list[bool]:
    return [
        any(record["scrap"] for record in one.records)
        for one in shots
        if any(record["scrap"] is not None for record in one.records)
    ]


def _defects(shots: Sequence[ShotAndResults]) -> list[bool]:
    return [
        any(record["defects"] for record in one.records)
        for one in shots
        if any(record["defects"] is not None for record in one.records)
    ]
