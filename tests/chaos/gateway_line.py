"""The line: PLC, gateway, broker, agent; and what breaks, one by one, while shots are made.

What the history must hold in the end: each shot once, with the PLC's times where it has a clock;
each reading that the PLC still had, once.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections import Counter
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from broker.local.mosquitto import MosquittoProcess
from broker.timestamps import parse_timestamp
from tests.chaos.press_with_tags import FIRST_VALUE, PLCS, Press
from tests.support.gateway_process import GatewayProcess
from tests.support.link_proxy import Fault, LinkProxy
from tests.support.processes import AgentProcess, waiting_in
from tests.support.waiting import until

PRESS = "p1"
TROUBLES = (
    "gateway",
    "agent",
    "broker",
    "source cut",
    "broker cut",
    "source half-open",
    "gateway and broker",
)
AWAY_S = (0.0, 1.0)
QUIET_S = 60.0
Found = list[str]


def settings_for(source: dict[str, Any], broker_port: int) -> dict[str, Any]:
    """The gateway's YAML: the mapping a person would write."""
    return {
        "id": "gw",
        "site": "test",
        "broker": {"port": broker_port, "reconnect_max_s": 0.3, "keepalive_s": 5},
        "frames": {"together_ms": 20, "repeat_s": 0},
        "reconnect_max_s": 0.5,
        "sources": {"plc": source},
        "stations": {
            "press": {
                "press": PRESS,
                "mold": "PANEL_A",
                "sensors": {"T_mold_C": "plc.temperature"},
                "shots": {
                    "id": {"tag": "plc.counter"},
                    "started": {"tag": "plc.pouring", "when": "rises"},
                    "poured": {"tag": "plc.pouring", "when": "falls", "after": "started"},
                    "demolded": {"tag": "plc.open", "when": "rises", "after": "poured"},
                    "debounce_s": 0.1,
                    "settle_s": 0.3,
                    "system_id": "SYSTEM_R1",
                    "recipe": {
                        "m_polyol_kg": {"tag": "plc.polyol", "unit": "g"},
                        "m_iso_kg": {"tag": "plc.iso", "unit": "g"},
                        "T_polyol_C": 23.0,
                        "T_iso_C": 23.0,
                    },
                },
            }
        },
    }


