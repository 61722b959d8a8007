"""admit: events that are taken, and why the others are not. Nothing is refused without a word.

An event that was retained, or is older than what the history knows of its mold, is not live: it may
complete an old shot, never begin or reopen one that nobody follows any more.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from broker.dead_letter_reasons import CONTRADICTS_EARLIER, TOO_LATE
from broker.messages import DeadLetter, ShotEvent
from broker.topics import PressAddress
from edge_agent.links.publish_packet import Incoming
from edge_agent.logs import get_logger
from edge_agent.monitoring.metrics import Metrics
from edge_agent.pipeline.assemble import REACH, Assembler
from edge_agent.pipeline.results import Results


def admit(
    press: PressAddress,
    event: ShotEvent,
    incoming: Incoming,
    assembler: Assembler,
    results: Results,
    metrics: Metrics,
    now: datetime,
    age_max: timedelta,
    offset: timedelta,
) -> bool:
    """Whether the assembler shall take an event; if not, it is counted or a dead letter.

    Args:
        press: press that sent it.
        event: the event.
        incoming: the message that it came in.
        assembler: follows the shots.
        results: takes dead letters.
        metrics: counts.
        now: the agent's time.
        age_max: a retained event that is older does not begin a shot.
        offset: of the press's clock, where that is wrong.
    """
    judged = assembler.judge(press, event, offset)
    old = judged == "too-late" or (
        incoming.retained and judged == "new" and now - event.ts > age_max
    )
    if judged == "repeat" or (incoming.retained and old):
        metrics.repeats.labels("shot").inc()
        get_logger().info(
            "event_not_taken",
            stage="assemble",
            press=press.press,
            shot_id=event.shot_id,
            mold_id=event.mold_id,
            reason="repeat" if judged == "repeat" else "retained",
        )
        return False
    if judged == "contradicts":
        words = (
            f"{event.event} of shot {event.shot_id} at this time was reported before with other "
            f"content, which counts: {_WAYS_OUT[event.event]}"
        )
        results.dead_letter(_letter(incoming, press, CONTRADICTS_EARLIER, words, now))
        metrics.refused(CONTRADICTS_EARLIER)
        return False
    if old:
        words = (
            f"ts: {event.ts.isoformat()} is before the end of the newest shot of mold "
            f"{event.mold_id} that is no longer followed ({REACH.total_seconds() / 3600:g} h after "
            "its end): the shot in the history was not changed"
        )
        results.dead_letter(_letter(incoming, press, TOO_LATE, words, now))
        metrics.refused(TOO_LATE)
        return False
    return True


_END = (
    "of an end nothing but kind and time counts. If the time was wrong, send the end with the "
    "right one: of several the earliest counts"
)
_WAYS_OUT = {
    "started": "what belongs to the shot goes into its poured event. Do not send the start again "
    "with another time, which would begin another shot",
    "poured": "send it once, when the recipe is known. Do not send it again with another time, "
    "which would begin another shot; temperatures that were wrong are corrected by a reading of "
    "telemetry with a ts before the pour",
    "demolded": _END,
    "aborted": _END,
}
"""What helps a sender whose event contradicts an earlier one, by kind."""


def _letter(
    incoming: Incoming, press: PressAddress, reason: str, words: str, now: datetime
) -> DeadLetter:
    return DeadLetter.of(
        incoming.payload, reason=reason, detail=words, press=press, topic=incoming.topic, ts=now
    )
