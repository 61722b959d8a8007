"""Alerts about the agent itself; every alert is made here, in shot_alerts or in message_alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

from broker import alert_codes as codes
from broker.errors import printable
from broker.messages import Alert, LiveAlert
from broker.topics import PressAddress
from edge_agent.shots.shot import Shot
from edge_agent.spool.limit import SpoolAlert
from edge_agent.spool.repair import Repair

Severity = Literal["info", "warning", "critical"]
WORDS_MAX = 2000
"""Characters of an alert."""
DRIFT_LEVELS: tuple[tuple[str, Severity], ...] = (
    (codes.DRIFT_OVER, "info"),
    (codes.DRIFT_WARNING, "warning"),
    (codes.DRIFT_ALERT, "critical"),
)


def new_alert(
    press: PressAddress,
    now: datetime,
    code: str,
    severity: Severity,
    words: str,
    *,
    shot: Shot | None = None,
    evidence: Mapping[str, float | str] | None = None,
) -> Alert:
    """An alert of now.

    Args:
        press: whose people are told.
        now: the agent's time.
        code: of ``broker.alert_codes``.
        severity: how much it matters.
        words: what happened, and the way out; what is too long is cut.
        shot: the shot that it is about.
        evidence: figures and names behind it.
    """
    return Alert(
        ts=now,
        site=press.site,
        press=press.press,
        code=code,
        severity=severity,
        words=words[:WORDS_MAX],
        shot_id=None if shot is None else shot.shot_id,
        shot_key=None if shot is None else shot.shot_key,
        mold_id=None if shot is None else shot.mold_id,
        simulated=shot is not None and shot.simulated,
        evidence=dict(evidence or {}),
    )


def spool_refused(press: PressAddress, problem: str | None, now: datetime) -> Alert:
    """The disk refuses the spool.

    Args:
        problem: why its file is not the right one any more, if that is the trouble.
    """
    words = printable(problem or codes.ALERT_CODES[codes.SPOOL_REFUSED], WORDS_MAX)
    return new_alert(press, now, codes.SPOOL_REFUSED, "critical", words)


def spool_takes_again(press: PressAddress, now: datetime) -> Alert:
    """The disk takes the spool again."""
    words = "the disk takes the spool again: everything is being saved"
    return new_alert(press, now, codes.SPOOL_TAKES_AGAIN, "info", words)


def spool_alert(press: PressAddress, alert: SpoolAlert, now: datetime) -> Alert:
    """An alert of the spool, for the people at a press."""
    return new_alert(press, now, alert.code, alert.severity, alert.words)


def spool_salvaged(press: PressAddress, salvage: Repair, now: datetime) -> Alert:
    """Alert that messages not yet in the history were damaged or lost."""
    rows = sum(salvage.saved.values())
    problems = printable("; ".join(salvage.problems), 1000)
    words = f"{problems}: {rows} rows were saved, what else waited in the spool is lost"
    return new_alert(press, now, codes.SPOOL_SALVAGED, "critical", words)


def history_away(press: PressAddress, problem: str, now: datetime) -> Alert:
    """The history has not taken anything for a while.

    Args:
        press: press whose rows wait.
        problem: why, as the store says.
        now: the agent's time.
    """
    words = f"{problem}: rows wait in the spool, predictions go on"
    return new_alert(press, now, codes.HISTORY_AWAY, "warning", printable(words, WORDS_MAX))


def history_back(press: PressAddress, now: datetime) -> Alert:
    """The history takes rows again."""
    words = codes.ALERT_CODES[codes.HISTORY_BACK]
    return new_alert(press, now, codes.HISTORY_BACK, "info", words)


def publish_refused(press: PressAddress, words: str, now: datetime) -> Alert:
    """The broker refuses messages of the twin.

    Args:
        press: press that they are about.
        words: why, and the way out.
    """
    words = printable(f"{words}; until then they are dead letters", WORDS_MAX)
    return new_alert(press, now, codes.PUBLISH_REFUSED, "warning", words)


def model_refused(press: PressAddress, label: str, words: str, now: datetime) -> Alert:
    """A model that is promoted, or in shadow, cannot be used."""
    words = f"{label} cannot be used: {words}; the physics answers alone"
    return new_alert(press, now, codes.MODEL_REFUSED, "warning", words, evidence={"model": label})


def sets_refused(press: PressAddress, reasons: Sequence[str], now: datetime) -> Alert:
    """Parameter sets that are promoted cannot be used.

    Args:
        press: press whose people are told.
        reasons: which sets, why, and what is used instead.
        now: the agent's time.
    """
    words = printable("; ".join(" ".join(reason.splitlines()) for reason in reasons), WORDS_MAX)
    return new_alert(press, now, codes.PARAMETER_SET_REFUSED, "warning", words)


def drift_alert(
    press: PressAddress,
    level: int,
    words: str,
    moved: Sequence[str],
    shots_count: int,
    now: datetime,
) -> Alert:
    """A change of the level of drift, or another kind of it.

    Args:
        level: 0 OK, 1 WARNING, 2 ALERT.
        moved: columns that moved, the worst first.
        shots_count: shots that were compared.
    """
    code, severity = DRIFT_LEVELS[level]
    evidence: dict[str, float | str] = {
        "shots_count": float(shots_count),
        "moved": ", ".join(moved)[:256],
    }
    return new_alert(press, now, code, severity, words, evidence=evidence)


def drift_level(alerts: Iterable[LiveAlert]) -> int:
    """Level of drift that open alerts tell of: 0 OK, 1 WARNING, 2 ALERT."""
    levels = {code: level for level, (code, _) in enumerate(DRIFT_LEVELS)}
    return max((levels.get(alert.code, 0) for alert in alerts), default=0)


def two_agents(press: PressAddress, words: str, now: datetime) -> Alert:
    """Alert that another agent with the name of this one was started, and will end."""
    return new_alert(press, now, codes.TWO_AGENTS, "warning", words)


def gave_way(press: PressAddress, words: str, now: datetime) -> Alert:
    """This agent ends, because another one with its name was there before."""
    return new_alert(press, now, codes.GAVE_WAY, "critical", words)
