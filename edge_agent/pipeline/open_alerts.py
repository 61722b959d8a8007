"""Open alerts of the presses: raised, acknowledged, closed; kept in the spool with everything else.

A condition (``broker.alert_codes.ENDED_BY``) is closed by the alert that says that it is over;
every other alert is a note, which a person closes by acknowledging it. The same thing told again
makes no second alert. All changes go into the batch of what led to them, so they are on disk before
that is acknowledged; the list that the broker retains is sent when it has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from broker.alert_codes import ENDED_BY, OF_THE_AGENT
from broker.messages import Alert, AlertAck, LiveAlert, OpenAlerts
from broker.messages.alerts import CLOSED_LIMIT, OPEN_LIMIT, ClosedBy
from broker.timestamps import format_timestamp
from broker.topics import PressAddress
from edge_agent.clock import Clock
from edge_agent.errors import NotAuthorized, PublishDeferred, PublishRefused
from edge_agent.links.mqtt import Session
from edge_agent.logs import get_logger
from edge_agent.pipeline.revisions import State

ALERT_SCOPE = "alert"
"""Scope of the alerts in the spool's state, by press and ``alert_id``."""
ID_DIGITS = 20
PAUSE_S = 1.0
"""Between two lists of a press."""

Change = tuple[PressAddress, LiveAlert]
_OF_ALERT = frozenset(LiveAlert.model_fields).intersection(Alert.model_fields)


