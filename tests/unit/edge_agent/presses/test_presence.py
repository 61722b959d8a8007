"""Statuses that an agent says of its presses when it comes online."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from broker.codec import decode
from broker.messages import TwinStatus
from edge_agent.clock import SystemClock
from edge_agent.config.settings import Settings
from edge_agent.links.mqtt import Session
from edge_agent.presses.identity import Identity
from edge_agent.presses.presence import Presence


async def test_a_press_that_is_given_up_meanwhile_is_not_said_to_be_online(tmp_path: Path) -> None:
    """Its goodbye is retained; a status of a moment before would stay in its place for ever."""
    settings = Settings.model_validate(
        {
            "site": "s",
            "agent_id": "a",
            "presses": ["p1", "p2"],
            "spool": {"path": tmp_path / "spool.db"},
        }
    )
    me = Identity.of(settings, SystemClock())
    statuses = {
        settings.topics.status(press): me.of_press(press, "online")
        for press in settings.addresses()
    }
    first, second = statuses
    said: list[tuple[str, str]] = []

    class Removes:
        """The configuration changes while the first status is on its way."""

        async def publish(self, topic: str, payload: bytes, **_options: Any) -> None:
            said.append((topic, decode(TwinStatus, payload).state))
            statuses.pop(second, None)

    presence = Presence(settings, me)
    presence.current = lambda: dict(statuses)
    await presence._say_online(cast(Session, Removes()))
    assert said == [(first, "online")]
