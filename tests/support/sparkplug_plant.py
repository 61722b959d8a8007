"""Presses that talk to an agent which is an edge node: readings and shots of two molds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from broker.codec import encode
from broker.messages import Recipe, ShotEvent, TelemetryFrame
from edge_agent.links.mqtt import Session

MOLDS = ("PANEL_500x500x50", "CUSHION_400")
READING = "Live/T_core_C"


class TalkingPress:
    """Sends frames and events of one press of site ``s``, each with values that no other has."""

    def __init__(self, session: Session, press: str = "p1", site: str = "s") -> None:
        self._session, self._head, self._seq = session, f"pur/v1/{site}/{press}", 0
        self._last = datetime.fromtimestamp(0, UTC)
        self.sent: dict[str, list[float]] = {}
        """Values of the core's temperature by mold, in order."""

    def use(self, session: Session) -> None:
        """Go on with another session."""
        self._session = session

    async def read(self, mold: str | None, value: float | None = None, count: int = 1) -> None:
        """Send ``count`` frames of a mold, or of the press; of a given value the same again."""
        taken = []
        for _ in range(count):
            self._seq += 1
            own = round(20 + self._seq * 0.001, 3) if value is None else value
            self.sent.setdefault(mold or "", []).append(own)
            if _now() <= self._last:  # each reading has a time of its own
                await asyncio.sleep(0.001)
            self._last = _now()
            frame = TelemetryFrame(
                ts=self._last,
                device_id="d",
                seq=self._seq,
                mold_id=mold,
                sensors={"T_core_C": own},
            )
            taken.append(self._session.send(f"{self._head}/telemetry", encode(frame)))
        await asyncio.gather(*taken)

    async def pour(self, shot_id: str, mold: str) -> None:
        """Pour a shot into a mold."""
        event = ShotEvent(
            ts=datetime.now(UTC) - timedelta(seconds=1),
            shot_id=shot_id,
            mold_id=mold,
            event="poured",
            system_id="SYSTEM_R1",
            recipe=Recipe(m_polyol_kg=0.5, m_iso_kg=0.53, T_polyol_C=23.0, T_iso_C=23.0),
        )
        await self._session.publish(f"{self._head}/shot", encode(event))


def _now() -> datetime:
    """The time in whole milliseconds, as Sparkplug has it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