class Line:
    """Everything runs inside ``async with``."""

    def __init__(self, folder: Path, protocol: str, seed: int = 1) -> None:
        """Nothing runs yet.

        Args:
            protocol: ``opcua``, ``modbus`` or ``json``.
        """
        self._folder, self._rng = folder, random.Random(seed)
        self._stack = AsyncExitStack()
        self.plc = PLCS[protocol](folder)
        self.broker = MosquittoProcess(
            directory=folder / "mosquitto", persistence=True, autosave_changes=100
        )
        self.press = Press(self.plc)
        self.troubles: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _start(self) -> None:
        await self._stack.enter_async_context(self.plc)
        await self.broker.start()
        self._stack.push_async_callback(self.broker.terminate)
        self.to_broker = LinkProxy(self.broker.port)
        await self._stack.enter_async_context(self.to_broker)
        self.agent = AgentProcess(self._folder, self.broker.port, (PRESS,))
        self._stack.callback(self._end, self.agent)
        await asyncio.to_thread(lambda: self.agent.start(wait=False))
        settings = settings_for(self.plc.source(), self.to_broker.port)
        self.gateway = GatewayProcess(self._folder, settings)
        self._stack.callback(self.gateway.kill)
        self.gateway.start()
        await until(lambda: self.gateway.logged("source_connected") > 0, "the PLC to be read")
        await until(lambda: self.agent.logged("link_connected") > 0, "the agent to connect")
        await self.press.switch_on()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def one_trouble(self, what: str) -> None:
        """Break something, and mend it after a while."""
        self.troubles[what] += 1
        away_s = self._rng.uniform(*AWAY_S)
        match what:
            case "gateway":
                self.gateway.must_live()
                await asyncio.to_thread(self.gateway.kill)
                await asyncio.sleep(away_s)
                self.gateway.start()
            case "agent":
                await asyncio.to_thread(self.agent.kill)
                await asyncio.sleep(away_s)
                await asyncio.to_thread(lambda: self.agent.start(wait=False))
            case "broker":
                await self.broker.kill()
                await asyncio.sleep(away_s)
                await self.broker.start()
            case "gateway and broker":
                await asyncio.to_thread(self.gateway.kill)
                await self.broker.kill()
                await asyncio.sleep(away_s)
                await self.broker.start()
                self.gateway.start()
            case "source cut" | "source half-open":
                await self._break(self.plc.proxy, what.removeprefix("source "), away_s)
            case _:
                await self._break(self.to_broker, "cut", away_s)

    async def _break(self, link: LinkProxy, fault: Any, away_s: float) -> None:
        kind: Fault = fault
        link.break_link(kind)
        await asyncio.sleep(away_s + (3.0 if kind == "half-open" else 0.0))
        link.heal()

    async def settled(self) -> None:
        """Wait until the agent has everything, and its history, too."""

        def quiet() -> bool:
            return self.gateway.waiting() == 0 and waiting_in(self.agent.spool) == 0

        def there() -> bool:
            poured = self.agent.rows("SELECT count(*) FROM shot WHERE outcome IS NOT NULL")
            return quiet() and poured[0][0] >= len(self.press.shots)

        with suppress(AssertionError):  # judged by what is there
            await until(there, "all shots", QUIET_S, away=(sqlite3.OperationalError, IndexError))
        await asyncio.sleep(0.5)

    def problems(self) -> Found:
        """All that is not as it must be."""
        return [*self._of_shots(), *self._of_readings(), *self._of_dead_letters()]

    def _of_shots(self) -> Found:
        rows = self.agent.rows("SELECT shot_id, outcome, poured_at, closed_at FROM shot")
        found, wanted = Counter(row[0] for row in rows), {s.shot_id: s for s in self.press.shots}
        problems = [f"{shot}: not in the history" for shot in wanted.keys() - found.keys()]
        problems += [f"{shot}: never made" for shot in found.keys() - wanted.keys()]
        problems += [f"{shot}: {count} times" for shot, count in found.items() if count > 1]
        for shot_id, outcome, poured_at, closed_at in rows:
            made = wanted.get(shot_id)
            if made is None:
                continue
            if outcome != "demolded":
                problems.append(f"{shot_id}: {outcome}")
            elif self.plc.own_time:
                for name, said, right in (
                    ("poured", poured_at, made.poured_at),
                    ("opened", closed_at, made.opened_at),
                ):
                    if abs(_time(said) - right) > timedelta(milliseconds=1):
                        problems.append(f"{shot_id}: {name} at {said}, by the PLC at {right}")
        query = "SELECT shot_id, count(*) FROM prediction WHERE basis = 'final' GROUP BY 1"
        finals = dict(self.agent.rows(query))
        problems += [
            f"{shot}: {finals.get(shot, 0)} final predictions"
            for shot in wanted
            if finals.get(shot, 0) != 1
        ]
        return problems

    def _of_readings(self) -> Found:
        found: Counter[float] = Counter()
        places: Counter[tuple[float, str]] = Counter()
        problems = []
        for ts, sensors in self.agent.rows("SELECT ts, sensors FROM telemetry"):
            value = round(json.loads(sensors).get("T_mold_C", FIRST_VALUE), 2)
            found[value] += 1
            places[value, str(ts)] += 1
            right = self.press.readings.get(value)
            own = self.plc.own_time and right is not None
            if own and abs(_time(ts) - right) > timedelta(milliseconds=1):
                problems.append(f"{value} °C: at {ts}, by the PLC at {right}")
        found.pop(FIRST_VALUE, None)
        wanted = self.press.readings
        problems += [f"{v} °C ({ts}): lost" for v, ts in wanted.items() if not found[v]]
        if self.plc.own_time:
            problems += [f"{v} °C: {count} times" for v, count in found.items() if count > 1]
        else:  # what stands in a register when the link is there again is another reading
            twice = [place for place, count in places.items() if count > 1]
            problems += [f"{value} °C at {ts}: twice" for value, ts in twice]
        problems += [f"{v} °C: never read" for v in found.keys() - wanted.keys() if found[v]]
        return problems

    def _of_dead_letters(self) -> Found:
        rows = self.agent.rows("SELECT reason, detail FROM dead_letter LIMIT 5")
        return [f"dead letter: {reason}: {detail}" for reason, detail in rows]

    def _end(self, agent: AgentProcess) -> None:
        if agent.process is not None and agent.process.poll() is None:
            agent.kill()


def _time(text: Any) -> datetime:
    return text if isinstance(text, datetime) else parse_timestamp(text)
