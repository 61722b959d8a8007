"""Alerts about what a press or a laboratory sends: its clocks, readings and records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from broker import alert_codes as codes
from broker import data_quality
from broker.dead_letter_reasons import CLOCK_SKEW
from broker.errors import printable
from broker.messages import Alert, QualityRecord, TelemetryFrame
from broker.remarks import Remark
from broker.topics import PressAddress
from edge_agent.monitoring.alerts import WORDS_MAX, new_alert
from edge_agent.monitoring.press_clocks import in_words
from edge_agent.shots.named_shots import Pour

_OF_REMARK = {
    data_quality.IMPOSSIBLE: codes.IMPOSSIBLE_READINGS,
    data_quality.NAME_NOT_KNOWN: codes.NAME_NOT_KNOWN,
    data_quality.RECIPE_GAP: codes.RECIPE_GAP,
}


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
        return new_alert(press, now, codes.PRESS_CLOCK_RIGHT, "info", words)
    words = (
        f"{clock} is {in_words(offset)}: set it; until then times of opening are "
        "counted from when the pour was received, and readings are of the shot whose events have "
        "their times"
    )
    evidence: dict[str, float | str] = {"clock_offset_s": offset.total_seconds()}
    if device:
        evidence["device_id"] = device
    return new_alert(press, now, codes.PRESS_CLOCK, "warning", words, evidence=evidence)


def message_of_the_future(press: PressAddress, offset: timedelta, now: datetime) -> Alert:
    """A message that was refused because its time is ahead of the agent's by ``offset``."""
    words = (
        f"messages are {in_words(offset)} and refused (dead letter {CLOCK_SKEW}): set the clock of "
        "their sender, or that of this machine"
    )
    evidence: dict[str, float | str] = {"clock_offset_s": offset.total_seconds()}
    made = new_alert(press, now, codes.PRESS_CLOCK, "warning", words, evidence=evidence)
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
    return new_alert(press, now, code, "warning", printable(words, WORDS_MAX), evidence=evidence)


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
    return new_alert(press, now, codes.RECORD_OF_SEVERAL, "warning", words, evidence=evidence)


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
    return new_alert(press, now, codes.RECORD_WITHOUT_SHOT, "warning", words, evidence=evidence)


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
    return new_alert(press, now, code, "warning", words, evidence=evidence)
