"""Key figures of a shot, and every alert of the agent: no other module constructs one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from broker import alert_codes as codes
from broker import data_quality
from broker.dead_letter_reasons import CLOCK_SKEW
from broker.errors import printable
from broker.messages import Alert, LiveAlert, Prediction, QualityRecord, ShotKpis, TelemetryFrame
from broker.remarks import Remark
from broker.topics import PressAddress
from edge_agent.monitoring.press_clocks import in_words
from edge_agent.monitoring.uncorrected import Uncorrected
from edge_agent.shots.named_shots import Pour
from edge_agent.shots.shot import Shot
from edge_agent.shots.steps import ENDS
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

_OF_REMARK = {
    data_quality.IMPOSSIBLE: codes.IMPOSSIBLE_READINGS,
    data_quality.NAME_NOT_KNOWN: codes.NAME_NOT_KNOWN,
    data_quality.RECIPE_GAP: codes.RECIPE_GAP,
}


def t_demold_actual_s(shot: Shot) -> float | None:
    """Time from the end of injection to the opening in s; None unless the shot was demolded."""
    if shot.outcome != "demolded" or shot.poured_at is None or shot.closed_at is None:
        return None
    actual = (shot.closed_at - shot.poured_at).total_seconds()
    return actual if actual >= 0 else None


def kpis_of(shot: Shot, prediction: Prediction) -> ShotKpis:
    """The final word on a shot."""
    assert shot.poured_at is not None
    assert shot.closed_at is not None
    assert shot.outcome is not None
    assert shot.system_id is not None
    return ShotKpis(
        site=shot.site,
        press=shot.press,
        shot_id=shot.shot_id,
        shot_key=shot.shot_key,
        mold_id=shot.mold_id,
        system_id=shot.system_id,
        outcome=shot.outcome,
        started_at=shot.started_at,
        poured_at=shot.poured_at,
        closed_at=shot.closed_at,
        t_demold_actual_s=t_demold_actual_s(shot),
        prediction=prediction,
        T_core_max_C=shot.T_core_max_C,
        p_cavity_max_bar=shot.p_cavity_max_bar,
        frames_count=shot.frames_count,
        readings_left_out=shot.readings_left_out,
        revision=prediction.revision,
        corrected=shot.corrected,
        simulated=shot.simulated,
    )


def opened_before_window(shot: Shot, prediction: Prediction, now: datetime) -> Alert | None:
    """A demolded shot that was opened before its window; None for any other.

    The corrected opening counts where the final prediction has a correction of it, else the
    physics.

    Args:
        shot: has ended.
        prediction: its final one.
    """
    actual, physics = t_demold_actual_s(shot), prediction.t_demold_min_s
    corrected = None
    if prediction.correction is not None:
        corrected = prediction.correction.values.get("t_demold_min_s")
    earliest = physics if corrected is None else corrected
    if actual is None or earliest is None or actual >= earliest:
        return None
    words = f"opened {actual:.1f} s after the end of injection, the window begins at "
    evidence: dict[str, float | str] = {"t_demold_actual_s": actual}
    if corrected is None:
        words += f"{earliest:.1f} s"
    else:
        evidence["t_demold_min_corrected_s"] = corrected
        by_physics = "no window" if physics is None else f"{physics:.1f} s"
        words += f"{corrected:.1f} s (corrected; by the physics alone {by_physics})"
    if physics is not None:
        evidence["t_demold_min_s"] = physics
    return _alert(
        shot.address,
        now,
        codes.OPENED_BEFORE_WINDOW,
        "warning",
        f"{words}: check the part before it is used",
        shot=shot,
        evidence=evidence,
    )


def no_pour(shot: Shot, now: datetime) -> Alert:
    """A shot that nothing can be said of."""
    words = "the shot ended and no pour was reported: nothing was simulated"
    return _alert(shot.address, now, codes.SHOT_WITHOUT_POUR, "warning", words, shot=shot)


def too_many_shots(shot: Shot, now: datetime) -> Alert:
    """A shot that was ended because its press has too many open ones."""
    words = "the press has more open shots than parts can be in work: the oldest counts as ended"
    return _alert(shot.address, now, codes.TOO_MANY_SHOTS, "warning", words, shot=shot)


def spool_refused(press: PressAddress, problem: str | None, now: datetime) -> Alert:
    """The disk refuses the spool.

    Args:
        problem: why its file is not the right one any more, if that is the trouble.
    """
    words = printable(problem or codes.ALERT_CODES[codes.SPOOL_REFUSED], WORDS_MAX)
    return _alert(press, now, codes.SPOOL_REFUSED, "critical", words)


def spool_takes_again(press: PressAddress, now: datetime) -> Alert:
    """The disk takes the spool again."""
    words = "the disk takes the spool again: everything is being saved"
    return _alert(press, now, codes.SPOOL_TAKES_AGAIN, "info", words)


def spool_alert(press: PressAddress, alert: SpoolAlert, now: datetime) -> Alert:
    """An alert of the spool, for the people at a press."""
    return _alert(press, now, alert.code, alert.severity, alert.words)


def history_away(press: PressAddress, problem: str, now: datetime) -> Alert:
    """The history has not taken anything for a while.

    Args:
        press: press whose rows wait.
        problem: why, as the store says.
        now: the agent's time.
    """
    words = f"{problem}: rows wait in the spool, predictions go on"
    return _alert(press, now, codes.HISTORY_AWAY, "warning", printable(words, WORDS_MAX))


def history_back(press: PressAddress, now: datetime) -> Alert:
    """The history takes rows again."""
    words = codes.ALERT_CODES[codes.HISTORY_BACK]
    return _alert(press, now, codes.HISTORY_BACK, "info", words)


def spool_salvaged(press: PressAddress, salvage: Repair, now: datetime) -> Alert:
    """Alert that messages not yet in the history were damaged or lost."""
    rows = sum(salvage.saved.values())
    problems = printable("; ".join(salvage.problems), 1000)
    words = f"{problems}: {rows} rows were saved, what else waited in the spool is lost"
    return _alert(press, now, codes.SPOOL_SALVAGED, "critical", words)


def publish_refused(press: PressAddress, words: str, now: datetime) -> Alert:
    """The broker refuses messages of the twin.

    Args:
        press: press that they are about.
        words: why, and the way out.
    """
    words = printable(f"{words}; until then they are dead letters", WORDS_MAX)
    return _alert(press, now, codes.PUBLISH_REFUSED, "warning", words)


def model_refused(press: PressAddress, label: str, words: str, now: datetime) -> Alert:
    """A model that is promoted, or in shadow, cannot be used."""
    words = f"{label} cannot be used: {words}; the physics answers alone"
    return _alert(press, now, codes.MODEL_REFUSED, "warning", words, evidence={"model": label})


def corrections_missing(
    shot: Shot,
    news: Literal["begins", "over"],
    missing: Uncorrected,
    ml_status: str,
    words: str,
    now: datetime,
) -> Alert:
    """A mold that gets no corrections though a model is promoted, or gets them again.

    Args:
        shot: the newest of the mold.
        news: which of both.
        missing: since when, and of how many shots.
        ml_status: of the shot.
        words: why, as far as the model says.
        now: the agent's time.
    """
    evidence: dict[str, float | str] = {"shots_count": float(missing.shots_count)}
    severity: Severity
    if news == "over":
        said = f"shots of {shot.mold_id} are corrected again, after {missing.shots_count} without"
        code, severity = codes.CORRECTIONS_BACK, "info"
    else:
        since = missing.since.isoformat(timespec="minutes")
        said = (
            f"{missing.shots_count} shots of {shot.mold_id} since {since} had no correction "
            f"({ml_status}){': ' if words else ''}{words}"
        )
        code, severity = codes.NO_CORRECTIONS, "warning"
    alert = _alert(shot.address, now, code, severity, printable(said, WORDS_MAX), evidence=evidence)
    return alert.model_copy(update={"mold_id": shot.mold_id, "simulated": shot.simulated})


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
    return _alert(press, now, code, severity, words, evidence=evidence)


def drift_level(alerts: Iterable[LiveAlert]) -> int:
    """Level of drift that open alerts tell of: 0 OK, 1 WARNING, 2 ALERT."""
    levels = {code: level for level, (code, _) in enumerate(DRIFT_LEVELS)}
    return max((levels.get(alert.code, 0) for alert in alerts), default=0)


def mold_changed(shot: Shot, now: datetime) -> Alert:
    """A shot whose events name several molds."""
    others = sorted({event.mold_id for event in shot.events} - {shot.mold_id})
    words = (
        f"poured into {shot.mold_id}, but other events of the shot name {', '.join(others)}: the "
        "pour decides; check the mold selected at the press"
    )
    return _alert(shot.address, now, codes.MOLD_CHANGED, "warning", words, shot=shot)


def second_end(shot: Shot, now: datetime) -> Alert:
    """A shot that was ended twice."""
    ends = [event for event in shot.events if event.event in ENDS]
    words = "; ".join(f"{event.event} at {event.ts.isoformat()}" for event in ends[:4])
    words = f"ended more than once: {words}: the first end counts"
    return _alert(shot.address, now, codes.SECOND_END, "warning", words, shot=shot)


def poured_again(shot: Shot, now: datetime) -> Alert:
    """A shot with which the next one of its mold cannot be done."""
    assert shot.poured_at is not None
    assert shot.closed_at is not None
    after_s = (shot.closed_at - shot.poured_at).total_seconds()
    words = (
        f"{after_s:.3g} s after its pour the next shot of the mold began, so it counts as ended "
        "(superseded): where two devices report one pour at times apart, let one of them send it"
    )
    return _alert(shot.address, now, codes.POURED_AGAIN, "warning", words, shot=shot)


def press_clock(press: PressAddress, device: str, offset: timedelta, now: datetime) -> Alert:
    """A clock of a press that is wrong, or right again.

    Args:
        press: the press.
        device: its device; empty for what sends the events.
        offset: its clock minus the agent's; 0 when it is right again.
        now: the agent's time.
    """
    clock = f"the clock of device {device}" if device else "the clock of the events of the press"
    if not offset:
        words = f"{clock} is right again"
        return _alert(press, now, codes.PRESS_CLOCK_RIGHT, "info", words)
    words = (
        f"{clock} is {in_words(offset)}: set it; until then times of opening are "
        "counted from when the pour was received, and readings are of the shot whose events have "
        "their times"
    )
    evidence: dict[str, float | str] = {"clock_offset_s": offset.total_seconds()}
    if device:
        evidence["device_id"] = device
    return _alert(press, now, codes.PRESS_CLOCK, "warning", words, evidence=evidence)


def message_of_the_future(press: PressAddress, offset: timedelta, now: datetime) -> Alert:
    """A message that was refused because its time is ahead of the agent's by ``offset``."""
    words = (
        f"messages are {in_words(offset)} and refused (dead letter {CLOCK_SKEW}): set the clock of "
        "their sender, or that of this machine"
    )
    evidence: dict[str, float | str] = {"clock_offset_s": offset.total_seconds()}
    made = _alert(press, now, codes.PRESS_CLOCK, "warning", words, evidence=evidence)
    return made.model_copy(update={"ends_by": "acknowledgement"})  # nobody hears that sender


