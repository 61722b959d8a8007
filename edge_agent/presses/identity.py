"""Identity of this process: its names at the broker, its run, and how it presents itself there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from broker.messages import AgentState, AgentStatus, TwinState, TwinStatus
from broker.topics import PressAddress
from edge_agent import __version__
from edge_agent.clock import Clock
from edge_agent.config.settings import Settings
from edge_agent.presses.session_ids import SessionIds, session_ids


@dataclass(frozen=True)
class Identity:
    """One process of an agent."""

    agent_id: str
    ids: SessionIds
    run_id: str
    started_at: datetime
    clock: Clock

    @classmethod
    def of(cls, settings: Settings, clock: Clock) -> Identity:
        """A new process.

        Raises:
            SettingsError: there is no session secret.
        """
        ids = session_ids(settings)
        return cls(settings.agent_id, ids, ids.new_run_id(), clock.now(), clock)

    def of_press(
        self, press: PressAddress, state: TwinState, reason: str | None = None
    ) -> TwinStatus:
        """Its status for a press."""
        return TwinStatus(
            ts=self.clock.now(),
            site=press.site,
            press=press.press,
            agent_id=self.agent_id,
            state=state,
            reason=reason,
            version=__version__,
            started_at=self.started_at,
            run_id=self.run_id,
        )

    def of_member(
        self,
        group: PressAddress,
        state: AgentState,
        holds: Iterable[str] = (),
        reason: str | None = None,
    ) -> AgentStatus:
        """Its status in a group."""
        return AgentStatus(
            ts=self.clock.now(),
            site=group.site,
            group=group.press,
            agent_id=self.agent_id,
            state=state,
            presses=sorted(holds),
            reason=reason,
            version=__version__,
            started_at=self.started_at,
            run_id=self.run_id,
        )