class OpenAlertLists:
    """Alerts of all presses of an agent: those that are open, and those that were closed last."""

    def __init__(self, kept: Mapping[str, Mapping[str, Any]]) -> None:
        """Go on with what the spool holds; what cannot be read is left out, and logged.

        Args:
            kept: state of the spool by press and ``alert_id``.
        """
        self._open: dict[PressAddress, dict[str, LiveAlert]] = {}
        """By ``alert_id``, the oldest first."""
        self._closed: dict[PressAddress, dict[str, LiveAlert]] = {}
        """By ``alert_id``, the one that was closed first first."""
        self._changes: dict[PressAddress, int] = {}
        self._changed: dict[PressAddress, asyncio.Event] = {}
        self._state: State = {}
        self._rows: list[Change] = []
        found = [(_press(key), alert) for key, value in kept.items() if (alert := _alert_of(value))]
        for press, alert in sorted(found, key=lambda one: one[1].closed_at or one[1].raised_at):
            lists = self._open if alert.closed_at is None else self._closed
            lists.setdefault(press, {})[alert.alert_id] = alert

    def tell(self, alert: Alert) -> Alert:
        """Take note of an alert; returns it with its id, and how it ends.

        Args:
            alert: raises a note or a condition, or says that a condition is over.
        """
        press = PressAddress(alert.site, alert.press)
        if alert.code in ENDED_BY.values():
            for one in self.open_of(press):
                ended = ENDED_BY.get(one.code) == alert.code and one.mold_id == alert.mold_id
                if ended and one.ends_by == "condition":
                    self._close(press, one, "condition", alert.ts)
            return alert
        ends_by = alert.ends_by or ("condition" if alert.code in ENDED_BY else "acknowledgement")
        alert = alert.model_copy(update={"ends_by": ends_by})
        subject = _subject(alert)
        for one in self.open_of(press):
            if one.ends_by == ends_by and _subject(one) == subject:
                if one.code == alert.code:
                    return self._again(press, one, alert)
                self._close(press, one, "replaced", alert.ts)
        return self._raise(press, alert, subject)

    def acknowledge(self, press: PressAddress, ack: AlertAck, now: datetime) -> bool:
        """Take note of an acknowledgement; false when there is no such alert.

        Args:
            press: press that it is about.
            ack: the first one of an alert counts.
            now: when it came.
        """
        one = self._open.get(press, {}).get(ack.alert_id)
        if one is None:
            return ack.alert_id in self._closed.get(press, {})
        if one.acknowledged_at is None:
            said = {"acknowledged_at": ack.ts, "acknowledged_by": ack.by, "note": ack.note}
            if one.ends_by == "acknowledgement":
                self._close(press, one, "acknowledgement", now, **said)
            else:
                self._set(press, one, **said)
        return True

    def adopt(self, press: PressAddress, left: OpenAlerts, agent_id: str, now: datetime) -> None:
        """Go on with the list that another agent has left with a press, in place of our own.

        Args:
            press: the press.
            left: as the broker retains it.
            agent_id: our own: a list of ours is the one that we have.
            now: when; conditions of that agent are closed.
        """
        if left.agent_id == agent_id:
            return
        self._state |= self.forgets(press)
        self.forget(press)
        for one in (*reversed(left.closed), *reversed(left.open)):
            lists = self._open if one.closed_at is None else self._closed
            lists.setdefault(press, {})[one.alert_id] = one
            self._state[ALERT_SCOPE, f"{press}/{one.alert_id}"] = one.model_dump(mode="json")
            if one.closed_at is None and one.code in OF_THE_AGENT:
                self._close(press, one, "moved", now)
        self._note_change(press)

    def open_of(self, press: PressAddress, *codes: str) -> list[LiveAlert]:
        """Open alerts of a press, the oldest first; only those of ``codes``, if any are given."""
        alerts = self._open.get(press, {}).values()
        return [one for one in alerts if not codes or one.code in codes]

    def presses_with(self, code: str) -> list[PressAddress]:
        """Presses that have an open alert of this code."""
        return [press for press in self._open if self.open_of(press, code)]

    def forgets(self, press: PressAddress) -> State:
        """Changes of state that forget a press which another agent has."""
        known = (*self._open.get(press, {}), *self._closed.get(press, {}))
        return {(ALERT_SCOPE, f"{press}/{alert_id}"): None for alert_id in known}

    def forget(self, press: PressAddress) -> None:
        """Forget a press: ``forgets`` is on disk, or goes there with what comes next."""
        for known in (self._open, self._closed):
            known.pop(press, None)

    def take_changes(self) -> tuple[State, list[Change]]:
        """Changes of the spool's state and rows for the history since the last call."""
        state, self._state = self._state, {}
        rows, self._rows = self._rows, []
        return state, rows

    def changes(self, press: PressAddress) -> int:
        """Count the changes of the list of a press in this process."""
        return self._changes.get(press, 0)

    def changed(self, press: PressAddress) -> asyncio.Event:
        """Event that is set when the list of a press changes."""
        return self._changed.setdefault(press, asyncio.Event())

    def message(self, press: PressAddress, agent_id: str, now: datetime) -> OpenAlerts:
        """The list of a press, for people."""
        return OpenAlerts(
            ts=now,
            site=press.site,
            press=press.press,
            agent_id=agent_id,
            open=list(reversed(self._open.get(press, {}).values())),
            closed=list(reversed(self._closed.get(press, {}).values())),
        )

    def _raise(self, press: PressAddress, alert: Alert, subject: str) -> Alert:
        # of a shot always the same: after a crash, or corrected by late truth, it is told again
        when = "" if alert.shot_key else format_timestamp(alert.ts)
        text = "\n".join((str(press), subject, alert.code, when))
        alert_id = sha256(text.encode()).hexdigest()[:ID_DIGITS]
        alert = alert.model_copy(update={"alert_id": alert_id})
        if alert_id in self._closed.get(press, {}):
            return alert
        for oldest in self._crowd(press):
            self._close(press, oldest, "crowded", alert.ts)
        given = alert.model_dump(include=set(_OF_ALERT))
        times = {"raised_at": alert.ts, "told_at": alert.ts, "told_count": 1, "revision": 1}
        self._put(press, LiveAlert.model_validate({**given, **times}))
        return alert

    def _crowd(self, press: PressAddress) -> list[LiveAlert]:
        """Oldest alerts that give way to one more; conditions stay as long as there are notes."""
        alerts = sorted(self.open_of(press), key=lambda one: one.ends_by == "condition")
        return alerts[: max(0, len(alerts) - OPEN_LIMIT + 1)]

    def _again(self, press: PressAddress, one: LiveAlert, alert: Alert) -> Alert:
        told = {"told_at": alert.ts, "told_count": one.told_count + 1}
        self._set(press, one, words=alert.words, evidence=alert.evidence, **told)
        return alert.model_copy(update={"alert_id": one.alert_id})

    def _set(self, press: PressAddress, one: LiveAlert, **values: Any) -> None:
        revision = {"revision": one.revision + 1}
        self._put(press, one.model_copy(update=values | revision))

    def _close(
        self, press: PressAddress, one: LiveAlert, by: ClosedBy, now: datetime, **values: Any
    ) -> None:
        values |= {"closed_at": now, "closed_by": by, "revision": one.revision + 1}
        self._open[press].pop(one.alert_id, None)
        self._put(press, one.model_copy(update=values))
        closed = self._closed[press]
        while len(closed) > CLOSED_LIMIT:
            alert_id = next(iter(closed))
            del closed[alert_id]
            self._state[ALERT_SCOPE, f"{press}/{alert_id}"] = None
        get_logger().info("alert_closed", press=press.press, code=one.code, reason=by)

    def _put(self, press: PressAddress, alert: LiveAlert) -> None:
        lists = self._open if alert.closed_at is None else self._closed
        lists.setdefault(press, {})[alert.alert_id] = alert
        self._state[ALERT_SCOPE, f"{press}/{alert.alert_id}"] = alert.model_dump(mode="json")
        self._rows.append((press, alert))
        self._note_change(press)

    def _note_change(self, press: PressAddress) -> None:
        self._changes[press] = self.changes(press) + 1
        self.changed(press).set()