def remark(
    press: PressAddress,
    sender: str | None,
    found: Remark,
    now: datetime,
    device: str | None = None,
) -> Alert:
    """A thing in a message that was not used.

    Args:
        press: press that sent it.
        sender: device or shot that it is about.
        found: the remark.
        now: the agent's time.
        device: device that sent it, where each device is told of alone.
    """
    words = found.words if sender is None else f"{sender}: {found.words}"
    evidence: dict[str, float | str] = {"field": found.field, "reason": found.code}
    if device is not None:
        evidence["device_id"] = device
    code = _OF_REMARK.get(found.code, codes.READINGS_LEFT_OUT)
    return _alert(press, now, code, "warning", printable(words, WORDS_MAX), evidence=evidence)


def record_of_several(
    press: PressAddress, record: QualityRecord, pours: Sequence[Pour], now: datetime
) -> Alert:
    """A quality record that names no mold, and molds share the shot id."""
    molds = ", ".join(sorted(pour.mold_id for pour in pours))
    words = (
        f"a quality record of shot {record.shot_id} names no mold, and {molds} have a shot of this "
        "id: it is kept and counts for none; send mold_id"
    )
    evidence: dict[str, float | str] = {"shot_id": record.shot_id}
    return _alert(press, now, codes.RECORD_OF_SEVERAL, "warning", words, evidence=evidence)


