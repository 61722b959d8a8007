"""Record what travels on topics, and send a logged shot or a recording again."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from broker.codec import decode
from broker.errors import PayloadError
from broker.messages import Prediction, QualityRecord
from broker.timestamps import format_timestamp, parse_timestamp
from broker.topics import PressAddress, TopicSpace
from edge_agent.clock import AcceleratedClock
from edge_agent.config.settings import BrokerSettings
from edge_agent.errors import NotAuthorized, PacketError, StoreError, disk_hint
from edge_agent.links.mqtt import Session, connect, passing_id
from edge_agent.links.player import play
from edge_agent.logged_shots.bundle import Bundle
from edge_agent.logged_shots.moved_times import moved
from twin_core.errors import InputError
from twin_core.plain_files import check_regular

RECORDING_BYTES_MAX = 1_000_000_000
Progress = Callable[[int, int], None]


@dataclass
class Replayed:
    """Result of a replay."""

    prediction: Prediction | None = None
    """The agent's final one, or None when none came in time."""
    refused: list[str] = field(default_factory=list)
    """Why the broker refused a quality record: a press may not write them."""


async def replay_bundle(
    bundle: Bundle,
    settings: BrokerSettings,
    laboratory: BrokerSettings | None,
    prefix: str,
    site: str,
    press: str,
    speed: float,
    wait_s: float,
    progress: Progress,
) -> Replayed:
    """Publish a logged shot. Its times are moved so that the last message is due now, at the end.

    Args:
        laboratory: how to log in to send what ``qc.yaml`` says; None sends it as the press, and
            a refusal of it alone is no error.
        wait_s: seconds of the wall to wait for the final prediction, after the last message.

    Raises:
        InputError: an address is wrong. LinkError: the broker is not reached, or refuses a message.
    """
    try:
        address, topics = PressAddress(site, press), TopicSpace(prefix)
        answers = topics.prediction(address, bundle.meta.mold_id)
    except ValueError as error:
        raise InputError(str(error)) from None
    behind = (
        timedelta(seconds=bundle.duration_s * (1.0 - 1.0 / speed)) if speed > 1 else timedelta()
    )
    clock = AcceleratedClock(speed, datetime.now(UTC) - behind)
    messages = bundle.messages(clock.now())
    done = Replayed()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(connect(settings, passing_id("pur-replay")))
        lab = session
        if laboratory is not None and bundle.quality is not None:
            lab = await stack.enter_async_context(
                connect(laboratory, passing_id("pur-replay-quality"))
            )
        await session.subscribe([answers])
        for sent, message in enumerate(messages, start=1):
            of_lab = isinstance(message.message, QualityRecord)
            try:
                await play([message], lab if of_lab else session, topics, address, clock)
            except NotAuthorized as error:
                if not of_lab or laboratory is not None:
                    raise
                done.refused.append(str(error))
            progress(sent, len(messages))
        try:
            async with asyncio.timeout(wait_s):
                done.prediction = await _final_prediction(
                    session, topics, bundle.meta.shot_id, messages[0].ts
                )
        except TimeoutError:
            pass
    return done


async def _final_prediction(
    session: Session, topics: TopicSpace, shot_id: str, begun: datetime
) -> Prediction:
    """Wait for it; a retained one of an earlier replay of the same shot does not count."""
    while True:
        batch = await session.next_batch(256)
        session.acknowledge(batch)
        for message in batch:
            try:
                found = decode(topics.parse(message.topic).channel, message.payload)
            except PayloadError:
                continue
            if (
                isinstance(found, Prediction)
                and (found.shot_id, found.basis) == (shot_id, "final")
                and found.poured_at >= begun
            ):
                return found


async def replay_recording(
    path: Path,
    settings: BrokerSettings,
    speed: float,
    progress: Progress,
    *,
    as_now: bool = False,
) -> None:
    """Publish a recording with its spacing divided by ``speed``.

    Args:
        path: of the recording.
        settings: where the broker is.
        speed: times as fast as it was recorded.
        progress: called after each message.
        as_now: move all times, those in the payloads, too, so that the last message is of now.

    Raises:
        InputError: a line is wrong. LinkError: the broker is not reached.
    """
    lines = read_recording(path)
    if as_now:
        length = lines[-1][0] - lines[0][0]
        offset = datetime.now(UTC) + length / speed - lines[-1][0]
        lines = [
            (at, topic, moved(payload, offset), retain) for at, topic, payload, retain in lines
        ]
    async with connect(settings, passing_id("pur-replay")) as session:
        begun = time.monotonic()
        for sent, (at, topic, payload, retain) in enumerate(lines, start=1):
            due = (at - lines[0][0]).total_seconds() / speed
            await asyncio.sleep(max(0.0, due - (time.monotonic() - begun)))
            await session.publish(topic, payload, retain=retain)
            progress(sent, len(lines))


