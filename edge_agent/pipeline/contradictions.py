"""contradictions: what messages say that cannot be, told to people and counted, never silent."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from functools import partial

from broker.data_quality import NAME_NOT_KNOWN
from broker.messages import LiveAlert, Order, QualityRecord, ShotEvent, TelemetryFrame
from broker.remarks import Remark
from broker.sensors import base_name
from broker.topics import PressAddress
from edge_agent.monitoring import message_alerts, shot_alerts
from edge_agent.monitoring.alert_limits import AlertLimits
from edge_agent.monitoring.metrics import Metrics
from edge_agent.monitoring.press_clocks import PressClocks
from edge_agent.pipeline.decode import Decoded
from edge_agent.pipeline.readings_of_shots import Homeless
from edge_agent.pipeline.results import Results
from edge_agent.shots.frame_log import CHANNELS
from edge_agent.shots.named_shots import Pour
from edge_agent.shots.shot import Shot
from edge_agent.shots.steps import ENDS

REPORTED_AFTER = timedelta(seconds=60)
"""Frames may come so long before the event that says of which shot they are."""
SILENT = timedelta(hours=1)
"""Names that were not heard for so long are new again; loggers may read once in some minutes."""
ONE_POUR = timedelta(seconds=10)
"""No mold is filled, opened and emptied so quickly."""
MISNAMED_MAX = 1_000
_NUMBERED = "{0} is kept and not used: of several {1} the one that is sent as {1} counts"
Lenient = TelemetryFrame | QualityRecord | ShotEvent | Order


class Contradictions:
    """Tells of clocks that are wrong, of readings that cannot be, and of shots that disagree."""

    def __init__(self, results: Results, metrics: Metrics) -> None:
        self._metrics, self._limits = metrics, AlertLimits(results.alert)
        self._clocks = PressClocks()
        self._misnamed: OrderedDict[Hashable, tuple[datetime, datetime]] = OrderedDict()
        """First and last time of frames that name what is not there, by device and names."""

    def hear(self, press: PressAddress, device: str, ts: datetime, now: datetime) -> None:
        """Judge the clock of a device by a message that it has sent now; empty: of the press."""
        offset = self._clocks.hear(press, device, ts, now)
        if offset is not None:
            key = "clock", press, device, bool(offset)
            alert = partial(message_alerts.press_clock, press, device, offset, now)
            self._limits.tell(key, alert, now)

    def expect_clock(self, press: PressAddress, alert: LiveAlert) -> None:
        """Go on with a clock that was wrong when an earlier life of the agent told of it."""
        device, offset_s = alert.evidence.get("device_id", ""), alert.evidence["clock_offset_s"]
        if isinstance(device, str) and isinstance(offset_s, float):
            self._clocks.expect(press, device, timedelta(seconds=offset_s))

    def ahead(self, press: PressAddress, offset: timedelta, now: datetime) -> None:
        """Tell of a message that was refused for being of the future."""
        alert = partial(message_alerts.message_of_the_future, press, offset, now)
        self._limits.tell(("ahead", press), alert, now)

    def offset(self, press: PressAddress, device: str) -> timedelta:
        """Offset of the clock of a device, where that is wrong."""
        return self._clocks.offset(press, device)

    def of_message(self, decoded: Decoded, now: datetime) -> None:
        """Tell of what is in a message and was not used."""
        press, message = decoded.press, decoded.message
        sender = getattr(message, "device_id", None) or getattr(message, "shot_id", None)
        for remark in decoded.remarks:
            field = remark.field.removeprefix("recipe.")
            if isinstance(message, Lenient) and field in message.left_out:
                self._metrics.left_out.labels(press.press, remark.code).inc()
            device = sender if isinstance(message, TelemetryFrame) else None
            alert = partial(message_alerts.remark, press, sender, remark, now, device)
            self._limits.tell((remark.code, press, device, remark.field), alert, now)

    def homeless(
        self, press: PressAddress, frame: TelemetryFrame, why: Homeless, now: datetime
    ) -> None:
        """Tell of readings of a part that belong to no shot.

        A mold or shot that nobody has reported may be reported in a moment, and a device may go on
        with the last shot for a moment.
        """
        if why in ("misnamed", "ended") and not self._stays(press, frame):
            return
        alert = partial(message_alerts.readings_without_shot, press, frame, why, now)
        self._limits.tell(("without shot", why, press, frame.device_id), alert, now)

    def _stays(self, press: PressAddress, frame: TelemetryFrame) -> bool:
        """Do frames with these names have no shot for ``REPORTED_AFTER`` now, and none since?"""
        key = press, frame.device_id, frame.mold_id, frame.shot_id
        first, last = self._misnamed.pop(key, (frame.ts, frame.ts))
        if not timedelta() <= frame.ts - last <= SILENT:
            first = frame.ts
        self._misnamed[key] = first, frame.ts
        while len(self._misnamed) > MISNAMED_MAX:
            self._misnamed.popitem(last=False)
        return frame.ts - first >= REPORTED_AFTER

    def of_record(
        self, press: PressAddress, record: QualityRecord, pours: list[Pour], now: datetime
    ) -> None:
        """Tell of a quality record that may be about several shots."""
        alert = partial(message_alerts.record_of_several, press, record, pours, now)
        self._limits.tell(("record", press, record.shot_id), alert, now)

    def record_without_shot(
        self, press: PressAddress, record: QualityRecord, knows_id: bool, now: datetime
    ) -> None:
        """Tell of a quality record that is of no shot."""
        alert = partial(message_alerts.record_without_shot, press, record, knows_id, now)
        self._limits.tell(("record without shot", press, knows_id), alert, now)

    def of_shot(self, shot: Shot, now: datetime) -> None:
        """Tell of events of a shot that disagree."""
        if shot.poured_at is not None and len({event.mold_id for event in shot.events}) > 1:
            self._limits.tell(
                ("mold", shot.shot_key), partial(shot_alerts.mold_changed, shot, now), now
            )
        if sum(event.event in ENDS for event in shot.events) > 1:
            self._limits.tell(
                ("ends", shot.shot_key), partial(shot_alerts.second_end, shot, now), now
            )
        self.of_superseded(shot, now)
        for name in _numbered_alone(shot):
            found = Remark(
                NAME_NOT_KNOWN, f"sensors.{name}", _NUMBERED.format(name, base_name(name))
            )
            alert = partial(message_alerts.remark, shot.address, shot.shot_id, found, now)
            self._limits.tell(("numbered", shot.address, name), alert, now)

    def of_superseded(self, shot: Shot, now: datetime) -> None:
        """Tell of a shot whose next one in the mold began before a part can be made."""
        if shot.poured_at is None or shot.closed_at is None or shot.superseded_by is None:
            return
        if timedelta() <= shot.closed_at - shot.poured_at <= ONE_POUR:
            alert = partial(shot_alerts.poured_again, shot, now)
            self._limits.tell(("poured again", shot.shot_key), alert, now)


def _numbered_alone(shot: Shot) -> list[str]:
    """Numbered sensors of a shot that has ended without a reading of the one that counts."""
    if shot.closed_at is None or shot.outcome == "aborted":
        return []
    heard = shot.latest.keys() | shot.inputs.keys()
    return sorted(
        name
        for name in shot.latest
        if name != (base := base_name(name)) and base in CHANNELS and base not in heard
    )