def record_without_shot(
    press: PressAddress, record: QualityRecord, knows_id: bool, now: datetime
) -> Alert:
    """A quality record of a known id that is of none of its shots, or of an id that is not known.

    Args:
        press: press that it names.
        record: the record.
        knows_id: there is a shot of this id, poured later or into another mold.
        now: the agent's time.
    """
    into = "" if record.mold_id is None else f" into mold {record.mold_id}"
    why = (
        f"was measured at {record.ts.isoformat()}, and no known shot of this id was poured{into} "
        "before: mold_id or the clock of the laboratory is wrong, or an earlier shot had the id"
        if knows_id
        else "names no shot among the last that this agent has followed"
    )
    words = (
        f"a quality record of shot {record.shot_id} {why}: it is stored without a shot_key; "
        "send shot_key, or correct shot_id, mold_id or ts"
    )
    evidence: dict[str, float | str] = {"shot_id": record.shot_id}
    return _alert(press, now, codes.RECORD_WITHOUT_SHOT, "warning", words, evidence=evidence)


def readings_without_shot(
    press: PressAddress, frame: TelemetryFrame, why: str, now: datetime
) -> Alert:
    """Readings of a part that belong to no shot, though one cures.

    Args:
        press: press that sent them.
        frame: the readings.
        why: ``nameless``, ``several``, ``misnamed`` or ``ended``.
        now: the agent's time.
    """
    named = {"mold_id": frame.mold_id, "shot_id": frame.shot_id}
    names = ", ".join(f"{name} {value}" for name, value in named.items() if value is not None)
    reason = {
        "nameless": "without mold_id or shot_id, and the press has several molds",
        "several": f"of {names}, which several molds have just now",
        "misnamed": f"of {names}, which is no shot that was reported, while another one cures",
        "ended": f"of {names}, which has ended, while the next one cures in its mold",
    }[why]
    words = (
        f"device {frame.device_id} sends readings of a part {reason}: they are stored and used for "
        "no shot; send mold_id or shot_id as the events do"
    )
    evidence: dict[str, float | str] = {"device_id": frame.device_id, "reason": why}
    code = codes.READINGS_WITHOUT_SHOT
    return _alert(press, now, code, "warning", words, evidence=evidence)


def two_agents(press: PressAddress, words: str, now: datetime) -> Alert:
    """Alert that another agent with the name of this one was started, and will end."""
    return _alert(press, now, codes.TWO_AGENTS, "warning", words)


def gave_way(press: PressAddress, words: str, now: datetime) -> Alert:
    """This agent ends, because another one with its name was there before."""
    return _alert(press, now, codes.GAVE_WAY, "critical", words)


def _alert(
    press: PressAddress,
    now: datetime,
    code: str,
    severity: Severity,
    words: str,
    *,
    shot: Shot | None = None,
    evidence: Mapping[str, float | str] | None = None,
) -> Alert:
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