class AlertListSender:
    """Keeps the list of a press at the broker, during one session."""

    def __init__(
        self,
        lists: OpenAlertLists,
        press: PressAddress,
        session: Session,
        topic: str,
        payload: Callable[[OpenAlerts], bytes],
        agent_id: str,
        clock: Clock,
    ) -> None:
        """Nothing is sent yet."""
        self._lists, self._press, self._session, self._topic = lists, press, session, topic
        self._payload, self._agent_id, self._clock = payload, agent_id, clock
        self._sending = asyncio.Lock()
        self._sent = -1

    async def run(self) -> None:
        """Send the list at the beginning, and when it has changed, at most once in ``PAUSE_S``.

        Raises:
            LinkError: the session is over; the next one begins with the list as it is then.
        """
        changed = self._lists.changed(self._press)
        while True:
            changed.clear()
            await self.send()
            await asyncio.sleep(PAUSE_S)
            if self._sent == self._lists.changes(self._press):
                await changed.wait()

    async def send(self) -> None:
        """Send the list if the broker does not have it as it is.

        Raises:
            LinkError: the session is over.
        """
        async with self._sending:
            changes = self._lists.changes(self._press)
            if changes == self._sent:
                return
            message = self._lists.message(self._press, self._agent_id, self._clock.now())
            with suppress(PublishDeferred):  # it is sent again
                try:
                    await self._session.publish(self._topic, self._payload(message), retain=True)
                except (PublishRefused, NotAuthorized) as error:  # the rules may be changed
                    get_logger().error(
                        "publish_refused",
                        stage="publish",
                        press=self._press.press,
                        error=str(error),
                    )
                self._sent = changes


def _subject(alert: Alert | LiveAlert) -> str:
    """Words for what an alert is about: the same for one that is told again."""
    if alert.ends_by == "condition":
        return f"condition {ENDED_BY.get(alert.code, alert.code)} {alert.mold_id or ''}".rstrip()
    texts = (f"{k}={v}" for k, v in sorted(alert.evidence.items()) if isinstance(v, str))
    return "\n".join((alert.code, alert.mold_id or "", alert.shot_key or "", *texts))


def _press(key: str) -> PressAddress:
    site, press, _ = key.split("/")
    return PressAddress(site, press)


def _alert_of(value: Mapping[str, Any]) -> LiveAlert | None:
    try:
        return LiveAlert.model_validate(dict(value))
    except ValidationError as error:  # of another version of this program
        get_logger().error("state_unreadable", detail=ALERT_SCOPE, error=str(error)[:500])
        return None