async def record(
    path: Path, settings: BrokerSettings, topics: list[str], stop: asyncio.Event, limit: int | None
) -> int:
    """Write messages as JSON lines ``{received_at, topic, payload | payload_base64}``.

    Args:
        path: the file, which grows; its folder is made.
        topics: filters.
        stop: ends it.
        limit: ends it after exactly so many messages; None: there is no such end.

    Returns:
        How many were written.

    Raises:
        StoreError: the file cannot be written. LinkError: the broker is not reached.
    """
    count = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            async with connect(settings, passing_id("pur-record")) as session:
                await session.subscribe(topics)
                stopping = asyncio.create_task(stop.wait())
                while not stop.is_set() and (limit is None or count < limit):
                    waiting = asyncio.create_task(session.next_batch(256))
                    await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                    if not waiting.done():
                        waiting.cancel()
                        break
                    batch = waiting.result()
                    if limit is not None:
                        batch = batch[: limit - count]
                    for message in batch:
                        if message.unreadable is not None:
                            raise PacketError(f"a message cannot be read: {message.unreadable}")
                        line = {
                            "received_at": format_timestamp(datetime.now(UTC)),
                            "topic": message.topic,
                            **_payload_fields(message.payload),
                        }
                        file.write(json.dumps(line) + "\n")
                        count += 1
                    file.flush()
                    session.acknowledge(batch)
                stopping.cancel()
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error}") from error
    return count


def _payload_fields(payload: bytes) -> dict[str, Any]:
    try:
        return {"payload": payload.decode("utf-8")}
    except UnicodeDecodeError:
        return {"payload_base64": base64.b64encode(payload).decode("ascii")}


def read_recording(path: Path) -> list[tuple[datetime, str, bytes, bool]]:
    """Read a recording: arrival, topic, payload and whether it is retained, of each message.

    Raises:
        InputError: a line is wrong.
    """
    found = []
    check_regular(path, RECORDING_BYTES_MAX)
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip("\0 \t\r\n"):
                    continue  # a blank line; NULs that a logger reserved
                try:
                    found.append(_recorded(line))
                except _NO_MESSAGE as error:
                    what = str(error) if type(error) is ValueError else "is no JSON object"
                    raise InputError(
                        f"{path}: line {number}: {what}: must be an object with received_at, "
                        "topic and payload (or payload_base64), as record writes it"
                    ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text in UTF-8, as record writes it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error}", hint=disk_hint(error)) from None
    if not found:
        raise InputError(f"{path}: holds no messages")
    return found


_NO_MESSAGE = (ValueError, RecursionError)


def _recorded(line: str) -> tuple[datetime, str, bytes, bool]:
    """A message of a recording.

    Raises:
        ValueError, RecursionError: it is none.
    """
    entry = json.loads(line)
    if not isinstance(entry, dict):
        raise ValueError("is no JSON object")
    for name in ("received_at", "topic"):
        if name not in entry:
            raise ValueError(f"has no {name}")
    if ("payload" in entry) == ("payload_base64" in entry):
        raise ValueError("has both payload and payload_base64, or none")
    topic, text = entry["topic"], entry.get("payload", entry.get("payload_base64"))
    if (
        not isinstance(topic, str)
        or not 0 < len(topic.encode()) < 65_536
        or set(topic) & set("#+\0")
    ):
        raise ValueError(f"topic {str(topic)[:80]!r} is none that can be published to")
    if not isinstance(text, str):
        raise ValueError("payload is no text: what was sent stands in quotes")
    retain = entry.get("retain", False)
    if not isinstance(retain, bool):
        raise ValueError(f"retain is {str(retain)[:80]!r}, not true or false")
    try:
        sent = text.encode() if "payload" in entry else base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("payload is no text in UTF-8, or payload_base64 no base64") from None
    return parse_timestamp(entry["received_at"]), topic, sent, retain
